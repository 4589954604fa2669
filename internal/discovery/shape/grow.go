package shape

import (
	"math"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// frame is an object or array that is open while a document is read.
type frame struct {
	node *Schema // nil where nothing is learned
	// member is the current member's node, nil where nothing is learned.
	member *Schema
	name   string // of the current member; in an array that of the array
	key    uint64 // of the object's place; of an array that of its elements
	seen   [2]uint64
	next   int // the place of the member that is expected next
	array  bool
	object bool // of XML: the element is known to have attributes or children
	grew   bool
}

// growth is what the nodes of one tree are made with.
type growth struct {
	l    *Looker
	c    sensitive.Context
	root *Schema
	text flags // fromText or 0
	// key is that of c, nameHash the hash of its name.
	key, nameHash uint64
}

func (l *Looker) growth(s *Schema, c sensitive.Context, text flags) growth {
	return growth{l: l, c: c, root: s, text: text, key: l.key(&c), nameHash: l.Hash(c.Name)}
}

// node makes a node of the tree, nil when there are enough.
func (g *growth) node(depth int) *Schema {
	if g.root.nodes == 0 {
		g.root.nodes = uint16(min(g.root.Nodes(), math.MaxUint16)) //nolint:gosec // It fits.
	}
	if depth > MaxDepth || g.root.nodes >= MaxNodes {
		return nil
	}
	g.root.nodes++
	return &Schema{flags: g.text}
}

func (s *Schema) lower() *below {
	if s.below == nil {
		s.below = &below{}
	}
	return s.below
}

// enter makes the member of the name the current one. name need not be kept.
func (g *growth) enter(f *frame, name string, depth int) {
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "\uFFFD")
	}
	f.member, f.name = nil, name
	if f.node == nil {
		return
	}
	b := f.node.lower()
	if at := b.find(name, f.next); at >= 0 {
		if f.seen[at>>6]&(1<<(at&63)) != 0 && g.text != 0 {
			b.members[at].node.flags |= repeated
		}
		f.seen[at>>6] |= 1 << (at & 63)
		f.next = at + 1
		f.member, f.name = b.members[at].node, b.members[at].name
		return
	}
	f.grew = true
	if len(b.members) >= MaxMembers || g.dynamic(name) {
		if b.extra == nil {
			b.extra = g.node(depth)
		}
		if f.member = b.extra; f.member == nil {
			f.node.flags |= untold
		}
		return
	}
	node := g.node(depth)
	if node == nil {
		f.node.flags |= untold
		return
	}
	at := len(b.members)
	name = g.l.intern(name)
	b.members = append(b.members, member{name, node})
	f.seen[at>>6] |= 1 << (at & 63)
	f.next = at + 1
	f.member, f.name = node, name
}

// element makes the node of the array's elements the current one.
func (g *growth) element(f *frame, depth int) {
	if f.member != nil || f.node == nil {
		return
	}
	b := f.node.lower()
	if b.items == nil {
		if b.items = g.node(depth); b.items == nil {
			f.node.flags |= untold
			return
		}
	}
	f.member = b.items
}

// at is the place of the next value.
func (g *growth) at(frames []frame) place {
	p := place{l: g.l, base: &g.c, frames: frames, key: mix(g.key, g.nameHash), name: g.c.Name}
	if len(frames) > 0 {
		f := &frames[len(frames)-1]
		p.name, p.key = f.name, f.key
		if !f.array {
			p.key = mix(f.key, g.l.Hash(f.name))
		}
	}
	return p
}

// leave counts a complete object.
func (f *frame) leave(g *growth) {
	if f.node == nil || f.array {
		return
	}
	b := f.node.lower()
	b.objects++
	for i, m := range b.members {
		if f.seen[i>>6]&(1<<(i&63)) != 0 && m.node.seen < math.MaxUint32 {
			m.node.seen++
		}
	}
	if f.grew {
		g.collapse(f.node)
	}
}

// dynamic tells names of members that are values themselves.
func (g *growth) dynamic(name string) bool {
	if name == "" || len(name) > maxName {
		return true
	}
	if g.text != 0 {
		if isPairs(name) {
			return true
		}
		// Elements may have a prefix, fields of forms indexes.
		name = name[strings.IndexByte(name, ':')+1:]
		if strings.IndexByte(name, '[') > 0 || allDigits(name) && len(name) < 6 {
			return false
		}
	}
	return g.l.Telling(name)
}

// The thresholds from which an object is taken for a map: it has collapseMembers,
// collapseObjects were seen, and three quarters of its members are in no more
// than an eighth of them and have one type.
const (
	collapseMembers = 16
	collapseObjects = 8
)

// collapse joins the rare members of an object whose names keep changing.
func (g *growth) collapse(s *Schema) {
	b := s.below
	if len(b.members) < collapseMembers || b.objects < collapseObjects {
		return
	}
	rare := func(m member) bool { return uint64(m.node.seen)*8 <= b.objects }
	n, shared := 0, Type("")
	for _, m := range b.members {
		if !rare(m) {
			continue
		}
		n++
		for _, t := range m.node.Types() {
			if t == Null {
				continue
			}
			if shared != "" && shared != t {
				return
			}
			shared = t
		}
	}
	if n*4 < len(b.members)*3 {
		return
	}
	kept := b.members[:0:0]
	for _, m := range b.members {
		if !rare(m) {
			kept = append(kept, m)
			continue
		}
		if b.extra == nil {
			b.extra = m.node
			b.extra.seen = 0
		} else {
			b.extra.merge(m.node)
		}
	}
	b.members = kept
	g.root.nodes = 0 // To be counted again.
}
