package automaton

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// A pool counts the bytes of all machines of a Set. When they are too many its
// epoch advances, at which every machine drops its states.
type pool struct {
	limit int64
	used  atomic.Int64
	epoch atomic.Int64
}

// A machine is a deterministic automaton over some patterns of a program, built
// as texts need it. Readers walk the cells of a generation without locks; a
// missing cell is built under the mutex.
type machine struct {
	columns []uint16 // by class: the column of a row
	first   [256]uint16
	stride  uint32 // cells of a row: columns, end of text, never filled, mask
	atEnd   uint32 // column of the end of the text
	mask    uint32 // column of the first word of the mask

	mu      sync.Mutex
	step    *stepper
	sample  []int // by column: a class of it; the last is the end of the text
	pool    *pool
	current atomic.Pointer[generation]
	idle    [kinds]atomic.Uint64 // states without threads, by kind: epoch plus one, upper half, and cell
	built   int64
	steps   int64
}

// A generation is a cache of states. The row of state n begins at n*stride; a
// cell is 0 while unknown, else the row that follows, with special set when
// patterns match there.
type generation struct {
	epoch int64
	cells atomic.Pointer[[]uint32] // replaced by a larger copy when full

	// The rest is guarded by the mutex of the machine.
	states    []state
	chunks    [][]uint32 // the cores of the states
	coreBytes int64
	index     []uint32 // open hash table of state numbers
	charged   int64    // bytes, by the pool
}

// A state is what its builder remembers of it besides its row.
type state struct {
	chunk, lo, hi uint32 // its core: lists at which its threads stand
	hash          uint32
	kind          kind // of the character before
}

const special = 1 << 31

// chunkSize is the number of lists in a chunk of cores.
const chunkSize = 1 << 12

func newMachine(prog *program, lo, hi int, p *pool) *machine {
	m := &machine{step: newStepper(prog, lo, hi), pool: p}
	m.divide()
	for b, class := range prog.table.first {
		m.first[b] = uint16(m.atEnd + 1) //nolint:gosec // columns are fewer than classes
		if b < 0x80 || prog.latin {
			m.first[b] = m.columns[class]
		}
	}
	m.mask = m.atEnd + 2
	m.stride = m.mask + 2*uint32(len(m.step.mask)) //nolint:gosec // a few words
	m.current.Store(m.generation(0))
	return m
}

// divide merges the classes that the patterns of the machine do not tell apart.
func (m *machine) divide() {
	prog, s := m.step.prog, m.step
	var sets []uint64
	asserts := false
	sets = make([]uint64, prog.words)
	for _, l := range prog.lists[s.first : s.first+uint32(len(s.marks))] { //nolint:gosec // an index
		asserts = asserts || l.mid > l.lo
		for _, member := range prog.members[l.mid:l.hi] {
			set := prog.nodes[member].set
			sets[set/64] |= 1 << (set % 64)
		}
	}
	seen := make(map[string]uint16)
	key := make([]byte, 0, 8*prog.words+1)
	m.columns = make([]uint16, prog.classes)
	for class := range prog.classes {
		key = key[:0]
		for i, w := range prog.accepting(class) {
			for w &= sets[i]; w != 0; w &= w - 1 {
				bit := i*64 + bits.TrailingZeros64(w)
				key = append(key, byte(bit), byte(bit>>8), byte(bit>>16))
			}
		}
		if asserts {
			key = append(key, byte(prog.kinds[class]))
		}
		column, ok := seen[string(key)]
		if !ok {
			column = uint16(len(seen)) //nolint:gosec // classes are fewer
			seen[string(key)] = column
			m.sample = append(m.sample, class)
		}
		m.columns[class] = column
	}
	m.atEnd = uint32(len(m.sample)) //nolint:gosec // classes are fewer
	m.sample = append(m.sample, prog.classes)
}

func (m *machine) generation(epoch int64) *generation {
	g := &generation{epoch: epoch, index: make([]uint32, 16), states: make([]state, 1, 4)}
	cells := make([]uint32, 4*m.stride)
	g.cells.Store(&cells)
	return g
}

// enter returns the state without threads behind a character of kind k; kindEdge
// is before the text.
func (m *machine) enter(k kind) (g *generation, cell uint32) {
	g = m.current.Load()
	if idle := m.idle[k].Load(); idle>>32 == uint64(g.epoch)+1 { //nolint:gosec // a small count
		return g, uint32(idle) //nolint:gosec // the lower half
	}
	g, cell = m.resume(nil, k)
	m.idle[k].Store((uint64(g.epoch)+1)<<32 | uint64(cell)) //nolint:gosec // a small count
	return g, cell
}

// resume returns the state whose threads stand at core, behind a character of
// kind k.
func (m *machine) resume(core []uint32, k kind) (*generation, uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.step.begin()
	m.step.out = append(m.step.out, core...)
	return m.intern(m.step.settle(k))
}

// threads appends the lists of a state to core and returns them with its kind.
func (m *machine) threads(g *generation, row uint32, core []uint32) ([]uint32, kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := row / m.stride
	return append(core, g.core(n)...), g.states[n].kind
}

// build returns the cell of a row that was found unknown. The new state may be in
// a younger generation than the row. cost is the work done, in units.
func (m *machine) build(g *generation, row, column uint32) (now *generation, cell uint32, cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cell := (*g.cells.Load())[row+column]; cell != 0 {
		return g, cell, 10
	}
	n := row / m.stride
	k := m.step.step(g.core(n), g.states[n].kind, m.sample[column])
	now, cell = m.intern(k)
	if now == g {
		atomic.StoreUint32(&(*g.cells.Load())[row+column], cell)
	}
	m.steps++
	return now, cell, m.cost()
}

