package spec_test

import (
	"encoding/json"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// worse changes one thing about a message.
func (g *drawer) worse(m *message) {
	all := []func(*message) string{
		g.otherPath, g.otherMethod, g.otherType, g.brokenBody, g.withoutBody, g.inBody, g.inBody, g.inBody, g.inBody, g.inBody,
		g.otherParameter, g.otherParameter, g.otherParameter, g.withoutParameter, g.strangeQuery, g.withoutCredentials,
	}
	for range 20 {
		if m.change = oneOf(g, all...)(m); m.change != "" {
			return
		}
	}
}

// worseAnswer changes one thing about an answer.
func (g *drawer) worseAnswer(m *message) {
	for range 20 {
		if m.change = oneOf(g, g.otherType, g.brokenBody, g.otherStatus, g.inBody, g.inBody, g.inBody, g.inBody)(m); m.change != "" {
			return
		}
	}
}

func (g *drawer) otherPath(m *message) string {
	m.path = oneOf(g, "/no/such/path", m.path+"/beyond", "/zzz"+m.path)
	return "path"
}

func (g *drawer) otherMethod(m *message) string {
	m.method = oneOf(g, "PUT", "PATCH", "DELETE", "POST")
	return "method"
}

func (g *drawer) otherType(m *message) string {
	if m.body == nil {
		return ""
	}
	m.header["content-type"] = oneOf(g, "text/plain", "application/x-unknown", "application/xml")
	return "content type"
}

func (g *drawer) otherStatus(m *message) string {
	m.status = oneOf(g, 299, 418, 599, 302)
	return "status"
}

func (g *drawer) brokenBody(m *message) string {
	if len(m.body) < 2 {
		return ""
	}
	m.body = m.body[:len(m.body)-1]
	return "broken body"
}

func (g *drawer) withoutBody(m *message) string {
	if m.body == nil {
		return ""
	}
	m.body = nil
	delete(m.header, "content-type")
	return "no body"
}

func (g *drawer) withoutCredentials(m *message) string {
	if len(m.op.Security) == 0 {
		return ""
	}
	fresh := g.request(m.op)
	delete(fresh.header, "authorization")
	for _, s := range g.d.Schemes {
		delete(fresh.header, strings.ToLower(s.Name))
		fresh.query = slices.DeleteFunc(fresh.query, func(q string) bool { return s.Name != "" && strings.HasPrefix(q, s.Name+"=") })
	}
	*m = fresh
	return "credentials"
}

func (g *drawer) strangeQuery(m *message) string {
	m.query = append(m.query, oneOf(g, "no_such_parameter=1", "zzz", "__x=%20"))
	return "unknown query"
}

// again is the request with one parameter written otherwise, or left out.
func (g *drawer) again(m *message, in []spec.Place, write func(*message, spec.Parameter)) bool {
	var all []spec.Parameter
	for _, p := range m.op.Parameters {
		if slices.Contains(in, p.In) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return false
	}
	chosen := oneOf(g, all...)
	fresh := message{op: m.op, method: m.method, path: m.op.Path, header: map[string]string{}, body: m.body}
	if kind := m.header["content-type"]; kind != "" {
		fresh.header["content-type"] = kind
	}
	for _, p := range m.op.Parameters {
		switch {
		case p.Name == chosen.Name && p.In == chosen.In:
			write(&fresh, p)
		case p.Required || g.chance(30):
			g.parameter(&fresh, p, g.value(g.d.Definitions[p.Schema.Name], 0))
		}
	}
	g.credentials(&fresh)
	*m = fresh
	return true
}

func (g *drawer) withoutParameter(m *message) string {
	if g.again(m, []spec.Place{spec.InQuery, spec.InHeader}, func(*message, spec.Parameter) {}) {
		return "missing parameter"
	}
	return ""
}

func (g *drawer) otherParameter(m *message) string {
	change := ""
	if g.again(m, []spec.Place{spec.InQuery, spec.InHeader, spec.InPath}, func(fresh *message, p spec.Parameter) {
		v, what := g.worseValue(g.d.Definitions[p.Schema.Name], g.value(g.d.Definitions[p.Schema.Name], 0))
		change = string(p.In) + " parameter: " + what
		g.parameter(fresh, p, v)
	}) {
		return change
	}
	return ""
}

// worseValue changes a value of a schema.
func (g *drawer) worseValue(schema, v any) (any, string) {
	m := g.merged(schema, 0)
	switch g.IntN(8) {
	case 0:
		return oneOf[any](g, "text", num(7), true, json.Number("1.5"), nil, []any{"a"}, map[string]any{"a": "b"}), "other type"
	case 1:
		return oneOf(g, json.Number("99999999999999999999"), json.Number("-1"), json.Number("0"), json.Number("2147483648"), json.Number("1e3"), json.Number("5.0")), "number"
	case 2:
		return strings.Repeat("x", 1+g.IntN(400)), "long text"
	case 3:
		return oneOf(g, "", " ", "é", "a b&c=d", "not in the list", "2024-13-40", "true", "007", "1,2"), "other text"
	case 4:
		if list, ok := v.([]any); ok {
			if len(list) > 0 && g.chance(50) {
				return slices.Concat(list, list, list), "repeated items"
			}
			return []any{}, "no items"
		}
		if object, ok := v.(map[string]any); ok {
			out := map[string]any{}
			for name, inner := range object {
				out[name] = inner
			}
			out["surprise"] = num(1)
			return out, "unknown property"
		}
	case 5:
		if bound, ok := m["maximum"].(json.Number); ok {
			return json.Number(bound.String() + "0"), "over the maximum"
		}
		if bound, ok := m["minimum"].(json.Number); ok && !strings.HasPrefix(bound.String(), "-") {
			return "-" + bound, "under the minimum"
		}
	}
	return nil, "null"
}

// inBody changes one place of a body.
func (g *drawer) inBody(m *message) string {
	content := m.content()
	if m.body == nil || content == nil {
		return ""
	}
	schema := g.d.Definitions[content.Schema.Name]
	change := ""
	v := g.changed(schema, g.value(schema, 0), 0, &change)
	m.body, _ = json.Marshal(v)
	return "body: " + change
}

// content is what is described of the body.
func (m *message) content() *spec.Media {
	if m.status != 0 {
		r := m.op.ResponseTo(m.status)
		if r == nil {
			return nil
		}
		return spec.MediaFor(r.Content, m.header["content-type"])
	}
	if m.op.Body == nil {
		return nil
	}
	return spec.MediaFor(m.op.Body.Content, m.header["content-type"])
}

func (g *drawer) changed(schema, v any, depth int, change *string) any {
	m := g.merged(schema, 0)
	if object, ok := v.(map[string]any); ok && len(object) > 0 && g.chance(75) {
		properties, _ := m["properties"].(map[string]any)
		name := oneOf(g, slices.Sorted(mapKeys(object))...)
		if g.chance(25) {
			delete(object, name)
			*change = "missing property"
			return object
		}
		object[name] = g.changed(properties[name], object[name], depth+1, change)
		return object
	}
	if list, ok := v.([]any); ok && len(list) > 0 && g.chance(60) {
		at := g.IntN(len(list))
		list[at] = g.changed(m["items"], list[at], depth+1, change)
		return list
	}
	v, *change = g.worseValue(schema, v)
	return v
}
