package automaton

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// Where the common automaton would need too many states, the text is read block
// by block: first by automata of some patterns each, its parts, and where one of
// them needs too many states, too, by those of its single patterns until the
// block ends.

const (
	// blockSize is the number of characters that are decoded at once for all
	// automata of parts.
	blockSize = 2048
	// maxScratch is the number of tails that are kept for reuse, some 20 kB each.
	maxScratch = 32
	// mostPatterns and mostNodes bound a part. A part of one pattern may be larger.
	mostPatterns = 8
	mostNodes    = 1200
	// partBudget is the number of transitions that a part may build for the first
	// block, and a fourth of it for each that follows.
	partBudget = 64
)

// A tail is the scratch for reading a text by parts.
type tail struct {
	classes []uint16
	parts   []run
	singles []run
	core    []uint32
	own     []uint32
}

func (e *engine) borrow() *tail {
	select {
	case t := <-e.scratch:
		return t
	default:
		return &tail{classes: make([]uint16, 0, blockSize)}
	}
}

func (e *engine) giveBack(t *tail) {
	clear(t.parts[:cap(t.parts)]) // holds no generation back
	clear(t.singles[:cap(t.singles)])
	select {
	case e.scratch <- t:
	default:
	}
}

// divide makes the parts: patterns that follow each other.
func (e *engine) divide(p *pool) {
	for lo := 0; lo < len(e.prog.patterns); {
		hi, nodes := lo, 0
		for hi < len(e.prog.patterns) && hi-lo < mostPatterns {
			n := e.prog.size(hi)
			if hi > lo && nodes+n > mostNodes {
				break
			}
			nodes += n
			hi++
		}
		if hi-lo == 1 {
			e.parts = append(e.parts, e.singles[lo])
		} else {
			e.parts = append(e.parts, newMachine(e.prog, lo, hi, p))
		}
		e.bounds = append(e.bounds, lo)
		lo = hi
	}
	e.bounds = append(e.bounds, len(e.prog.patterns))
}

// size is the number of lists of a pattern, at most so many threads it has.
func (p *program) size(pattern int) int {
	s := &p.patterns[pattern]
	return int(s.hi - s.lo)
}

// split makes the runs of the machines of some patterns out of a state whose
// threads are in core, ascending, behind a character of kind k. Patterns that
// have matched are left out.
func (e *engine) split(runs []run, machines []*machine, bounds func(i int) (lo, hi int), core []uint32, k kind, hits []uint64) []run {
	for i, m := range machines {
		lo, hi := bounds(i)
		n := 0
		for n < len(core) && core[n] < e.prog.patterns[hi-1].hi {
			n++
		}
		own := core[:n]
		core = core[n:]
		r := run{m: m, first: lo, last: hi, budget: partBudget}
		if e.hit(&r, hits) {
			continue
		}
		var cell uint32
		if len(own) == 0 {
			r.g, cell = m.enter(k)
		} else {
			r.g, cell = m.resume(own, k)
		}
		r.cells = *r.g.cells.Load()
		e.take(&r, cell, hits)
		if !e.hit(&r, hits) {
			runs = append(runs, r)
		}
	}
	return runs
}

// hit reports whether all patterns of r have matched.
func (e *engine) hit(r *run, hits []uint64) bool {
	for i := r.first; i < r.last; i++ {
		at := e.prog.patterns[i].index
		if hits[at/64]>>(at%64)&1 == 0 {
			return false
		}
	}
	return true
}

// wanted counts the patterns of r that have not matched.
func (e *engine) wanted(first, last int, hits []uint64) int {
	n := 0
	for i := first; i < last; i++ {
		at := e.prog.patterns[i].index
		n += int(1 - hits[at/64]>>(at%64)&1) //nolint:gosec // a bit
	}
	return n
}

// unitsSplit is what it takes to enter a machine with the threads of another.
const unitsSplit = 100

// leave passes from the state of the common automaton to the parts or, if few
// patterns are wanted, to those.
func (e *engine) leave(t *tail, union *run, few bool, hits []uint64, m *Meter) {
	e.tails.Add(1)
	var k kind
	t.core, k = union.m.threads(union.g, union.row, t.core[:0])
	slices.Sort(t.core) // the lists of a pattern have consecutive numbers
	if few {
		t.parts = e.split(t.parts[:0], e.singles, func(i int) (int, int) { return i, i + 1 }, t.core, k, hits)
	} else {
		t.parts = e.split(t.parts[:0], e.parts, func(i int) (int, int) { return e.bounds[i], e.bounds[i+1] }, t.core, k, hits)
	}
	m.Left -= unitsSplit * int64(len(t.parts))
}

