package spectral

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// compileAll compiles a list of schemas, or one.
func (s *jsonSchema) compileAll(name string, value *tree.Node) ([]*subschema, error) {
	if !value.Is(tree.Array) {
		return nil, tree.Wrong(value, "%s must be a list of schemas", name)
	}
	out := make([]*subschema, len(value.Items))
	for i, item := range value.Items {
		var err error
		if out[i], err = s.compile(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *jsonSchema) logicKeyword(name string, value, in *tree.Node) (keyword, error) {
	switch name {
	case "not":
		sub, err := s.compile(value)
		return func(v *validation, n *tree.Node, _ *evaluated) bool {
			return !v.quietly(sub, n, nil) && v.err == nil || v.fail(name, n, "must NOT be valid")
		}, err
	case "if":
		return s.ifKeyword(value, in)
	}
	subs, err := s.compileAll(name, value)
	if err != nil {
		return nil, err
	}
	switch name {
	case "allOf":
		return func(v *validation, n *tree.Node, seen *evaluated) bool {
			ok := true
			for _, sub := range subs {
				if !v.validate(sub, n, seen) {
					if ok = false; !v.all {
						break
					}
				}
			}
			return ok
		}, nil
	case "anyOf":
		return func(v *validation, n *tree.Node, seen *evaluated) bool { return v.anyOf(subs, n, seen) }, nil
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool { return v.oneOf(subs, n, seen) }, nil
}

func (v *validation) anyOf(subs []*subschema, n *tree.Node, seen *evaluated) bool {
	before, ok := len(v.failures), false
	for _, sub := range subs {
		if v.part(sub, n, seen) {
			ok = true
			break
		}
	}
	if ok {
		v.failures = v.failures[:before]
		return true
	}
	v.failToo("anyOf", n, "must match a schema in anyOf")
	v.failures[len(v.failures)-1].unmatched = true
	return false
}

func (v *validation) oneOf(subs []*subschema, n *tree.Node, seen *evaluated) bool {
	before, fits := len(v.failures), 0
	for _, sub := range subs {
		if v.part(sub, n, seen) {
			fits++
		}
	}
	if fits == 1 {
		v.failures = v.failures[:before]
		return true
	}
	v.failToo("oneOf", n, "must match exactly one schema in oneOf")
	v.failures[len(v.failures)-1].unmatched = fits == 0
	return false
}

func (s *jsonSchema) ifKeyword(value, in *tree.Node) (keyword, error) {
	test, err := s.compile(value)
	if err != nil {
		return nil, err
	}
	var branches [2]*subschema
	for i, name := range []string{"then", "else"} {
		if n := in.Get(name); n != nil {
			if branches[i], err = s.compile(n); err != nil {
				return nil, err
			}
		}
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		branch, name := branches[0], "then"
		if !v.quietly(test, n, seen) {
			branch, name = branches[1], "else"
		}
		if branch == nil || v.validate(branch, n, seen) {
			return true
		}
		if v.all || v.parts > 0 {
			v.failToo("if", n, `must match "%s" schema`, name)
		}
		return false
	}, nil
}

func (s *jsonSchema) arrayKeyword(name string, value, in *tree.Node) (keyword, error) {
	switch {
	case name == "uniqueItems":
		return uniqueKeyword(value), nil
	case name == "prefixItems" || name == "items" && value.Is(tree.Array):
		subs, err := s.compileAll(name, value)
		return func(v *validation, n *tree.Node, seen *evaluated) bool {
			seen.items = max(seen.items, len(subs))
			return v.items(n, 0, len(subs), func(i int) *subschema { return subs[i] })
		}, err
	case name == "additionalItems" && !in.Get("items").Is(tree.Array):
		return nil, nil //nolint:nilnil // it only has a meaning beside a list
	case name == "contains":
		return s.containsKeyword(value, in)
	}
	sub, err := s.compile(value)
	if err != nil {
		return nil, err
	}
	from := len(in.Get("prefixItems").List())
	if name == "additionalItems" {
		from = len(in.Get("items").List())
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		if !n.Is(tree.Array) {
			return true
		}
		from := from
		if name == "unevaluatedItems" {
			if from = max(from, seen.items); seen.allItems {
				return true
			}
		}
		seen.allItems = true
		if sub.never && len(n.Items) > from {
			return v.fail(name, n, "must NOT have more than %d items", from)
		}
		return v.items(n, from, len(n.Items), func(int) *subschema { return sub })
	}, nil
}

// items judges the items from one position to another.
func (v *validation) items(n *tree.Node, from, to int, by func(i int) *subschema) bool {
	ok := true
	for i := from; i < min(to, len(n.Items)); i++ {
		if !v.at(strconv.Itoa(i), by(i), n.Items[i]) {
			if ok = false; !v.all {
				break
			}
		}
	}
	return ok
}

func (s *jsonSchema) containsKeyword(value, in *tree.Node) (keyword, error) {
	sub, err := s.compile(value)
	if err != nil {
		return nil, err
	}
	least, most := 1, -1
	if n := in.Get("minContains"); n.Is(tree.Number) {
		least = int(numberOf(n))
	}
	if n := in.Get("maxContains"); n.Is(tree.Number) {
		most = int(numberOf(n))
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		if !n.Is(tree.Array) {
			return true
		}
		before, count := len(v.failures), 0
		v.parts++
		for i, item := range n.Items {
			if v.at(strconv.Itoa(i), sub, item) {
				count++
			}
		}
		v.parts--
		if count >= least && (most < 0 || count <= most) {
			v.failures = v.failures[:before]
			return true
		}
		return v.fail("contains", n, "must contain at least %d valid item(s)", least)
	}, nil
}

func uniqueKeyword(value *tree.Node) keyword {
	if !value.IsTrue() {
		return nil
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		if !n.Is(tree.Array) {
			return true
		}
		seen := make(map[string]int, len(n.Items))
		for i, item := range n.Items {
			var b strings.Builder
			canonical(&b, item)
			if j, twice := seen[b.String()]; twice {
				return v.fail("uniqueItems", n, "must NOT have duplicate items (items ## %d and %d are identical)", j, i)
			}
			seen[b.String()] = i
		}
		return true
	}
}

// canonical writes equal values alike.
func canonical(b *strings.Builder, n *tree.Node) {
	switch n.Kind {
	case tree.Array:
		b.WriteByte('[')
		for _, item := range n.Items {
			canonical(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case tree.Object:
		b.WriteByte('{')
		for _, name := range sortedNames(n) {
			b.WriteString(quote(name) + ":")
			canonical(b, n.Get(name))
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case tree.String, tree.Include:
		b.WriteString(quote(n.Text))
	case tree.Number:
		b.WriteString(formatNumber(numberOf(n)))
	case tree.Null, tree.Bool:
		b.WriteString(n.Kind.String() + n.Text)
	}
}
