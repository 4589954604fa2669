package seclang

import (
	"hash/maphash"
	"slices"
)

// scratch is what the sieve needs for one run.
type scratch struct {
	texts []interned
	table []int32 // of indices into texts, plus one; open addressing
	// textOf and keyOf lead from a value to its texts; -1: no rule looks at it.
	textOf, keyOf []int32
	hits          []hit
	forms         []form
	slots         []int32 // forms by step of the plan
	found         []uint64
	matched       ruleSet
}

// interned is a text that occurs once or more.
type interned struct {
	text    string
	classes uint64
	recurs  bool // in every place
}

// form is a text after some transformations.
type form struct {
	text  string
	buf   []byte
	rules ruleSet
	mask  uint32
}

// hit says that a rule's first link matches a text, as far as the sieve knows.
type hit uint64

func newHit(rule int, text int32) hit { return hit(rule)<<32 | hit(uint32(text)) } //nolint:gosec // both are small and positive

func (h hit) rule() int   { return int(h >> 32) }     //nolint:gosec // it was one
func (h hit) text() int32 { return int32(uint32(h)) } //nolint:gosec // it was one

var seed = maphash.MakeSeed()

// intern collects the distinct texts that rules look at.
func (r *run) intern() {
	s, set := &r.scratch, r.set
	n := len(r.in.Values) + len(set.defaults)
	s.textOf = slices.Grow(s.textOf[:0], n)[:n]
	s.keyOf = slices.Grow(s.keyOf[:0], n)[:n]
	size := 64
	for size < 4*n {
		size *= 2
	}
	s.table = slices.Grow(s.table[:0], size)[:size]
	clear(s.table)
	s.texts = s.texts[:0]
	places := &set.sieve.places
	for c := range collections {
		keyed := places.keyed[c][0] != nil || places.keyed[c][1] != nil
		if places.general[c] == [2]uint64{} && !keyed {
			for _, i := range r.valuesIn(c) {
				s.textOf[i], s.keyOf[i] = -1, -1
			}
			continue
		}
		for _, i := range r.valuesIn(c) {
			v, lower := r.value(i), ""
			if keyed || c == RequestHeaders {
				lower = r.lowerKey(i)
			}
			s.textOf[i] = s.add(v.Text, places.of(c, 0, lower), recurs(c, false, lower))
			s.keyOf[i] = s.add(v.Key, places.of(c, 1, lower), recurs(c, true, lower))
		}
	}
}

func (s *scratch) add(text string, classes uint64, recurs bool) int32 {
	if classes == 0 {
		return -1
	}
	mask := uint64(len(s.table) - 1) //nolint:gosec // a length
	for at := maphash.String(seed, text) & mask; ; at = (at + 1) & mask {
		id := s.table[at] - 1
		if id < 0 {
			s.texts = append(s.texts, interned{text, classes, recurs})
			s.table[at] = int32(len(s.texts)) //nolint:gosec // bounded by the input
			return int32(len(s.texts) - 1)    //nolint:gosec // bounded by the input
		}
		if s.texts[id].text == text {
			t := &s.texts[id]
			t.classes |= classes
			t.recurs = t.recurs && recurs
			return id
		}
	}
}

// isHit says whether the text of a value, or its key, is among the hits of a
// rule.
func (s *scratch) isHit(hits []hit, value int32, name bool) bool {
	id := s.textOf[value]
	if name {
		id = s.keyOf[value]
	}
	_, found := slices.BinarySearchFunc(hits, id, func(h hit, id int32) int { return int(h.text()) - int(id) })
	return found
}

const maxKeptForm = 64 << 10

// small says whether the scratch is worth keeping.
func (s *scratch) small() bool {
	kept := 0
	for i := range s.forms {
		kept += cap(s.forms[i].buf)
	}
	return cap(s.texts) <= 2*maxKept && cap(s.hits) <= maxKept && cap(s.table) <= 16*maxKept && kept <= 8*maxKeptForm
}

// forget drops all references to the input.
func (s *scratch) forget() {
	clear(s.texts)
	for i := range s.forms {
		s.forms[i].text = ""
	}
}
