package judge

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// view is what a description says of one operation, with the nodes that say it.
type view struct {
	// node is the operation; nil where the language has no tree.
	node       *tree.Node
	parameters []parameter
	// body says whether a request has a body, and of which forms.
	body    *tree.Node
	content []media
	answers []answer
}

// parameter is a described parameter.
type parameter struct {
	in, name string
	// key is place and name without brackets in lower case.
	key      string
	required bool
	node     *tree.Node
	schema   *tree.Node
	// whole says that its schema's properties are the parameters: a query as one object.
	whole bool
}

// media is one form of a content.
type media struct {
	spec.Media
	node, schema *tree.Node
}

// answer is a described response.
type answer struct {
	name     string
	from, to int
	node     *tree.Node
	content  []media
}

// views makes them of one document.
type views struct {
	doc      *spec.Document
	expanded map[*tree.Node]*shapes
	inner    embedded
}

// maxChain is how many references may lead to one another.
const maxChain = 32

// resolve follows references; nil where they lead nowhere.
func (v *views) resolve(n *tree.Node) *tree.Node {
	for range maxChain {
		ref := n.Get("$ref")
		if !ref.Is(tree.String) {
			return n
		}
		n = v.target(ref)
	}
	return nil
}

func (v *views) target(ref *tree.Node) *tree.Node {
	file, pointer, _ := strings.Cut(ref.Text, "#")
	raml := v.doc.Language == spec.RAML08 || v.doc.Language == spec.RAML10
	if raml || v.doc.Project == nil || file == "" && (ref.File() == "" || ref.File() == v.doc.File) {
		at := v.doc.Root
		for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
			if pointer == "" {
				break
			}
			at = at.Step(unescape(step))
		}
		return at
	}
	from := ref.File()
	if from == "" {
		from = v.doc.File
	}
	// All files that references lead to were read when the description was.
	found, err := v.doc.Project.Target(from, ref.Text)
	if err != nil {
		return nil
	}
	return found
}

func unescape(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// of is the view of an operation, made once.
func (v *views) of(op *described) *view {
	if op.view == nil {
		op.view = v.read(op.Operation)
	}
	return op.view
}

func (v *views) read(op *spec.Operation) *view {
	out := &view{}
	item := v.resolve(v.doc.Root.Get("paths").Get(op.Path))
	if out.node = item.Get(strings.ToLower(op.Method)); out.node == nil {
		return out
	}
	old := v.doc.Language == spec.OpenAPI20
	for _, list := range []*tree.Node{item.Get("parameters"), out.node.Get("parameters")} {
		for _, n := range list.List() {
			if n = v.resolve(n); n != nil {
				v.parameter(out, n, old)
			}
		}
	}
	if body := v.resolve(out.node.Get("requestBody")); body != nil && !old {
		out.body, out.content = body, v.content(body)
	}
	for _, m := range out.node.Get("responses").Fields() {
		if strings.HasPrefix(m.Name, "x-") {
			continue
		}
		n := v.resolve(m.Value)
		a := answer{name: m.Name, node: n}
		a.from, a.to = statusRange(m.Name)
		if a.content = v.content(n); old && n.Get("schema") != nil {
			a.content = v.produced(n.Get("schema"), "produces", out.node)
		}
		out.answers = append(out.answers, a)
	}
	return out
}

func (v *views) parameter(out *view, n *tree.Node, old bool) {
	p := parameter{in: n.Get("in").Str(), name: n.Get("name").Str(), required: n.Get("required").IsTrue(), node: n, schema: n.Get("schema")}
	p.key = p.in + " " + strings.ToLower(plainName(p.name))
	switch {
	case old && p.in == "body":
		out.body, out.content = n, v.produced(n.Get("schema"), "consumes", out.node)
		return
	case old && p.in == "formData":
		v.form(out, n, p)
		return
	case old:
		p.schema = n
	case p.schema == nil:
		for _, m := range v.content(n) {
			p.schema = m.schema
		}
	}
	p.whole = n.Get(spec.ExtensionRAML).Get("queryString").IsTrue() ||
		p.in == "query" && n.Get("explode").Str() != "false" && n.Get("content") == nil && v.object(p.schema)
	for i := range out.parameters {
		if out.parameters[i].in == p.in && out.parameters[i].name == p.name {
			out.parameters[i] = p
			return
		}
	}
	out.parameters = append(out.parameters, p)
}

// form adds a field of a form of Swagger 2.0 to the body.
func (v *views) form(out *view, n *tree.Node, p parameter) {
	if out.content == nil {
		schema := tree.NewObject(n)
		schema.Set("type", tree.NewText(n, "object"))
		schema.Set("properties", tree.NewObject(n))
		out.body, out.content = n, v.produced(schema, "consumes", out.node)
		if len(out.content) == 1 && out.content[0].Range == "*/*" {
			multi := out.content[0]
			out.content[0].Range, multi.Range = "application/x-www-form-urlencoded", "multipart/form-data"
			out.content = append(out.content, multi)
		}
	}
	if len(out.content) > 0 {
		out.content[0].schema.Get("properties").Set(p.name, n)
	}
}

// produced are the forms of a content of Swagger 2.0.
func (v *views) produced(schema *tree.Node, field string, op *tree.Node) []media {
	list := op.Get(field)
	if list == nil {
		list = v.doc.Root.Get(field)
	}
	var all []media
	for _, name := range list.List() {
		all = append(all, media{spec.Media{Range: mediaName(name.Str())}, schema, schema})
	}
	if len(all) == 0 {
		all = []media{{spec.Media{Range: "*/*"}, schema, schema}}
	}
	return all
}

func (v *views) content(n *tree.Node) []media {
	var all []media
	for _, m := range n.Get("content").Fields() {
		value := v.resolve(m.Value)
		all = append(all, media{spec.Media{Range: mediaName(m.Name)}, value, value.Get("schema")})
	}
	return all
}

func mediaName(text string) string {
	text, _, _ = strings.Cut(text, ";")
	return strings.ToLower(strings.TrimSpace(text))
}

// statusRange are the codes of a response's name; both 0 for the default.
func statusRange(name string) (from, to int) {
	if len(name) == 3 && strings.EqualFold(name[1:], "xx") && name[0] >= '1' && name[0] <= '5' {
		from = int(name[0]-'0') * 100
		return from, from + 99
	}
	code, err := strconv.Atoi(name)
	if err != nil || code < 0 {
		return 0, 0
	}
	return code, code
}

// answerTo is the response that describes a status: its own, that of its range, the
// default; nil for none.
func (w *view) answerTo(status int) *answer {
	var found *answer
	for i := range w.answers {
		a := &w.answers[i]
		switch {
		case a.from == status && a.to == status:
			return a
		case a.from <= status && status <= a.to:
			found = a
		case a.from == 0 && a.to == 0 && found == nil:
			found = a
		}
	}
	return found
}

// mediaOf is the closest description of a media type, nil for none.
func mediaOf(content []media, name string) *media {
	all := make([]spec.Media, len(content))
	for i := range content {
		all[i] = content[i].Media
	}
	if found := spec.MediaFor(all, name); found != nil {
		for i := range all {
			if &all[i] == found {
				return &content[i]
			}
		}
	}
	return nil
}
