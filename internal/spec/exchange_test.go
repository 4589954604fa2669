package spec_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// message is one drawn request or answer.
type message struct {
	op     *spec.Operation
	change string // what is wrong with it; empty for nothing
	method string
	path   string
	query  []string
	header map[string]string
	body   []byte
	status int
}

// drawer draws messages of a description: what it allows, as far as it can be
// met, and one change for the worse.
type drawer struct {
	*rand.Rand
	d *spec.Description
}

func oneOf[T any](g *drawer, from ...T) T { return from[g.IntN(len(from))] }

func (g *drawer) chance(percent int) bool { return g.IntN(100) < percent }

// request draws a request for an operation.
func (g *drawer) request(op *spec.Operation) message {
	m := message{op: op, method: op.Method, path: op.Path, header: map[string]string{}}
	for _, p := range op.Parameters {
		if !p.Required && g.chance(50) {
			continue
		}
		g.parameter(&m, p, g.value(g.d.Definitions[p.Schema.Name], 0))
	}
	g.credentials(&m)
	if op.Body != nil && (op.Body.Required || g.chance(80)) {
		g.body(&m, op.Body.Content, g.d.Definitions)
	}
	return m
}

func (g *drawer) body(m *message, content []spec.Media, defs spec.Definitions) {
	for _, c := range content {
		if c.Range == "application/json" || strings.HasSuffix(c.Range, "+json") {
			m.header["content-type"] = c.Range
			m.body, _ = json.Marshal(g.value(defs[c.Schema.Name], 0))
			return
		}
	}
}

func (g *drawer) credentials(m *message) {
	for _, r := range slices.Concat(m.op.Security...) {
		switch s := g.d.Schemes[r.Scheme]; {
		case s.Type == "apiKey" && s.In == spec.InQuery:
			m.query = append(m.query, url.QueryEscape(s.Name)+"=key")
		case s.Type == "apiKey" && s.In == spec.InHeader:
			m.header[strings.ToLower(s.Name)] = "key"
		case s.Type == "apiKey":
			m.header["cookie"] = strings.TrimPrefix(m.header["cookie"]+"; "+s.Name+"=key", "; ")
		case s.Type == "http" && s.Scheme == "basic":
			m.header["authorization"] = "Basic dTpw"
		case m.header["authorization"] == "":
			m.header["authorization"] = "Bearer abc"
		}
	}
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case []any, map[string]any:
		text, _ := json.Marshal(v)
		return string(text)
	}
	return fmt.Sprint(v)
}

