package template

import (
	"slices"
	"strings"
)

// Node is a prefix of paths, whole segments long.
type Node struct {
	// Owner is what the tree's user keeps at the end of a path.
	Owner any

	parent *Node
	// text is the segment: itself, or with "{}" where values stand. Where it has values
	// pieces is what stands around them, and names are theirs.
	text   string
	pieces []string
	names  []string
	// kids are literal segments in the order of their texts, shapes those with values,
	// the ones with most text first.
	kids   []*Node
	shapes []*Node

	methods []string
	// kind is that of a literal; kinds are those that values were proven to be of.
	kind  Kind
	kinds uint32
	// looks are the characters of the names among the values, as a set of look's results.
	looks uint16
	// fixed literals are never looked at as values.
	fixed bool
	slash bool
	// pins are the levels at which this prefix is described, ends those at which a
	// described path ends here; fits decides whether a value can stand here.
	pins uint8
	ends [levels]*end
	fits []func(value string) bool
	// hits counts the good calls below a loose literal; loose counts such kids; news what
	// changed below since it was last asked whether they are values.
	hits  int
	loose int
	news  int
	path  string
}

// end is the end of a described path.
type end struct {
	path    string
	methods []string
}

func (n *Node) isShape() bool { return n.pieces != nil }

// Path is the template: "/orders/{orderId}".
func (n *Node) Path() string {
	if n.path != "" {
		return n.path
	}
	for level := range levels {
		if e := n.ends[levels-1-level]; e != nil {
			n.path = e.path
			return n.path
		}
	}
	if n.parent == nil {
		n.path = "/"
		return n.path
	}
	var b strings.Builder
	n.write(&b)
	if n.slash {
		b.WriteByte('/')
	}
	n.path = b.String()
	return n.path
}

func (n *Node) write(b *strings.Builder) {
	if n.parent == nil {
		return
	}
	n.parent.write(b)
	b.WriteByte('/')
	if !n.isShape() {
		b.WriteString(n.text)
		return
	}
	for i, piece := range n.pieces {
		if i > 0 {
			b.WriteByte('{')
			b.WriteString(n.names[i-1])
			b.WriteByte('}')
		}
		b.WriteString(piece)
	}
}

// Describes says whether somebody described a method of the path that ends here, at
// any level.
func (n *Node) Describes(method string) bool {
	for _, e := range n.ends {
		if e != nil && (slices.Contains(e.methods, method) || slices.Contains(e.methods, "")) {
			return true
		}
	}
	return false
}

// DescribedAt says whether a path that ends here is described at one level.
func (n *Node) DescribedAt(level int) bool { return n.ends[level] != nil }

// Names are the names of the values in the node's path, in their order.
func (n *Node) Names() []string { return NamesIn(n.Path()) }

// NamesIn are the names in braces, in their order.
func NamesIn(path string) []string {
	var all []string
	for {
		_, rest, ok := strings.Cut(path, "{")
		if !ok {
			return all
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return all
		}
		all, path = append(all, name), after
	}
}

// Values appends the values that a path of the node has in the places of its
// templates, in their order. The path must be one that the node was found for.
func (n *Node) Values(path string, values []string) []string {
	var chain [maxDepth]*Node
	depth := 0
	for at := n; at.parent != nil && depth < maxDepth; at = at.parent {
		chain[depth] = at
		depth++
	}
	for rest := strings.TrimPrefix(path, "/"); depth > 0; depth-- {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if at := chain[depth-1]; at.isShape() {
			if all, ok := cut(segment, at.pieces, values); ok {
				values = all
			} else {
				values = append(values, segment)
			}
		}
	}
	return values
}

// kid gives the literal kid of a text, or nil.
func (n *Node) kid(text string) *Node {
	if i, found := n.search(text); found {
		return n.kids[i]
	}
	return nil
}

func (n *Node) search(text string) (int, bool) {
	lo, hi := 0, len(n.kids)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1) // #nosec G115 -- lengths are not negative
		switch c := strings.Compare(n.kids[mid].text, text); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

// literal gives the kid of a text, or makes it.
func (n *Node) literal(text string, kind Kind, fixed bool) *Node {
	if kid := n.kid(text); kid != nil {
		kid.fix(fixed)
		return kid
	}
	kid := &Node{parent: n, text: strings.Clone(text), kind: kind, fixed: fixed}
	n.attach(kid)
	return kid
}

// attach puts a literal among the kids.
func (n *Node) attach(kid *Node) {
	i, _ := n.search(kid.text)
	n.kids = slices.Insert(n.kids, i, kid)
	kid.parent = n
	if kid.isLoose() {
		n.loose++
	}
}

// fix says of a literal that it is no value.
func (n *Node) fix(fixed bool) {
	if fixed && !n.fixed {
		if n.isLoose() {
			n.parent.loose--
		}
		n.fixed = true
	}
}

// isLoose says that a literal could turn out to be a value.
func (n *Node) isLoose() bool {
	return !n.isShape() && !n.fixed && n.pins == 0 && n.kind >= Number && n.kind != Word
}

// shape gives the kid with values of a form, or makes it.
func (n *Node) shape(pieces []string, names []string) *Node {
	for _, s := range n.shapes {
		if slices.Equal(s.pieces, pieces) {
			return s
		}
	}
	pieces = slices.Clone(pieces)
	for i := range pieces {
		pieces[i] = strings.Clone(pieces[i])
	}
	s := &Node{parent: n, text: strings.Join(pieces, "{}"), pieces: pieces, names: names}
	n.shapes = append(n.shapes, s)
	slices.SortStableFunc(n.shapes, func(a, b *Node) int {
		if d := len(b.text) - 2*len(b.pieces) - len(a.text) + 2*len(a.pieces); d != 0 {
			return d
		}
		return strings.Compare(a.text, b.text)
	})
	return s
}

// mark remembers a method; it answers whether it is new.
func (n *Node) mark(method string) bool {
	if slices.Contains(n.methods, method) {
		return false
	}
	if len(n.methods) >= maxMethods {
		return false
	}
	n.methods = append(n.methods, strings.Clone(method))
	slices.Sort(n.methods)
	return true
}

func (n *Node) empty() bool {
	return n.Owner == nil && len(n.kids) == 0 && len(n.shapes) == 0 && n.pins == 0
}

// detach takes the node out of its parent.
func (n *Node) detach() {
	p := n.parent
	if n.isShape() {
		p.shapes = slices.DeleteFunc(p.shapes, func(s *Node) bool { return s == n })
		return
	}
	if i, found := p.search(n.text); found && p.kids[i] == n {
		p.kids = slices.Delete(p.kids, i, i+1)
		if n.isLoose() {
			p.loose--
		}
	}
}

// forget drops the written paths of the node and of all below.
func (n *Node) forget() {
	n.path = ""
	for _, k := range n.kids {
		k.forget()
	}
	for _, s := range n.shapes {
		s.forget()
	}
}

// cut takes the values out of a segment: each reaches to the next text, and none is
// empty.
func cut(segment string, pieces []string, values []string) ([]string, bool) {
	kept := len(values)
	rest, ok := strings.CutPrefix(segment, pieces[0])
	if !ok {
		return values, false
	}
	for i, piece := range pieces[1:] {
		at := len(rest)
		if i == len(pieces)-2 {
			if !strings.HasSuffix(rest, piece) {
				return values[:kept], false
			}
			at -= len(piece)
		} else {
			at = strings.Index(rest, piece)
		}
		if at < 1 {
			return values[:kept], false
		}
		values = append(values, rest[:at])
		rest = rest[at+len(piece):]
	}
	return values, true
}
