package spectral

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

func sortedNames(n *tree.Node) []string {
	names := make([]string, len(n.Members))
	for i := range n.Members {
		names[i] = n.Members[i].Name
	}
	slices.Sort(names)
	return names
}

// memberSchemas are the schemas of properties and patternProperties.
type memberSchemas struct {
	names    map[string]*subschema
	order    []string
	patterns []patternSchema
}

type patternSchema struct {
	re  *regex
	sub *subschema
}

func (s *jsonSchema) members(name string, value *tree.Node) (*memberSchemas, error) {
	if !value.Is(tree.Object) {
		return nil, tree.Wrong(value, "%s must be an object of schemas", name)
	}
	out := &memberSchemas{names: map[string]*subschema{}}
	for _, m := range value.Members {
		sub, err := s.compile(m.Value)
		if err != nil {
			return nil, err
		}
		if name != "patternProperties" {
			out.names[m.Name] = sub
			out.order = append(out.order, m.Name)
			continue
		}
		re, err := compileRegex(m.Name, "")
		if err != nil {
			return nil, tree.Wrong(m.Value, "%s: %s", name, err)
		}
		out.patterns = append(out.patterns, patternSchema{re, sub})
	}
	return out, nil
}

// each judges some members, and stops at the first that fails unless all are to
// be told.
func (v *validation) each(n *tree.Node, judge func(m *tree.Member) bool) bool {
	ok := true
	for i := range n.Members {
		if !judge(&n.Members[i]) {
			if ok = false; !v.all {
				break
			}
		}
	}
	return ok
}

func (s *jsonSchema) objectKeyword(name string, value, in *tree.Node) (keyword, error) {
	var k keyword
	var err error
	switch name {
	case "required":
		k, err = requiredKeyword(value)
	case "propertyNames":
		k, err = s.namesKeyword(value)
	case "additionalProperties":
		k, err = s.additionalKeyword(value, in)
	case "unevaluatedProperties":
		k, err = s.unevaluatedKeyword(value)
	case "dependencies", "dependentRequired", "dependentSchemas":
		k, err = s.dependencyKeyword(name, value)
	case "properties", "patternProperties":
		k, err = s.propertiesKeyword(name, value)
	}
	if err != nil || k == nil {
		return nil, err
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		return !n.Is(tree.Object) || k(v, n, seen)
	}, nil
}

func requiredKeyword(value *tree.Node) (keyword, error) {
	if value.Is(tree.Bool) {
		// Draft 3 wrote booleans; they judge nothing.
		return nil, nil //nolint:nilnil // nothing to judge
	}
	if !value.Is(tree.Array) {
		return nil, tree.Wrong(value, "required must be a list of names")
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		ok := true
		for _, name := range value.Items {
			if n.Get(name.Str()) != nil {
				continue
			}
			ok = v.fail("required", n, "must have required property '%s'", name.Str())
			if !v.all {
				break
			}
		}
		return ok
	}, nil
}

func (s *jsonSchema) namesKeyword(value *tree.Node) (keyword, error) {
	sub, err := s.compile(value)
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		return v.each(n, func(m *tree.Member) bool {
			return v.part(sub, tree.NewText(m.Value, m.Name), nil) || v.failToo("propertyNames", n, "property name must be valid")
		})
	}, err
}

func (s *jsonSchema) additionalKeyword(value, in *tree.Node) (keyword, error) {
	sub, err := s.compile(value)
	if err != nil {
		return nil, err
	}
	patterns := &memberSchemas{}
	if n := in.Get("patternProperties"); n != nil {
		if patterns, err = s.members("patternProperties", n); err != nil {
			return nil, err
		}
	}
	known := in.Get("properties")
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		ok := v.each(n, func(m *tree.Member) bool {
			if known.Get(m.Name) != nil || slices.ContainsFunc(patterns.patterns, func(p patternSchema) bool { return v.match(p.re, m.Name) }) {
				return true
			}
			if !sub.never {
				return v.at(m.Name, sub, m.Value)
			}
			v.failures = append(v.failures, failure{
				keyword: "additionalProperties", path: slices.Clone(v.path), extra: m.Name, value: n,
				message: "must NOT have additional properties",
			})
			return false
		})
		seen.all = true
		return ok
	}, nil
}

func (s *jsonSchema) unevaluatedKeyword(value *tree.Node) (keyword, error) {
	sub, err := s.compile(value)
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		if seen.all {
			return true
		}
		ok := v.each(n, func(m *tree.Member) bool {
			if seen.names[m.Name] {
				return true
			}
			if sub.never {
				return v.fail("unevaluatedProperties", n, "must NOT have unevaluated properties")
			}
			return v.at(m.Name, sub, m.Value)
		})
		seen.all = true
		return ok
	}, err
}

func (s *jsonSchema) dependencyKeyword(name string, value *tree.Node) (keyword, error) {
	if !value.Is(tree.Object) {
		return nil, tree.Wrong(value, "%s must be an object", name)
	}
	subs := map[string]*subschema{}
	for _, m := range value.Members {
		if m.Value.Is(tree.Array) {
			continue
		}
		sub, err := s.compile(m.Value)
		if err != nil {
			return nil, err
		}
		subs[m.Name] = sub
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		ok := true
		for _, m := range value.Members {
			if n.Get(m.Name) == nil || !ok && !v.all {
				continue
			}
			if sub := subs[m.Name]; sub != nil {
				ok = v.validate(sub, n, seen) && ok
				continue
			}
			ok = v.dependents(name, n, &m) && ok
		}
		return ok
	}, nil
}

func (v *validation) dependents(keyword string, n *tree.Node, m *tree.Member) bool {
	names := make([]string, len(m.Value.Items))
	missing := false
	for i, item := range m.Value.Items {
		names[i] = item.Str()
		missing = missing || n.Get(names[i]) == nil
	}
	if !missing {
		return true
	}
	noun := "property"
	if len(names) > 1 {
		noun = "properties"
	}
	return v.fail(keyword, n, "must have %s %s when property %s is present", noun, strings.Join(names, ", "), m.Name)
}

func (s *jsonSchema) propertiesKeyword(name string, value *tree.Node) (keyword, error) {
	schemas, err := s.members(name, value)
	if err != nil {
		return nil, err
	}
	if name == "properties" {
		return func(v *validation, n *tree.Node, seen *evaluated) bool {
			ok := true
			for _, name := range schemas.order {
				member := n.Get(name)
				if member == nil {
					continue
				}
				seen.add(name)
				if !v.at(name, schemas.names[name], member) {
					if ok = false; !v.all {
						break
					}
				}
			}
			return ok
		}, nil
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool {
		ok := true
		for _, p := range schemas.patterns {
			ok = v.each(n, func(m *tree.Member) bool {
				if !v.match(p.re, m.Name) {
					return true
				}
				seen.add(m.Name)
				return v.at(m.Name, p.sub, m.Value)
			}) && ok
			if !ok && !v.all {
				break
			}
		}
		return ok
	}, nil
}
