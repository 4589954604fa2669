package diff_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// reader makes the descriptions of these tests: of what is written like OpenAPI
// it reads what they use, and trusts that it is right.
type reader struct {
	t    testing.TB
	root *tree.Node
	out  *spec.Description
}

func parse(t testing.TB, text string) *spec.Description {
	t.Helper()
	root, err := tree.Read(&tree.Source{Name: "api.yaml", Text: []byte(text)}, tree.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	r := &reader{t, root, &spec.Description{Definitions: spec.Definitions{}, Schemes: map[string]spec.SecurityScheme{}}}
	for _, m := range root.At("components", "schemas").Fields() {
		r.out.Definitions[m.Name] = schemaOf(m.Value.Any(), "")
	}
	for _, m := range root.At("components", "securitySchemes").Fields() {
		n := m.Value
		r.out.Schemes[m.Name] = spec.SecurityScheme{
			Type: n.Get("type").Str(), Scheme: n.Get("scheme").Str(), Name: n.Get("name").Str(), In: spec.Place(n.Get("in").Str()), Line: int(n.Line),
		}
	}
	for _, s := range root.Get("servers").List() {
		r.out.Servers = append(r.out.Servers, s.Get("url").Str())
	}
	for _, path := range root.Get("paths").Fields() {
		for _, method := range path.Value.Fields() {
			if method.Name != "parameters" {
				r.operation(path.Name, method, path.Value.Get("parameters"))
			}
		}
	}
	return r.out
}

// schemaOf turns references into those of definitions.
func schemaOf(value any, under string) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = schemaOf(v[name], name)
		}
	case []any:
		for i := range v {
			v[i] = schemaOf(v[i], "")
		}
	case string:
		if under == "$ref" {
			return strings.Replace(v, "#/components/schemas/", "#/$defs/", 1)
		}
	}
	return value
}

func (r *reader) schema(n *tree.Node) spec.Schema {
	if n == nil {
		return spec.Schema{}
	}
	name := fmt.Sprint("schema", len(r.out.Definitions))
	r.out.Definitions[name] = schemaOf(n.Any(), "")
	return spec.Schema{Name: name, Line: int(n.Line)}
}

func (r *reader) content(n *tree.Node) []spec.Media {
	var all []spec.Media
	for _, m := range n.Get("content").Fields() {
		all = append(all, spec.Media{Range: m.Name, Schema: r.schema(m.Value.Get("schema"))})
	}
	return all
}

func (r *reader) operation(path string, m tree.Member, shared *tree.Node) {
	n := m.Value
	op := spec.Operation{
		Method: strings.ToUpper(m.Name), Path: path, ID: n.Get("operationId").Str(), Deprecated: n.Get("deprecated").IsTrue(),
		File: "api.yaml", Line: int(m.Line),
	}
	security := n.Get("security")
	if security == nil {
		security = r.root.Get("security")
	}
	for _, alternative := range security.List() {
		all := []spec.Requirement{}
		for _, scheme := range alternative.Fields() {
			q := spec.Requirement{Scheme: scheme.Name}
			for _, scope := range scheme.Value.List() {
				q.Scopes = append(q.Scopes, scope.Str())
			}
			all = append(all, q)
		}
		op.Security = append(op.Security, all)
	}
	for _, p := range append(shared.List(), n.Get("parameters").List()...) {
		op.Parameters = append(op.Parameters, r.parameter(p))
	}
	if body := n.Get("requestBody"); body.Get("content") != nil {
		op.Body = &spec.Body{Required: body.Get("required").IsTrue(), Content: r.content(body)}
	}
	for _, m := range n.Get("responses").Fields() {
		response := spec.Response{Content: r.content(m.Value)}
		for _, h := range m.Value.Get("headers").Fields() {
			header := r.parameter(h.Value)
			header.Name, header.In, header.Style, header.Explode = h.Name, spec.InHeader, spec.Simple, false
			response.Headers = append(response.Headers, header)
		}
		switch code, err := strconv.Atoi(m.Name); {
		case strings.HasSuffix(m.Name, "XX"):
			response.From = int(m.Name[0]-'0') * 100
			response.To = response.From + 99
		case err == nil:
			response.From, response.To = code, code
		}
		op.Responses = append(op.Responses, response)
	}
	r.out.Operations = append(r.out.Operations, op)
}

func (r *reader) parameter(n *tree.Node) spec.Parameter {
	p := spec.Parameter{
		Name: n.Get("name").Str(), In: spec.Place(n.Get("in").Str()), Line: int(n.Line), Required: n.Get("required").IsTrue(),
		AllowEmpty: n.Get("allowEmptyValue").IsTrue(), Style: spec.Style(n.Get("style").Str()), Schema: r.schema(n.Get("schema")),
	}
	if p.Style == "" {
		p.Style = spec.DefaultStyle(p.In)
	}
	p.Explode = p.Style == spec.Form
	if explode := n.Get("explode"); explode != nil {
		p.Explode = explode.IsTrue()
	}
	if content := r.content(n); len(content) == 1 {
		p.Media, p.Schema = content[0].Range, content[0].Schema
	}
	return p
}
