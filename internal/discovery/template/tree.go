package template

import "strings"

// The bounds of a tree's paths.
const (
	maxDepth   = 40
	maxSegment = 256
	maxPath    = 1024
	maxMethods = 16
)

// The levels at which paths are described: the later one wins.
const (
	// ByService is what a service itself names, ByDescription a specification or a
	// project, ByOperator an edit by hand.
	ByService = iota
	ByDescription
	ByOperator
	levels
)

// Tree is the paths of one host. It is not safe for concurrent use.
type Tree struct {
	words *Words
	root  Node
	// moved is called when what a node owns must go to another one, or when both are the
	// same node, whose path became a different one.
	moved func(from, into *Node)
	nodes *int
}

// NewTree makes an empty tree. When nodes are merged, moved is called for each one
// that owns something. Trees may share nodes, the count of their nodes.
func NewTree(words *Words, nodes *int, moved func(from, into *Node)) *Tree {
	return &Tree{words: words, nodes: nodes, moved: moved}
}

// Fits says whether the tree can hold a path: it is not too long or too deep.
func Fits(path string) bool {
	if path == "" || path[0] != '/' || len(path) > maxPath || strings.Count(path, "/") > maxDepth {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) > maxSegment {
			return false
		}
	}
	return true
}

// Call is what a tree is asked about.
type Call struct {
	Method, Path string
	// Fixed is how many segments at the front are no values: those of a base path.
	Fixed int
	// Good counts the call for its segments.
	Good bool
}

// Find gives the node of a path, or nil. It changes nothing but counts, and allocates
// nothing.
func (t *Tree) Find(c Call) *Node {
	if n := t.described(c.Method, c.Path); n != nil {
		return n
	}
	w := walk{t: t, call: c}
	return w.run()
}

// Place gives the node of a path and makes it where there is none. Siblings that turn
// out to be values are merged on the way.
func (t *Tree) Place(c Call) *Node {
	if n := t.described(c.Method, c.Path); n != nil {
		n.mark(c.Method)
		return n
	}
	w := walk{t: t, call: c, create: true}
	n := w.run()
	if w.pairs {
		t.unpairAbove(n)
	}
	fresh := n.mark(c.Method)
	if !fresh && !w.fresh {
		return n
	}
	if t.settleAbove(n) {
		w = walk{t: t, call: c, create: true}
		n = w.run()
		n.mark(c.Method)
	}
	return n
}

// Remove takes the end of a path out, with what leads to nothing else.
func (t *Tree) Remove(n *Node) {
	n.Owner, n.methods = nil, nil
	for n.parent != nil && n.empty() {
		p := n.parent
		n.detach()
		*t.nodes--
		n = p
	}
}

// Each visits every node that owns something.
func (t *Tree) Each(visit func(*Node)) { t.root.each(visit) }

func (n *Node) each(visit func(*Node)) {
	if n.Owner != nil {
		visit(n)
	}
	for _, k := range n.kids {
		k.each(visit)
	}
	for _, s := range n.shapes {
		s.each(visit)
	}
}

// Drop takes the nodes of a tree that is no longer used off their count.
func (t *Tree) Drop() {
	*t.nodes -= t.root.below()
	t.root = Node{}
}

func (n *Node) below() int {
	sum := len(n.kids) + len(n.shapes)
	for _, k := range n.kids {
		sum += k.below()
	}
	for _, s := range n.shapes {
		sum += s.below()
	}
	return sum
}

type walk struct {
	t      *Tree
	call   Call
	create bool
	// fresh says that a node was made, pairs that a list of numbers was seen that may
	// tell of pairs beside it that they are lists too.
	fresh, pairs bool
	place        int
}

func (w *walk) run() *Node {
	n := &w.t.root
	rest := w.call.Path[1:]
	for depth := 0; rest != ""; depth++ {
		segment, after, _ := strings.Cut(rest, "/")
		if n = w.step(n, segment, after, depth < w.call.Fixed); n == nil {
			return nil
		}
		rest = after
	}
	if w.create && n.parent != nil && n.Owner == nil && len(n.methods) == 0 && strings.HasSuffix(w.call.Path, "/") {
		n.slash = true
		n.path = ""
	}
	return n
}

