package automaton

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// An engine reads texts in one way, as UTF-8 or byte by byte.
type engine struct {
	prog    *program
	union   *machine   // all patterns: fast, but some texts need a new state at every byte
	singles []*machine // one per pattern, for the rest of such texts
	budget  int
	full    []uint64 // the hits at which there is nothing left to look for
	tails   atomic.Int64
	scratch chan *tail // for reuse; a full or empty channel only costs an allocation
}

func newEngine(prog *program, p *pool, budget int) *engine {
	e := &engine{prog: prog, budget: budget, scratch: make(chan *tail, maxScratch), union: newMachine(prog, 0, len(prog.patterns), p)}
	for i, src := range prog.patterns {
		e.singles = append(e.singles, newMachine(prog, i, i+1, p))
		for len(e.full) <= src.index/64 {
			e.full = append(e.full, 0)
		}
		e.full[src.index/64] |= 1 << (src.index % 64)
	}
	return e
}

// A run is the way of one text through one machine.
type run struct {
	m     *machine
	g     *generation
	cells []uint32
	row   uint32
	first int // number of the machine's first pattern
}

func (e *engine) done(hits []uint64) bool {
	for i, w := range e.full {
		if hits[i]&w != w {
			return false
		}
	}
	return true
}

// enter goes to the state before the text.
func (e *engine) enter(r *run, hits []uint64) {
	g, cell := r.m.enter(kindEdge)
	r.g, r.cells = g, *g.cells.Load()
	e.take(r, cell, hits)
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

// build makes the cell that a run found unknown and takes it. It reports false
// when the meter ran out.
func (e *engine) build(r *run, column uint32, hits []uint64, m *Meter) bool {
	g, cell, cost := r.m.build(r.g, r.row, column)
	r.g, r.cells = g, *g.cells.Load()
	e.take(r, cell, hits)
	m.Left -= cost
	return m.Left >= 0
}

// scan reads text with the automaton of all patterns. It reports false when the
// meter ran out.
func (e *engine) scan(text string, hits []uint64, m *Meter) bool {
	if e.done(hits) {
		return true
	}
	m.Left -= int64(len(text)) + 1
	if m.Left < 0 {
		return false
	}
	r := run{m: e.union}
	e.enter(&r, hits)
	budget := e.budget + len(text)/32
	for i := 0; i < len(text); {
		i = r.fast(text, i)
		if i == len(text) {
			break
		}
		// The cell is unknown, or something matches, or the byte is not ASCII.
		column, width := uint32(r.m.first[text[i]]), 1
		if column == r.m.atEnd+1 {
			class, w := e.prog.table.decode(text[i:])
			column, width = uint32(r.m.columns[class]), w
		}
		cell := atomic.LoadUint32(&r.cells[r.row+column])
		if cell == 0 {
			if budget <= 0 {
				m.Left += int64(len(text) - i)
				return e.tail(&r, text[i:], hits, m)
			}
			budget--
			if !e.build(&r, column, hits, m) {
				return false
			}
		} else {
			e.take(&r, cell, hits)
		}
		i += width
		if e.done(hits) {
			m.Left += int64(len(text) - i)
			return true
		}
	}
	return e.finish(&r, hits, m)
}

// fast walks known cells from text[i] as long as they are known and nothing
// matches, and returns where it stopped.
func (r *run) fast(text string, i int) int {
	cells, row, first := r.cells, r.row, &r.m.first
	for ; i < len(text); i++ {
		cell := atomic.LoadUint32(&cells[row+uint32(first[text[i]])])
		if int32(cell) <= 0 { //nolint:gosec // the sign is the flag
			break
		}
		row = cell
	}
	r.row = row
	return i
}

// finish reads the end of the text.
func (e *engine) finish(r *run, hits []uint64, m *Meter) bool {
	cell := atomic.LoadUint32(&r.cells[r.row+r.m.atEnd])
	if cell == 0 {
		return e.build(r, r.m.atEnd, hits, m)
	}
	e.take(r, cell, hits)
	return true
}

// blockSize is the number of characters that are decoded at once for all
// automata of single patterns.
const blockSize = 2048

// maxScratch is the number of tails that are kept for reuse, some 10 kB each.
const maxScratch = 32

// A tail is the scratch for reading the rest of a text by single patterns.
type tail struct {
	classes []uint16
	runs    []run
	core    []uint32
}

// tail reads text with the automata of the single patterns that did not match
// yet, going on from the state that union reached.
func (e *engine) tail(union *run, text string, hits []uint64, m *Meter) bool {
	e.tails.Add(1)
	t := e.borrow()
	defer e.giveBack(t)
	e.split(t, union, hits)
	for len(text) > 0 && len(t.runs) > 0 {
		text = e.decode(t, text)
		left := t.runs[:0]
		for i := range t.runs {
			r := &t.runs[i]
			m.Left -= int64(len(t.classes))
			if m.Left < 0 || !e.read(r, t.classes, hits, m) {
				return false
			}
			if !e.hit(r, hits) {
				left = append(left, *r)
			}
		}
		t.runs = left
	}
	for i := range t.runs {
		if !e.finish(&t.runs[i], hits, m) {
			return false
		}
	}
	return true
}

func (e *engine) borrow() *tail {
	select {
	case t := <-e.scratch:
		return t
	default:
		return &tail{classes: make([]uint16, 0, blockSize), runs: make([]run, 0, len(e.singles))}
	}
}

func (e *engine) giveBack(t *tail) {
	clear(t.runs[:cap(t.runs)]) // holds no generation back
	select {
	case e.scratch <- t:
	default:
	}
}

// split makes the runs of single patterns out of the state of union.
func (e *engine) split(t *tail, union *run, hits []uint64) {
	var k kind
	t.core, k = union.m.threads(union.g, union.row, t.core[:0])
	slices.Sort(t.core) // the lists of a pattern have consecutive numbers
	t.runs = t.runs[:0]
	core := t.core
	for i, m := range e.singles {
		n := 0
		for n < len(core) && core[n] < e.prog.patterns[i].hi {
			n++
		}
		own := core[:n]
		core = core[n:]
		r := run{m: m, first: i}
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
			t.runs = append(t.runs, r)
		}
	}
}

// hit reports whether the single pattern of r has matched.
func (e *engine) hit(r *run, hits []uint64) bool {
	at := e.prog.patterns[r.first].index
	return hits[at/64]>>(at%64)&1 != 0
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

// read walks one single pattern over a block until it matches. It reports false
// when the meter ran out.
func (e *engine) read(r *run, classes []uint16, hits []uint64, m *Meter) bool {
	columns := r.m.columns
	for i := 0; i < len(classes); i++ {
		cell := atomic.LoadUint32(&r.cells[r.row+uint32(columns[classes[i]])])
		if int32(cell) > 0 { //nolint:gosec // the sign is the flag
			r.row = cell
			continue
		}
		if cell == 0 {
			if !e.build(r, uint32(columns[classes[i]]), hits, m) {
				return false
			}
		} else {
			e.take(r, cell, hits)
		}
		if e.hit(r, hits) {
			return true
		}
	}
	return true
}
