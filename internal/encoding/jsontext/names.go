package jsontext

import (
	"bytes"
	"hash/maphash"
)

// names are the names of all open objects, the innermost last, with a hash table
// over them. Objects close in the reverse order in which they open, so names are
// taken out in the reverse order in which they were put in, and linear probing
// needs no tombstones. Memory is bounded by the names open at once.
type names struct {
	list []nameEntry
	// slots holds indexes into list plus one; its length is a power of two and
	// at least twice that of list.
	slots []int32
	// texts holds the unescaped texts of names with escapes.
	texts []byte
	seed  maphash.Seed
	live  bool
}

type nameEntry struct {
	hash uint64
	// The text is doc[start:end], or texts[start:end] when escaped.
	start, end int
	escaped    bool
	object     int // where the names of its object begin in list
	slot       int
}

// keep is the largest table that reset keeps.
const keep = 1 << 12

func (n *names) reset() {
	if len(n.list) > 0 {
		clear(n.slots)
	}
	if len(n.slots) > keep {
		n.slots, n.list, n.texts = nil, nil, nil
	}
	n.list, n.texts = n.list[:0], n.texts[:0]
}

// add puts the name t into the object whose names begin at object in the list,
// and tells whether it is new there.
func (n *names) add(doc []byte, t Token, object int) bool {
	if !n.live {
		n.seed, n.live = maphash.MakeSeed(), true
	}
	if 2*(len(n.list)+1) > len(n.slots) {
		n.grow()
	}
	e := nameEntry{start: t.Offset + 1, end: t.Offset + len(t.Raw) - 1, object: object}
	text := doc[e.start:e.end]
	if t.Escaped {
		e.escaped, e.start = true, len(n.texts)
		n.texts = t.AppendText(n.texts)
		e.end = len(n.texts)
		text = n.texts[e.start:e.end]
	}
	// The object takes part in the hash: the same name in each of many open
	// objects must not form one long chain.
	e.hash = maphash.Bytes(n.seed, text) + uint64(object)*0x9E3779B97F4A7C15 //nolint:gosec // an index
	mask := len(n.slots) - 1
	for slot := int(e.hash) & mask; ; slot = (slot + 1) & mask { //nolint:gosec // masked
		k := n.slots[slot]
		if k == 0 {
			e.slot = slot
			n.list = append(n.list, e)
			n.slots[slot] = int32(len(n.list)) //nolint:gosec // a document is shorter than 2 GiB
			return true
		}
		o := &n.list[k-1]
		if o.hash == e.hash && o.object == object && bytes.Equal(n.text(doc, o), text) {
			return false
		}
	}
}

func (n *names) text(doc []byte, e *nameEntry) []byte {
	if e.escaped {
		return n.texts[e.start:e.end]
	}
	return doc[e.start:e.end]
}

// cut takes the names from first on out.
func (n *names) cut(first int) {
	for k := len(n.list) - 1; k >= first; k-- {
		e := &n.list[k]
		n.slots[e.slot] = 0
		if e.escaped {
			n.texts = n.texts[:e.start]
		}
	}
	n.list = n.list[:first]
}

// grow doubles the table and puts the names in again, in their order.
func (n *names) grow() {
	n.slots = make([]int32, max(64, 2*len(n.slots)))
	mask := len(n.slots) - 1
	for k := range n.list {
		slot := int(n.list[k].hash) & mask //nolint:gosec // masked
		for n.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		n.list[k].slot = slot
		n.slots[slot] = int32(k + 1) //nolint:gosec // see add
	}
}
