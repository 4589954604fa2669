package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// check judges a value.
type check func(n *tree.Node)

// shape is what an object of the language may hold.
type shape struct {
	// what names it with its article, as "a method".
	what string
	// target is its name among the targets of annotations, or its names.
	target []string
	facets map[string]check
	// required are facets that must be there.
	required []string
	// other judges members that are no facets; it says whether it knows them.
	other func(m tree.Member) bool
}

// object judges an object; one without a value is empty.
func (r *reader) object(n *tree.Node, s shape) {
	if r.openText(n) {
		return
	}
	if !n.Is(tree.Object) && !n.Is(tree.Null) {
		r.wrong(n, "raml-kind", "%s must be an object, not %s", s.what, a(n))
		return
	}
	for _, m := range n.Members {
		name := m.Name
		if r.old && r.loose {
			// What RAML 0.8 marks so is taken where the resource has it too.
			name = strings.TrimSuffix(name, "?")
		}
		switch facet := s.facets[name]; {
		case facet != nil:
			facet(m.Value)
		case isAnnotation(m.Name) && !r.old:
			r.annotation(n, m, s.target)
		case s.other != nil && s.other(m):
		case r.loose && strings.Contains(m.Name, "<<"):
		default:
			r.unknown(n, m, s)
		}
	}
	for _, name := range s.required {
		if n.Get(name) == nil {
			r.wrong(n, "raml-missing-facet", "%s needs %q", s.what, name)
		}
	}
}

func (r *reader) unknown(n *tree.Node, m tree.Member, s shape) {
	if len(r.problems) >= maxProblems {
		return
	}
	known := make([]string, 0, len(s.facets))
	for name := range s.facets {
		known = append(known, name)
	}
	slices.Sort(known)
	r.wrong(r.at(n, m), "raml-unknown-facet", "%s has no %q; it may have %s", s.what, clip(m.Name), strings.Join(known, ", "))
}

// at is the place of a member's name.
func (r *reader) at(n *tree.Node, m tree.Member) *tree.Node {
	out := tree.New(n, tree.Null, "")
	if src := r.keys[m.Value]; src != nil {
		out.Source = src
	}
	out.Line, out.Column = m.Line, m.Column
	return out
}

func isAnnotation(name string) bool {
	return len(name) > 2 && name[0] == '(' && name[len(name)-1] == ')'
}

// a is what a value is, with its article.
func a(n *tree.Node) string {
	switch n.Kind {
	case tree.Null:
		return "empty"
	case tree.Array, tree.Bool, tree.Number, tree.String:
		return "a " + n.Kind.String()
	case tree.Object, tree.Include:
	}
	return "an " + n.Kind.String()
}

func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}

// openText says whether a value is a text with parameters of a template, which
// can be anything.
func (r *reader) openText(n *tree.Node) bool {
	return r.loose && n.Is(tree.String) && strings.Contains(n.Text, "<<")
}

// scalar is the value of a facet that is no object: it may be written as the
// member "value" of an object that also has annotations. It is nil where there
// is none, which was told.
func (r *reader) scalar(n, told *tree.Node) *tree.Node {
	if !n.Is(tree.Object) || r.old {
		return n
	}
	var value *tree.Node
	for _, m := range n.Members {
		switch {
		case m.Name == "value":
			value = m.Value
		case isAnnotation(m.Name):
			r.annotation(n, m, nil)
		default:
			r.wrong(told, "raml-kind", "this facet has one value; %q is neither \"value\" nor an annotation", clip(m.Name))
			return nil
		}
	}
	if value == nil {
		r.wrong(told, "raml-missing-value", "this facet needs its value under \"value\"")
	}
	return value
}

// text judges a text; one that is empty is accepted.
func (r *reader) text(n *tree.Node) { r.textOf(n, true) }

// words judges a text that must not be empty.
func (r *reader) words(n *tree.Node) { r.textOf(n, false) }

func (r *reader) textOf(n *tree.Node, empty bool) {
	v := r.scalar(n, n)
	switch {
	case v == nil || r.openText(v):
	case v.Is(tree.Array) || v.Is(tree.Object):
		r.wrong(n, "raml-kind", "this must be a text, not %s", a(v))
	case !empty && strings.TrimSpace(v.Text) == "":
		r.wrong(n, "raml-missing-value", "this must be a text that is not empty")
	}
}

// ignore accepts everything; the value is judged elsewhere.
func ignore(*tree.Node) {}

// list judges a list, or a single value in its place where single is true.
func (r *reader) list(n *tree.Node, single bool, each check) []*tree.Node {
	v := r.scalar(n, n)
	switch {
	case v == nil || r.openText(v):
		return nil
	case v.Is(tree.Array):
	case single && !v.Is(tree.Null):
		each(v)
		return []*tree.Node{v}
	default:
		r.wrong(n, "raml-kind", "this must be a list, not %s", a(v))
		return nil
	}
	for _, item := range v.Items {
		if !r.openText(item) {
			each(item)
		}
	}
	return v.Items
}

// each judges the members of an object that has one for each name; annotations
// among them are judged for a target when it is not empty.
func (r *reader) each(n *tree.Node, what string, member func(m tree.Member)) {
	if n.Is(tree.Null) || r.openText(n) {
		return
	}
	if !n.Is(tree.Object) {
		r.wrong(n, "raml-kind", "%s must be an object, not %s", what, a(n))
		return
	}
	for _, m := range n.Members {
		member(m)
	}
}

// protocols judges the protocols of an API or a method.
func (r *reader) protocols(n *tree.Node) {
	items := r.list(n, true, func(v *tree.Node) {
		if p := strings.ToUpper(v.Str()); !v.Is(tree.String) || p != "HTTP" && p != "HTTPS" {
			r.wrong(v, "raml-protocol", "a protocol is HTTP or HTTPS")
		}
	})
	if v := r.unwrap(n); v.Is(tree.Array) && len(items) == 0 {
		r.wrong(n, "raml-protocol", "protocols must not be empty")
	}
}

// unwrap is the value of a facet without judging it.
func (r *reader) unwrap(n *tree.Node) *tree.Node {
	if n.Is(tree.Object) && !r.old {
		return n.Get("value")
	}
	return n
}