// step goes one segment down.
func (w *walk) step(n *Node, segment, after string, fixed bool) *Node {
	if kid := n.kid(segment); kid != nil {
		if w.call.Good {
			kid.hits++
		}
		if fixed && w.create {
			kid.fix(true)
		}
		w.passed(kid.kind, segment)
		return kid
	}
	if fixed {
		if !w.create {
			return nil
		}
		defer w.made(n, len(n.kids)+len(n.shapes))
		return n.literal(segment, Version, true)
	}
	f := n.reads(w.t.words, segment, w.place)
	for _, s := range n.shapes {
		if w.enters(s, segment, after, f) {
			w.place++
			return s
		}
	}
	if !w.create {
		return nil
	}
	defer w.made(n, len(n.kids)+len(n.shapes))
	w.passed(f.kind, segment)
	if f.kind.Value() {
		pieces := f.pieces(segment)
		s := n.shape(pieces, w.t.names(n, f, pieces))
		s.kinds |= 1 << f.kind
		if f.kind == List {
			w.pairs = true
		}
		return s
	}
	kid := n.literal(segment, f.kind, false)
	kid.hits++
	return kid
}

// made counts what was added below a node.
func (w *walk) made(n *Node, before int) {
	w.fresh = true
	*w.t.nodes += max(0, len(n.kids)+len(n.shapes)-before)
}

// passed counts the segments behind which versions don't stand.
func (w *walk) passed(kind Kind, segment string) {
	switch {
	case kind == Version:
	case len(segment) <= 8 && (segment == "api" || segment == "rest" || segment == "services" || segment == "service" || segment == "apis" || segment == "public" || segment == "version"):
	default:
		w.place++
	}
}

// enters says whether a segment is a value of a shape that is there.
func (w *walk) enters(s *Node, segment, after string, f form) bool {
	var buf [4]string
	values, ok := cut(segment, s.pieces, buf[:0])
	if !ok {
		return false
	}
	var kind Kind
	if len(s.pieces) > 2 || s.pieces[0] != "" || s.pieces[1] != "" {
		// The value is less than the segment.
		if s.pieces[1] == "," && f.between != "," {
			return false
		}
		if kind = f.kind; !f.of(s.pieces, segment) {
			kind = w.t.words.strict(values)
		}
	} else if f.whole() {
		kind = f.kind
	} else {
		// The segment has a form of its own, as "{}.json", and its shape comes first.
		return false
	}
	switch {
	case kind.Value():
		if s.kinds&(1<<kind) == 0 && w.create {
			s.kinds |= 1 << kind
		}
		w.pairs = w.pairs || kind == List && len(s.parent.shapes) > 1
		return true
	case kind == Version || kind == Word || kind == Literal:
		return false
	case s.kinds&(1<<kind) != 0 && s.alike(kind, values), s.pins != 0 && kind != Phrase && s.conform(values):
		return w.leads(s, after)
	}
	return false
}

// reads is the form of a segment below a node.
func (n *Node) reads(words *Words, segment string, place int) form {
	f := words.read(segment, place)
	if f.between == "," && n.listed() {
		// Numbers with commas are lists here, sometimes of two.
		return form{kind: List}
	}
	return f
}

// listed says that lists of numbers stand among the kids.
func (n *Node) listed() bool {
	for _, s := range n.shapes {
		if s.text == "{}" && s.kinds&(1<<List) != 0 {
			return true
		}
	}
	return false
}

// alike says whether a text looks like the names that turned out to be values here.
func (n *Node) alike(kind Kind, values []string) bool {
	return kind != Name || len(values) != 1 || n.looks&(1<<look(values[0])) != 0
}

// look is which characters a text has.
func look(s string) uint {
	var l uint
	for i := range len(s) {
		switch c := s[i]; {
		case isLower(c):
			l |= 1
		case isUpper(c):
			l |= 2
		case isDigit(c):
			l |= 4
		default:
			l |= 8
		}
	}
	return l
}

// conform asks the described types of a value.
func (n *Node) conform(values []string) bool {
	if len(n.fits) == 0 {
		return true
	}
	if len(values) != 1 {
		return true
	}
	for _, fits := range n.fits {
		if fits == nil || fits(values[0]) {
			return true
		}
	}
	return false
}

// leads says whether what follows a text that may be a value is known behind the
// values.
func (w *walk) leads(s *Node, after string) bool {
	if after == "" {
		return len(s.methods) > 0 || s.Owner != nil
	}
	segment, rest, _ := strings.Cut(after, "/")
	if s.kid(segment) != nil {
		return true
	}
	f := s.reads(w.t.words, segment, maxDepth)
	for _, next := range s.shapes {
		inner := walk{t: w.t}
		if inner.enters(next, segment, rest, f) {
			return true
		}
	}
	return false
}
