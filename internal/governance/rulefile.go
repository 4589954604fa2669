package governance

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
)

// rule is one rule file: a condition in Spectral's words (given, then) or in
// those of a validation profile (validation), and examples beside it. Its fields
// are:
//
//	id, title, why, mend    texts; id equals the name of the file
//	severity                critical, high, medium, low or info
//	violation               whether what violates it does not conform (default: from high on)
//	aspect                  specification (default), documentation or instance
//	owasp                   {2019: API4, 2023: API4}, both optional
//	cwe                     a number
//	documentation           a link
//	formats                 as Spectral's (default: [oas2, oas3]); RAML counts as oas3_1
//	resolved                as Spectral's (default: true)
//	raml                    false where RAML has no words for what is asked (default: true)
//	given, then, message    as Spectral's; or
//	validation              as one of the validations of a validation profile
//	fix: {set: {name: value}}  members to add to the object found, where that is safe;
//	                        with in: name, only where that is the object's name
//	good, bad               lists of examples: parts of a description, put over a
//	                        minimal one; for the aspect instance, parts of an instance
type rule struct {
	Rule
	// node is the file as it was read.
	node *tree.Node
	// good and bad are the examples.
	good, bad []*tree.Node
	set       *tree.Node
	// in is the name of the object that set belongs into; empty for any.
	in string
	// notRAML says that it does not judge RAML.
	notRAML bool
}

var ruleFields = []string{
	"id", "title", "why", "mend", "severity", "violation", "aspect", "owasp", "cwe", "documentation", "formats", "resolved", "raml",
	"given", "then", "message", "validation", "fix", "good", "bad",
}

// readRules reads the rule files of a folder, in the order of their names.
func readRules(files fs.FS, dir string) ([]*rule, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the rules of %s: %w", dir, err)
	}
	rules := make([]*rule, 0, len(names))
	for _, name := range names {
		if path.Base(name) == rulesetFile {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading a rule: %w", err)
		}
		root, err := tree.Read(&tree.Source{Name: name, Text: text}, tree.Options{MaxBytes: 1 << 20})
		if err != nil {
			return nil, err
		}
		r, err := readRule(root)
		if err != nil {
			return nil, err
		}
		if r.ID+".yaml" != path.Base(name) {
			return nil, tree.Wrong(root.Get("id"), "the id of the rule must be the name of its file")
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func readRule(n *tree.Node) (*rule, error) {
	if !n.Is(tree.Object) {
		return nil, tree.Wrong(n, "a rule must be an object")
	}
	for _, m := range n.Fields() {
		if !slices.Contains(ruleFields, m.Name) {
			return nil, &tree.Error{File: n.File(), Line: int(m.Line), Column: int(m.Column), Problem: fmt.Sprintf("unknown field %.40q of a rule; known are %s", m.Name, strings.Join(ruleFields, ", "))}
		}
	}
	for _, name := range []string{"id", "title", "why", "mend", "severity"} {
		if !n.Get(name).Is(tree.String) || n.Get(name).Text == "" {
			return nil, tree.Wrong(n, "the rule needs the text %s", name)
		}
	}
	r := &rule{node: n, good: n.Get("good").List(), bad: n.Get("bad").List(), set: n.Get("fix").Get("set"), in: n.Get("fix").Get("in").Str()}
	r.ID, r.Title = n.Get("id").Str(), n.Get("title").Str()
	r.Why, r.Mend = strings.TrimSpace(n.Get("why").Str()), strings.TrimSpace(n.Get("mend").Str())
	r.Documentation = n.Get("documentation").Str()
	var err error
	if r.Severity, err = finding.ParseSeverity(n.Get("severity").Str()); err != nil {
		return nil, tree.Wrong(n.Get("severity"), "%v", err)
	}
	r.Violation = r.Severity >= finding.High
	if v := n.Get("violation"); v != nil {
		r.Violation = v.IsTrue()
	}
	if n := n.Get("raml"); n != nil {
		r.notRAML = !n.IsTrue()
	}
	if r.Aspect = Aspect(n.Get("aspect").Str()); r.Aspect == "" {
		r.Aspect = Specification
	}
	if r.Aspect != Specification && r.Aspect != Documentation && r.Aspect != OfInstance {
		return nil, tree.Wrong(n.Get("aspect"), "aspect must be specification, documentation or instance")
	}
	r.Taxonomy = finding.Taxonomy{OWASP2019: n.Get("owasp").Get("2019").Str(), OWASP2023: n.Get("owasp").Get("2023").Str()}
	if _, err := fmt.Sscanf(n.Get("cwe").Str()+" 0", "%d", &r.Taxonomy.CWE); err != nil {
		return nil, tree.Wrong(n.Get("cwe"), "cwe must be a number")
	}
	r.Fixes = r.set != nil
	return r, r.check()
}

func (r *rule) check() error {
	declarative, profile := r.node.Get("given") != nil && r.node.Get("then") != nil, r.node.Get("validation") != nil
	switch {
	case declarative == profile:
		return tree.Wrong(r.node, "a rule has either given and then, or validation")
	case len(r.good) == 0 || len(r.bad) == 0:
		return tree.Wrong(r.node, "a rule needs at least one good and one bad example")
	case r.node.Get("fix") != nil && !r.set.Is(tree.Object):
		return tree.Wrong(r.node.Get("fix"), "fix must have set, an object")
	}
	for _, n := range r.good {
		r.Good = append(r.Good, exampleText(n))
	}
	for _, n := range r.bad {
		r.Bad = append(r.Bad, exampleText(n))
	}
	return nil
}

// over puts one tree over another: objects are merged, everything else is
// replaced.
func over(base, top *tree.Node) *tree.Node {
	if !base.Is(tree.Object) || !top.Is(tree.Object) {
		return top
	}
	out := tree.NewObject(top)
	named := map[string]*tree.Node{}
	for _, m := range top.Members {
		named[m.Name] = m.Value
	}
	for _, m := range base.Members {
		if t, ok := named[m.Name]; ok {
			m.Value = over(m.Value, t)
			delete(named, m.Name)
		}
		out.Members = append(out.Members, m)
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out.Members = append(out.Members, *top.Member(name))
	}
	out.Index()
	return out
}
