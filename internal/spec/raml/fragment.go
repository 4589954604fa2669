package raml

import (
	"farrier.dev/farrier/internal/encoding/tree"
)

// includable says whether a file of a kind can be the value of an include. One
// without a kind is taken as what its place asks for.
func includable(kind string) bool {
	switch kind {
	case "", "DataType", "Trait", "ResourceType", "SecurityScheme", "AnnotationTypeDeclaration", "NamedExample", "DocumentationItem":
		return true
	}
	return false
}

func article(kind string) string {
	switch kind {
	case "":
		return "an API"
	case "Overlay", "Extension", "AnnotationTypeDeclaration":
		return "an " + kind
	}
	return "a " + kind
}

// kind refuses a fragment of another kind than a place asks for.
func (r *reader) kind(n *tree.Node, want string) {
	if kind := r.kinds[n]; kind != "" && kind != want {
		r.wrong(n, "raml-fragment-kind", "this is %s; here belongs %s", article(kind), article(want))
	}
}

// uses are the libraries that a file names, by their namespaces.
func (r *reader) uses(root *tree.Node) map[string]*scope {
	n := root.Get("uses")
	if n == nil || n.Is(tree.Null) || r.old {
		return nil
	}
	if !n.Is(tree.Object) {
		r.wrong(n, "raml-uses", "uses must be an object that gives each library a namespace")
		return nil
	}
	out := map[string]*scope{}
	for _, m := range n.Members {
		if isAnnotation(m.Name) {
			continue
		}
		v := m.Value
		if v.Is(tree.Object) {
			v = r.scalar(v, v)
		}
		if !v.Is(tree.String) || v.Text == "" {
			r.wrong(r.at(n, m), "raml-uses", "the namespace %s needs the name of a library's file", clip(m.Name))
			continue
		}
		if s := r.library(r.resolve(n.Source.Name, v.Text), v); s != nil {
			out[m.Name] = s
		}
	}
	return out
}

// library is the scope of a library's declarations; at is where it is used.
func (r *reader) library(name string, at *tree.Node) *scope {
	if s, known := r.libs[name]; known && !r.opening[name] {
		return s
	}
	f, ok := r.file(name, at)
	if !ok {
		return nil
	}
	if !f.typed || f.head.kind != "Library" || f.head.version != "1.0" {
		r.wrong(at, "raml-uses", "%s is no library; its first line must be #%%RAML 1.0 Library", name)
		return nil
	}
	if r.opening[name] || len(r.opening) >= maxChain {
		r.wrong(at, "raml-include-cycle", "the library %s uses itself, or libraries lead from one to the next more than %d times", name, maxChain)
		return nil
	}
	root, ok := r.tree(f, at)
	if !ok {
		return nil
	}
	r.opening[name] = true
	defer delete(r.opening, name)
	s := &scope{reader: r}
	r.libs[name] = s
	s.root = r.open(root, r.source(f.src, s), "", 0)
	s.libs = r.uses(s.root)
	r.libraries = append(r.libraries, s)
	return s
}
