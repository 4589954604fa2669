package decode

import (
	"hash/maphash"
	"unsafe"
)

// asText shows bytes that nobody changes as a string, without a copy.
func asText(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // bodies and the arena are not written again while the tree lives
}

// asBytes shows a string as bytes for the readers, which do not write.
func asBytes(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // the readers of internal/encoding write nothing
}

// arena holds the texts that had to be decoded.
type arena struct{ buf []byte }

const (
	arenaFirst = 4 << 10
	arenaKept  = 1 << 20
)

// room gives an empty slice with room for n bytes; keep makes what was appended
// to it a text.
func (a *arena) room(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		a.buf = make([]byte, 0, max(arenaFirst, n, min(2*cap(a.buf), arenaKept)))
	}
	return a.buf[len(a.buf):len(a.buf):cap(a.buf)]
}

// keep makes bytes that were appended to the last room a text. More than the
// room was asked for is good as well, for it is memory of its own then.
func (a *arena) keep(b []byte) string {
	if n := len(a.buf); len(b) > 0 && n < cap(a.buf) && &a.buf[:n+1][n] == &b[0] {
		a.buf = a.buf[:n+len(b)]
	}
	return asText(b)
}

func (a *arena) reset() {
	if cap(a.buf) > arenaKept {
		a.buf = nil
	}
	a.buf = a.buf[:0]
}

// tableKept is the largest table that is kept for the next request.
const tableKept = 1 << 12

// seenTable finds leaves by source, name and text.
type seenTable struct {
	slots []int32 // indexes of leaves plus one
	// hashes are those of the leaves in the table, in their order.
	hashes []uint64
	seed   maphash.Seed
	live   bool
	// asked is what find was asked last, which is often what is added next.
	asked     Leaf
	askedHash uint64
}

func (s *seenTable) reset() {
	if len(s.slots) > tableKept {
		s.slots = nil
	}
	if len(s.hashes) > 0 {
		clear(s.slots)
	}
	s.hashes, s.asked, s.askedHash = s.hashes[:0], Leaf{}, 0
}

func (s *seenTable) hash(source Source, key, text string) uint64 {
	if !s.live {
		s.seed, s.live = maphash.MakeSeed(), true
	}
	return maphash.String(s.seed, text)*31 + maphash.String(s.seed, key) + uint64(source)
}

func (s *seenTable) find(leaves []Leaf, source Source, key, text string) int32 {
	hash := s.hash(source, key, text)
	s.asked.Source, s.asked.Key, s.asked.Text, s.askedHash = source, key, text, hash
	if len(s.slots) == 0 {
		return none
	}
	mask := len(s.slots) - 1
	for slot := int(hash) & mask; ; slot = (slot + 1) & mask { //nolint:gosec // masked
		k := s.slots[slot]
		if k == 0 {
			return none
		}
		if l := &leaves[k-1]; s.hashes[k-1] == hash && l.Source == source && l.Text == text && l.Key == key {
			return k - 1
		}
	}
}

// add puts the last leaf into the table. All before it must be in it.
func (s *seenTable) add(leaves []Leaf) {
	l := &leaves[len(leaves)-1]
	hash := s.askedHash
	if a := &s.asked; hash == 0 || a.Text != l.Text || a.Key != l.Key || a.Source != l.Source {
		hash = s.hash(l.Source, l.Key, l.Text)
	}
	if 2*len(leaves) > len(s.slots) {
		s.grow()
	}
	s.hashes = append(s.hashes, hash)
	s.place(len(s.hashes) - 1)
}

func (s *seenTable) place(i int) {
	mask := len(s.slots) - 1
	slot := int(s.hashes[i]) & mask //nolint:gosec // masked
	for s.slots[slot] != 0 {
		slot = (slot + 1) & mask
	}
	s.slots[slot] = int32(i + 1) //nolint:gosec // bounded by MaxValues
}

func (s *seenTable) grow() {
	s.slots = make([]int32, max(256, 2*len(s.slots)))
	for i := range s.hashes {
		s.place(i)
	}
}

// keyTable makes the same joined key of the same names one text.
type keyTable struct {
	entries []keyEntry
	slots   []int32
	seed    maphash.Seed
	live    bool
}

type keyEntry struct{ parent, name, key string }

func (k *keyTable) reset() {
	if len(k.slots) > tableKept {
		k.slots = nil
	}
	if len(k.entries) > 0 {
		clear(k.entries)
		clear(k.slots)
	}
	k.entries = k.entries[:0]
}

// join gives "parent.name".
func (k *keyTable) join(a *arena, parent, name string) string {
	if parent == "" {
		return name
	}
	if name == "" {
		return parent
	}
	if 2*(len(k.entries)+1) > len(k.slots) {
		k.grow()
	}
	mask := len(k.slots) - 1
	slot := int(k.hash(parent, name)) & mask //nolint:gosec // masked
	for ; k.slots[slot] != 0; slot = (slot + 1) & mask {
		if e := &k.entries[k.slots[slot]-1]; e.name == name && e.parent == parent {
			return e.key
		}
	}
	b := append(append(append(a.room(len(parent)+len(name)+1), parent...), '.'), name...)
	key := a.keep(b)
	k.entries = append(k.entries, keyEntry{parent, name, key})
	k.slots[slot] = int32(len(k.entries)) //nolint:gosec // bounded by the length of the request
	return key
}

func (k *keyTable) hash(parent, name string) uint64 {
	if !k.live {
		k.seed, k.live = maphash.MakeSeed(), true
	}
	return maphash.String(k.seed, parent)*31 + maphash.String(k.seed, name)
}

func (k *keyTable) grow() {
	k.slots = make([]int32, max(64, 2*len(k.slots)))
	mask := len(k.slots) - 1
	for i := range k.entries {
		slot := int(k.hash(k.entries[i].parent, k.entries[i].name)) & mask //nolint:gosec // masked
		for k.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		k.slots[slot] = int32(i + 1) //nolint:gosec // see join
	}
}