// parameter writes a value in the style described.
func (g *drawer) parameter(m *message, p spec.Parameter, v any) {
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	separator := map[spec.Style]string{spec.SpaceDelimited: "%20", spec.PipeDelimited: "|"}[p.Style]
	if separator == "" {
		separator = ","
	}
	var parts []string
	switch {
	case p.Media != "":
		text, _ := json.Marshal(v)
		parts = []string{string(text)}
	case isList:
		for _, inner := range list {
			parts = append(parts, textOf(inner))
		}
	case isObject:
		for _, name := range slices.Sorted(mapKeys(object)) {
			parts = append(parts, name, textOf(object[name]))
		}
	default:
		parts = []string{textOf(v)}
	}
	switch p.In {
	case spec.InPath:
		escaped := escapedAll(parts, url.PathEscape)
		if escaped == "" {
			escaped = "x"
		}
		m.path = strings.ReplaceAll(m.path, "{"+p.Name+"}", escaped)
	case spec.InHeader:
		m.header[strings.ToLower(p.Name)] = strings.Join(parts, ",")
	case spec.InCookie:
		m.header["cookie"] = strings.TrimPrefix(m.header["cookie"]+"; "+p.Name+"="+escapedAll(parts, url.QueryEscape), "; ")
	case spec.InQuery:
		m.query = append(m.query, queryOf(p, parts, isList, object, separator)...)
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

func escapedAll(parts []string, escape func(string) string) string {
	all := make([]string, len(parts))
	for i, part := range parts {
		all[i] = escape(part)
	}
	return strings.Join(all, ",")
}

func queryOf(p spec.Parameter, parts []string, isList bool, object map[string]any, separator string) []string {
	name := url.QueryEscape(p.Name)
	var all []string
	switch {
	case object != nil && p.Style == spec.DeepObject:
		for _, key := range slices.Sorted(mapKeys(object)) {
			all = append(all, name+"["+url.QueryEscape(key)+"]="+url.QueryEscape(textOf(object[key])))
		}
		return all
	case object != nil && p.Explode && p.Media == "":
		for _, key := range slices.Sorted(mapKeys(object)) {
			all = append(all, url.QueryEscape(key)+"="+url.QueryEscape(textOf(object[key])))
		}
		return all
	case isList && p.Explode && p.Media == "":
		for _, part := range parts {
			all = append(all, name+"="+url.QueryEscape(part))
		}
		return all
	}
	for i, part := range parts {
		parts[i] = url.QueryEscape(part)
	}
	return []string{name + "=" + strings.Join(parts, separator)}
}

// merged is a schema with what it refers to and is made of.
func (g *drawer) merged(schema any, depth int) map[string]any {
	m, ok := schema.(map[string]any)
	if !ok || depth > 12 {
		return nil
	}
	out := map[string]any{}
	put := func(from map[string]any) {
		for keyword, v := range from {
			old, both := out[keyword].(map[string]any)
			fresh, is := v.(map[string]any)
			if both && is && keyword == "properties" {
				joined := map[string]any{}
				for name := range old {
					joined[name] = old[name]
				}
				for name := range fresh {
					joined[name] = fresh[name]
				}
				v = joined
			}
			if a, ok := out[keyword].([]any); ok && keyword == "required" {
				v = slices.Concat(a, v.([]any)) //nolint:forcetypeassert // the reader saw to it
			}
			out[keyword] = v
		}
	}
	if ref, ok := m["$ref"].(string); ok {
		put(g.merged(g.d.Definitions.Target(ref), depth+1))
	}
	parts, _ := m["allOf"].([]any)
	for _, part := range parts {
		put(g.merged(part, depth+1))
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if list, ok := m[keyword].([]any); ok {
			put(g.merged(oneOf(g, list...), depth+1))
		}
	}
	put(m)
	return out
}

// value draws a value that a schema allows, as far as it can be met.
func (g *drawer) value(schema any, depth int) any {
	m := g.merged(schema, 0)
	if c, ok := m["const"]; ok {
		return c
	}
	if list, ok := m["enum"].([]any); ok {
		return oneOf(g, list...)
	}
	kind, _ := m["type"].(string)
	if list, ok := m["type"].([]any); ok {
		kind, _ = oneOf(g, list...).(string)
	}
	if kind == "" {
		switch {
		case m["properties"] != nil:
			kind = "object"
		case m["items"] != nil:
			kind = "array"
		default:
			kind = oneOf(g, "string", "integer", "boolean")
		}
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return g.chance(50)
	case "integer", "number":
		return g.number(m, kind)
	case "array":
		list := []any{}
		n := intOf(m["minItems"], 0)
		if n += g.IntN(3); m["maxItems"] != nil {
			n = min(n, intOf(m["maxItems"], n))
		}
		for range n {
			if depth > 5 && len(list) >= intOf(m["minItems"], 0) {
				break
			}
			list = append(list, g.value(m["items"], depth+1))
		}
		return list
	case "object":
		return g.object(m, depth)
	}
	return g.text(m)
}

func intOf(v any, otherwise int) int {
	if n, ok := v.(json.Number); ok {
		if i, err := strconv.Atoi(n.String()); err == nil {
			return i
		}
	}
	return otherwise
}

func (g *drawer) number(m map[string]any, kind string) any {
	low, high := intOf(m["minimum"], intOf(m["exclusiveMinimum"], -1)+1), intOf(m["maximum"], intOf(m["exclusiveMaximum"], 1001)-1)
	if m["minimum"] == nil && m["exclusiveMinimum"] == nil {
		low = min(low, high)
	}
	n := low
	if high > low {
		n += g.IntN(min(high-low, 1000) + 1)
	}
	if kind == "number" && m["multipleOf"] == nil && n < high && g.chance(50) {
		return json.Number(strconv.Itoa(n) + ".5")
	}
	return num(int64(n))
}

func (g *drawer) object(m map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := m["properties"].(map[string]any)
	required, _ := m["required"].([]any)
	for _, name := range slices.Sorted(mapKeys(properties)) {
		if slices.Contains(required, any(name)) || depth < 4 && g.chance(40) {
			out[name] = g.value(properties[name], depth+1)
		}
	}
	for _, name := range required {
		if text, _ := name.(string); properties[text] == nil {
			out[text] = g.value(m["additionalProperties"], depth+1)
		}
	}
	if rest, ok := m["additionalProperties"].(map[string]any); ok && depth < 4 && g.chance(50) {
		out["extra"] = g.value(rest, depth+1)
	}
	return out
}

func (g *drawer) text(m map[string]any) any {
	format, _ := m["format"].(string)
	switch format {
	case "date":
		return "2024-02-29"
	case "date-time":
		return "2024-02-29T12:30:00Z"
	case "time":
		return "12:30:00Z"
	case "email":
		return "ann@example.com"
	case "uuid":
		return "0192f3c1-89ab-7def-8123-456789abcdef"
	case "uri", "url":
		return "https://example.com/a"
	case "ipv4":
		return "192.0.2.7"
	case "ipv6":
		return "2001:db8::7"
	case "hostname":
		return "example.com"
	case "byte":
		return "YWJj"
	}
	if pattern, ok := m["pattern"].(string); ok {
		if re, err := syntax.Parse(pattern, syntax.Perl); err == nil {
			var b strings.Builder
			g.matching(&b, re.Simplify())
			return b.String()
		}
	}
	n := intOf(m["minLength"], 0) + 1 + g.IntN(6)
	n = max(min(n, intOf(m["maxLength"], n)), 0)
	text := "abcdéf ghij"
	for len(text) < n {
		text += text
	}
	return string([]rune(text)[:min(n, len([]rune(text)))])
}

// matching writes a text that a regular expression matches, near enough.
func (g *drawer) matching(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		at := 2 * g.IntN(max(len(re.Rune)/2, 1))
		if at+1 < len(re.Rune) {
			b.WriteRune(max(re.Rune[at], min('a', re.Rune[at+1])))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.matching(b, sub)
		}
	case syntax.OpAlternate:
		g.matching(b, oneOf(g, re.Sub...))
	case syntax.OpPlus:
		g.matching(b, re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		if g.chance(50) {
			g.matching(b, re.Sub[0])
		}
	default:
	}
}
