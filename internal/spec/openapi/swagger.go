package openapi

import (
	"mime"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// Swagger 2.0 describes bodies among the parameters, and media types apart from
// both.

const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
)

// swaggerOperation reads what an operation of Swagger 2.0 takes and answers.
func (r *reader) swaggerOperation(op *spec.Operation, item, n *tree.Node) error {
	found, err := r.swaggerParameters(item.Get("parameters"), n.Get("parameters"))
	if err != nil {
		return err
	}
	var form []*tree.Node
	for _, p := range found {
		switch p.Get("in").Str() {
		case "body":
			content, err := r.mediaTypes(n, "consumes", "application/json", r.schemaOf(p.Get("schema")))
			if err != nil {
				return err
			}
			op.Body = &spec.Body{Required: p.Get("required").IsTrue(), Content: content}
		case "formData":
			form = append(form, p)
		default:
			read, err := r.swaggerParameter(p)
			if err != nil {
				return err
			}
			if !ignored(read) {
				op.Parameters = append(op.Parameters, read)
			}
		}
	}
	if len(form) > 0 && op.Body == nil {
		if op.Body, err = r.form(n, form); err != nil {
			return err
		}
	}
	for _, m := range responsesOf(n) {
		response, err := statusOf(m)
		if err != nil {
			return err
		}
		if err := r.spend(m.Value); err != nil {
			return err
		}
		answer, err := r.resolve(m.Value)
		if err != nil {
			return err
		}
		if response.Headers, err = r.headers(answer.Get("headers")); err != nil {
			return err
		}
		if schema := answer.Get("schema"); schema != nil {
			response.Content, err = r.mediaTypes(n, "produces", "*/*", r.fileOr(schema))
			if err != nil {
				return err
			}
		}
		op.Responses = append(op.Responses, response)
	}
	return nil
}

// fileOr is the schema of a content, none for a file.
func (r *reader) fileOr(n *tree.Node) spec.Schema {
	if n.Get("type").Str() == "file" {
		return spec.Schema{}
	}
	return r.schemaOf(n)
}

// swaggerParameters are those of the path and those of the operation, which
// replace those of the same name and place.
func (r *reader) swaggerParameters(lists ...*tree.Node) ([]*tree.Node, error) {
	var found []*tree.Node
	seen := map[named]int{}
	for _, list := range lists {
		if list != nil && list.Kind != tree.Array {
			return nil, tree.Wrong(list, "parameters must be a list")
		}
		for _, item := range list.List() {
			if err := r.spend(item); err != nil {
				return nil, err
			}
			p, err := r.resolve(item)
			if err != nil {
				return nil, err
			}
			k := named{p.Get("name").Str(), spec.Place(p.Get("in").Str())}
			if at, twice := seen[k]; twice {
				found[at] = p
				continue
			}
			seen[k] = len(found)
			found = append(found, p)
		}
	}
	return found, nil
}

// mediaTypes gives a schema to each media type of the operation's list, or of
// the document's.
func (r *reader) mediaTypes(op *tree.Node, field, otherwise string, schema spec.Schema) ([]spec.Media, error) {
	list := op.Get(field)
	if list == nil {
		list = r.root.Get(field)
	}
	var all []spec.Media
	seen := map[string]bool{}
	for _, item := range list.List() {
		if err := r.spend(item); err != nil {
			return nil, err
		}
		media, _, err := mime.ParseMediaType(item.Str())
		if err != nil {
			return nil, tree.Wrong(item, "this is no media type")
		}
		if !seen[media] {
			seen[media] = true
			all = append(all, spec.Media{Range: media, Schema: schema})
		}
	}
	if len(all) == 0 {
		all = append(all, spec.Media{Range: otherwise, Schema: schema})
	}
	return all, nil
}

func (r *reader) swaggerParameter(n *tree.Node) (spec.Parameter, error) {
	p := spec.Parameter{
		Name: n.Get("name").Str(), In: spec.Place(n.Get("in").Str()), Line: int(n.Line),
		Required: n.Get("required").IsTrue(), AllowEmpty: n.Get("allowEmptyValue").IsTrue(),
	}
	switch p.In {
	case spec.InPath:
		p.Required = true
	case spec.InQuery, spec.InHeader:
	case spec.InCookie:
		return p, tree.Wrong(n, "Swagger 2.0 has no parameters in cookie")
	default:
		return p, tree.Wrong(n, "the parameter must be in path, query, header, body or formData")
	}
	if p.Name == "" {
		return p, tree.Wrong(n, "the parameter has no name")
	}
	p.Style = spec.DefaultStyle(p.In)
	switch format := n.Get("collectionFormat").Str(); format {
	case "multi":
		p.Explode = true
	case "ssv", "pipes":
		if p.In != spec.InQuery {
			break // no style of ours is like it; a value is then one text
		}
		if p.Style = spec.SpaceDelimited; format == "pipes" {
			p.Style = spec.PipeDelimited
		}
	case "tsv":
		return p, nil // no style is like it: the values are not looked into
	}
	p.Schema = r.schemaOf(r.asSchema(n))
	return p, nil
}

// asSchema is a parameter of Swagger 2.0, which describes its value itself, as a
// schema; it is made once.
func (r *reader) asSchema(n *tree.Node) *tree.Node {
	if made := r.made[n]; made != nil {
		return made
	}
	schema := tree.NewObject(n)
	for _, m := range n.Members {
		switch m.Name {
		case "name", "in", "required", "description", "allowEmptyValue", "collectionFormat", "default":
			continue
		case "type":
			if m.Value.Text == "file" {
				continue
			}
		}
		schema.Members = append(schema.Members, m)
	}
	if r.made == nil {
		r.made = map[*tree.Node]*tree.Node{}
	}
	r.made[n] = schema
	return schema
}

// form is the body that the parameters in formData describe together.
func (r *reader) form(op *tree.Node, fields []*tree.Node) (*spec.Body, error) {
	schema, properties, required := tree.NewObject(fields[0]), tree.NewObject(fields[0]), tree.NewArray(fields[0])
	schema.Set("type", tree.NewText(fields[0], "object"))
	file := false
	for _, field := range fields {
		name := field.Get("name")
		if name == nil || name.Text == "" {
			return nil, tree.Wrong(field, "the parameter has no name")
		}
		file = file || field.Get("type").Str() == "file"
		properties.Members = append(properties.Members, tree.Member{Name: name.Text, Line: name.Line, Column: name.Column, Value: r.asSchema(field)})
		if field.Get("required").IsTrue() {
			required.Items = append(required.Items, name)
		}
	}
	schema.Set("properties", properties)
	if len(required.Items) > 0 {
		schema.Set("required", required)
	}
	otherwise := mediaForm
	if file {
		otherwise = mediaMultipart
	}
	content, err := r.mediaTypes(op, "consumes", otherwise, r.schemaOf(schema))
	if err != nil {
		return nil, err
	}
	isForm := func(m spec.Media) bool { return m.Range == mediaForm || m.Range == mediaMultipart }
	if !slices.ContainsFunc(content, isForm) {
		content = append(content, spec.Media{Range: otherwise, Schema: content[0].Schema})
	}
	content = slices.DeleteFunc(content, func(m spec.Media) bool { return !isForm(m) })
	return &spec.Body{Required: len(required.Items) > 0, Content: content}, nil
}
