package raml

import (
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// namedType is a declared type with its name among the components.
type namedType struct {
	name string
	at   *tree.Node
	decl *tree.Node
	t    *datatype.Type
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// nameType gives a declaration its name among the components, which no other
// has.
func (r *reader) nameType(m tree.Member) string {
	plain := notInNames.ReplaceAllString(m.Name, "_")
	name := plain
	for r.taken[name] > 0 {
		r.taken[plain]++
		name = plain + "_" + strconv.Itoa(r.taken[plain])
	}
	r.taken[name]++
	if r.names[m.Value] == "" {
		r.names[m.Value] = name
	}
	return name
}

// put adds a member whose name stands at a place; nothing is added when there is
// no value, or one already.
func put(n *tree.Node, name string, at, value *tree.Node) {
	if value != nil && n.Get(name) == nil {
		add(n, name, at, value)
	}
}

// add adds a member that is known not to be there.
func add(n *tree.Node, name string, at, value *tree.Node) {
	m := tree.Member{Name: name, Value: value, Line: value.Line, Column: value.Column}
	if at != nil {
		m.Line, m.Column = at.Line, at.Column
	}
	n.Members = append(n.Members, m)
}

// copyText adds a facet that is a text.
func (r *reader) copyText(to *tree.Node, name string, from *tree.Node, facet string) {
	v := r.unwrap(from.Get(facet))
	if v == nil || v.Is(tree.Null) || v.Is(tree.Object) || v.Is(tree.Array) {
		return
	}
	put(to, name, nil, tree.NewText(v, v.Text))
}

// annotate adds the annotations of a value as extensions.
func (r *reader) annotate(to, from *tree.Node) {
	for _, m := range from.Fields() {
		if !isAnnotation(m.Name) {
			continue
		}
		name := m.Name[1 : len(m.Name)-1]
		put(to, "x-"+name, r.at(from, m), m.Value)
	}
}

// deprecate marks what has an annotation "deprecated" that is not false, whatever
// library it is of.
func (r *reader) deprecate(to, from *tree.Node) {
	for _, m := range from.Fields() {
		if (m.Name == "(deprecated)" || strings.HasSuffix(m.Name, ".deprecated)")) && isAnnotation(m.Name) && m.Value.Text != "false" {
			put(to, "deprecated", nil, tree.NewBool(m.Value, true))
		}
	}
}

// extend adds what only RAML knows, when there is any.
func extend(to, raml *tree.Node) {
	if len(raml.Members) > 0 {
		raml.Index()
		put(to, spec.ExtensionRAML, nil, raml)
	}
}

// openAPI says in OpenAPI 3.1 what an API means.
func (r *reader) openAPI(root *tree.Node) *tree.Node {
	out := tree.NewObject(root)
	put(out, "openapi", nil, tree.NewText(root, "3.1.0"))
	info := tree.NewObject(root)
	r.copyText(info, "title", root, "title")
	r.copyText(info, "version", root, "version")
	put(info, "title", nil, tree.NewText(root, ""))
	put(info, "version", nil, tree.NewText(root, ""))
	r.copyText(info, "description", root, "description")
	put(out, "info", nil, info)
	put(out, "servers", nil, r.servers(root))
	put(out, "security", nil, r.security(root.Get("securedBy")))
	paths := tree.NewObject(root)
	for _, e := range r.endpoints {
		add(paths, e.path, e.at, r.pathItem(e, root))
	}
	paths.Index()
	put(out, "paths", nil, paths)
	components := tree.NewObject(root)
	schemas := tree.NewObject(root)
	for _, t := range r.types {
		add(schemas, t.name, t.at, r.schema(t.t, t.decl, false))
	}
	schemas.Index()
	for _, m := range r.set.Components() {
		if schemas.Get(m.Name) == nil {
			schemas.Members = append(schemas.Members, m)
		}
	}
	schemas.Index()
	if len(schemas.Members) > 0 {
		put(components, "schemas", nil, schemas)
	}
	put(components, "securitySchemes", nil, r.schemes(root))
	if len(components.Members) > 0 {
		put(out, "components", nil, components)
	}
	r.annotate(out, root)
	own := tree.NewObject(root)
	language := "RAML 1.0"
	if r.old {
		language = "RAML 0.8"
	}
	put(own, "language", nil, tree.NewText(root, language))
	for _, name := range []string{"baseUri", "baseUriParameters", "protocols", "mediaType", "documentation", "usage"} {
		put(own, name, nil, r.unwrapped(root.Get(name)))
	}
	extend(out, own)
	return out
}

// unwrapped is the value of a facet, whether it is annotated or not.
func (r *reader) unwrapped(n *tree.Node) *tree.Node {
	if n.Is(tree.Object) && n.Get("value") != nil {
		return n.Get("value")
	}
	return n
}

// servers are the addresses of an API: one for each protocol when baseUri is
// absolute; nil when there is no baseUri.
func (r *reader) servers(root *tree.Node) *tree.Node {
	base := r.unwrap(root.Get("baseUri"))
	if !base.Is(tree.String) || base.Text == "" {
		return nil
	}
	address := base.Text
	scheme, rest, absolute := strings.Cut(address, "://")
	if !absolute && !strings.HasPrefix(address, "/") {
		scheme, rest, absolute = "", address, true
	}
	var schemes []string
	for _, p := range r.listed(root.Get("protocols")) {
		schemes = append(schemes, strings.ToLower(p.Text)+"://")
	}
	switch {
	case !absolute:
		schemes, rest = []string{""}, address
	case len(schemes) > 0:
	case scheme == "":
		schemes = []string{"//"}
	default:
		schemes = []string{scheme + "://"}
	}
	out := tree.NewArray(base)
	for _, s := range schemes {
		server := tree.NewObject(base)
		put(server, "url", nil, tree.NewText(base, s+rest))
		put(server, "variables", nil, r.serverVariables(root, base))
		out.Items = append(out.Items, server)
	}
	return out
}

// listed are the items of a list that may be written as one value.
func (r *reader) listed(n *tree.Node) []*tree.Node {
	n = r.unwrap(n)
	if n == nil || n.Is(tree.Null) {
		return nil
	}
	if n.Is(tree.Array) {
		return n.Items
	}
	return []*tree.Node{n}
}

func (r *reader) serverVariables(root, base *tree.Node) *tree.Node {
	names, _ := variables(base.Text)
	if len(names) == 0 {
		return nil
	}
	out := tree.NewObject(base)
	declared := root.Get("baseUriParameters")
	for _, name := range names {
		decl := declared.Get(name)
		v := tree.NewObject(base)
		if decl != nil {
			v = tree.NewObject(decl)
		}
		if name == "version" {
			r.copyText(v, "default", root, "version")
		}
		r.copyText(v, "default", decl, "default")
		r.copyText(v, "default", decl, "example")
		var enum []*tree.Node
		for _, item := range decl.Get("enum").List() {
			enum = append(enum, tree.NewText(item, item.Text))
		}
		if len(enum) > 0 {
			put(v, "default", nil, enum[0])
			put(v, "enum", nil, tree.NewArray(decl.Get("enum"), enum...))
		}
		put(v, "default", nil, tree.NewText(base, name))
		r.copyText(v, "description", decl, "description")
		r.annotate(v, decl)
		put(out, name, nil, v)
	}
	return out
}
