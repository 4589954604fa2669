package automaton

import (
	"sync/atomic"
)

// An engine reads texts in one way, as UTF-8 or byte by byte.
type engine struct {
	prog    *program
	union   *machine   // all patterns: fast, but some texts need a new state at every byte
	parts   []*machine // of some patterns each, for the rest of such texts
	bounds  []int      // of the parts: numbers of their first patterns, and the end
	singles []*machine // of one pattern each, for what is too much for a part
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
	e.divide(p)
	return e
}

// A run is the way of one text through one machine.
type run struct {
	m      *machine
	g      *generation
	cells  []uint32
	row    uint32
	first  int // number of the machine's first pattern
	last   int // number behind its last pattern
	budget int // transitions that it may still build
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

// build makes the cell that a run found unknown and takes it. It reports false
// when the meter ran out.
func (e *engine) build(r *run, column uint32, hits []uint64, m *Meter) bool {
	g, cell, cost := r.m.build(r.g, r.row, column)
	r.g, r.cells = g, *g.cells.Load()
	e.take(r, cell, hits)
	m.Left -= cost
	return m.Left >= 0
}

const (
	// longText is the length in bytes from which on a text is read by the parts at
	// once if they are few.
	longText = 512
	// firstBlocks is the number of blocks that are read by parts before the common
	// automaton is tried again; it doubles with each failure.
	firstBlocks = 1
)

// scan reads text. It reports false when the meter ran out.
func (e *engine) scan(text string, hits []uint64, m *Meter) bool {
	if e.done(hits) {
		return true
	}
	if m.Left <= int64(len(text)) {
		m.Left = min(m.Left, 0) - 1
		return false
	}
	m.Left--
	r := run{m: e.union, last: len(e.prog.patterns), budget: e.budget + min(len(text), 2*blockSize)/32}
	if e.few(text, hits) {
		r.budget = -1
	}
	e.enter(&r, hits)
	blocks := firstBlocks
	for {
		at, ok := e.common(&r, text, hits, m)
		if !ok {
			return false
		}
		text = text[at:]
		if text == "" || e.done(hits) {
			break
		}
		if at > 4*blockSize {
			blocks = firstBlocks
		}
		var done bool
		if text, done, ok = e.apartFor(&r, text, blocks, hits, m); !ok || done {
			return ok
		}
		blocks *= 2
		r.budget = e.budget
	}
	if e.done(hits) {
		return true
	}
	return e.finish(&r, hits, m)
}

// few says that hardly any patterns are wanted, so that reading them one by one
// is cheap.
func (e *engine) few(text string, hits []uint64) bool {
	return e.budget < 0 || len(text) >= longText && len(e.singles) > 3 && e.wanted(0, len(e.prog.patterns), hits) <= 3
}

// apartFor reads some blocks of text by parts and goes back to the state of the
// common automaton, unless the text ends or all patterns have matched.
func (e *engine) apartFor(r *run, text string, blocks int, hits []uint64, m *Meter) (rest string, done, ok bool) {
	t := e.borrow()
	defer e.giveBack(t)
	few := e.few(text, hits)
	e.leave(t, r, few, hits, m)
	for n := 0; text != "" && len(t.parts) > 0; n++ {
		if n >= blocks && !few {
			e.join(t, r, t.parts)
			m.Left -= unitsSplit * int64(len(t.parts))
			return text, false, m.Left >= 0
		}
		if text, ok = e.block(t, text, hits, m); !ok {
			return text, true, false
		}
	}
	for i := range t.parts {
		if !e.finish(&t.parts[i], hits, m) {
			return text, true, false
		}
	}
	return text, true, m.Left >= 0
}

// common reads text with the automaton of all patterns until its budget is used
// up, and returns how far it came. It reports false when the meter ran out.
func (e *engine) common(r *run, text string, hits []uint64, m *Meter) (at int, ok bool) {
	for i := 0; i < len(text); {
		from := i
		i = r.fast(text, i)
		m.Left -= int64(i - from)
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
			if r.budget <= 0 {
				return i, true
			}
			r.budget--
			if !e.build(r, column, hits, m) {
				return i, false
			}
		} else {
			e.take(r, cell, hits)
		}
		i += width
		m.Left -= int64(width)
		if e.done(hits) {
			return i, true
		}
	}
	return len(text), m.Left >= 0
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
