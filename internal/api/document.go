package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// Document is the OpenAPI 3.1 description of the routes, as JSON.
func Document(routes []Route, version string) ([]byte, error) {
	d := &document{schemas: map[string]any{}, names: map[reflect.Type]string{}}
	paths := map[string]map[string]any{}
	for i := range routes {
		r := &routes[i]
		operation, err := d.operation(r)
		if err != nil {
			return nil, fmt.Errorf("describing %s %s: %w", r.Method, r.Path, err)
		}
		path := strings.ReplaceAll(r.Path, "...}", "}")
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(r.Method)] = operation
	}
	if _, err := d.schema(reflect.TypeFor[Problem]()); err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Farrier", "version": version,
			"description": "The control plane's API. Every operation names the permission that it needs (x-farrier-permission) and where (x-farrier-scope).",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{map[string]any{"url": Prefix}},
		"security": []any{map[string]any{"token": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"schemas": d.schemas,
			"securitySchemes": map[string]any{"token": map[string]any{
				"type": "http", "scheme": "bearer", "description": "An API token of an account, which begins with frr_.",
			}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return text, nil
}

// document gathers the schemas of components.
type document struct {
	schemas map[string]any
	names   map[reflect.Type]string
}

func (d *document) operation(r *Route) (map[string]any, error) {
	op := map[string]any{"summary": r.Summary, "operationId": operationID(r), "tags": []any{tag(r.Path)}}
	if r.At == Public {
		op["security"] = []any{}
	} else {
		op["x-farrier-scope"] = r.At.String()
	}
	if r.Needs != "" {
		op["x-farrier-permission"] = string(r.Needs)
	}
	if len(r.And) > 0 {
		op["x-farrier-permissions-too"] = r.And
	}
	if r.Or != "" {
		op["x-farrier-permission-or"] = string(r.Or)
	}
	var parameters []any
	for _, name := range pathParameters(r.Path) {
		parameters = append(parameters, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	answers, err := d.answers(r)
	if err != nil {
		return nil, err
	}
	op["responses"] = answers
	if r.Takes != nil {
		schema, err := d.schema(of(r.Takes))
		if err != nil {
			return nil, err
		}
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": schema}}}
	}
	if r.Method == http.MethodPost {
		parameters = append(parameters, header("Idempotency-Key", "Repeats of a request with the same key get the first answer.", false))
	}
	if r.Method == http.MethodPut || r.Method == http.MethodPatch || r.Method == http.MethodDelete {
		parameters = append(parameters, header("If-Match", "The version that the caller saw, as the ETag gave it.", false))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		parameters = append(parameters, query(name, "string", r.Query[name]))
	}
	if r.Gives != nil && of(r.Gives).Kind() == reflect.Slice && r.Media == "" {
		parameters = append(parameters, query("after", "string", "Where the page begins: the next of the page before."), query("limit", "integer", "How many items there are at most; 50 unless given, 500 at most."))
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	return op, nil
}

// answers describes what may come back. A slice given is the items of a page.
func (d *document) answers(r *Route) (map[string]any, error) {
	refused := map[string]any{"description": "A refusal", "content": map[string]any{"application/problem+json": map[string]any{"schema": reference("Problem")}}}
	all := map[string]any{"default": refused}
	status, good := http.StatusOK, map[string]any{"description": "Done"}
	switch {
	case r.Media != "":
		good["content"] = map[string]any{r.Media: map[string]any{"schema": map[string]any{"type": "string"}}}
	case r.Gives == nil:
		status = http.StatusNoContent
	default:
		schema, err := d.schema(of(r.Gives))
		if err != nil {
			return nil, err
		}
		if of(r.Gives).Kind() == reflect.Slice {
			schema = map[string]any{
				"type": "object", "required": []any{"items"},
				"properties": map[string]any{"items": schema, "next": map[string]any{"type": "string"}},
			}
		}
		good["content"] = map[string]any{"application/json": map[string]any{"schema": schema}}
	}
	all[strconv.Itoa(status)] = good
	if r.Method == http.MethodPost && r.Gives != nil && r.Media == "" {
		created := map[string]any{"description": "Made", "content": good["content"]}
		all[strconv.Itoa(http.StatusCreated)] = created
	}
	return all, nil
}

// schema is the schema of a type: a reference to components for a named struct.
func (d *document) schema(t reflect.Type) (any, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		items, err := d.schema(t.Elem())
		if err != nil {
			return nil, err
		}
		return map[string]any{"type": "array", "items": items}, nil
	}
	schema, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage](): {},
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[time.Duration]():   {Type: "integer", Description: "Nanoseconds."},
	}})
	if err != nil {
		return nil, fmt.Errorf("the type %s: %w", t, err)
	}
	if t.Kind() != reflect.Struct || t.Name() == "" {
		return schema, nil
	}
	name, known := d.names[t]
	if !known {
		name = t.Name()
		if _, taken := d.schemas[name]; taken {
			name = strings.ToUpper(t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:][:1]) + t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+2:] + name
		}
		d.names[t], d.schemas[name] = name, schema
	}
	return reference(name), nil
}

func reference(name string) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

func header(name, description string, required bool) map[string]any {
	return map[string]any{"name": name, "in": "header", "required": required, "description": description, "schema": map[string]any{"type": "string"}}
}

func query(name, kind, description string) map[string]any {
	return map[string]any{"name": name, "in": "query", "description": description, "schema": map[string]any{"type": kind}}
}

// operationID is made of method and path: it is stable as long as they are.
func operationID(r *Route) string {
	id := strings.ToLower(r.Method)
	for part := range strings.FieldsFuncSeq(r.Path, func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

// tag is the noun that a path speaks of: its first part that is not a scope.
func tag(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 2 && (parts[0] == "environments" || parts[0] == "groups") {
		return parts[2]
	}
	return parts[0]
}
