package automaton

import "slices"

// A stepper follows the threads of some patterns of a program over one
// character. It holds no states; its scratch is reused from step to step.
type stepper struct {
	prog     *program
	patterns []source // consecutive patterns of prog
	first    uint32   // first node of the patterns
	pattern  uint32   // number of the first of patterns

	// What starts at a position, by the kind of the character before it.
	starts  [kinds][]uint32 // nodes; threads at them are implied, never stored
	matched [kinds][]uint64 // patterns that match there at once
	implied []uint8         // by node, a bit per kind: it is in starts
	same    [kinds]kind     // the least kind with equal starts
	cached  [][]uint32      // by kind and class: what becomes of starts; nil: not known
	cacheM  [][]uint64      // and what matches then

	marks  []uint32 // by node: the epoch in which it came to out
	within []uint32 // by node: the epoch in which it was resolved
	epoch  uint32
	out    []uint32 // nodes of the state being made
	mask   []uint64 // patterns that match in it
	work   int64    // nodes visited since it was last read
}

func newStepper(prog *program, lo, hi int) *stepper {
	s := &stepper{prog: prog, patterns: prog.patterns[lo:hi], pattern: uint32(lo)} //nolint:gosec // an index
	s.first = s.patterns[0].lo
	n := s.patterns[len(s.patterns)-1].hi - s.first
	s.marks, s.within, s.implied = make([]uint32, n), make([]uint32, n), make([]uint8, n)
	s.mask = make([]uint64, (hi-lo+63)/64)
	s.cached = make([][]uint32, kinds*prog.classes)
	s.cacheM = make([][]uint64, kinds*prog.classes)
	for k := range kind(kinds) {
		s.begin()
		for i := range s.patterns {
			s.arrive(s.patterns[i].start, k)
		}
		s.starts[k], s.matched[k] = slices.Clone(s.out), slices.Clone(s.mask)
		for _, id := range s.out {
			s.implied[id-s.first] |= 1 << k
		}
		s.same[k] = k
		for other := range k {
			if s.equalStarts(k, other) {
				s.same[k] = other
				break
			}
		}
	}
	return s
}

func (s *stepper) equalStarts(a, b kind) bool {
	if !slices.Equal(s.starts[a], s.starts[b]) || !slices.Equal(s.matched[a], s.matched[b]) {
		return false
	}
	return !slices.ContainsFunc(s.starts[a], func(id uint32) bool { return s.prog.before[id] })
}

// begin clears the state being made.
func (s *stepper) begin() {
	s.epoch++
	if s.epoch == 0 {
		clear(s.marks)
		clear(s.within)
		s.epoch = 1
	}
	s.out = s.out[:0]
	clear(s.mask)
}

// arrive adds nodes to the state being made, behind a character of kind k.
func (s *stepper) arrive(list []uint32, k kind) {
	s.work += int64(len(list))
	for _, id := range list {
		if s.marks[id-s.first] == s.epoch {
			continue
		}
		s.marks[id-s.first] = s.epoch
		n := &s.prog.nodes[id]
		switch {
		case n.set >= 0:
			s.out = append(s.out, id)
		case n.set == end:
			s.match(n)
		case !n.lookBehind():
			s.out = append(s.out, id)
		case holds(n.assertion(), k, kindOther):
			s.arrive(s.prog.follow[n.lo:n.hi], k)
		}
	}
}

func (s *stepper) match(n *node) {
	i := n.pattern - s.pattern
	s.mask[i/64] |= 1 << (i % 64)
}

// step makes the state that follows on core, whose last character was of kind
// before, when a character of class is read. class == prog.classes is the end of
// the text. The result is in out and mask, the kind of the new state returned.
func (s *stepper) step(core []uint32, before kind, class int) kind {
	atEnd := class == s.prog.classes
	if atEnd {
		s.begin()
		s.advance(s.starts[before], before, class)
		s.advance(core, before, class)
		s.out = s.out[:0]
		return 0
	}
	after := s.prog.kinds[class]
	cell := int(before)*s.prog.classes + class
	if s.cached[cell] == nil {
		s.begin()
		s.advance(s.starts[before], before, class)
		s.cached[cell] = append(make([]uint32, 0, len(s.out)+1), s.out...)
		s.cacheM[cell] = slices.Clone(s.mask)
	} else {
		s.begin()
		s.out = append(s.out, s.cached[cell]...)
		for _, id := range s.out {
			s.marks[id-s.first] = s.epoch
		}
		copy(s.mask, s.cacheM[cell])
		s.work += int64(len(s.out))
	}
	s.advance(core, before, class)
	return s.settle(after)
}

// advance follows the threads at core over a character.
func (s *stepper) advance(core []uint32, before kind, class int) {
	s.work += int64(len(core))
	after := kindEdge
	var accepts []uint64
	if class < s.prog.classes {
		after = s.prog.kinds[class]
		accepts = s.prog.accepting(class)
	}
	nodes := s.prog.nodes
	for _, id := range core {
		n := &nodes[id]
		if n.set < 0 {
			s.resolve(n, before, after, accepts)
		} else if accepts != nil && accepts[n.set>>6]>>(n.set&63)&1 != 0 {
			s.arrive(s.prog.follow[n.lo:n.hi], after)
		}
	}
}

// resolve follows an assertion now that the characters at both sides are known.
func (s *stepper) resolve(n *node, before, after kind, accepts []uint64) {
	if !holds(n.assertion(), before, after) {
		return
	}
	list := s.prog.follow[n.lo:n.hi]
	s.work += int64(len(list))
	for _, id := range list {
		if s.within[id-s.first] == s.epoch {
			continue
		}
		s.within[id-s.first] = s.epoch
		f := &s.prog.nodes[id]
		switch {
		case f.set == end:
			s.match(f)
		case f.set < 0:
			s.resolve(f, before, after, accepts)
		case accepts != nil && accepts[f.set>>6]>>(f.set&63)&1 != 0:
			s.arrive(s.prog.follow[f.lo:f.hi], after)
		}
	}
}

// settle brings the state being made to its least form: what matches is told by
// its mask, so its pattern needs no threads; what starts at every position is
// implied; and the kind of the last character is kept only where it matters.
func (s *stepper) settle(k kind) kind {
	any := uint64(0)
	for i, w := range s.matched[k] {
		s.mask[i] |= w
		any |= s.mask[i]
	}
	keep, needs := s.out[:0], false
	for _, id := range s.out {
		if s.implied[id-s.first]>>k&1 != 0 {
			continue
		}
		if any != 0 {
			i := s.prog.nodes[id].pattern - s.pattern
			if s.mask[i/64]>>(i%64)&1 != 0 {
				continue
			}
		}
		needs = needs || s.prog.before[id]
		keep = append(keep, id)
	}
	s.out = keep
	s.work += int64(len(keep))
	if needs {
		return k
	}
	return s.same[k]
}
