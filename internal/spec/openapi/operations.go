package openapi

import (
	"mime"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

var methods = [...]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (r *reader) paths() error {
	paths := r.root.get("paths")
	if paths != nil && paths.kind != object {
		return wrong(paths, "paths must be an object")
	}
	for _, m := range paths.members() {
		if strings.HasPrefix(m.name, "x-") {
			continue
		}
		if !strings.HasPrefix(m.name, "/") {
			return &Error{m.line, "a path must begin with a slash"}
		}
		item, err := r.resolve(m.value)
		if err != nil {
			return err
		}
		if item.kind != object {
			return wrong(item, "a path must be an object of operations")
		}
		for _, method := range methods {
			if op := item.get(method); op != nil {
				if err := r.operation(m.name, method, item, op); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *reader) operation(path, method string, item, n *node) error {
	if n.kind != object {
		return wrong(n, "an operation must be an object")
	}
	op := spec.Operation{
		Method: strings.ToUpper(method), Path: path, Line: n.line,
		ID: n.get("operationId").string(), Deprecated: n.get("deprecated").isTrue(),
	}
	if err := r.parameters(&op, item.get("parameters"), n.get("parameters")); err != nil {
		return err
	}
	if body := n.get("requestBody"); body != nil {
		resolved, err := r.resolve(body)
		if err != nil {
			return err
		}
		content, err := r.content(resolved)
		if err != nil {
			return err
		}
		op.Body = &spec.Body{Required: resolved.get("required").isTrue(), Content: content}
	}
	for _, m := range n.get("responses").members() {
		if strings.HasPrefix(m.name, "x-") {
			continue
		}
		response, err := r.response(m)
		if err != nil {
			return err
		}
		op.Responses = append(op.Responses, response)
	}
	r.out.Operations = append(r.out.Operations, op)
	return nil
}

func (r *reader) response(m member) (spec.Response, error) {
	var out spec.Response
	status, err := strconv.Atoi(m.name)
	switch {
	case m.name == "default":
	case len(m.name) == 3 && m.name[0] >= '1' && m.name[0] <= '5' && strings.EqualFold(m.name[1:], "xx"):
		out.From = int(m.name[0]-'0') * 100
		out.To = out.From + 99
	case err == nil && status >= 100 && status <= 599:
		out.From, out.To = status, status
	default:
		return out, &Error{m.line, "a response must be named by a status code, a range as 2XX, or default"}
	}
	n, err := r.resolve(m.value)
	if err != nil {
		return out, err
	}
	out.Content, err = r.content(n)
	return out, err
}

func (r *reader) content(n *node) ([]spec.Media, error) {
	content := n.get("content")
	if content != nil && content.kind != object {
		return nil, wrong(content, "content must be an object of media types")
	}
	var all []spec.Media
	for _, m := range content.members() {
		media, _, err := mime.ParseMediaType(m.name)
		if err != nil {
			return nil, &Error{m.line, "this is no media type"}
		}
		if spec.MediaFor(all, media) != nil && spec.MediaFor(all, media).Range == media {
			continue // the same type with other parameters
		}
		value, err := r.resolve(m.value)
		if err != nil {
			return nil, err
		}
		all = append(all, spec.Media{Range: media, Schema: r.schemaOf(value.get("schema"))})
	}
	return all, nil
}

// parameters are those of the path, and those of the operation, which replace
// those of the same name and place.
func (r *reader) parameters(op *spec.Operation, lists ...*node) error {
	for _, list := range lists {
		if list != nil && list.kind != array {
			return wrong(list, "parameters must be a list")
		}
		for _, n := range list.list() {
			resolved, err := r.resolve(n)
			if err != nil {
				return err
			}
			p, err := r.parameter(resolved)
			if err != nil {
				return err
			}
			if ignored(p) {
				continue
			}
			replaced := false
			for i := range op.Parameters {
				if op.Parameters[i].Name == p.Name && op.Parameters[i].In == p.In {
					op.Parameters[i], replaced = p, true
				}
			}
			if !replaced {
				op.Parameters = append(op.Parameters, p)
			}
		}
	}
	return nil
}

// ignored tells the headers that are described elsewhere.
func ignored(p spec.Parameter) bool {
	if p.In != spec.InHeader {
		return false
	}
	name := strings.ToLower(p.Name)
	return name == "accept" || name == "content-type" || name == "authorization"
}

func (r *reader) parameter(n *node) (spec.Parameter, error) {
	p := spec.Parameter{
		Name: n.get("name").string(), In: spec.Place(n.get("in").string()), Line: n.line,
		Required: n.get("required").isTrue(), AllowEmpty: n.get("allowEmptyValue").isTrue(),
		Style: spec.Style(n.get("style").string()),
	}
	switch p.In {
	case spec.InPath:
		p.Required = true
	case spec.InQuery, spec.InHeader, spec.InCookie:
	default:
		return p, wrong(n, "the parameter must be in path, query, header or cookie")
	}
	if p.Name == "" {
		return p, wrong(n, "the parameter has no name")
	}
	if p.Style == "" {
		p.Style = spec.DefaultStyle(p.In)
	}
	if !p.Style.Allows(p.In) {
		return p, wrong(n, "the style %.30q can't be used in %s", p.Style, p.In)
	}
	p.Explode = p.Style == spec.Form
	if explode := n.get("explode"); explode != nil {
		p.Explode = explode.isTrue()
	}
	content, err := r.content(n)
	switch {
	case err != nil:
		return p, err
	case len(content) > 1:
		return p, wrong(n.get("content"), "the parameter must have one media type")
	case len(content) == 1:
		p.Media, p.Schema = content[0].Range, content[0].Schema
	default:
		p.Schema = r.schemaOf(n.get("schema"))
	}
	return p, nil
}
