package shape

import (
	"iter"
	"slices"
	"strings"
)

// Schema is the statistics of one place in documents, and of what lies below it. The
// zero value has seen nothing. It is not safe for concurrent use.
//
// Elements of XML and fields of forms are members; an attribute is the member "@name",
// and the text of an element that has attributes or children is "#text". Members that
// come several times in one element or form are arrays (Repeated).
type Schema struct {
	v Values
	// seen counts the complete objects that had this member.
	seen uint32
	// nodes is how many nodes the whole tree has; of the root only.
	nodes uint16
	flags flags
	below *below
}

type flags uint8

const (
	fromText  flags = 1 << iota // values are texts that may stand for other types
	fromXML                     // the root is a document of XML
	repeated                    // a member came several times
	fromForm                    // the root is a form
	truncated                   // the root saw partial documents
	untold                      // something below was left out for a bound
)

// below is what lies below an object or array.
type below struct {
	// objects is how many complete objects there were.
	objects uint64
	members []member // in the order of their coming
	// extra is what the members with changing names have.
	extra *Schema
	items *Schema
}

type member struct {
	name string
	node *Schema
}

// Count is how many values were seen at this place.
func (s *Schema) Count() uint64 { return s.v.Count }

// Values are the statistics of the values at this place, scalar ones in the first
// place. They belong to s.
func (s *Schema) Values() *Values { return &s.v }

// Types are the types of the values that were seen, sorted; those of forms and XML are
// concluded from their texts. An integer beside numbers is a number.
func (s *Schema) Types() []Type {
	var types []Type
	if s.flags&repeated != 0 {
		return []Type{Array}
	}
	if s.flags&fromText != 0 && s.v.kinds.of(kindObject) == 0 {
		if s.v.Count > 0 {
			types = append(types, s.v.scalarType())
		}
		return types
	}
	s.v.kinds.each(func(k kind, _ uint64) {
		if t := k.kindType(); !slices.Contains(types, t) {
			types = append(types, t)
		}
	})
	if slices.Contains(types, Number) {
		types = slices.DeleteFunc(types, func(t Type) bool { return t == Integer })
	}
	slices.Sort(types)
	return types
}

// Nullable says that null was seen.
func (s *Schema) Nullable() bool { return s.v.kinds.of(kindNull) > 0 }

// Repeated says that the element or field came several times in its parent.
func (s *Schema) Repeated() bool { return s.flags&repeated != 0 }

// Objects is how many complete objects were seen here.
func (s *Schema) Objects() uint64 {
	if s.below == nil {
		return 0
	}
	return s.below.objects
}

// Present is in how many complete objects of its parent this member was. It is
// required, as far as was seen, where that is the parent's Objects.
func (s *Schema) Present() uint64 { return uint64(s.seen) }

// Truncated says that something below was left out because of a bound.
func (s *Schema) Truncated() bool { return s.flags&untold != 0 }

// Member gives the member of the name, nil where there is none.
func (s *Schema) Member(name string) *Schema {
	if s.below == nil {
		return nil
	}
	if at := s.below.find(name, 0); at >= 0 {
		return s.below.members[at].node
	}
	return nil
}

// Members gives the members by name.
func (s *Schema) Members() iter.Seq2[string, *Schema] {
	return func(yield func(string, *Schema) bool) {
		if s.below == nil {
			return
		}
		for _, m := range s.below.sorted() {
			if !yield(m.name, m.node) {
				return
			}
		}
	}
}

// Items is what the elements of the array have, nil where none was seen; Additional
// is what the members with changing names have.
func (s *Schema) Items() *Schema {
	if s.below == nil {
		return nil
	}
	return s.below.items
}

// Additional is what the members with changing names have, nil where there are none.
func (s *Schema) Additional() *Schema {
	if s.below == nil {
		return nil
	}
	return s.below.extra
}

// Walk visits s and all below it, parents first and members by name. The path of the
// root is empty; that of a member is its parent's with "/name", of elements with "[]",
// and of members with changing names with "/*": "/orders[]/lines/*".
func (s *Schema) Walk(visit func(path string, n *Schema)) { s.walk("", visit) }

func (s *Schema) walk(path string, visit func(path string, n *Schema)) {
	visit(path, s)
	if s.below == nil {
		return
	}
	inner := path
	if s.flags&repeated != 0 {
		inner += "[]"
	}
	for _, m := range s.below.sorted() {
		m.node.walk(inner+"/"+escape(m.name), visit)
	}
	if s.below.extra != nil {
		s.below.extra.walk(inner+"/*", visit)
	}
	if s.below.items != nil {
		s.below.items.walk(inner+"[]", visit)
	}
}

// escape writes a name as JSON pointers do.
func escape(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// Nodes is how many places the tree has.
func (s *Schema) Nodes() int {
	n := 1
	s.children(func(c *Schema) { n += c.Nodes() })
	return n
}

// Size is about how much memory the tree takes, in bytes.
func (s *Schema) Size() int {
	n := 80 + s.v.Size()
	if b := s.below; b != nil {
		n += 64 + 24*cap(b.members)
	}
	s.children(func(c *Schema) { n += c.Size() })
	return n
}

// Size is about how much memory the statistics take beside the structure itself, in
// bytes.
func (v *Values) Size() int {
	n := 8 * cap(v.kinds)
	if d := v.more; d != nil {
		n += 80 + 12*cap(d.words) + 16*cap(d.texts) + 40*cap(d.classes)
		for _, text := range d.texts {
			n += len(text)
		}
		if d.sketch != nil {
			n += 32 + registers
		}
	}
	return n
}

// children calls visit for each node directly below.
func (s *Schema) children(visit func(*Schema)) {
	if s.below == nil {
		return
	}
	for _, m := range s.below.members {
		visit(m.node)
	}
	if s.below.extra != nil {
		visit(s.below.extra)
	}
	if s.below.items != nil {
		visit(s.below.items)
	}
}

// find gives the place of a name, looking at hint first; -1 where it is not.
func (b *below) find(name string, hint int) int {
	if hint < len(b.members) && b.members[hint].name == name {
		return hint
	}
	for i := range b.members {
		if b.members[i].name == name {
			return i
		}
	}
	return -1
}

func (b *below) sorted() []member {
	sorted := slices.Clone(b.members)
	slices.SortFunc(sorted, func(x, y member) int { return strings.Compare(x.name, y.name) })
	return sorted
}

// Clone is a copy that shares nothing that changes.
func (s *Schema) Clone() *Schema {
	if s == nil {
		return nil
	}
	c := *s
	c.v = s.v.Clone()
	if s.below != nil {
		b := *s.below
		b.members = make([]member, len(s.below.members))
		for i, m := range s.below.members {
			b.members[i] = member{m.name, m.node.Clone()}
		}
		b.extra, b.items = s.below.extra.Clone(), s.below.items.Clone()
		c.below = &b
	}
	return &c
}
