package openapi

import (
	"mime"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

var methods = [...]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (r *reader) paths() error {
	paths := r.root.Get("paths")
	if paths != nil && paths.Kind != tree.Object {
		return tree.Wrong(paths, "paths must be an object")
	}
	for _, m := range paths.Fields() {
		if strings.HasPrefix(m.Name, "x-") {
			continue
		}
		if !strings.HasPrefix(m.Name, "/") {
			return wrongName(m, "a path must begin with a slash")
		}
		item, err := r.pathItem(m.Value)
		if err != nil {
			return err
		}
		for _, method := range methods {
			if op := item.Get(method); op != nil {
				if err := r.operation(m.Name, method, item, op); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pathItem follows the reference of a path; what stands beside it holds besides
// what it leads to.
func (r *reader) pathItem(n *tree.Node) (*tree.Node, error) {
	item, err := r.resolve(n)
	if err != nil {
		return nil, err
	}
	if item.Kind != tree.Object {
		return nil, tree.Wrong(item, "a path must be an object of operations")
	}
	if item == n || len(n.Members) == 1 {
		return item, nil
	}
	both := tree.NewObject(n)
	both.Members = append(both.Members, item.Members...)
	for _, m := range n.Members {
		if m.Name != "$ref" {
			both.Set(m.Name, m.Value)
		}
	}
	return both, nil
}

func (r *reader) operation(path, method string, item, n *tree.Node) error {
	if n.Kind != tree.Object {
		return tree.Wrong(n, "an operation must be an object")
	}
	op := spec.Operation{
		Method: strings.ToUpper(method), Path: path, File: n.File(), Line: int(n.Line),
		ID: n.Get("operationId").Str(), Deprecated: n.Get("deprecated").IsTrue(), Security: r.security,
		DeprecatedSince: n.Get("x-deprecated-since").Str(), Sunset: n.Get("x-sunset").Str(),
	}
	var err error
	if op.Roles, err = roles(n.Get("x-required-roles")); err != nil {
		return err
	}
	own, err := requirements(n.Get("security"))
	if err != nil {
		return err
	}
	if own != nil {
		op.Security = own
	}
	if r.dialect == swagger20 {
		err = r.swaggerOperation(&op, item, n)
	} else {
		err = r.openOperation(&op, item, n)
	}
	if err != nil {
		return err
	}
	r.out.Operations = append(r.out.Operations, op)
	return nil
}

// openOperation reads what an operation of OpenAPI 3 takes and answers.
func (r *reader) openOperation(op *spec.Operation, item, n *tree.Node) error {
	if err := r.parameters(op, item.Get("parameters"), n.Get("parameters")); err != nil {
		return err
	}
	if body := n.Get("requestBody"); body != nil {
		resolved, err := r.resolve(body)
		if err != nil {
			return err
		}
		content, err := r.content(resolved)
		if err != nil {
			return err
		}
		op.Body = &spec.Body{Required: resolved.Get("required").IsTrue(), Content: content}
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
		if response.Content, err = r.content(answer); err != nil {
			return err
		}
		if response.Headers, err = r.headers(answer.Get("headers")); err != nil {
			return err
		}
		op.Responses = append(op.Responses, response)
	}
	return nil
}

// responsesOf are the responses of an operation, without extensions.
func responsesOf(op *tree.Node) []tree.Member {
	all := op.Get("responses").Fields()
	found := make([]tree.Member, 0, len(all))
	for _, m := range all {
		if !strings.HasPrefix(m.Name, "x-") {
			found = append(found, m)
		}
	}
	return found
}

// statusOf are the codes that the name of a response stands for.
func statusOf(m tree.Member) (spec.Response, error) {
	var out spec.Response
	status, err := strconv.Atoi(m.Name)
	switch {
	case m.Name == "default":
	case len(m.Name) == 3 && m.Name[0] >= '1' && m.Name[0] <= '5' && strings.EqualFold(m.Name[1:], "xx"):
		out.From = int(m.Name[0]-'0') * 100
		out.To = out.From + 99
	case err == nil && status >= 100 && status <= 599:
		out.From, out.To = status, status
	default:
		return out, wrongName(m, "a response must be named by a status code, a range as 2XX, or default")
	}
	return out, nil
}

func (r *reader) content(n *tree.Node) ([]spec.Media, error) {
	content := n.Get("content")
	if content != nil && content.Kind != tree.Object {
		return nil, tree.Wrong(content, "content must be an object of media types")
	}
	var all []spec.Media
	seen := map[string]bool{}
	for _, m := range content.Fields() {
		if err := r.spend(m.Value); err != nil {
			return nil, err
		}
		media, _, err := mime.ParseMediaType(m.Name)
		if err != nil {
			return nil, wrongName(m, "this is no media type")
		}
		if seen[media] {
			continue // the same type with other parameters
		}
		seen[media] = true
		value, err := r.resolve(m.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, spec.Media{Range: media, Schema: r.schemaOf(value.Get("schema"))})
	}
	return all, nil
}

// named is what makes a parameter another one.
type named struct {
	name string
	in   spec.Place
}

// parameters are those of the path, and those of the operation, which replace
// those of the same name and place.
func (r *reader) parameters(op *spec.Operation, lists ...*tree.Node) error {
	seen := map[named]int{}
	for _, list := range lists {
		if list != nil && list.Kind != tree.Array {
			return tree.Wrong(list, "parameters must be a list")
		}
		for _, n := range list.List() {
			if err := r.spend(n); err != nil {
				return err
			}
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
			k := named{p.Name, p.In}
			if at, twice := seen[k]; twice {
				op.Parameters[at] = p
				continue
			}
			seen[k] = len(op.Parameters)
			op.Parameters = append(op.Parameters, p)
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

func (r *reader) parameter(n *tree.Node) (spec.Parameter, error) {
	p := spec.Parameter{
		Name: n.Get("name").Str(), In: spec.Place(n.Get("in").Str()), Line: int(n.Line),
		Required: n.Get("required").IsTrue(), AllowEmpty: n.Get("allowEmptyValue").IsTrue(),
		Style: spec.Style(n.Get("style").Str()),
	}
	switch p.In {
	case spec.InPath:
		p.Required = true
	case spec.InQuery, spec.InHeader, spec.InCookie:
	default:
		return p, tree.Wrong(n, "the parameter must be in path, query, header or cookie")
	}
	if p.Name == "" {
		return p, tree.Wrong(n, "the parameter has no name")
	}
	if p.Style == "" {
		p.Style = spec.DefaultStyle(p.In)
	}
	if !p.Style.Allows(p.In) {
		return p, tree.Wrong(n, "the style %.30q can't be used in %s", p.Style, p.In)
	}
	p.Explode = p.Style == spec.Form
	if explode := n.Get("explode"); explode != nil {
		p.Explode = explode.IsTrue()
	}
	return p, r.valued(&p, n)
}

// valued reads what the value of a parameter or header is.
func (r *reader) valued(p *spec.Parameter, n *tree.Node) error {
	content, err := r.content(n)
	switch {
	case err != nil:
		return err
	case len(content) > 1:
		return tree.Wrong(n.Get("content"), "the parameter must have one media type")
	case len(content) == 1:
		p.Media, p.Schema = content[0].Range, content[0].Schema
	default:
		p.Schema = r.schemaOf(n.Get("schema"))
	}
	return nil
}

// headers reads those of an answer.
func (r *reader) headers(declared *tree.Node) ([]spec.Parameter, error) {
	var all []spec.Parameter
	for _, m := range declared.Fields() {
		if strings.EqualFold(m.Name, "content-type") {
			continue
		}
		n, err := r.resolve(m.Value)
		if err != nil {
			return nil, err
		}
		if err := r.spend(n); err != nil {
			return nil, err
		}
		p := spec.Parameter{
			Name: m.Name, In: spec.InHeader, Line: int(n.Line), Style: spec.Simple,
			Required: n.Get("required").IsTrue(), Explode: n.Get("explode").IsTrue(),
		}
		if r.dialect == swagger20 {
			if n.Get("collectionFormat").Str() != "tsv" {
				p.Schema = r.schemaOf(r.asSchema(n))
			}
		} else if err := r.valued(&p, n); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// maxParts is how many parameters, headers, media types and responses all
// operations may have together, references opened.
const maxParts = 400_000

// spend counts a part of an operation: through references a short document may
// describe a great many.
func (r *reader) spend(at *tree.Node) error {
	if r.parts++; r.parts > maxParts {
		return tree.Wrong(at, "the operations have more than %d parameters, headers, media types and responses, references opened", maxParts)
	}
	return nil
}
