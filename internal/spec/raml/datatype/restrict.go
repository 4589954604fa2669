package datatype

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// restrict adds a facet of the declaration, which may only narrow what is
// inherited.
func (t *Type) restrict(name string, f facet) {
	inherited, ok := t.facets[name]
	if !ok {
		t.facets[name] = f
		return
	}
	if reason := widens(name, inherited, f); reason != "" {
		t.set.problem(f.node, "raml-facet-widened", "%s %s; a type can only narrow what it inherits", name, reason)
		return
	}
	f.patterns = append(inherited.patterns[:len(inherited.patterns):len(inherited.patterns)], f.patterns...)
	t.facets[name] = f
}

// widens says in what a facet allows more than the one inherited; empty for in
// nothing.
func widens(name string, inherited, f facet) string {
	switch name {
	case "minLength", "minItems", "minProperties", "minimum":
		if f.number.Cmp(inherited.number) < 0 {
			return "is less than the inherited " + inherited.text
		}
	case "maxLength", "maxItems", "maxProperties", "maximum":
		if f.number.Cmp(inherited.number) > 0 {
			return "is greater than the inherited " + inherited.text
		}
	case "multipleOf":
		for _, m := range inherited.multiples {
			if !isMultiple(f.number, m) {
				return "is no multiple of the inherited " + inherited.text
			}
		}
	case "uniqueItems":
		if inherited.flag && !f.flag {
			return "allows duplicates, which the inherited type doesn't"
		}
	case "additionalProperties":
		if !inherited.flag && f.flag {
			return "allows properties that the inherited type doesn't"
		}
	case "enum":
		for value := range f.set {
			if !inherited.set[value] {
				return "has values that the inherited enum has not"
			}
		}
	case "format":
		return widerFormat(inherited.text, f.text)
	}
	return ""
}

func widerFormat(inherited, format string) string {
	least, most, whole := span(inherited)
	if !whole {
		if isNumberFormat(inherited) == isNumberFormat(format) && isNumberFormat(format) || inherited == format {
			return ""
		}
		return "is another one than the inherited " + inherited
	}
	from, to, also := span(format)
	if !also || from.Cmp(least) < 0 || to.Cmp(most) > 0 {
		return "is wider than the inherited " + inherited
	}
	return ""
}

// mergeFacet takes a facet of one more inherited type over: the narrower holds.
func (t *Type) mergeFacet(name string, f facet) {
	mine, ok := t.facets[name]
	if !ok {
		t.facets[name] = f
		return
	}
	switch name {
	case "minLength", "minItems", "minProperties", "minimum", "maxLength", "maxItems", "maxProperties", "maximum":
		if widens(name, mine, f) != "" {
			return
		}
	case "multipleOf":
		f.multiples = append(mine.multiples[:len(mine.multiples):len(mine.multiples)], f.multiples...)
	case "pattern":
		f.patterns = append(mine.patterns[:len(mine.patterns):len(mine.patterns)], f.patterns...)
	case "uniqueItems":
		f.flag = f.flag || mine.flag
	case "additionalProperties":
		f.flag = f.flag && mine.flag
	case "enum":
		f = intersect(mine, f)
		if len(f.list) == 0 {
			t.set.problem(t.decl, "raml-incompatible-types", "the types that are inherited have no value in common: their enums differ")
		}
	case "format":
		if widerFormat(mine.text, f.text) != "" {
			return
		}
	}
	t.facets[name] = f
}

// intersect gives the values that are in both enums.
func intersect(a, b facet) facet {
	out := facet{node: b.node, text: b.text, set: map[string]bool{}}
	for _, item := range a.list {
		if text := jsonschema.Written(item); b.set[text] {
			out.list = append(out.list, item)
			out.set[text] = true
		}
	}
	return out
}

// number is the value of a bound, nil where there is none.
func (t *Type) bound(name string) *facet {
	if f, ok := t.facets[name]; ok && f.number != nil {
		return &f
	}
	return nil
}

// declareFacets adds the facets that the declaration gives its heirs.
func (t *Type) declareFacets() {
	n := t.own.Get("facets")
	if n == nil || n.Is(tree.Null) {
		return
	}
	declared := t.set.Fields(Property, n, t.scope)
	if len(t.custom)+len(declared) > maxFacets {
		t.set.problem(n, "raml-types-too-complex", "a type has more than %d facets that users declared", maxFacets)
		return
	}
	for i := range declared {
		t.judgeFacetName(&declared[i])
	}
	t.custom = append(t.custom[:len(t.custom):len(t.custom)], declared...)
}

func (t *Type) judgeFacetName(f *Field) {
	rule, known := facetOf(f.Name)
	kinds := t.kind
	for _, a := range t.alternatives {
		kinds |= a.kind
	}
	switch {
	case f.Pattern || strings.HasPrefix(f.Name, "("):
		t.set.problem(f.Decl, "raml-user-facet", "the name of a facet can't begin with a parenthesis or be a pattern")
	case known && rule.kinds&kinds != 0 && (f.Name != "format" || t.kind != datetimeKind) || beside(f.Name):
		t.set.problem(f.Decl, "raml-user-facet", "%s is a facet of RAML itself and can't be declared again; choose another name", f.Name)
	case t.customFacet(f.Name) != nil:
		t.set.problem(f.Decl, "raml-user-facet", "the facet %s is inherited and can't be declared again; choose another name", clip(f.Name))
	}
}
