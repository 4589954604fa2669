package raml

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// merge adds to a value what it has not and another has. place is the name that
// the values have, in which templates are merged.
func (r *reader) merge(own, other *tree.Node, place string) *tree.Node {
	switch {
	case own.Is(tree.Null):
		return other
	case other.Is(tree.Null) || own == other:
		return own
	case place == "body" && own.Is(tree.Object) != other.Is(tree.Object), place == "body" && r.byMedia(own) != r.byMedia(other):
		own, other = r.forMedia(own), r.forMedia(other)
	case own.Is(tree.Array) && other.Is(tree.Array):
		return r.mergeLists(own, other)
	}
	if own.Is(tree.Object) != other.Is(tree.Object) && (place == "type" || place == "parameter") {
		own, other = asType(own), asType(other)
	}
	if !own.Is(tree.Object) || !other.Is(tree.Object) {
		return own
	}
	if place == "type" || place == "parameter" {
		other = otherType(own, other)
	}
	out := tree.NewObject(own)
	out.Source = r.sourceIn(own, r.scopeOf(other, nil))
	out.Members = append(make([]tree.Member, 0, len(own.Members)+len(other.Members)), own.Members...)
	index := make(map[string]int, len(out.Members))
	for i, m := range out.Members {
		index[m.Name] = i
	}
	if !r.spend(len(own.Members)+len(other.Members), own) {
		return own
	}
	for _, m := range other.Members {
		if r.old && strings.HasSuffix(m.Name, "?") {
			m.Name = strings.TrimSuffix(m.Name, "?")
			if _, ok := index[m.Name]; !ok {
				continue
			}
		}
		if i, ok := index[m.Name]; ok {
			out.Members[i].Value = r.merge(out.Members[i].Value, m.Value, below(place, m.Name))
			continue
		}
		r.keep(own, other, m)
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

// keep notes where the name of a member stands that is taken into an object of
// another file.
func (r *reader) keep(into, from *tree.Node, m tree.Member) {
	if into.File() != from.File() && r.keys[m.Value] == nil {
		r.keys[m.Value] = from.Source
	}
}

// otherType is the declaration of a type without its values where it is replaced
// by another type, which they are no examples of.
func otherType(own, other *tree.Node) *tree.Node {
	of := func(n *tree.Node) *tree.Node {
		if t := n.Get("type"); t != nil {
			return t
		}
		return n.Get("schema")
	}
	mine, theirs := of(own), of(other)
	if mine == nil || theirs == nil || mine.Kind == theirs.Kind && mine.Text == theirs.Text {
		return other
	}
	return without(other, "example", "examples", "default")
}

// below is the place of a member.
func below(place, name string) string {
	switch place {
	case "headers", "queryParameters", "uriParameters", "properties", "baseUriParameters":
		return "parameter"
	case "body":
		if strings.Contains(name, "/") {
			return "type"
		}
	}
	return name
}

// mergeLists is a list with the items of another that it has not.
func (r *reader) mergeLists(own, other *tree.Node) *tree.Node {
	out := tree.NewArray(own, own.Items...)
	seen := make(map[string]bool, len(own.Items))
	key := func(n *tree.Node) (string, bool) {
		return n.Kind.String() + ":" + n.Text, len(n.Items) == 0 && len(n.Members) == 0
	}
	for _, v := range own.Items {
		if k, plain := key(v); plain {
			seen[k] = true
		}
	}
	for _, v := range other.Items {
		if k, plain := key(v); !plain || !seen[k] {
			out.Items = append(out.Items, v)
		}
	}
	r.spend(len(out.Items), own)
	return out
}

// asType is the declaration of a type as an object.
func asType(n *tree.Node) *tree.Node {
	if n.Is(tree.Object) {
		return n
	}
	out := tree.NewObject(n)
	out.Set("type", n)
	return out
}

// forMedia is a body with a type for each media type.
func (r *reader) forMedia(n *tree.Node) *tree.Node {
	if n.Is(tree.Object) && (r.byMedia(n) || len(n.Members) == 0) || len(r.media) == 0 {
		return n
	}
	out := tree.NewObject(n)
	for _, media := range r.media {
		out.Set(media, n)
	}
	return out
}
