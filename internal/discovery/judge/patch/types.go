package patch

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/spec"
)

// maxDepth is how deep learned documents are written.
const maxDepth = 12

// jsonSchema is what was learned of a place as a JSON schema: types and properties, none
// required. swagger says that null can't be written as a type.
func jsonSchema(s *discovery.Schema, nullable bool, depth int) object {
	if s == nil || depth > maxDepth {
		return object{}
	}
	if s.Repeated() {
		return object{{"type", "array"}, {"items", jsonSchema(s.Items(), nullable, depth+1)}}
	}
	var types []string
	null := false
	for _, t := range s.Types() {
		if string(t) == "null" {
			null = true
			continue
		}
		types = append(types, string(t))
	}
	out := object{}
	switch {
	case len(types) == 1 && !null || len(types) == 1 && !nullable:
		out = append(out, member{"type", types[0]})
		if null {
			out = append(out, member{"nullable", true})
		}
	case len(types) == 0 && null && nullable:
		return object{{"type", "null"}}
	case len(types) != 1 && !nullable:
		return out // OpenAPI 3.0 has no list of types
	default:
		list := []any{}
		for _, t := range types {
			list = append(list, t)
		}
		if null {
			list = append(list, "null")
		}
		out = append(out, member{"type", list})
	}
	if slices.Contains(types, "object") {
		properties := object{}
		for name, m := range s.Members() {
			properties = append(properties, member{name, jsonSchema(m, nullable, depth+1)})
		}
		if len(properties) > 0 {
			out = append(out, member{"properties", properties})
		}
		if extra := s.Additional(); extra != nil {
			out = append(out, member{"additionalProperties", jsonSchema(extra, nullable, depth+1)})
		}
	}
	if slices.Contains(types, "array") {
		out = append(out, member{"items", jsonSchema(s.Items(), nullable, depth+1)})
	}
	return out
}

// ramlType is what was learned of a place as a type of RAML 1.0; property says that it
// is one of an object, which none requires.
func ramlType(s *discovery.Schema, property bool, depth int) object {
	out := object{}
	finish := func() object {
		if property {
			out = append(out, member{"required", false})
		}
		return out
	}
	if s == nil || depth > maxDepth {
		out = append(out, member{"type", "any"})
		return finish()
	}
	var names []string
	for _, t := range s.Types() {
		name := string(t)
		if name == "null" {
			name = "nil"
		}
		names = append(names, name)
	}
	if s.Repeated() {
		names = []string{"array"}
	}
	slices.SortStableFunc(names, func(a, b string) int { return b2i(a == "nil") - b2i(b == "nil") })
	structured := slices.Contains(names, "object") || slices.Contains(names, "array")
	switch {
	case len(names) == 0, len(names) > 1 && structured:
		out = append(out, member{"type", "any"})
		return finish()
	default:
		out = append(out, member{"type", strings.Join(names, " | ")})
	}
	switch names[0] {
	case "object":
		properties := object{}
		for name, m := range s.Members() {
			properties = append(properties, member{name, ramlType(m, true, depth+1)})
		}
		if extra := s.Additional(); extra != nil {
			properties = append(properties, member{"//", ramlType(extra, false, depth+1)})
		}
		if len(properties) > 0 {
			out = append(out, member{"properties", properties})
		}
	case "array":
		if items := s.Items(); items != nil && len(items.Types()) > 0 {
			out = append(out, member{"items", ramlType(items, false, depth+1)})
		}
	}
	return finish()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// nullable says whether null may be one of several types.
func (w *writer) nullable() bool { return w.raml >= 0 || w.doc.Language == spec.OpenAPI31 }

// parameterType is the schema of a parameter, in the words of the language.
func (w *writer) parameterType(v *discovery.Values) object {
	scalar := func(t string) string {
		if t == "" || t == "null" {
			return "string"
		}
		return t
	}
	t := string(v.Type())
	switch {
	case t != "array":
		return object{{"type", scalar(t)}}
	case w.raml == 0:
		return object{{"type", scalar(string(v.Items()))}, {"repeat", true}}
	case w.raml == 1 && v.Listed():
		return object{{"type", "string"}}
	}
	return object{{"type", "array"}, {"items", object{{"type", scalar(string(v.Items()))}}}}
}

// ramlParameter is the declaration of a parameter.
func (w *writer) ramlParameter(p *discovery.Parameter) object {
	out := w.parameterType(&p.Values)
	return append(out, member{"required", false})
}

// openParameter is a parameter object of OpenAPI.
func (w *writer) openParameter(p *discovery.Parameter) object {
	out := object{{"name", p.Name}, {"in", p.In}, {"required", p.In == "path"}}
	if p.In != "path" {
		out = object{{"name", p.Name}, {"in", p.In}}
	}
	schema := w.parameterType(&p.Values)
	if w.doc.Language == spec.OpenAPI20 {
		if out = append(out, schema...); schema.get("items") != nil && p.In == "query" {
			out = append(out, member{"collectionFormat", "multi"})
			if p.Values.Listed() {
				out[len(out)-1].value = "csv"
			}
		}
		return out
	}
	if schema.get("items") != nil && p.In == "query" && p.Values.Listed() {
		out = append(out, member{"explode", false})
	}
	return append(out, member{"schema", schema})
}

// content is a body in the words of the language: nil where nothing is known of it.
func (w *writer) content(b *discovery.Body) any {
	if b == nil || b.Schema == nil || b.Read == 0 || !isStructured(b.Media) {
		if w.raml >= 0 {
			return nil
		}
		return object{}
	}
	switch w.raml {
	case 1:
		return ramlType(b.Schema, false, 0)
	case 0:
		if !strings.HasSuffix(b.Media, "json") {
			return nil
		}
		schema := append(object{{"$schema", "http://json-schema.org/draft-04/schema#"}}, jsonSchema(b.Schema, true, 0)...)
		return object{{"schema", block(w.jsonLines(schema, 0))}}
	}
	return object{{"schema", jsonSchema(b.Schema, w.nullable(), 0)}}
}

func isStructured(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json") || media == "text/json" ||
		media == "application/x-www-form-urlencoded" || media == "multipart/form-data"
}

// bodies are contents by media type.
func (w *writer) bodies(all []*discovery.Body, status int, sampled uint64) object {
	out := object{}
	for _, b := range all {
		if b.Status == status && b.Media != "" && judge.Listed(b.Count, sampled) && out.get(b.Media) == nil {
			out = append(out, member{b.Media, w.content(b)})
		}
	}
	return out
}
