package spectral

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
)

func numericKeyword(name string, value, in *tree.Node) (keyword, error) {
	if value.Is(tree.Bool) && strings.HasPrefix(name, "exclusive") {
		// Draft 4 writes a boolean beside the limit.
		return nil, nil //nolint:nilnil // nothing to judge
	}
	if !value.Is(tree.Number) {
		return nil, tree.Wrong(value, "%s must be a number", name)
	}
	limit := numberOf(value)
	exclusive := strings.HasPrefix(name, "exclusive") ||
		in.Get("exclusive"+strings.ToUpper(name[:1])+name[1:]).IsTrue()
	var sign string
	var good func(x float64) bool
	switch {
	case name == "multipleOf":
		sign, good = "multiple of", func(x float64) bool { q := x / limit; return q == math.Trunc(q) }
	case strings.HasSuffix(strings.ToLower(name), "maximum") && exclusive:
		sign, good = "<", func(x float64) bool { return x < limit }
	case strings.HasSuffix(strings.ToLower(name), "maximum"):
		sign, good = "<=", func(x float64) bool { return x <= limit }
	case exclusive:
		sign, good = ">", func(x float64) bool { return x > limit }
	default:
		sign, good = ">=", func(x float64) bool { return x >= limit }
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		return !n.Is(tree.Number) || good(numberOf(n)) || v.fail(name, n, "must be %s %s", sign, formatNumber(limit))
	}, nil
}

func countKeyword(name string, value *tree.Node) (keyword, error) {
	if !value.Is(tree.Number) || numberOf(value) < 0 {
		return nil, tree.Wrong(value, "%s must be a positive number", name)
	}
	limit, least := numberOf(value), strings.HasPrefix(name, "min")
	fewer := "more"
	if least {
		fewer = "fewer"
	}
	what, kind := "characters", tree.String
	if strings.HasSuffix(name, "Items") {
		what, kind = "items", tree.Array
	} else if strings.HasSuffix(name, "Properties") {
		what, kind = "properties", tree.Object
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		if !n.Is(kind) {
			return true
		}
		count := float64(len(n.Items) + len(n.Members))
		if kind == tree.String {
			count = float64(utf8.RuneCountInString(n.Text))
		}
		if least && count >= limit || !least && count <= limit {
			return true
		}
		return v.fail(name, n, "must NOT have %s than %s %s", fewer, formatNumber(limit), what)
	}, nil
}

func textKeyword(name string, value *tree.Node) (keyword, error) {
	if !value.Is(tree.String) {
		if name == "format" {
			return nil, nil //nolint:nilnil // unknown formats judge nothing
		}
		return nil, tree.Wrong(value, "%s must be a text", name)
	}
	if name == "format" {
		return formatKeyword(value.Text), nil
	}
	re, err := compileRegex(value.Text, "")
	if err != nil {
		return nil, tree.Wrong(value, "%s: %s", name, err)
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		return !n.Is(tree.String) || v.match(re, n.Text) || v.fail(name, n, "must match pattern %q", re.source)
	}, nil
}

func (v *validation) match(re *regex, text string) bool {
	is, err := re.match(text)
	if err != nil {
		v.err = err
	}
	return is
}

func valuesKeyword(name string, value *tree.Node) (keyword, error) {
	allowed, message := []*tree.Node{value}, "must be equal to constant"
	if name == "enum" {
		if !value.Is(tree.Array) {
			return nil, tree.Wrong(value, "enum must be a list")
		}
		allowed, message = value.Items, "must be equal to one of the allowed values"
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		if slices.ContainsFunc(allowed, func(a *tree.Node) bool { return equalNodes(a, n) }) {
			return true
		}
		v.failures = append(v.failures, failure{keyword: name, path: slices.Clone(v.path), message: message, allowed: allowed, value: n})
		return false
	}, nil
}

// equalNodes says whether two values are equal, whatever the order of members.
func equalNodes(a, b *tree.Node) bool {
	if a == nil || b == nil || a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return a == b
	}
	switch a.Kind {
	case tree.Number:
		return a.Text == b.Text || numberOf(a) == numberOf(b)
	case tree.Array:
		for i := range a.Items {
			if !equalNodes(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	case tree.Object:
		for i := range a.Members {
			if !equalNodes(a.Members[i].Value, b.Get(a.Members[i].Name)) {
				return false
			}
		}
		return true
	case tree.Null, tree.Bool, tree.String, tree.Include:
	}
	return a.Text == b.Text
}
