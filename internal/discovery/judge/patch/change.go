package patch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// spot is an object in a source: the member whose value it is, and the value.
type spot struct {
	doc    *document
	around *tree.Member
	node   *tree.Node
}

// child is the value of a member, nil where there is none.
func (s spot) child(name string) (spot, bool) {
	m := s.node.Member(name)
	if m == nil {
		return spot{}, false
	}
	return spot{s.doc, m, m.Value}, true
}

// open follows an include of RAML, and refuses references: what they lead to is shared.
func (w *writer) open(s spot) (spot, error) {
	switch {
	case s.node.Is(tree.Include):
		name := spec.Join(s.doc.name, s.node.Text)
		d, err := w.file(name)
		if err != nil {
			return s, err
		}
		root, err := d.read()
		if err != nil {
			return s, err
		}
		return spot{doc: d, node: root}, nil
	case s.node.Get("$ref") != nil:
		return s, errors.New("it stands behind a reference, which others may share")
	}
	return s, nil
}

// put puts a value at the end of a path of members, making those that are missing.
func (w *writer) put(s spot, path []string, value any) error {
	for i, name := range path {
		var err error
		if s, err = w.open(s); err != nil {
			return err
		}
		next, ok := s.child(name)
		if !ok {
			for _, inner := range slices.Backward(path[i+1:]) {
				value = object{{inner, value}}
			}
			return w.add(s.doc, s.around, s.node, name, value)
		}
		if i == len(path)-1 {
			return fmt.Errorf("%s is there already", name)
		}
		s = next
	}
	return errGone
}

// at is the described operation in its source.
func (w *writer) at(method, path string) (spot, error) {
	d, err := w.file(w.doc.File)
	if err != nil {
		return spot{}, err
	}
	root, err := d.read()
	if err != nil {
		return spot{}, err
	}
	s := spot{doc: d, node: root}
	if w.raml >= 0 {
		if s, err = w.resource(s, path); err != nil {
			return s, err
		}
	} else {
		paths, _ := s.child("paths")
		item, ok := paths.child(path)
		if !ok {
			return s, errGone
		}
		s = item
	}
	if s, err = w.open(s); err != nil {
		return s, err
	}
	m, ok := s.child(strings.ToLower(method))
	if !ok {
		return s, errors.New("the method comes from a template or an overlay; it is not in the source of its resource")
	}
	return w.open(m)
}

// resource finds the resource of a path in RAML.
func (w *writer) resource(s spot, path string) (spot, error) {
	s, rest, err := w.deepest(s, path)
	if err == nil && rest != "" {
		err = errors.New("its resource comes from an overlay or a file that is not edited")
	}
	return s, err
}

// deepest goes down the resources of RAML as far as they are those of a path, and gives
// what is left of it.
func (w *writer) deepest(s spot, path string) (spot, string, error) {
	for path != "" {
		opened, err := w.open(s)
		if err != nil {
			return s, path, err
		}
		s = opened
		var next spot
		left := ""
		for i := range s.node.Fields() {
			m := &s.node.Members[i]
			if rest, ok := below(path, m.Name); ok && (next.doc == nil || len(rest) < len(left)) {
				next, left = spot{s.doc, m, m.Value}, rest
			}
		}
		if next.doc == nil {
			return s, path, nil
		}
		s, path = next, left
	}
	return s, "", nil
}

// below is what is left of a path behind a resource: whole segments, where one template
// is as good as another.
func below(path, resource string) (string, bool) {
	if !strings.HasPrefix(resource, "/") {
		return "", false
	}
	rest := path
	for segment := range strings.SplitSeq(resource[1:], "/") {
		if !strings.HasPrefix(rest, "/") {
			return "", false
		}
		first, after, more := strings.Cut(rest[1:], "/")
		if first != segment && (!isTemplate(first) || !isTemplate(segment)) {
			return "", false
		}
		if rest = ""; more {
			rest = "/" + after
		}
	}
	return rest, true
}

func isTemplate(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.IndexByte(segment, '}') == len(segment)-1
}

// parameter adds an undocumented parameter.
func (w *writer) parameter(t *task) error {
	in, name, _ := strings.Cut(t.Place, " ")
	i := slices.IndexFunc(t.judged.Operation.Parameters, func(p *discovery.Parameter) bool { return p.In == in && p.Name == name })
	if i < 0 {
		return errGone
	}
	p := t.judged.Operation.Parameters[i]
	if in == "cookie" && (w.raml >= 0 || w.doc.Language == spec.OpenAPI20) {
		return fmt.Errorf("%s has no words for cookies", w.doc.Language)
	}
	s, err := w.at(t.judged.Described.Method, t.judged.Described.Path)
	if err != nil {
		return err
	}
	if w.raml >= 0 {
		facet := "queryParameters"
		if in == "header" {
			facet = "headers"
		}
		if in == "query" && s.node.Get("queryString") != nil {
			return errors.New("the query is described as a whole, by queryString")
		}
		return w.put(s, []string{facet, name}, w.ramlParameter(p))
	}
	return w.list(s, "parameters", w.openParameter(p))
}

