package judge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// prop is a value of a described document or parameter.
type prop struct {
	name, typ, format             string
	required, readOnly, writeOnly bool
	enum                          []string
	props                         []prop
	items                         *prop
	// open lets an object have other members; keyed makes it a map of strings.
	open, keyed bool
}

// op is a described operation.
type op struct {
	method, path     string
	deprecated       bool
	sunset           string
	query, head      []prop
	cookies          []prop
	request, reply   *prop
	secured, openFor bool
	statuses         []int
}

// api is a described API.
type api struct {
	title, version, base string
	servers              []string
	ops                  []*op
}

func (p prop) schema() map[string]any {
	out := map[string]any{"type": p.typ}
	if p.format != "" {
		out["format"] = p.format
	}
	if p.enum != nil {
		out["enum"] = p.enum
	}
	if p.readOnly {
		out["readOnly"] = true
	}
	if p.writeOnly {
		out["writeOnly"] = true
	}
	if p.items != nil {
		out["items"] = p.items.schema()
	}
	if p.keyed {
		out["additionalProperties"] = map[string]any{"type": "string"}
	} else if p.open {
		out["additionalProperties"] = true
	}
	if len(p.props) > 0 {
		props, required := map[string]any{}, []string{}
		for _, q := range p.props {
			props[q.name] = q.schema()
			if q.required {
				required = append(required, q.name)
			}
		}
		out["properties"] = props
		if len(required) > 0 {
			out["required"] = required
		}
	}
	return out
}

func templates(path string) []string { return spec.TemplateNames(path) }

