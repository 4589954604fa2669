package governance_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance"
)

// TestMend holds that fixes go where they are meant, keep everything else as it
// was written, and are left out where that is not sure.
func TestMend(t *testing.T) {
	cases := map[string]struct {
		text string
		// at leads to the object, set are its new members.
		at   string
		set  string
		want string
	}{
		"a block": {
			"info:\n  title: Orders # the title\n  version: 1.0.0\n", "info", "{contact: {email: a@example.com}}",
			"info:\n  contact:\n    email: a@example.com\n  title: Orders # the title\n  version: 1.0.0\n",
		},
		"an item": {
			"list:\n  - name: a\n    in: query\n", "list/0", "{required: true}",
			"list:\n  - required: true\n    name: a\n    in: query\n",
		},
		"the whole": {"a: 1\n", "", "{b: x}", "b: x\na: 1\n"},
		"a value": {
			"servers:\n  - url: http://api.example.com\n", "servers/0", "{url: https://api.example.com}",
			"servers:\n  - url: https://api.example.com\n",
		},
		"a value in quotes": {
			"a: {\"url\": \"http://x.example\"}\n", "a", "{url: https://x.example}",
			"a: {\"url\": \"https://x.example\"}\n",
		},
		"a value and a member": {
			"a:\n  url: http://x.example\n", "a", "{url: https://x.example, note: secure}",
			"a:\n  note: secure\n  url: https://x.example\n",
		},
		"braces on one line":   {"a: {b: 1}\n", "a", "{c: 2}", "a: {\"c\":2, b: 1}\n"},
		"empty braces":         {"a: {}\n", "a", "{c: 2}", "a: {\"c\":2}\n"},
		"JSON":                 {"{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "a", "{c: [x]}", "{\n  \"a\": {\n    \"c\":[\"x\"],\n    \"b\": 1\n  }\n}\n"},
		"a text of many lines": {"a:\n  url: >-\n    http://x.example\n", "a", "{url: https://x.example}", ""},
		"behind a dash twice":  {"a:\n- - b: 1\n", "a/0/0", "{c: 2}", "a:\n- - c: 2\n    b: 1\n"},
		"an anchor":            {"x: &x {b: 1}\na: *x\n", "x", "{c: 2}", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			src := &tree.Source{Name: "a.yaml", Text: []byte(c.text)}
			root, err := tree.Read(src, tree.Options{})
			if err != nil {
				t.Fatal(err)
			}
			at := root
			if c.at != "" {
				at = root.At(strings.Split(c.at, "/")...)
			}
			set, err := tree.Read(&tree.Source{Text: []byte(c.set)}, tree.Options{})
			if err != nil || at == nil {
				t.Fatal(err, at)
			}
			mended := governance.Mend([]governance.Violation{{Fix: &governance.Fix{At: at, Set: set}}})
			if len(mended) != 1 {
				t.Fatalf("%d files are mended", len(mended))
			}
			want, left := c.want, 0
			if want == "" {
				want, left = c.text, 1
			}
			if got := string(mended[0].Text); got != want || mended[0].Left != left {
				t.Errorf("left %d, got\n%s\nwant\n%s", mended[0].Left, got, want)
			}
		})
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 12 {
		t.Error("too few played")
	}
}
