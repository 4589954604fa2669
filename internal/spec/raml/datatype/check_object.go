package datatype

import (
	"math/big"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
)

func cmpInt(n int, f *facet) int { return new(big.Rat).SetInt64(int64(n)).Cmp(f.number) }

func (c *checker) object(t *Type, v *tree.Node, way *step) {
	if !v.Is(tree.Object) {
		c.wrong(v, way, "raml-value-type", "the value must be an object, not %s", describe(v))
		return
	}
	if heir := c.discriminated(t, v, way); heir != nil {
		t = heir
	}
	c.count(t, v, way, "Properties", len(v.Members), "properties")
	for i := range t.fields.list {
		f := &t.fields.list[i]
		if f.Required && v.Member(f.Name) == nil {
			c.wrong(v, way, "raml-value-required", "the property %s is required, but missing", clip(f.Name))
		}
	}
	closed, ok := t.facets["additionalProperties"]
	patterned := len(t.fields.patterns) > 0
	if !c.spend(len(v.Members)*len(t.fields.patterns)/4+len(t.fields.list)/8, v) {
		return
	}
	for i := range v.Members {
		m := &v.Members[i]
		f := t.fields.of(m.Name)
		switch {
		case f != nil && !f.Required && m.Value.Is(tree.Null) && !c.set.accepts(f.Type, m.Value):
			c.null(f, m.Value, way)
		case f != nil:
			c.value(f.Type, m.Value, &step{m.Name, way})
		case ok && !closed.flag:
			c.wrong(m.Value, way, "raml-value-unknown-property", "the type has no property %s and allows no further ones", clip(m.Name))
		case patterned:
			c.wrong(m.Value, way, "raml-value-unmatched-property", "%s matches none of the patterns of the type's properties; declare the property, or the pattern // for all others", clip(m.Name))
		}
	}
}

// null warns of an optional property that is there, but null: it is taken to be
// missing, as descriptions of old have it.
func (c *checker) null(f *Field, v *tree.Node, way *step) {
	before := len(c.problems)
	c.wrong(v, way, "raml-value-null", "the property %s is optional but can't be null; leave it out", clip(f.Name))
	for i := before; i < len(c.problems); i++ {
		c.problems[i].Warning = true
	}
}

// isAlias says whether the type is another one under a further name.
func (t *Type) isAlias() bool {
	return len(t.parents) == 1 && !t.part && !t.restricts() && t.own.Get("facets") == nil
}

// discriminated is the declared type that the discriminator of a value names,
// nil when nothing can be said.
func (c *checker) discriminated(t *Type, v *tree.Node, way *step) *Type {
	f, ok := t.facets["discriminator"]
	if !ok {
		return nil
	}
	named := v.Get(f.text)
	if named == nil || named.Is(tree.Object) || named.Is(tree.Array) {
		return nil
	}
	heirs := c.set.byDiscriminator(t)
	if heirs == nil {
		return nil
	}
	heir := heirs[named.Text]
	if heir == nil {
		known := make([]string, 0, len(heirs))
		for name := range heirs {
			known = append(known, name)
		}
		slices.Sort(known)
		c.wrong(named, way, "raml-value-discriminator", "%s %s names no type; known are %s", clip(f.text), describe(named), clip(joined(known)))
		return nil
	}
	return heir
}

func joined(names []string) string {
	out := ""
	for i, name := range names {
		if i > 0 {
			out += ", "
		}
		if i == 8 {
			return out + "…"
		}
		out += name
	}
	return out
}

// byDiscriminator are the declared types that a value of the type may be, by the
// values of their discriminator; nil when there is nothing to choose from.
func (s *Set) byDiscriminator(t *Type) map[string]*Type {
	for t.isAlias() {
		t = t.parents[0]
	}
	if known, ok := s.choices[t]; ok {
		return known
	}
	for _, d := range s.declared {
		d.resolve()
	}
	found := map[string]*Type{}
	seen, waiting := map[*Type]bool{t: true}, []*Type{t}
	explicit := false
	for len(waiting) > 0 {
		d := waiting[0]
		waiting = waiting[1:]
		for _, heir := range s.heirs[d] {
			if !seen[heir] && !heir.part {
				seen[heir] = true
				waiting = append(waiting, heir)
			}
		}
		if d.broken || d.kind != objectKind || !d.isDeclared && d != t {
			continue
		}
		name, given := d.discriminatorValue()
		explicit = explicit || given
		if name != "" && found[name] == nil {
			found[name] = d
		}
	}
	if len(found) < 2 && !explicit {
		found = nil
	}
	if !s.spend(len(found), t.decl) {
		found = nil
	}
	s.choices[t] = found
	return found
}

// discriminatorValue is what the discriminator of a value of the type says: its
// discriminatorValue, otherwise the name of the declared type.
func (t *Type) discriminatorValue() (value string, given bool) {
	for !t.isDeclared && len(t.parents) == 1 {
		t = t.parents[0]
	}
	if v := t.annotated(t.own.Get("discriminatorValue")); v != nil {
		return v.Text, true
	}
	return t.name, false
}
