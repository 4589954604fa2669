package validation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// TestGrowth holds that values which double at each step are refused, however
// they are written, and that what rules ordinarily do is not.
func TestGrowth(t *testing.T) {
	doubling := func(line, end string, from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, line, i+1, i, i)
		}
		return b.String() + end
	}
	cases := map[string]struct {
		text    string
		refused bool
	}{
		"in a body":          {"p { x0 := \"a\"\n" + doubling("x%d := [x%d, x%d]\n", "x22 != 1 }", 0, 22), true},
		"unified":            {"p { x0 = \"a\"\n" + doubling("x%d = [x%d, x%d]\n", "x22 != 1 }", 0, 22), true},
		"in objects":         {"p { x0 := \"a\"\n" + doubling("x%d := {\"a\": x%d, \"b\": {\"c\": x%d}}\n", "x22 != 1 }", 0, 22), true},
		"by rules":           {"r0 = \"a\"\n" + doubling("r%d = [r%d, r%d]\n", "p { r22 != 1 }", 0, 22), true},
		"by rules from last": {"p { r22 != 1 }\n" + doubling("r%d = [r%d, r%d]\n", "r0 = \"a\"", 0, 22), true},
		"by a function":      {"f(x) = [x, x]\np { " + strings.Repeat("f(", 22) + "1" + strings.Repeat(")", 22) + " != 1 }", true},
		"in a comprehension": {"p { y := [x22 | x0 := 1\n" + doubling("x%d := [x%d, x%d]\n", "]; y != 1 }", 0, 22), true},
		"ten steps":          {"p { x0 := \"a\"\n" + doubling("x%d := [x%d, x%d]\n", "x10 != 1 }", 0, 10), false},
		"one after another":  {"p { x0 := \"a\"\n" + doubling("x%d := [x%d, %d]\n", "x200 != 1 }", 0, 200), false},
		"ordinary":           {"p[x] { n = data.nodes[_]; n[\"a\"] = x; y = [x, n]; count(y) > 1 }", false},
	}
	for name, c := range cases {
		m, err := ast.ParseModuleWithOpts("a.rego", "package a\n"+c.text, ast.ParserOptions{RegoVersion: ast.RegoV0})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := checkGrowth(m); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "would hold others more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 10 {
		t.Error("too few played")
	}
}
