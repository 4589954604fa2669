package automaton

import "slices"

// A stepper follows the threads of some patterns of a program over one
// character. It holds no states; its scratch is reused from step to step, and it
// remembers what becomes of the start and of long lists.
type stepper struct {
	prog     *program
	patterns []source // consecutive patterns of prog
	first    uint32   // first list of the patterns
	pattern  uint32   // number of the first of patterns
	needs    needs    // of the starts, which are implied in every state

	starts  [][]uint32 // by kind and class: what becomes of all starts; nil: not known
	startM  [][]uint64 // and what matches then
	rows    []uint32   // by list: its row in cells, plus one
	cells   []uint32   // rows, by class: where in targets its targets are; 0: not known
	targets []uint32   // count and lists, again and again

	marks  []uint32 // by list: the epoch in which it came to out
	within []uint32 // by list: the epoch in which an assertion led to it
	epoch  uint32
	out    []uint32 // lists of the state being made
	mask   []uint64 // patterns that match in it
	work   int64    // nodes and lists visited since it was last read
}

// longList is the number of characters in a list from which on a stepper
// remembers what becomes of it.
const longList = 6

func newStepper(prog *program, lo, hi int) *stepper {
	s := &stepper{prog: prog, patterns: prog.patterns[lo:hi], pattern: uint32(lo), targets: []uint32{0}} //nolint:gosec // an index
	s.first = s.patterns[0].lo
	n := s.patterns[len(s.patterns)-1].hi - s.first
	s.marks, s.within, s.rows = make([]uint32, n), make([]uint32, n), make([]uint32, n)
	s.mask = make([]uint64, (hi-lo+63)/64)
	for i := range s.patterns {
		s.needs |= prog.lists[s.patterns[i].start].needs
	}
	return s
}

// begin clears the state being made.
func (s *stepper) begin() {
	s.unmark()
	s.out = s.out[:0]
	clear(s.mask)
}

// unmark clears the marks.
func (s *stepper) unmark() {
	s.epoch++
	if s.epoch == 0 {
		clear(s.marks)
		clear(s.within)
		s.epoch = 1
	}
}

// step makes the state that follows on core, whose last character was of kind
// before, when a character of class is read. class == prog.classes is the end of
// the text. The result is in out and mask, the kind of the new state returned.
func (s *stepper) step(core []uint32, before kind, class int) kind {
	if class == s.prog.classes {
		s.begin()
		for i := range s.patterns {
			s.assert(s.patterns[i].start, before, kindEdge, class, nil)
		}
		for _, id := range core {
			s.assert(id, before, kindEdge, class, nil)
		}
		s.work += int64(len(core) + len(s.patterns))
		return kindOther
	}
	accepts, after := s.prog.accepting(class), s.prog.kinds[class]
	s.start(before, after, class, accepts)
	for _, id := range core {
		s.advance(id, before, after, class, accepts)
	}
	s.work += int64(len(core))
	return s.settle(after)
}

// start begins the state being made with what becomes of all starts.
func (s *stepper) start(before, after kind, class int, accepts []uint64) {
	s.begin()
	if s.starts == nil { // many automata of one pattern are never used
		s.starts = make([][]uint32, kinds*s.prog.classes)
		s.startM = make([][]uint64, kinds*s.prog.classes)
	}
	cell := int(before)*s.prog.classes + class
	if s.starts[cell] == nil {
		for i := range s.patterns {
			s.advance(s.patterns[i].start, before, after, class, accepts)
		}
		s.starts[cell], s.startM[cell] = append(make([]uint32, 0, len(s.out)), s.out...), slices.Clone(s.mask)
		return
	}
	s.out = append(s.out, s.starts[cell]...)
	for _, id := range s.out {
		s.marks[id-s.first] = s.epoch
	}
	copy(s.mask, s.startM[cell])
	s.work += int64(len(s.out))
}

