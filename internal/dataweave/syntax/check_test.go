package syntax_test

import (
	"fmt"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// tester is what tests of Go and of rapid have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkScript checks what holds for every tree: each node lies inside the node
// around it and inside the text; problems are in order and inside the text.
func checkScript(t tester, text string, s *syntax.Script) {
	t.Helper()
	last := 0
	for _, p := range s.Problems {
		if p.Start < last || p.End < p.Start || p.End > len(text) || p.Message == "" {
			t.Fatalf("problem %+v is out of order or out of the text of %d bytes\n%q", p, len(text), text)
		}
		last = p.Start
	}
	whole := syntax.Span{Start: 0, End: len(text)}
	for _, d := range s.Directives {
		if err := nested(d, whole); err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
	}
	if s.Body != nil {
		if err := nested(s.Body, whole); err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
	}
}

// nested says which node does not lie inside the one around it.
func nested(n syntax.Node, around syntax.Span) error {
	var err error
	syntax.Walk(n, func(inner syntax.Node) bool {
		if err != nil {
			return false
		}
		s := inner.Bytes()
		if s.Start > s.End || s.Start < around.Start || s.End > around.End {
			err = fmt.Errorf("%T %+v is not inside %+v", inner, s, around)
			return false
		}
		if inner != n {
			err = nested(inner, s)
			return false
		}
		around = s
		return true
	})
	return err
}

// checkFixpoint checks that a script without problems is printed as what gives the
// same tree, and that again the same way.
func checkFixpoint(t tester, text string) {
	t.Helper()
	s := syntax.Parse(text)
	if len(s.Problems) > 0 {
		t.Fatalf("%s\nhas the problem %+v", text, s.Problems[0])
	}
	printed := syntax.Print(s)
	again := syntax.Parse(printed)
	if len(again.Problems) > 0 {
		t.Fatalf("%s\nis printed as\n%s\nwhich has the problem %+v", text, printed, again.Problems[0])
	}
	if a, b := dump(s), dump(again); a != b {
		t.Fatalf("%s\nis printed as\n%s\nwhich has another tree\n%s\n%s", text, printed, a, b)
	}
	if twice := syntax.Print(again); twice != printed {
		t.Fatalf("%s\nis printed as\n%s\nand that as\n%s", text, printed, twice)
	}
}
