package structure_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/tree/structure"
)

// zoo is a grammar with all that grammars have.
const zoo = `
# A comment.
object zoo
	name! text        	# another
	animals [animal]+
	first @animal
	same ->animal
	names {text}
	days [(mon tue)]!
	size number|text
	site url
	home uri
	mail email
	seats count
	gates integer
	width positive
	open true
	none null
	any any
	x-
	rule at-most-one size seats
	rule at-least-one name names
	rule without open gates width
	/^k[0-9]$/ bool

object animal
	choose kind dog=dog cat=cat

object pet
	kind! text
	else pet-field: pets have only a kind
	also bool

object dog like pet
	tail pet

object cat like pet
	paws paws

object paws
	* number
	rule single
`

func grammar(t testing.TB, text string) *structure.Grammar {
	t.Helper()
	g, err := structure.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// check gives the problems of a text.
func check(t testing.TB, g *structure.Grammar, text string) string {
	t.Helper()
	root, err := tree.Read(&tree.Source{Name: "z", Text: []byte(text)}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	c := &structure.Check{
		Grammar: g,
		Target: func(ref *tree.Node) (*tree.Node, error) {
			if n := root.At(strings.Split(ref.Text, "/")...); n != nil {
				return n, nil
			}
			return nil, errors.New("leads nowhere")
		},
		Path: func(ref *tree.Node) []string { return strings.Split(ref.Text, "/") },
		Report: func(p structure.Problem) bool {
			all = append(all, fmt.Sprintf("%d:%d %s %s %s", p.Line, p.Column, strings.Join(p.Path, "/"), p.Rule, p.Message))
			return true
		},
	}
	c.Run(root, "zoo")
	return strings.Join(all, "\n")
}

// TestCheck holds what is told of values.
func TestCheck(t *testing.T) {
	g := grammar(t, zoo)
	cases := []struct{ text, want string }{
		{"{name: z, animals: [{kind: dog, tail: {kind: x}}, {kind: cat, paws: {a: 4}}], first: {kind: dog, tail: true}, names: {a: b}, days: [mon, tue], size: big, site: /a, home: 'https://a.example/', mail: a@b.example, gates: 1.0e1, none: ~, any: [1], x-y: 1, k1: true}", ""},
		{"{name: z, first: {$ref: animals/0}, animals: [{kind: dog}], same: animals/0}", ""},
		{"3", "1:1  wrong-kind the value must be a zoo object, not a number"},
		{"{}", "1:1  missing-field the field name is missing in the zoo object; add it\n1:1  missing-field the zoo object must have at least one of the fields name, names"},
		{"{name: z, animals: []}", "1:20 animals empty animals must not be an empty list; leave it out instead"},
		{"{name: z, animals: [{kind: cow}]}", "1:28 animals/0/kind wrong-value kind must be one of dog, cat"},
		{"{name: z, animals: [{}]}", "1:21 animals/0 missing-field the field kind is missing in the animal object; it must be one of dog, cat"},
		{"{name: z, animals: [{kind: dog, bark: 1}]}", "1:33 animals/0/bark pet-field bark: pets have only a kind"},
		{"{name: z, animals: [{kind: cat, paws: {}}]}", "1:39 animals/0/paws empty the paws object must not be empty"},
		{"{name: z, animals: [{kind: cat, paws: {a: 1, b: 2}}]}", "1:39 animals/0/paws exclusive-fields the paws object must have one field, and has 2"},
		{"{name: z, animals: [{kind: dog, tail: 3}]}", "1:39 animals/0/tail wrong-kind tail must be a pet object or true or false, not a number"},
		{"{name: z, first: {$ref: animals/0}}", "1:25 first/$ref reference leads nowhere"},
		{"{name: z, first: {$ref: 3}}", "1:25 first/$ref wrong-kind $ref must be a text, not a number"},
		{"{name: z, first: {$ref: x-a}, x-a: {kind: cow}}", "1:43 x-a/kind wrong-value kind must be one of dog, cat"},
		{"{name: z, names: {a: 1}}", "1:22 names/a wrong-kind a must be a text, not a number"},
		{"{name: z, days: [mon, mon]}", "1:23 days/1 repeated days lists mon twice"},
		{"{name: z, days: [wed]}", "1:18 days/0 wrong-value days must be one of mon, tue"},
		{"{name: z, size: []}", "1:17 size wrong-kind size must be a number or a text, not a list"},
		{"{name: z, site: 'a b:c'}", "1:17 site wrong-value site must be a URL"},
		{"{name: z, home: /a}", "1:17 home wrong-value home must be an absolute URL, as https://example.com/"},
		{"{name: z, mail: a}", "1:17 mail wrong-value mail must be an e-mail address, as team@example.com"},
		{"{name: z, seats: -1}", "1:18 seats wrong-value seats must be a whole number from 0"},
		{"{name: z, gates: 1.5}", "1:18 gates wrong-value gates must be a whole number"},
		{"{name: z, width: 0}", "1:18 width wrong-value width must be a number above 0"},
		{"{name: z, open: false}", "1:17 open wrong-value open must be true"},
		{"{name: z, none: 1}", "1:17 none wrong-kind none must be null, not a number"},
		{"{name: z, k1: 1}", "1:15 k1 wrong-kind k1 must be true or false, not a number"},
		{"{name: z, dasy: z}", "1:11 dasy unknown-field the field dasy is unknown in the zoo object; did you mean any?"},
		{"{name: z, ope: true}", "1:11 ope unknown-field the field ope is unknown in the zoo object; did you mean open?"},
		{"{name: z, size: 1, seats: 2}", "1:1  exclusive-fields the zoo object must not have both size and seats; remove one"},
		{"{name: z, open: true, gates: 2}", "1:1  exclusive-fields beside open the zoo object must not have gates"},
	}
	for _, x := range cases {
		if got := check(t, g, x.text); got != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.text, got, x.want)
		}
	}
	t.Logf("%d documents", len(cases))
}

// TestGrammarErrors holds what is refused in grammars.
func TestGrammarErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\ta text":                         `line 1: "\ta text" stands in no object`,
		"objects a":                        "begins no new object",
		"object a\nobject a":               "line 2: \"object a\" begins no new object",
		"object a\n\tb":                    "line 2: a type is missing",
		"object a\n\tb [text":              "] is missing",
		"object a\n\tb (x":                 ") is missing",
		"object a\n\tb text)":              `")" stands behind the type`,
		"object a\n\t/(/ text":             "the pattern of a name",
		"object a\n\tb other":              "the object other is named and not defined",
		"object a like b":                  "the object b is named and not defined",
		"object a\n\talso text":            "only bool may stand in place",
		"object a\n\tchoose kind dog=dogs": "the object dogs is named and not defined",
	} {
		if _, err := structure.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzCheck holds that no grammar and no document panics.
func FuzzCheck(f *testing.F) {
	f.Add(zoo, "{name: z, animals: [{kind: dog}], first: {$ref: first}}")
	f.Add("object zoo\n\ta zoo|[zoo]|{@zoo}\n\t* ->zoo", "{a: {$ref: a}, b: a}")
	f.Fuzz(func(t *testing.T, language, text string) {
		g, err := structure.Parse(language)
		if err != nil {
			return
		}
		if _, err := tree.Read(&tree.Source{Text: []byte(text)}, tree.Options{MaxNodes: 10_000}); err == nil && strings.Contains(language, "object zoo\n") {
			check(t, g, text)
		}
	})
}