// advance follows a thread at list id over a character.
func (s *stepper) advance(id uint32, before, after kind, class int, accepts []uint64) {
	l := &s.prog.lists[id]
	if l.mid > l.lo {
		s.assert(id, before, after, class, accepts)
	}
	if l.hi-l.mid < longList {
		for _, member := range s.prog.members[l.mid:l.hi] {
			n := &s.prog.nodes[member]
			if accepts[n.set>>6]>>(n.set&63)&1 != 0 {
				s.arrive(n.list)
			}
		}
		s.work += int64(l.hi - l.mid)
		return
	}
	at := s.remembered(id, class, accepts)
	found := s.targets[at+1 : at+1+s.targets[at]]
	for _, target := range found {
		s.arrive(target)
	}
	s.work += int64(len(found))
}

// remembered returns where in targets those of a long list are.
func (s *stepper) remembered(id uint32, class int, accepts []uint64) uint32 {
	row := &s.rows[id-s.first]
	if *row == 0 {
		*row = uint32(len(s.cells)) + 1 //nolint:gosec // lists and classes are few
		s.cells = append(s.cells, make([]uint32, s.prog.classes)...)
	}
	cell := &s.cells[int(*row)-1+class]
	if *cell != 0 {
		return *cell
	}
	at := len(s.targets)
	s.targets = append(s.targets, 0)
	l := &s.prog.lists[id]
	for _, member := range s.prog.members[l.mid:l.hi] {
		n := &s.prog.nodes[member]
		if accepts[n.set>>6]>>(n.set&63)&1 != 0 && !slices.Contains(s.targets[at+1:], n.list) {
			s.targets = append(s.targets, n.list)
		}
	}
	s.targets[at] = uint32(len(s.targets) - at - 1) //nolint:gosec // at most the members
	s.work += int64(l.hi-l.mid) + int64(s.prog.classes)/4
	*cell = uint32(at) //nolint:gosec // lists and classes are few
	return *cell
}

// bytes returns the size of what is remembered of long lists.
func (s *stepper) bytes() int64 { return int64(4 * (cap(s.cells) + cap(s.targets))) }

// forget drops what is remembered of long lists.
func (s *stepper) forget() {
	if s.cells != nil {
		clear(s.rows)
		s.cells, s.targets = nil, []uint32{0}
	}
}

// assert resolves the assertions of list id now that the characters at both
// sides are known, and goes on behind those that hold.
func (s *stepper) assert(id uint32, before, after kind, class int, accepts []uint64) {
	l := &s.prog.lists[id]
	s.work += int64(l.mid - l.lo)
	for _, member := range s.prog.members[l.lo:l.mid] {
		n := &s.prog.nodes[member]
		if s.within[n.list-s.first] == s.epoch || !holds(n.assertion(), before, after) {
			continue
		}
		s.within[n.list-s.first] = s.epoch
		switch {
		case s.prog.lists[n.list].matches:
			s.match(&s.prog.lists[n.list])
		case class < s.prog.classes:
			s.advance(n.list, before, after, class, accepts)
		default:
			s.assert(n.list, before, after, class, nil)
		}
	}
}

// arrive adds a thread at list id to the state being made.
func (s *stepper) arrive(id uint32) {
	if s.marks[id-s.first] == s.epoch {
		return
	}
	s.marks[id-s.first] = s.epoch
	switch l := &s.prog.lists[id]; {
	case l.matches:
		s.match(l)
	case !l.implied:
		s.out = append(s.out, id)
	}
}

func (s *stepper) match(l *list) {
	i := l.pattern - s.pattern
	s.mask[i/64] |= 1 << (i % 64)
}

// settle brings the state being made to its least form: what matches is told by
// its mask, so its pattern needs no threads, and the kind of the last character
// is kept only where it matters.
func (s *stepper) settle(k kind) kind {
	matched := slices.ContainsFunc(s.mask, func(w uint64) bool { return w != 0 })
	keep, n := s.out[:0], s.needs
	for _, id := range s.out {
		l := &s.prog.lists[id]
		if i := l.pattern - s.pattern; matched && s.mask[i/64]>>(i%64)&1 != 0 {
			continue
		}
		n |= l.needs
		keep = append(keep, id)
	}
	s.out = keep
	s.work += int64(len(keep))
	return n.least(k)
}
