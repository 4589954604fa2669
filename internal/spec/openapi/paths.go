package openapi

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// item is a path item, with what its operations declare.
type item struct {
	// shared are the names of the path parameters of all operations.
	shared map[string]*tree.Node
	own    []declared
}

// declared is one operation.
type declared struct {
	method string
	n      *tree.Node
	names  map[string]*tree.Node
}

// maxPath is the length of a path in bytes.
const maxPath = 8 << 10

// paths holds the templates of paths against the parameters that are declared
// for them.
func (j *judge) paths() {
	shapes := map[string]string{}
	for _, m := range j.root.Get("paths").Fields() {
		if len(j.doc.Problems) >= MaxProblems {
			return
		}
		if !strings.HasPrefix(m.Name, "/") {
			continue
		}
		path := []string{"paths", m.Name}
		if len(m.Name) > maxPath {
			j.wrong(m.Value, path, "path-template", "the path %s is longer than %d bytes", clip(m.Name), maxPath)
			continue
		}
		names, shape, ok := templates(m.Name)
		if !ok {
			j.wrong(m.Value, path, "path-template", "a template in the path %s must have the form {name}", clip(m.Name))
			continue
		}
		if other, twice := shapes[shape]; twice {
			j.wrong(m.Value, path, "equal-paths", "the path %s differs from %s by the names of its templates only; make them one", clip(m.Name), clip(other))
		}
		shapes[shape] = m.Name
		seen := make(map[string]bool, len(names))
		for _, name := range names {
			if seen[name] {
				j.wrong(m.Value, path, "path-template", "the template {%s} stands twice in the path %s", clip(name), clip(m.Name))
			}
			seen[name] = true
		}
		if !m.Value.Is(tree.Object) {
			continue
		}
		if n, err := j.resolve(m.Value); err == nil && n.Is(tree.Object) {
			j.templated(j.itemOf(n), seen, path)
		}
	}
}

// templates are the names in braces of a path, and the path without them; not ok
// where braces are open.
func templates(path string) (names []string, shape string, ok bool) {
	var b strings.Builder
	for {
		open := strings.IndexAny(path, "{}")
		if open < 0 {
			b.WriteString(path)
			return names, b.String(), true
		}
		shut := strings.IndexAny(path[open+1:], "{}")
		if path[open] == '}' || shut < 1 || path[open+1+shut] == '{' {
			return nil, "", false
		}
		names = append(names, path[open+1:open+1+shut])
		b.WriteString(path[:open])
		b.WriteString("{}")
		path = path[open+shut+2:]
	}
}

// templated holds the path parameters of a path item against the names of
// templates.
func (j *judge) templated(it *item, names map[string]bool, path []string) {
	extra := func(declared map[string]*tree.Node, at []string) {
		for name, n := range declared {
			if !names[name] {
				j.wrong(n, append(slices.Clone(at), "parameters"), "path-parameter", "the path parameter %s has no template {%s} in the path %s", clip(name), clip(name), clip(path[1]))
			}
		}
	}
	for _, op := range it.own {
		if len(j.doc.Problems) >= MaxProblems {
			return
		}
		at := append(slices.Clone(path), op.method)
		for name := range names {
			if it.shared[name] == nil && op.names[name] == nil {
				j.wrong(op.n, at, "path-parameter", "the path parameter %s of %s is not declared for %s; add it to parameters", clip(name), clip(path[1]), op.method)
			}
		}
		extra(op.names, at)
	}
	extra(it.shared, path)
}

// itemOf looks at a path item once.
func (j *judge) itemOf(n *tree.Node) *item {
	if it := j.items[n]; it != nil {
		return it
	}
	it := &item{shared: j.declaredIn(n.Get("parameters"))}
	j.items[n] = it
	for _, method := range methods {
		if op := n.Get(method); op.Is(tree.Object) {
			it.own = append(it.own, declared{method, op, j.declaredIn(op.Get("parameters"))})
		}
	}
	return it
}

// declaredIn are the names of the path parameters in a list, which it holds to
// differ.
func (j *judge) declaredIn(list *tree.Node) map[string]*tree.Node {
	names := map[string]*tree.Node{}
	type key struct{ name, in string }
	seen := map[key]bool{}
	body, form := false, false
	for _, ref := range list.List() {
		p, err := j.resolve(ref)
		if err != nil {
			continue
		}
		name, in := p.Get("name"), p.Get("in").Str()
		if !name.Is(tree.String) {
			continue
		}
		k := key{name.Text, in}
		if in == "header" {
			k.name = strings.ToLower(k.name)
		}
		if seen[k] {
			j.wrong(ref, nil, "duplicate-parameter", "the parameter %s in %s stands twice in the list", clip(name.Text), clip(in))
		}
		seen[k] = true
		if in == "body" && j.dialect == swagger20 {
			if body {
				j.wrong(ref, nil, "duplicate-parameter", "an operation can have one parameter in body only")
			}
			body = true
		}
		form = form || in == "formData" && j.dialect == swagger20
		if in == "path" {
			names[name.Text] = ref
		}
	}
	if body && form {
		j.wrong(list, nil, "exclusive-fields", "an operation can't have parameters in body and in formData; a form is a body")
	}
	return names
}
