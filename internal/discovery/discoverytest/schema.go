package discoverytest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// How far the values of schemas go.
const (
	deepest  = 12
	budget   = 200
	optional = 5
)

// drawer draws values of schemas.
type drawer struct {
	random
	seed        uint64
	definitions spec.Definitions
	// owner names what probabilities and kinds belong to.
	owner string
	// answers tells that values are of answers, not of requests.
	answers bool
	// left is how many values may still be drawn, sent what properties were.
	left int
	sent []Sent
	// sparse leaves out what is optional.
	sparse bool
	// flats are the schemas in which nothing was chosen, choices counts the others.
	flats   map[uintptr]map[string]any
	choices int
}

// flat is a schema without references and applicators: one choice of each is
// drawn. It must not be changed.
func (d *drawer) flat(schema any, depth int) map[string]any {
	m, ok := schema.(map[string]any)
	if !ok || depth > deepest {
		return map[string]any{}
	}
	key := reflect.ValueOf(m).Pointer()
	if known, ok := d.flats[key]; ok && depth == 0 {
		return known
	}
	before := d.choices
	out := map[string]any{}
	for name, value := range m {
		switch name {
		case "$ref", "allOf", "oneOf", "anyOf":
		default:
			out[name] = value
		}
	}
	if ref, ok := m["$ref"].(string); ok {
		merge(out, d.flat(d.definitions.Target(ref), depth+1))
	}
	for _, one := range list(m["allOf"]) {
		merge(out, d.flat(one, depth+1))
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		if all := list(m[name]); len(all) > 0 {
			d.choices++
			merge(out, d.flat(all[min(d.IntN(len(all)), d.IntN(len(all)))], depth+1))
		}
	}
	if depth == 0 && before == d.choices && d.flats != nil {
		d.flats[key] = out
	}
	return out
}

func merge(into, other map[string]any) {
	for name, value := range other {
		had, ok := into[name]
		switch {
		case !ok:
			into[name] = value
		case name == "properties":
			joined := maps.Clone(had.(map[string]any))
			for property, schema := range value.(map[string]any) {
				if before, ok := joined[property]; ok {
					schema = map[string]any{"allOf": []any{before, schema}}
				}
				joined[property] = schema
			}
			into[name] = joined
		case name == "required":
			into[name] = slices.Concat(list(had), list(value))
		case name == "type":
			if common := intersect(typesOf(had), typesOf(value)); len(common) > 0 {
				into[name] = common
			}
		case name == "additionalProperties" && value == false:
			into[name] = value
		}
	}
}

func intersect(a, b []string) []any {
	var both []any
	for _, one := range a {
		if slices.Contains(b, one) {
			both = append(both, one)
		}
	}
	return both
}

func list(v any) []any { l, _ := v.([]any); return l }

func text(v any) string { s, _ := v.(string); return s }

// typesOf are the types that a schema's type names.
func typesOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, text(one))
		}
		return all
	default:
		return nil
	}
}

// integer is a keyword that is a whole number.
func integer(m map[string]any, name string, otherwise int) int {
	if n, ok := m[name].(json.Number); ok {
		if f, err := n.Float64(); err == nil && f < 1e15 && f > -1e15 {
			return int(f)
		}
	}
	return otherwise
}

// typeOf draws one of the types that a schema allows.
func (d *drawer) typeOf(m map[string]any) string {
	all := typesOf(m["type"])
	if i := slices.Index(all, "null"); i >= 0 && len(all) > 1 && !d.chance(0.1) {
		all = slices.Delete(slices.Clone(all), i, i+1)
	}
	if len(all) > 0 {
		return oneOf(d.random, all...)
	}
	switch {
	case m["properties"] != nil, m["additionalProperties"] != nil:
		return "object"
	case m["items"] != nil:
		return "array"
	case m["minimum"] != nil, m["maximum"] != nil:
		return "integer"
	default:
		return "string"
	}
}

// value draws a value; at is where it stands.
func (d *drawer) value(schema any, at string, depth int) any {
	d.left--
	m := d.flat(schema, 0)
	typ := d.typeOf(m)
	v := d.valueOf(m, typ, at, depth)
	if at == "" || strings.HasSuffix(at, "]") || strings.Contains(at, ".*") {
		return v
	}
	if s := jsonType(v); s != "number" && s != "integer" || typ != "number" {
		typ = s
	}
	d.sent = append(d.sent, Sent{Place: "body", Name: at, Declared: typ, Shown: jsonType(v), Items: 1})
	return v
}

func (d *drawer) valueOf(m map[string]any, typ, at string, depth int) any {
	if one, ok := m["const"]; ok {
		return one
	}
	if all := list(m["enum"]); len(all) > 0 {
		return all[int(float64(len(all))*d.Float64()*d.Float64())]
	}
	switch typ {
	case "null":
		return nil
	case "boolean":
		return d.chance(0.5)
	case "integer":
		return d.whole(m, at)
	case "number":
		return d.number(m, at)
	case "array":
		return d.array(m, at, depth)
	case "object":
		return d.object(m, at, depth)
	default:
		return d.text(m, at)
	}
}