// list adds an item to a list, which is made where it is missing.
func (w *writer) list(s spot, name string, item object) error {
	l, ok := s.child(name)
	if !ok {
		return w.add(s.doc, s.around, s.node, name, []any{item})
	}
	return w.addItem(l.doc, l.node, item)
}

// status adds an undocumented answer.
func (w *writer) status(t *task) error {
	status, err := strconv.Atoi(t.Place)
	if err != nil {
		return errGone
	}
	s, err := w.at(t.judged.Described.Method, t.judged.Described.Path)
	if err != nil {
		return err
	}
	return w.put(s, []string{"responses", t.Place}, w.answer(t.judged.Operation, status))
}

// answer is a response in the words of the language.
func (w *writer) answer(op *discovery.Operation, status int) object {
	out := object{{"description", "Seen in traffic."}}
	bodies := w.bodies(op.Answers, status, op.Sampled)
	switch {
	case len(bodies) == 0:
	case w.raml >= 0:
		out = append(out, member{"body", bodies})
	case w.doc.Language == spec.OpenAPI20:
		if c, ok := bodies[0].value.(object); ok && c.get("schema") != nil {
			out = append(out, member{"schema", c.get("schema")})
		}
	default:
		out = append(out, member{"content", bodies})
	}
	return out
}

// media adds an undocumented media type.
func (w *writer) media(t *task) error {
	where, name, _ := strings.Cut(t.Place, " ")
	op := t.judged.Operation
	bodies, path := op.Bodies, []string{"body"}
	status := 0
	if where != "request" {
		status, _ = strconv.Atoi(where)
		bodies, path = op.Answers, []string{"responses", w.answerName(t, status), "body"}
	}
	i := slices.IndexFunc(bodies, func(b *discovery.Body) bool { return b.Status == status && b.Media == name })
	if i < 0 {
		return errGone
	}
	s, err := w.at(t.judged.Described.Method, t.judged.Described.Path)
	if err != nil {
		return err
	}
	switch {
	case w.raml >= 0:
		return w.ramlMedia(s, path, name, w.content(bodies[i]))
	case w.doc.Language == spec.OpenAPI20:
		return w.swaggerMedia(s, status, name)
	case status == 0:
		return w.put(s, []string{"requestBody", "content", name}, w.content(bodies[i]))
	}
	return w.put(s, []string{"responses", path[1], "content", name}, w.content(bodies[i]))
}

// answerName is how the response that a status belongs to is called.
func (w *writer) answerName(t *task, status int) string {
	code := strconv.Itoa(status)
	n := t.judged.Node(t.drift)
	responses := w.doc.Root.Get("paths").Get(t.judged.Described.Path).Get(strings.ToLower(t.judged.Described.Method)).Get("responses")
	for _, m := range responses.Fields() {
		if m.Name == code {
			return code
		}
	}
	for _, m := range responses.Fields() {
		if m.Value == n {
			return m.Name
		}
	}
	return code
}

func (w *writer) ramlMedia(s spot, path []string, name string, value any) error {
	at := s
	for _, step := range path {
		next, ok := at.child(step)
		if !ok {
			break
		}
		var err error
		if at, err = w.open(next); err != nil {
			return err
		}
		if step != "body" || at.node.Is(tree.Null) {
			continue
		}
		if !at.node.Is(tree.Object) || slices.ContainsFunc(at.node.Members, func(m tree.Member) bool { return !strings.Contains(m.Name, "/") && !strings.HasPrefix(m.Name, "(") }) {
			return errors.New("the body is described without its media type; name that first, then others can stand beside it")
		}
	}
	return w.put(s, append(path, name), value)
}

// swaggerMedia adds a media type to consumes or produces.
func (w *writer) swaggerMedia(s spot, status int, name string) error {
	field := "produces"
	if status == 0 {
		field = "consumes"
	}
	l, ok := s.child(field)
	if !ok {
		return fmt.Errorf("the operation has no %s of its own; the one of the whole document would change for all", field)
	}
	return w.addItem(l.doc, l.node, name)
}
