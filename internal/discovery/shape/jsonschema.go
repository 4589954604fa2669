package shape

import (
	"math"
	"slices"
	"strings"
)

// JSONSchema gives a schema of JSON Schema 2020-12, ready to be written as JSON, that
// holds for all that was seen and, but for Budget, for what comes. Nothing in it is
// shared with s.
func (s *Schema) JSONSchema(o Strictness) map[string]any { return s.JSONSchemaWith(o, nil) }

// JSONSchemaWith is JSONSchema with the odds that other schemas taught; nil has the
// published ones.
func (s *Schema) JSONSchemaWith(o Strictness, p *Priors) map[string]any {
	w := schemaWriter{bought: s.buy(o, p), strictness: o, open: s.flags&truncated != 0}
	if s.flags&fromXML != 0 {
		if s.below == nil || len(s.below.members) != 1 {
			return map[string]any{"type": "object"}
		}
		root := s.below.members[0]
		out := w.schema(root.node)
		out["xml"] = map[string]any{"name": root.name}
		return out
	}
	return w.schema(s)
}

// JSONSchema gives a schema of one value of a parameter, or of an array of them where
// it ever came with several.
func (v *Values) JSONSchema(o Strictness) map[string]any {
	s := &Schema{v: *v, flags: fromText}
	if v.Repeated() || v.Listed() {
		s.flags |= repeated
	}
	return s.JSONSchema(o)
}

// schemaWriter writes schemas with the constraints that were bought.
type schemaWriter struct {
	bought     map[constraint]bool
	strictness Strictness
	// open says that objects may have had more than was seen.
	open bool
}

func (w *schemaWriter) schema(s *Schema) map[string]any {
	out := map[string]any{}
	types := w.types(s)
	switch len(types) {
	case 0:
	case 1:
		out["type"] = types[0]
	default:
		list := make([]any, len(types))
		for i, t := range types {
			list[i] = t
		}
		out["type"] = list
	}
	w.scalars(s, out)
	if s.v.kinds.of(kindObject) > 0 {
		w.object(s, out)
	}
	if s.v.kinds.of(kindArray) > 0 && s.below != nil && s.below.items != nil {
		out["items"] = w.schema(s.below.items)
	}
	if s.flags&repeated != 0 {
		return map[string]any{"type": "array", "items": out}
	}
	return out
}

// types are the types that may be asked for; none where that was not bought.
func (w *schemaWriter) types(s *Schema) []string {
	if !w.bought[constraint{s, ruleType}] {
		return nil
	}
	if s.flags&fromText != 0 {
		return w.textTypes(s)
	}
	var types []string
	for _, t := range s.Types() {
		if t == Integer && !w.bought[constraint{s, ruleInteger}] {
			t = Number
		}
		types = append(types, string(t))
	}
	if !slices.Contains(types, string(Null)) && !w.bought[constraint{s, ruleNonNull}] {
		types = append(types, string(Null))
	}
	if len(types) == 1 && types[0] == string(Null) && w.strictness != Tight {
		return nil // Something else will come one day.
	}
	return types
}

func (w *schemaWriter) textTypes(s *Schema) []string {
	t := s.textType()
	object := s.v.kinds.of(kindObject) > 0
	switch {
	case t == "" && object:
		return []string{string(Object)}
	case object || t == "":
		return nil // An element that has children at times has no type.
	case t == Integer && !w.bought[constraint{s, ruleInteger}]:
		t = Number
	}
	if t != String && !w.bought[constraint{s, ruleFromText}] {
		t = String
	}
	return []string{string(t)}
}

// scalars writes what is known of scalar values.
func (w *schemaWriter) scalars(s *Schema, out map[string]any) {
	if w.strictness == Loose {
		return
	}
	numeric := s.scalar() == Integer && out["type"] != string(String)
	switch format := s.format(); {
	case format == "":
	case !w.bought[constraint{s, ruleFormat}]:
		out["x-farrier-format"] = format
	case format == "int32" || format == "int64":
		if w.bought[constraint{s, ruleInteger}] && numeric {
			out["format"] = w.integerFormat(s, format)
		}
	default:
		out["format"] = format
	}
	if format := s.v.textFormat(0); s.scalar() == String && s.format() == "" && format != kindNone {
		out["x-farrier-format"] = format.String()
		if format == kindFile {
			out["format"] = "binary"
			delete(out, "x-farrier-format")
		}
	}
	w.words(s, out)
	if low, high, ok := s.v.Range(); ok && !math.IsInf(high, 0) && !math.IsInf(low, 0) {
		out["x-farrier-range"] = []any{low, high}
	}
	if least, most, ok := s.v.Lengths(); ok {
		out["x-farrier-length"] = []any{least, most}
	}
	if classes := s.v.Classes(); len(classes) > 0 {
		list := make([]any, len(classes))
		for i, c := range classes {
			list[i] = string(c)
		}
		out["x-farrier-data"] = list
	}
}

// integerFormat is int32 only where the numbers are far from its end.
func (w *schemaWriter) integerFormat(s *Schema, format string) string {
	const far = 2e8
	if low, high, _ := s.v.Range(); w.strictness != Tight && (high > far || low < -far) {
		return "int64"
	}
	return format
}

func (w *schemaWriter) words(s *Schema, out map[string]any) {
	words, rest := s.enumerable()
	if len(words) == 0 {
		return
	}
	list := make([]any, 0, len(words)+1)
	for _, word := range words {
		list = append(list, word)
	}
	if rest > 0 || !w.bought[constraint{s, ruleEnum}] || !w.bought[constraint{s, ruleType}] {
		out["x-farrier-values"] = list
		return
	}
	if s.flags&fromText == 0 && (s.Nullable() || !w.bought[constraint{s, ruleNonNull}]) {
		list = append(list, nil)
	}
	out["enum"] = list
}

func (w *schemaWriter) object(s *Schema, out map[string]any) {
	b := s.below
	if b == nil {
		return
	}
	properties, required := map[string]any{}, []any{}
	for _, m := range b.sorted() {
		name, inner := m.name, w.schema(m.node)
		if plain, attribute := strings.CutPrefix(name, "@"); attribute && s.flags&fromText != 0 {
			inner["xml"] = map[string]any{"attribute": true, "name": plain}
			if b.find(plain, 0) < 0 {
				name = plain
			}
		}
		switch {
		case w.strictness != Loose && w.bought[constraint{m.node, ruleRequired}]:
			required = append(required, name)
		case w.strictness != Loose && b.objects > 0:
			share := float64(m.node.Present()) / float64(b.objects)
			inner["x-farrier-presence"] = math.Round(min(share, 1)*1000) / 1000
		}
		properties[name] = inner
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	switch {
	case b.extra != nil:
		out["additionalProperties"] = w.schema(b.extra)
	case w.strictness == Tight && !w.open && s.flags&untold == 0 && s.flags&fromText == 0:
		out["additionalProperties"] = false
	}
}