// unitsPerVisit is measured: what a visit to a list or node costs on average, in
// units, the new state and its row included. A transition is 60 visits dear
// before the first.
const unitsPerVisit = 3

// cost converts the work since the last call to units.
func (m *machine) cost() int64 {
	work := m.step.work
	m.step.work = 0
	return unitsPerVisit * (60 + work)
}

func (g *generation) core(n uint32) []uint32 {
	st := &g.states[n]
	if st.lo == st.hi {
		return nil
	}
	return g.chunks[st.chunk][st.lo:st.hi]
}

// add appends a state. The first chunks of a generation are small: most
// automata of one pattern need no more.
func (g *generation) add(core []uint32, hash uint32, k kind) uint32 {
	st := state{hash: hash, kind: k}
	if len(core) > 0 {
		last := len(g.chunks) - 1
		if last < 0 || cap(g.chunks[last])-len(g.chunks[last]) < len(core) {
			last++
			size := max(min(64<<min(last, 16), chunkSize), len(core))
			g.chunks = append(g.chunks, make([]uint32, 0, size))
			g.coreBytes += int64(4*size + 24)
		}
		st.chunk, st.lo = uint32(last), uint32(len(g.chunks[last])) //nolint:gosec // bounded by the pool
		g.chunks[last] = append(g.chunks[last], core...)
		st.hi = uint32(len(g.chunks[last])) //nolint:gosec // bounded by the pool
	}
	g.states = append(g.states, st)
	return uint32(len(g.states)) - 1 //nolint:gosec // bounded by the pool
}

// intern returns the cell for the state in the stepper, which it adds when it is
// new.
func (m *machine) intern(k kind) (*generation, uint32) {
	g, s := m.current.Load(), m.step
	if epoch := m.pool.epoch.Load(); epoch != g.epoch {
		g = m.generation(epoch)
		m.step.forget()
		m.current.Store(g)
	}
	hash := hashState(s.out, s.mask, k)
	flag := uint32(0)
	if slices.ContainsFunc(s.mask, func(w uint64) bool { return w != 0 }) {
		flag = special
	}
	slot := hash & uint32(len(g.index)-1)                                  //nolint:gosec // a power of two
	for ; g.index[slot] != 0; slot = (slot + 1) & uint32(len(g.index)-1) { //nolint:gosec // a power of two
		if n := g.index[slot]; g.states[n].hash == hash && m.equal(g, n, k) {
			return g, n*m.stride | flag
		}
	}
	n := g.add(s.out, hash, k)
	g.index[slot] = n
	m.place(g, n)
	m.built++
	return g, n*m.stride | flag
}

// place makes the row of a new state and counts its bytes.
func (m *machine) place(g *generation, n uint32) {
	cells := *g.cells.Load()
	row := n * m.stride
	if int(row+m.stride) > len(cells) {
		larger := make([]uint32, 2*len(cells))
		copy(larger, cells)
		cells = larger
		g.cells.Store(&larger)
	}
	for i, w := range m.step.mask {
		cells[row+m.mask+2*uint32(i)] = uint32(w)         //nolint:gosec // the lower half
		cells[row+m.mask+2*uint32(i)+1] = uint32(w >> 32) //nolint:gosec // the upper half
	}
	if 2*len(g.states) > len(g.index) {
		g.rehash()
	}
	bytes := int64(4*len(cells)+20*cap(g.states)+4*len(g.index)) + g.coreBytes + m.step.bytes()
	if m.pool.used.Add(bytes-g.charged) > m.pool.limit {
		m.pool.used.Store(0)
		m.pool.epoch.Add(1)
	}
	g.charged = bytes
}

func (g *generation) rehash() {
	g.index = make([]uint32, 2*len(g.index))
	for n := uint32(1); n < uint32(len(g.states)); n++ { //nolint:gosec // bounded by the pool
		slot := g.states[n].hash & uint32(len(g.index)-1) //nolint:gosec // a power of two
		for g.index[slot] != 0 {
			slot = (slot + 1) & uint32(len(g.index)-1) //nolint:gosec // a power of two
		}
		g.index[slot] = n
	}
}

// equal reports whether state n is the one in the stepper. Cores are sets: their
// order does not matter, so that nothing needs to be sorted.
func (m *machine) equal(g *generation, n uint32, k kind) bool {
	s := m.step
	core := g.core(n)
	if g.states[n].kind != k || len(core) != len(s.out) {
		return false
	}
	row := (*g.cells.Load())[n*m.stride+m.mask : (n+1)*m.stride]
	for i, w := range s.mask {
		if row[2*i] != uint32(w) || row[2*i+1] != uint32(w>>32) { //nolint:gosec // halves
			return false
		}
	}
	if slices.Equal(core, s.out) {
		return true
	}
	s.unmark() // marks of out only: what settle dropped is marked, too
	for _, id := range s.out {
		s.marks[id-s.first] = s.epoch
	}
	for _, id := range core {
		if s.marks[id-s.first] != s.epoch {
			return false
		}
	}
	return true
}

// hashState hashes a set: the sum of the hashes of its members.
func hashState(core []uint32, mask []uint64, k kind) uint32 {
	sum := uint64(k) + 1
	for _, id := range core {
		h := (uint64(id) + 1) * 0x9E3779B97F4A7C15
		sum += h ^ h>>29
	}
	for _, w := range mask {
		sum = (sum ^ w) * 0xBF58476D1CE4E5B9
		sum ^= sum >> 31
	}
	return uint32(sum>>32) ^ uint32(sum) //nolint:gosec // halves
}

// count adds what the machine holds to st.
func (m *machine) count(st *Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st.States += len(m.current.Load().states) - 1
	st.Built += m.built
	st.Steps += m.steps
}