func (d *drawer) array(m map[string]any, at string, depth int) any {
	least := integer(m, "minItems", 0)
	n := max(least, min(integer(m, "maxItems", 1000), weighted(d.random, []int{0, 1, 2, 3, 5, 8}, []int{1, 3, 3, 2, 1, 1})))
	if depth > deepest || d.left < 0 || d.sparse {
		n = least
	}
	items, ok := m["items"]
	if !ok {
		items = map[string]any{"type": "string"}
	}
	out := []any{}
	seen := map[string]bool{}
	for range min(n, 200) {
		v := d.value(items, at+"[]", depth+1)
		if m["uniqueItems"] == true {
			key, err := json.Marshal(v)
			if err != nil || seen[string(key)] {
				continue
			}
			seen[string(key)] = true
		}
		out = append(out, v)
	}
	return out
}

func (d *drawer) object(m map[string]any, at string, depth int) any {
	out := map[string]any{}
	required := map[string]bool{}
	for _, one := range list(m["required"]) {
		required[text(one)] = true
	}
	properties, _ := m["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !d.wanted(properties[name], 0) {
			continue
		}
		place := join(at, name)
		if !required[name] && (d.sparse || d.left < 0 || depth > optional || !d.chance(presence(d.seed, d.owner, place))) {
			continue
		}
		if depth > deepest {
			continue
		}
		out[name] = d.value(properties[name], place, depth+1)
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if _, ok := properties[name]; !ok {
			out[name] = d.sentence()
		}
	}
	if more, ok := m["additionalProperties"].(map[string]any); ok && len(properties) == 0 && depth <= optional && d.left > 0 && !d.sparse {
		for range 1 + d.IntN(3) {
			out[d.key(at)] = d.value(more, at+".*", depth+1)
		}
	}
	return out
}

// key draws the name of a member of a map.
func (d *drawer) key(at string) string {
	r := seeded(d.seed, "keys", d.owner, at)
	if r.chance(0.5) {
		return d.word()
	}
	return identifier(d.seed, oneOf(r, UUID, Mixed, Integer, EMail, Date), at, d.IntN(500))
}

// wanted tells that a property may travel in the direction.
func (d *drawer) wanted(schema any, depth int) bool {
	m, ok := schema.(map[string]any)
	if !ok || depth > 4 {
		return true
	}
	if d.answers && m["writeOnly"] == true || !d.answers && m["readOnly"] == true {
		return false
	}
	if ref, ok := m["$ref"].(string); ok && !d.wanted(d.definitions.Target(ref), depth+1) {
		return false
	}
	for _, one := range list(m["allOf"]) {
		if !d.wanted(one, depth+1) {
			return false
		}
	}
	return true
}

// presence is the probability of an optional parameter or property.
func presence(seed uint64, owner, place string) float64 {
	return weighted(seeded(seed, "presence", owner, place), []float64{0.03, 0.1, 0.3, 0.6, 0.95}, []int{15, 15, 20, 20, 30})
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func lastName(at string) string {
	at = strings.TrimRight(at, "[].*")
	return at[strings.LastIndexByte(at, '.')+1:]
}

func (d *drawer) whole(m map[string]any, at string) any {
	low, high := bounds(m)
	from, to := 0, 1000
	words := wordsOf(lastName(at))
	switch last := words[len(words)-1]; last {
	case "id":
		from, to = 1, 1_000_000
	case "page", "offset":
		from, to = 1, 40
	case "limit", "size":
		from, to = 5, 100
	case "year":
		from, to = 2015, 2026
	case "timestamp", "time", "at", "created", "updated":
		from, to = 1_700_000_000, 1_767_000_000
	}
	if low != nil && *low > float64(from) || high != nil && *high < float64(to) {
		switch {
		case low != nil && high != nil:
			from, to = int(max(*low, -1e15)), int(min(*high, 1e15, max(*low, -1e15)+1e6))
		case low != nil:
			from = int(*low)
			to = from + 1000
		default:
			to = int(*high)
			from = min(from, to-10)
		}
	}
	n := from
	if to > from {
		n += int(float64(to-from+1) * d.Float64() * d.Float64())
	}
	if step := integer(m, "multipleOf", 1); step > 1 {
		n = (n + step - 1) / step * step
	}
	return json.Number(strconv.Itoa(n))
}

func bounds(m map[string]any) (low, high *float64) {
	number := func(name string, add float64) *float64 {
		n, ok := m[name].(json.Number)
		if !ok {
			return nil
		}
		f, err := n.Float64()
		if err != nil {
			return nil
		}
		f += add
		return &f
	}
	if low = number("minimum", 0); low == nil {
		low = number("exclusiveMinimum", 1)
	}
	if high = number("maximum", 0); high == nil {
		high = number("exclusiveMaximum", -1)
	}
	return low, high
}

func (d *drawer) number(m map[string]any, at string) any {
	if m["multipleOf"] != nil {
		return d.whole(m, at)
	}
	low, high := bounds(m)
	from, to := 0.0, 1000.0
	switch {
	case low != nil && high != nil:
		from, to = *low, min(*high, *low+1e6)
	case low != nil:
		from, to = *low, *low+1000
	case high != nil:
		from, to = *high-1000, *high
	}
	places := oneOf(seeded(d.seed, "places", d.owner, at), 0, 1, 2, 2, 4)
	f := strconv.FormatFloat(from+(to-from)*d.Float64(), 'f', places, 64)
	return json.Number(f)
}
