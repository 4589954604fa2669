package discoverytest

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// pool is the values of one template of a path.
type pool struct {
	name, key string
	kind      Kind
	size      int
	// schema draws the values where a kind could not.
	schema any
	enum   []any
	style  spec.Style
}

// pools are those of the templates of an operation, in their order.
func (w *world) pools(op *spec.Operation) []pool {
	var all []pool
	prefix := w.base
	for _, p := range parts(op.Path) {
		if p.name == "" {
			prefix += p.literal
			continue
		}
		all = append(all, w.pool(op, p.name, prefix))
		prefix += "{}"
	}
	return all
}

func (w *world) pool(op *spec.Operation, name, prefix string) pool {
	one := pool{name: name, style: spec.Simple}
	var schema spec.Schema
	for i := range op.Parameters {
		if p := &op.Parameters[i]; p.In == spec.InPath && p.Name == name {
			schema, one.style = p.Schema, p.Style
		}
	}
	one.schema = w.description.Definitions[schema.Name]
	d := &drawer{random: seeded(w.Seed, "kind", prefix), seed: w.Seed, definitions: w.description.Definitions}
	m := d.flat(one.schema, 0)
	if text(m["type"]) == "array" {
		m = d.flat(m["items"], 0)
	}
	typ := d.typeOf(m)
	// Operations below one path share their values, so that a client reads again
	// what it wrote.
	one.key = strings.Join([]string{prefix, typ, text(m["format"]), text(m["pattern"]), strconv.Itoa(len(list(m["enum"])))}, "|")
	d.random = seeded(w.Seed, "kind", one.key)
	one.size = weighted(d.random, []int{3, 10, 60, 500, 5_000, 50_000}, []int{1, 2, 3, 3, 3, 2})
	if one.enum = list(m["enum"]); m["const"] != nil {
		one.enum = []any{m["const"]}
	}
	validator, err := w.validators.Of(schema)
	if err != nil {
		return one
	}
	for _, kind := range kindsFor(d.random, m, typ, name, len(one.enum) > 0) {
		if one.kind = kind; kind == Code {
			one.key += "|" + name
		}
		if kind == Enum || w.fits(&one, validator, typ) {
			return one
		}
	}
	one.kind = w.drawn(&one)
	return one
}

// kindsFor are the kinds that come into question, the best first.
func kindsFor(r random, m map[string]any, typ, name string, enum bool) []Kind {
	byName := kindByName(r, name)
	plain := weighted(r, []Kind{Word, Slug, Mixed, UUID, Integer}, []int{45, 15, 20, 10, 10})
	switch {
	case enum, typ == "boolean":
		return []Kind{Enum}
	case typ == "integer":
		return []Kind{Integer}
	case typ == "number":
		return []Kind{Decimal, Integer}
	case text(m["format"]) == "uuid":
		return []Kind{UUID}
	case text(m["format"]) == "date":
		return []Kind{Date}
	case text(m["format"]) == "email":
		return []Kind{EMail}
	case m["format"] != nil && text(m["format"]) != "string":
		return []Kind{byName, plain}
	case byName != "":
		return []Kind{byName, plain, Integer, Word, UUID, Mixed, Hex}
	default:
		return []Kind{plain, Word, Integer, UUID, Mixed, Hex}
	}
}

// fits tells that the schema allows the values of a kind.
func (w *world) fits(p *pool, v *spec.Validator, typ string) bool {
	if p.kind == "" {
		return false
	}
	for i := range 4 {
		var value any = identifier(w.Seed, p.kind, p.key, i*(p.size-1)/3)
		if typ == "integer" || typ == "number" {
			value = json.Number(value.(string))
		}
		if v != nil && !v.Valid(value) && !v.Valid([]any{value}) {
			return false
		}
	}
	return true
}

// drawn is the kind of a pool whose values are drawn by its schema.
func (w *world) drawn(p *pool) Kind {
	p.kind = Text
	for i := range 8 {
		value := w.valueOf(p, i)
		if !strings.ContainsAny(value, "0123456789") {
			return Text
		}
	}
	p.kind = Mixed
	p.enum = nil
	p.size = -p.size
	return Mixed
}

// valueOf is a value of a pool by its number.
func (w *world) valueOf(p *pool, number int) string {
	d := &drawer{random: seeded(w.Seed, "drawn", p.key, strconv.Itoa(number)), seed: w.Seed, definitions: w.description.Definitions, owner: p.key, left: budget, flats: w.flats}
	switch {
	case p.kind == Enum && len(p.enum) > 0:
		return wire(p.enum[number%len(p.enum)])
	case p.kind == Enum:
		return strconv.FormatBool(number%2 == 0)
	case p.kind == Text, p.size < 0:
		v := d.value(p.schema, p.name, 0)
		if all, ok := v.([]any); ok && len(all) > 0 {
			v = all[0]
		}
		return wire(v)
	default:
		return identifier(w.Seed, p.kind, p.key, number)
	}
}

// pick draws a value of a pool, the first ones more often.
func (w *world) pick(r random, p *pool) string {
	size := max(p.size, -p.size)
	u := r.Float64()
	return w.valueOf(p, int(float64(size)*u*u*u))
}

// wire is a value as it stands in a text.
func wire(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// fill is a path with the values of its templates.
func fill(path string, pools []pool, values []string) string {
	var b strings.Builder
	i := 0
	for _, p := range parts(path) {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		switch pools[i].style {
		case spec.Label:
			b.WriteString(".")
		case spec.Matrix:
			b.WriteString(";" + p.name + "=")
		default:
		}
		b.WriteString(url.PathEscape(values[i]))
		i++
	}
	return b.String()
}
