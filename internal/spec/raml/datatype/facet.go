package datatype

import (
	"cmp"
	"math/big"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// facet is the value of a facet, with those inherited.
type facet struct {
	// node is where it is written, nearest to the type.
	node   *tree.Node
	number *big.Rat
	flag   bool
	text   string
	list   []*tree.Node
	// set are the values of an enum, written canonically.
	set map[string]bool
	// patterns and multiples must all hold.
	patterns  []*pattern
	multiples []*big.Rat
}

func cloneFacets(from map[string]facet) map[string]facet {
	out := make(map[string]facet, len(from)+4)
	for name, f := range from {
		out[name] = f
	}
	return out
}

// mustHave tells of a facet that the type, or each alternative of a union, has
// not.
func (t *Type) mustHave(m *tree.Member) {
	if t.isBeside(m.Name) || t.customFacet(m.Name) != nil {
		return
	}
	kinds := t.kind
	for _, a := range t.alternatives {
		kinds |= a.kind
	}
	rule, known := facetOf(m.Name)
	switch {
	case kinds&externalKind != 0:
		t.set.problem(m.Value, "raml-external-type-extended", "a type that is a JSON or XML schema can't be restricted further: leave out %s", clip(m.Name))
	case !known:
		t.set.problem(m.Value, "raml-unknown-facet", "%s is no facet; declare it in the facets of a type that is inherited, or write it as an annotation in parentheses", clip(m.Name))
	case rule.kinds&kinds == 0 || t.kind == unionKind && strings.HasPrefix(m.Name, "discriminator"):
		t.set.problem(m.Value, "raml-facet-not-allowed", "%s is a facet of %s, not of %s", m.Name, rule.kinds, t.kind)
	}
}

// customFacet is the user-defined facet of a name that the type inherits.
func (t *Type) customFacet(name string) *Field {
	for i := range t.custom {
		if t.custom[i].Name == name {
			return &t.custom[i]
		}
	}
	return nil
}

// readFacets reads the facets written in the declaration.
func (t *Type) readFacets() {
	if t.own == nil {
		return
	}
	shared := true
	for i := range t.own.Members {
		m := &t.own.Members[i]
		rule, known := facetOf(m.Name)
		if !known || rule.kinds&t.kind == 0 || t.kind == unionKind {
			if !t.part {
				t.mustHave(m)
			}
			continue
		}
		if shared {
			t.facets, shared = cloneFacets(t.facets), false
		}
		switch m.Name {
		case "properties":
			t.readProperties(m.Value)
		case "items":
			t.readItems(m.Value)
		default:
			if f, ok := t.readFacet(m.Name, rule, t.annotated(m.Value)); ok {
				t.restrict(m.Name, f)
			}
		}
	}
	if closed, ok := t.facets["additionalProperties"]; ok && !closed.flag {
		t.refusePatterns()
	}
}

// refusePatterns tells of patterns of a type without additional properties.
func (t *Type) refusePatterns() {
	for _, m := range t.own.Get("properties").Fields() {
		if len(m.Name) >= 2 && m.Name[0] == '/' && m.Name[len(m.Name)-1] == '/' {
			t.set.problem(m.Value, "raml-pattern-property-closed", "a type with additionalProperties: false can't have pattern properties; leave one of them out")
		}
	}
}

func (t *Type) readProperties(n *tree.Node) {
	own := t.set.Fields(Property, n, t.scope)
	if !t.set.spend(len(t.fields.list)+len(own), n) {
		return
	}
	t.fields = t.fields.with(own)
}

func (t *Type) readItems(n *tree.Node) {
	if n.Is(tree.Array) {
		t.set.problem(n, "raml-facet-value", "items has one type; for several write a union, as in A | B")
		return
	}
	t.itemDecl = n
	t.items = t.set.As(Declared, n, t.scope)
}

// readFacet reads the value of a facet and tells what is wrong with it.
func (t *Type) readFacet(name string, rule facetRule, n *tree.Node) (facet, bool) {
	f := facet{node: n, text: n.Str()}
	wrong := func(format string, args ...any) (facet, bool) {
		t.set.problem(n, "raml-facet-value", name+" must be "+format, args...)
		return f, false
	}
	switch rule.value {
	case naturalValue, numberValue, positiveValue:
		r, ok := number(f.text)
		switch {
		case !n.Is(tree.Number) || !ok:
			return wrong("a number")
		case rule.value == naturalValue && (r.Sign() < 0 || !r.IsInt()):
			return wrong("an integer, 0 or greater")
		case rule.value == positiveValue && r.Sign() <= 0:
			return wrong("greater than 0")
		}
		f.number, f.multiples = r, []*big.Rat{r}
	case boolValue:
		if !n.Is(tree.Bool) {
			return wrong("true or false")
		}
		f.flag = n.IsTrue()
	case textValue:
		if !n.Is(tree.String) || f.text == "" {
			return wrong("a text")
		}
	case patternValue:
		if !n.Is(tree.String) && !n.Is(tree.Number) {
			return wrong("a regular expression")
		}
		_, err := compile(f.text, &t.set.effort)
		p, wholeErr := compile(whole(f.text), &t.set.effort)
		if err = cmp.Or(err, wholeErr); err != nil {
			t.set.problem(n, "raml-pattern", "pattern is no regular expression: %v", err)
			return f, false
		}
		f.patterns = []*pattern{p}
	case formatValue:
		return t.readFormat(f, wrong)
	case listValue, mediaTypesValue:
		return t.readList(f, rule.value, wrong)
	case otherValue:
		if n.Is(tree.Object) || n.Is(tree.Array) || n.Is(tree.Null) {
			return wrong("a text, a number or a boolean")
		}
	}
	return f, true
}

func (t *Type) readFormat(f facet, wrong func(string, ...any) (facet, bool)) (facet, bool) {
	if t.kind == datetimeKind {
		if f.text == "rfc3339" || f.text == "rfc2616" {
			return f, true
		}
		if t.customFacet("format") != nil {
			return f, false
		}
		return wrong("rfc3339 or rfc2616")
	}
	if !isNumberFormat(f.text) {
		return wrong("one of int8, int16, int32, int64, int, long, float, double")
	}
	return f, true
}

func (t *Type) readList(f facet, kind valueKind, wrong func(string, ...any) (facet, bool)) (facet, bool) {
	f.list = f.node.List()
	if kind == mediaTypesValue {
		if f.node.Is(tree.String) {
			f.list = []*tree.Node{f.node}
		}
		if len(f.list) == 0 {
			return wrong("a list of media types")
		}
		for _, item := range f.list {
			if !item.Is(tree.String) || strings.Count(item.Text, "/") != 1 {
				return wrong("a list of media types, as [image/png, \"*/*\"]")
			}
		}
		return f, true
	}
	if !f.node.Is(tree.Array) || len(f.list) == 0 {
		return wrong("a list of at least one value")
	}
	f.set = make(map[string]bool, len(f.list))
	for _, item := range f.list {
		f.set[jsonschema.Written(item)] = true
	}
	return f, true
}
