package raml

import (
	"farrier.dev/farrier/internal/encoding/tree"
)

// layers reads an API with what extends it: overlays and extensions, down to the
// API that they extend.
func (r *reader) layers(f file, at *tree.Node, depth int) (*tree.Node, *scope) {
	root, ok := r.tree(f, at)
	if !ok {
		return nil, nil
	}
	s := &scope{reader: r}
	r.opening[f.src.Name] = true
	n := r.open(root, r.source(f.src, s), "", 0)
	delete(r.opening, f.src.Name)
	s.libs, s.root = r.uses(n), n
	if f.head.kind == "" {
		if r.old {
			s.root = flat(n)
		}
		return n, s
	}
	r.layered = true
	extends := r.unwrap(n.Get("extends"))
	if !extends.Is(tree.String) || extends.Text == "" {
		r.wrong(n, "raml-extends", "%s needs under \"extends\" the file that it extends", article(f.head.kind))
		return nil, nil
	}
	name := r.resolve(f.src.Name, extends.Text)
	if depth >= maxChain || name == f.src.Name {
		r.wrong(extends, "raml-include-cycle", "overlays and extensions lead from one to the next more than %d times", maxChain)
		return nil, nil
	}
	below, ok := r.file(name, extends)
	if !ok {
		return nil, nil
	}
	if !below.typed || below.head.version != "1.0" || includableOrLibrary(below.head.kind) {
		r.wrong(extends, "raml-extends", "%s is no API, overlay or extension", name)
		return nil, nil
	}
	base, bs := r.layers(below, extends, depth+1)
	if base == nil {
		return nil, nil
	}
	if f.head.kind == "Overlay" {
		r.overlay(n, base)
	}
	return r.over(n, s, base, bs)
}

func includableOrLibrary(kind string) bool {
	return kind != "" && includable(kind) || kind == "Library"
}

// over lays one layer over another: what it says goes before.
func (r *reader) over(top *tree.Node, s *scope, base *tree.Node, bs *scope) (*tree.Node, *scope) {
	merged := r.lay(without(top, "extends", "uses"), without(base, "uses", "usage", "extends"), "", 0)
	s.root, bs.root = merged, merged
	for next := bs; next != nil; next = next.next {
		next.root = merged
	}
	s.next = bs
	return merged, s
}

// lay is a value with all that another adds or replaces in it.
func (r *reader) lay(top, base *tree.Node, place string, depth int) *tree.Node {
	switch {
	case top.Is(tree.Null) && depth > 0:
		return base
	case place == "type" && top.Is(tree.Object) != base.Is(tree.Object), place == "parameter" && top.Is(tree.Object) != base.Is(tree.Object):
		top, base = asType(top), asType(base)
	case place == "body" && r.byMedia(top) != r.byMedia(base):
		top, base = r.forMedia(top), r.forMedia(base)
	}
	if place == "is" || place == "securedBy" || place == "enum" || place == "protocols" || place == "mediaType" {
		if top.Is(tree.Array) && base.Is(tree.Array) {
			return r.mergeLists(base, top)
		}
	}
	if !top.Is(tree.Object) || !base.Is(tree.Object) || isAnnotation(place) || place == "example" {
		return top
	}
	out := tree.NewObject(top)
	out.Source = r.sourceIn(top, r.scopeOf(base, nil))
	for _, m := range base.Members {
		r.keep(top, base, m)
		out.Members = append(out.Members, m)
	}
	index := make(map[string]int, len(out.Members))
	for i, m := range out.Members {
		index[m.Name] = i
	}
	if !r.spend(len(top.Members)+len(base.Members), top) {
		return top
	}
	for _, m := range top.Members {
		if i, ok := index[m.Name]; ok {
			m.Value = r.lay(m.Value, out.Members[i].Value, below(place, m.Name), depth+1)
			out.Members[i] = m
			continue
		}
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

// overlay refuses what changes more than how an API is described.
func (r *reader) overlay(top, base *tree.Node) {
	for _, m := range top.Members {
		switch m.Name {
		case "extends", "uses", "usage":
		case "types", "schemas", "annotationTypes":
			r.overlaid(m.Value, base.Get(m.Name), m.Name, true)
		default:
			r.overlayMember(top, m, base)
		}
	}
}

func (r *reader) overlayMember(top *tree.Node, m tree.Member, base *tree.Node) {
	if harmless(m.Name) || isAnnotation(m.Name) {
		return
	}
	under := base.Member(m.Name)
	if under == nil {
		r.wrong(r.at(top, m), "raml-overlay", "an overlay can't add %q; it changes only descriptions, documentation, examples, annotations and their types", clip(m.Name))
		return
	}
	r.overlaid(m.Value, under.Value, m.Name, false)
}

// overlaid compares what an overlay says with what it is laid over; add says
// whether members may be added.
func (r *reader) overlaid(top, base *tree.Node, place string, add bool) {
	switch {
	case base == nil && add, top.Is(tree.Null):
	case top.Is(tree.Object):
		for _, m := range top.Members {
			if add && base.Get(m.Name) == nil {
				continue
			}
			r.overlayMember(top, m, base)
		}
	case top.Is(tree.Array):
		known := map[string]bool{}
		for _, v := range base.List() {
			known[v.Kind.String()+":"+v.Text] = true
		}
		for _, item := range top.Items {
			if !known[item.Kind.String()+":"+item.Text] {
				r.wrong(item, "raml-overlay", "an overlay can't change %q", clip(place))
			}
		}
	case base == nil || top.Text != base.Text:
		r.wrong(top, "raml-overlay", "an overlay can't change %q", clip(place))
	}
}

// harmless says whether a facet does not change how an API behaves.
func harmless(name string) bool {
	switch name {
	case "title", "displayName", "description", "documentation", "usage", "example", "examples":
		return true
	}
	return false
}