// join is the way back: to the state of r that has the threads of all runs,
// behind the last character read.
func (e *engine) join(t *tail, r *run, runs []run) {
	t.own = t.own[:0]
	for i := range runs {
		t.own, _ = runs[i].m.threads(runs[i].g, runs[i].row, t.own)
	}
	g, cell := r.m.resume(t.own, e.prog.kinds[t.classes[len(t.classes)-1]])
	r.g, r.cells, r.row = g, *g.cells.Load(), cell&^special
}

// block reads the next characters of text by the parts and returns the rest. It
// reports false when the meter ran out.
func (e *engine) block(t *tail, text string, hits []uint64, m *Meter) (string, bool) {
	text = e.decode(t, text)
	left := t.parts[:0]
	for i := range t.parts {
		r := &t.parts[i]
		m.Left -= int64(len(t.classes))
		if m.Left < 0 {
			return text, false
		}
		at, ok := e.read(r, t.classes, hits, m)
		if !ok {
			return text, false
		}
		if at < len(t.classes) && !e.hit(r, hits) && !e.apart(t, r, at, hits, m) {
			return text, false
		}
		r.budget = min(r.budget+partBudget/4, partBudget)
		if !e.hit(r, hits) {
			left = append(left, *r)
		}
	}
	t.parts = left
	return text, true
}

// apart reads the rest of a block by the single patterns of a part.
func (e *engine) apart(t *tail, r *run, at int, hits []uint64, m *Meter) bool {
	var k kind
	t.own, k = r.m.threads(r.g, r.row, t.own[:0])
	slices.Sort(t.own)
	t.singles = e.split(t.singles[:0], e.singles[r.first:r.last], func(i int) (int, int) { return r.first + i, r.first + i + 1 }, t.own, k, hits)
	m.Left -= unitsSplit * int64(2*len(t.singles))
	left := t.singles[:0]
	for i := range t.singles {
		s := &t.singles[i]
		s.budget = 1 << 30
		m.Left -= int64(len(t.classes) - at)
		if m.Left < 0 {
			return false
		}
		if _, ok := e.read(s, t.classes[at:], hits, m); !ok {
			return false
		}
		if !e.hit(s, hits) {
			left = append(left, *s)
		}
	}
	e.join(t, r, left)
	return true
}

// decode fills the classes of t with those of the next characters of text and
// returns the rest.
func (e *engine) decode(t *tail, text string) string {
	t.classes = t.classes[:0]
	i := 0
	for i < len(text) && len(t.classes) < blockSize {
		class, width := e.prog.table.first[text[i]], 1
		if text[i] >= 0x80 && !e.prog.latin {
			class, width = e.prog.table.decode(text[i:])
		}
		t.classes = append(t.classes, class)
		i += width
	}
	return text[i:]
}

// read walks one machine over a block until all its patterns have matched or,
// if it has several, its budget is used up, and returns where it stopped. It
// reports false when the meter ran out.
func (e *engine) read(r *run, classes []uint16, hits []uint64, m *Meter) (at int, ok bool) {
	columns := r.m.columns
	several := r.last-r.first > 1
	for i := 0; i < len(classes); i++ {
		cell := atomic.LoadUint32(&r.cells[r.row+uint32(columns[classes[i]])])
		if int32(cell) > 0 { //nolint:gosec // the sign is the flag
			r.row = cell
			continue
		}
		if cell == 0 {
			if several {
				if r.budget <= 0 {
					return i, true
				}
				r.budget--
			}
			if !e.build(r, uint32(columns[classes[i]]), hits, m) {
				return i, false
			}
		} else {
			e.take(r, cell, hits)
		}
		if e.hit(r, hits) {
			return i + 1, true
		}
	}
	return len(classes), true
}

// take goes to a state and notes what matches there.
func (e *engine) take(r *run, cell uint32, hits []uint64) {
	r.row = cell &^ special
	if cell&special == 0 {
		return
	}
	mask := r.cells[r.row+r.m.mask : r.row+r.m.stride]
	for i, w := range mask {
		for ; w != 0; w &= w - 1 {
			at := e.prog.patterns[r.first+i*32+bits.TrailingZeros32(w)].index
			hits[at/64] |= 1 << (at % 64)
		}
	}
}