// openAPI writes the API in OpenAPI 3.0, 3.1 or 2.0. Bodies go through references
// and allOf.
func (a *api) openAPI(version string) string {
	old := version == "2.0"
	schemas := map[string]any{}
	paths := map[string]map[string]any{}
	prefix := "#/components/schemas/"
	if old {
		prefix = "#/definitions/"
	}
	named := func(p *prop) map[string]any {
		name := fmt.Sprintf("Schema%d", len(schemas))
		schemas[name] = p.schema()
		ref := map[string]any{"$ref": prefix + name}
		if len(schemas)%3 == 0 {
			return map[string]any{"allOf": []any{ref, map[string]any{"type": p.typ}}}
		}
		return ref
	}
	for _, o := range a.ops {
		var params []any
		add := func(in string, all []prop) {
			for _, p := range all {
				n := map[string]any{"name": p.name, "in": in, "required": p.required || in == "path"}
				if old {
					for k, v := range p.schema() {
						n[k] = v
					}
				} else {
					n["schema"] = p.schema()
				}
				params = append(params, n)
			}
		}
		for _, t := range templates(o.path) {
			add("path", []prop{{name: t, typ: "string"}})
		}
		add("query", o.query)
		add("header", o.head)
		if !old {
			add("cookie", o.cookies)
		}
		out := map[string]any{"operationId": strings.ToLower(o.method) + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(o.path)}
		if o.deprecated {
			out["deprecated"] = true
		}
		if o.sunset != "" {
			out["x-sunset"] = o.sunset
		}
		if o.secured {
			out["security"] = []any{map[string]any{"login": []string{}}}
		}
		if o.openFor {
			out["security"] = []any{}
		}
		if o.request != nil && old {
			params = append(params, map[string]any{"name": "body", "in": "body", "required": true, "schema": named(o.request)})
			out["consumes"] = []string{"application/json"}
		} else if o.request != nil {
			out["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": named(o.request)}}}
		}
		if params != nil {
			out["parameters"] = params
		}
		responses := map[string]any{}
		for _, s := range o.statuses {
			r := map[string]any{"description": "An answer."}
			if s == 200 && o.reply != nil && old {
				r["schema"] = named(o.reply)
				out["produces"] = []string{"application/json"}
			} else if s == 200 && o.reply != nil {
				r["content"] = map[string]any{"application/json": map[string]any{"schema": named(o.reply)}}
			}
			responses[fmt.Sprint(s)] = r
		}
		out["responses"] = responses
		if paths[o.path] == nil {
			paths[o.path] = map[string]any{}
		}
		paths[o.path][strings.ToLower(o.method)] = out
	}
	root := map[string]any{"info": map[string]any{"title": a.title, "version": a.version}, "paths": paths}
	if old {
		root["swagger"], root["definitions"] = "2.0", schemas
		root["host"], root["basePath"] = "api.example.com", a.base+"/"
		root["securityDefinitions"] = map[string]any{"login": map[string]any{"type": "oauth2", "flow": "implicit", "authorizationUrl": "https://login.example.com", "scopes": map[string]any{}}}
	} else {
		root["openapi"] = version
		var servers []any
		for _, s := range append([]string{"https://api.example.com" + a.base}, a.servers...) {
			servers = append(servers, map[string]any{"url": s})
		}
		root["servers"] = servers
		root["components"] = map[string]any{"schemas": schemas, "securitySchemes": map[string]any{"login": map[string]any{"type": "http", "scheme": "bearer"}}}
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// raml10 writes a value as RAML 1.0.
func (p prop) raml10(b *strings.Builder, in string) {
	typ := map[string]string{"array": "array", "object": "object", "string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}[p.typ]
	if p.format == "date" {
		typ = "date-only"
	}
	fmt.Fprintf(b, "%stype: %s\n", in, typ)
	if p.enum != nil {
		fmt.Fprintf(b, "%senum: [%s]\n", in, strings.Join(p.enum, ", "))
	}
	if p.items != nil {
		fmt.Fprintf(b, "%sitems:\n", in)
		p.items.raml10(b, in+"  ")
	}
	if len(p.props)+b2i(p.keyed) > 0 {
		fmt.Fprintf(b, "%sproperties:\n", in)
		for _, q := range p.props {
			mark := "?"
			if q.required {
				mark = ""
			}
			fmt.Fprintf(b, "%s  %s%s:\n", in, q.name, mark)
			q.raml10(b, in+"    ")
		}
		if p.keyed {
			fmt.Fprintf(b, "%s  //: string\n", in)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// raml writes the API in RAML 1.0 or 0.8.
func (a *api) raml(version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%%RAML %s\ntitle: %s\nversion: %s\nbaseUri: https://api.example.com%s\nmediaType: application/json\n", version, a.title, a.version, a.base)
	if version == "1.0" {
		b.WriteString("annotationTypes:\n  sunset: string\n  deprecated: boolean\nsecuritySchemes:\n  login:\n    type: OAuth 2.0\n    settings:\n      accessTokenUri: https://login.example.com/t\n      authorizationGrants: [client_credentials]\n")
	} else {
		b.WriteString("securitySchemes:\n  - login:\n      type: OAuth 2.0\n      settings:\n        accessTokenUri: https://login.example.com/t\n        authorizationGrants: [credentials]\n")
	}
	var order []string
	byPath := map[string][]*op{}
	for _, o := range a.ops {
		if byPath[o.path] == nil {
			order = append(order, o.path)
		}
		byPath[o.path] = append(byPath[o.path], o)
	}
	for _, path := range order {
		fmt.Fprintf(&b, "%s:\n", path)
		for _, o := range byPath[path] {
			o.raml(&b, version)
		}
	}
	return b.String()
}

func (o *op) raml(b *strings.Builder, version string) {
	fmt.Fprintf(b, "  %s:\n    description: An operation. # of the API\n", strings.ToLower(o.method))
	if o.deprecated && version == "1.0" {
		b.WriteString("    (deprecated): true\n")
	}
	if o.sunset != "" && version == "1.0" {
		fmt.Fprintf(b, "    (sunset): %q\n", o.sunset)
	}
	if o.secured {
		b.WriteString("    securedBy: [login]\n")
	}
	if o.openFor {
		b.WriteString("    securedBy: [null]\n")
	}
	for _, list := range []struct {
		name string
		all  []prop
	}{{"queryParameters", o.query}, {"headers", o.head}} {
		if len(list.all) == 0 {
			continue
		}
		fmt.Fprintf(b, "    %s:\n", list.name)
		for _, p := range list.all {
			fmt.Fprintf(b, "      %s:\n        type: %s\n        required: %v\n", p.name, p.typ, p.required)
			if p.enum != nil {
				fmt.Fprintf(b, "        enum: [%s]\n", strings.Join(p.enum, ", "))
			}
		}
	}
	body := func(p *prop, in string) {
		fmt.Fprintf(b, "%sbody:\n%s  application/json:\n", in, in)
		if version == "1.0" {
			p.raml10(b, in+"    ")
			return
		}
		text, _ := json.MarshalIndent(p.schema(), in+"      ", "  ")
		fmt.Fprintf(b, "%s    schema: |\n%s      %s\n", in, in, text)
	}
	if o.request != nil {
		body(o.request, "    ")
	}
	if len(o.statuses) > 0 {
		b.WriteString("    responses:\n")
	}
	for _, s := range o.statuses {
		fmt.Fprintf(b, "      %d:\n        description: An answer.\n", s)
		if s == 200 && o.reply != nil {
			body(o.reply, "        ")
		}
	}
}

// dialects are the languages that descriptions are written in.
var dialects = []string{"openapi 3.0", "openapi 3.1", "openapi 2.0", "raml 1.0", "raml 0.8"}

func (a *api) text(dialect string) (name, text string) {
	switch dialect {
	case "openapi 3.0":
		return "api.json", a.openAPI("3.0.3")
	case "openapi 3.1":
		return "api.json", a.openAPI("3.1.0")
	case "openapi 2.0":
		return "api.json", a.openAPI("2.0")
	case "raml 1.0":
		return "api.raml", a.raml("1.0")
	}
	return "api.raml", a.raml("0.8")
}

func read(t testing.TB, name, text string) *spec.Document {
	t.Helper()
	doc := languages.Read(spec.OneFile(name, []byte(text), spec.ProjectLimits{}), name)
	if !doc.Valid() || doc.Description == nil {
		t.Fatalf("the description is not valid: %v\n%s", doc.Problems, text)
	}
	return doc
}

func (a *api) described(t testing.TB, dialect string) discovery.Described {
	t.Helper()
	name, text := a.text(dialect)
	return discovery.Described{Name: a.title + " " + a.version, Origin: "specification", Version: a.version, Document: read(t, name, text)}
}
