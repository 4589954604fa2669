package patch

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/spec"
)

// operation adds a whole operation.
func (w *writer) operation(t *task) error {
	op := t.judged.Operation
	method := strings.ToLower(op.Method)
	switch method {
	case "get", "put", "post", "delete", "options", "head", "patch", "trace":
	default:
		return fmt.Errorf("%s has no words for the method %s", w.doc.Language, op.Method)
	}
	d, err := w.file(w.doc.File)
	if err != nil {
		return err
	}
	root, err := d.read()
	if err != nil {
		return err
	}
	if w.raml < 0 {
		return w.openOperation(spot{doc: d, node: root}, op, t.path, method)
	}
	s, rest, err := w.deepest(spot{doc: d, node: root}, t.path)
	if err != nil {
		return err
	}
	if s, err = w.open(s); err != nil {
		return err
	}
	value := w.ramlOperation(op)
	if rest == "" {
		return w.add(s.doc, s.around, s.node, method, value)
	}
	resource := object{}
	if types := w.uriParameters(op, rest); len(types) > 0 {
		resource = append(resource, member{"uriParameters", types})
	}
	resource = append(resource, member{method, value})
	return w.add(s.doc, s.around, s.node, rest, resource)
}

// uriParameters are the types of the templates of the last part of a path.
func (w *writer) uriParameters(op *discovery.Operation, part string) object {
	out := object{}
	for _, name := range spec.TemplateNames(part) {
		for _, p := range op.Parameters {
			if p.In == "path" && p.Name == name && out.get(name) == nil {
				out = append(out, member{name, append(w.parameterType(&p.Values), member{"required", true})})
			}
		}
	}
	return out
}

// described says in the source where an operation comes from.
func described(op *discovery.Operation) string {
	return "Learned from " + strconv.FormatUint(op.Good, 10) + " calls. Review it."
}

func (w *writer) ramlOperation(op *discovery.Operation) object {
	out := object{{"description", described(op)}}
	for _, place := range [][2]string{{"query", "queryParameters"}, {"header", "headers"}} {
		list := object{}
		for _, p := range w.taken(op, place[0]) {
			list = append(list, member{p.Name, w.ramlParameter(p)})
		}
		if len(list) > 0 {
			out = append(out, member{place[1], list})
		}
	}
	if body := w.bodies(op.Bodies, 0, op.Sampled); len(body) > 0 {
		out = append(out, member{"body", body})
	}
	if responses := w.responses(op); len(responses) > 0 {
		out = append(out, member{"responses", responses})
	}
	return out
}

// taken are the parameters of a place that belong into a description.
func (w *writer) taken(op *discovery.Operation, in string) []*discovery.Parameter {
	var all []*discovery.Parameter
	for _, p := range op.Parameters {
		if p.In == in && (in == "path" || judge.Listed(p.Values.Count, op.Sampled) && !judge.Usual(in, p.Name)) {
			all = append(all, p)
		}
	}
	return all
}

func (w *writer) responses(op *discovery.Operation) object {
	out := object{}
	for _, status := range slices.Sorted(maps.Keys(op.Statuses)) {
		if op.Statuses[status] >= discovery.AcceptParameterCalls && status >= 200 && status <= 599 && !judge.OfGateway(status) {
			out = append(out, member{strconv.Itoa(status), w.answer(op, status)})
		}
	}
	return out
}

// openOperation adds an operation to OpenAPI.
func (w *writer) openOperation(root spot, op *discovery.Operation, path, method string) error {
	paths, ok := root.child("paths")
	if !ok {
		return errGone
	}
	// A path that differs in the names of its templates only is the same.
	names := map[string]string{}
	for _, m := range paths.node.Fields() {
		if rest, same := below(path, m.Name); same && rest == "" && strings.HasPrefix(m.Name, "/") {
			have, learned := spec.TemplateNames(m.Name), spec.TemplateNames(path)
			for i := range min(len(have), len(learned)) {
				names[learned[i]] = have[i]
			}
			path = m.Name
		}
	}
	value := object{{"description", described(op)}}
	list := w.openParameters(op, path, names)
	body := w.bodies(op.Bodies, 0, op.Sampled)
	if w.doc.Language == spec.OpenAPI20 {
		value, list = w.swaggerBody(value, list, body, op)
	}
	if len(list) > 0 {
		value = append(value, member{"parameters", list})
	}
	if len(body) > 0 && w.doc.Language != spec.OpenAPI20 {
		value = append(value, member{"requestBody", object{{"content", body}}})
	}
	responses := w.responses(op)
	if len(responses) == 0 {
		responses = object{{"default", object{{"description", "Not seen yet."}}}}
	}
	value = append(value, member{"responses", responses})
	if item, ok := paths.child(path); ok {
		opened, err := w.open(item)
		if err != nil {
			return err
		}
		return w.add(opened.doc, opened.around, opened.node, method, value)
	}
	return w.add(paths.doc, paths.around, paths.node, path, object{{method, value}})
}

// openParameters are the parameters of an operation of OpenAPI; names are what the path
// calls the learned templates.
func (w *writer) openParameters(op *discovery.Operation, path string, names map[string]string) []any {
	var list []any
	templates := spec.TemplateNames(path)
	declared := map[string]bool{}
	for _, in := range []string{"path", "query", "header", "cookie"} {
		for _, p := range w.taken(op, in) {
			if in == "cookie" && w.doc.Language == spec.OpenAPI20 {
				continue
			}
			item := w.openParameter(p)
			if in == "path" {
				if name := names[p.Name]; name != "" {
					item[0].value = name
				}
				// Templates of the base path are not of the operation.
				if name, _ := item[0].value.(string); !slices.Contains(templates, name) || declared[name] {
					continue
				}
				declared[item[0].value.(string)] = true
			}
			list = append(list, item)
		}
	}
	for _, name := range templates {
		if !declared[name] {
			p := &discovery.Parameter{In: "path", Name: name}
			list = append(list, w.openParameter(p))
		}
	}
	return list
}

// swaggerBody writes bodies as Swagger 2.0 has them.
func (w *writer) swaggerBody(value object, list []any, body object, op *discovery.Operation) (object, []any) {
	var consumes, produces []any
	for _, m := range body {
		consumes = append(consumes, m.name)
		if c, ok := m.value.(object); ok && len(consumes) == 1 && strings.HasSuffix(m.name, "json") && c.get("schema") != nil {
			list = append(list, object{{"name", "body"}, {"in", "body"}, {"schema", c.get("schema")}})
		}
	}
	for _, b := range op.Answers {
		if b.Media != "" && judge.Listed(b.Count, op.Sampled) && !slices.Contains(produces, any(b.Media)) {
			produces = append(produces, b.Media)
		}
	}
	if len(consumes) > 0 {
		value = append(value, member{"consumes", consumes})
	}
	if len(produces) > 0 {
		value = append(value, member{"produces", produces})
	}
	return value, list
}
