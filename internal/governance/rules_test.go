package governance

import (
	"encoding/json"
	"path"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
	"farrier.dev/farrier/internal/spec/raml"
)

// exampleTarget is what an example describes: a minimal description, or a minimal
// instance, with the example put over it.
func exampleTarget(t *testing.T, r *rule, example *tree.Node) Target {
	t.Helper()
	if r.Aspect == OfInstance {
		i := &Instance{Name: "default/example", Address: "https://127.0.0.1:8443/example", TLS: true}
		text, err := example.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, i); err != nil {
			t.Fatal(err)
		}
		return Target{Instance: i}
	}
	base := `{"openapi": "3.0.3", "info": {"title": "Example", "version": "1.0.0"}, "paths": {}}`
	if example.Get("swagger") != nil {
		base = `{"swagger": "2.0", "info": {"title": "Example", "version": "1.0.0"}, "paths": {}}`
	}
	root, err := tree.Read(&tree.Source{Name: "base.json", Text: []byte(base)}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := over(root, example).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return described(t, text)
}

func described(t *testing.T, text string) Target {
	t.Helper()
	const name = "example.yaml"
	doc := openapi.Read(spec.OneFile(name, []byte(text), spec.ProjectLimits{}), name)
	if doc.Root == nil {
		t.Fatalf("the example can't be read: %v\n%s", doc.Problems, text)
	}
	return Target{Document: doc}
}

// violationsOf are those of one rule.
func violationsOf(t *testing.T, set *Ruleset, id string, target Target) []Violation {
	t.Helper()
	rep := Judge(t.Context(), target, []*Ruleset{set}, nil, time.Time{})
	for _, e := range rep.Errors {
		t.Error(e)
	}
	var out []Violation
	for i := range rep.Violations {
		if v := &rep.Violations[i]; v.Rule == id && v.Ruleset == set.Name {
			out = append(out, *v)
		}
	}
	return out
}

// TestRules plays the examples of all rules: the good ones hold, the bad ones
// violate, and what a rule mends holds afterwards.
func TestRules(t *testing.T) {
	rules, examples, fixes := 0, 0, 0
	for _, name := range BuiltinNames() {
		set, err := Builtin(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read, err := readRules(builtin, path.Join(builtinDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range read {
			rules++
			t.Run(name+"/"+r.ID, func(t *testing.T) {
				examples += len(r.good) + len(r.bad)
				fixes += playRule(t, set, r)
			})
		}
	}
	t.Logf("%d rules, %d examples, %d of them mended", rules, examples, fixes)
	if rules < 100 || examples < 200 || fixes < 10 {
		t.Error("too few were played")
	}
}

func playRule(t *testing.T, set *Ruleset, r *rule) (fixes int) {
	t.Helper()
	for i, example := range r.good {
		for _, v := range violationsOf(t, set, r.ID, exampleTarget(t, r, example)) {
			t.Errorf("the good example %d violates the rule at %v: %s\n%s", i+1, v.Path, v.Message, r.Good[i])
		}
	}
	for i, example := range r.bad {
		target := exampleTarget(t, r, example)
		found := violationsOf(t, set, r.ID, target)
		if len(found) == 0 {
			t.Errorf("the bad example %d does not violate the rule\n%s", i+1, r.Bad[i])
			continue
		}
		for _, v := range found {
			if v.Message == "" || v.Severity != r.Severity || v.Violates != r.Violation {
				t.Errorf("the bad example %d is complained of as %+v", i+1, v)
			}
		}
		if !r.Fixes {
			continue
		}
		mended := Mend(found)
		if len(mended) != 1 || mended[0].Fixed == 0 {
			t.Errorf("the bad example %d is not mended", i+1)
			continue
		}
		fixes++
		if still := violationsOf(t, set, r.ID, described(t, string(mended[0].Text))); len(still) > 0 {
			t.Errorf("the bad example %d still violates the rule when it is mended: %s\n%s", i+1, still[0].Message, mended[0].Text)
		}
	}
	return fixes
}

// TestFixBelongs refuses to add responses to an operation that has none: they
// would stand beside its own fields.
func TestFixBelongs(t *testing.T) {
	const id = "lack-of-resources-and-rate-limiting-too-many-requests"
	set, err := Builtin("owasp-api-security-top-10")
	if err != nil {
		t.Fatal(err)
	}
	for operation, fixed := range map[string]bool{"{}": false, "{responses: {'200': {description: ok}}}": true} {
		doc := described(t, "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {/a: {post: "+operation+"}}\n")
		found := violationsOf(t, set, id, doc)
		if len(found) != 1 || (found[0].Fix != nil) != fixed {
			t.Errorf("%s: %d complaints, fixed %v wanted: %+v", operation, len(found), fixed, found)
		}
	}
}

// TestRAML judges RAML by the rules: complaints stand at its lines, and rules
// about what it has no words for are silent.
func TestRAML(t *testing.T) {
	const text = `#%RAML 1.0
title: People
baseUri: http://api.example.com/{version}
version: v1
mediaType: application/json
securitySchemes:
  basic: {type: Basic Authentication}
types:
  Person:
    properties:
      email: string
      password: string
/people:
  get:
    securedBy: [basic]
    responses: {200: {body: "Person[]"}}
  post:
    body: Person
`
	const name = "people.raml"
	doc := raml.Read(spec.OneFile(name, []byte(text), spec.ProjectLimits{}), name)
	if !doc.Valid() {
		t.Fatal(doc.Problems)
	}
	lines := map[string]int{}
	for _, name := range BuiltinNames() {
		set, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		rep := Judge(t.Context(), Target{Document: doc}, []*Ruleset{set}, nil, time.Time{})
		for _, e := range rep.Errors {
			t.Error(e)
		}
		for i := range rep.Violations {
			lines[rep.Violations[i].Rule] = rep.Violations[i].Location.Line
		}
	}
	for rule, line := range map[string]int{
		"https-servers": 3, "insecure-basic-auth": 7, "email-format": 11, "no-secrets-in-responses": 12, "collections-paginated": 14, "write-operations-authenticated": 17,
		"password-write-only": 0, "operation-tags": 0, "info-contact": 0,
	} {
		if lines[rule] != line {
			t.Errorf("%s is complained of at line %d, want %d", rule, lines[rule], line)
		}
	}
}
