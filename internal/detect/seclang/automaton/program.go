package automaton

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
	"unicode"
)

// A node is a place in a pattern: a character to consume or an assertion.
// Choices, captures and empty instructions are resolved when the lists of
// following nodes are made.
type node struct {
	set  int32  // >= 0: number of the set of runes it consumes; else ^assertion
	list uint32 // what follows
}

func (n *node) assertion() syntax.EmptyOp { return syntax.EmptyOp(^n.set) } //nolint:gosec // an EmptyOp was put in

// A list is what a thread may do next: a set of nodes of one pattern. Threads
// stand at lists rather than at nodes, as a choice between a hundred words is
// then one thread until a character decides.
type list struct {
	lo, mid, hi uint32 // its nodes in program.members: assertions, then characters
	pattern     uint32 // number of the pattern in the program
	needs       needs  // of its assertions and those behind them
	matches     bool   // the pattern is at its end; there are no nodes then
	implied     bool   // the start of the pattern can do all of this, too
}

// needs tells which differences between kinds of the character before matter.
type needs uint8

const (
	needsWord needs = 1 << iota // \b, \B
	needsLine                   // (?m)^
	needsEdge                   // \A
)

// least returns the kind that stands for all those that differ from k in nothing
// that n needs.
func (n needs) least(k kind) kind {
	switch {
	case k == kindEdge && n&needsEdge != 0:
		return kindEdge
	case k >= kindNewline && n&needsLine != 0:
		return kindNewline
	case k == kindWord && n&needsWord != 0:
		return kindWord
	}
	return kindOther
}

// A source is one pattern of a program.
type source struct {
	index  int    // the bit of hits
	lo, hi uint32 // its lists
	start  uint32 // the list at its start
}

// A program is the common nondeterministic automaton of many patterns.
type program struct {
	latin    bool
	nodes    []node
	lists    []list
	members  []uint32
	patterns []source
	classes  int
	kinds    []kind // by class
	words    int    // words of a row of accepts
	accepts  []uint64
	table    *runeTable
}

// accepting returns the sets that contain class, a bit each.
func (p *program) accepting(class int) []uint64 {
	return p.accepts[class*p.words : (class+1)*p.words]
}

type builder struct {
	prog *program
	sets [][]rune
	ids  map[string]int32
}

func newBuilder(latin bool) *builder {
	return &builder{prog: &program{latin: latin}, ids: make(map[string]int32)}
}

// maxMembers bounds the members of all lists of one pattern, and of a program.
const (
	maxMembers    = 8 << 20
	maxAllMembers = 1 << 28
)

var errTooLarge = errors.New("the expression is too large: its nested repetitions of optional parts make too many ways; use fewer")

// add appends one pattern, or reports that it matches every text.
func (b *builder) add(prog *syntax.Prog, index int) (always bool, err error) {
	p := b.prog
	c := closer{
		program: p, prog: prog, known: make(map[string]uint32), pattern: uint32(len(p.patterns)), //nolint:gosec // few
		seen: make([]uint32, len(prog.Inst)), ids: make([]uint32, len(prog.Inst)), lists: make([]uint32, len(prog.Inst)),
	}
	src := source{index: index, lo: uint32(len(p.lists))} //nolint:gosec // far below 4 G
	nodes, lists, members := len(p.nodes), len(p.lists), len(p.members)
	for pc := range prog.Inst {
		if in := &prog.Inst[pc]; !skips(in) {
			c.ids[pc] = uint32(len(p.nodes)) //nolint:gosec // far below 4 G
			n := node{}
			if in.Op == syntax.InstEmptyWidth {
				n.set = ^int32(in.Arg) //nolint:gosec // one of six bits
			} else {
				n.set = b.set(ranges(in))
			}
			p.nodes = append(p.nodes, n)
		}
	}
	src.start = c.list(uint32(prog.Start)) //nolint:gosec // an index of instructions
	if p.lists[src.start].matches {
		p.nodes, p.lists, p.members = p.nodes[:nodes], p.lists[:lists], p.members[:members]
		return true, nil
	}
	for pc := range prog.Inst {
		if in := &prog.Inst[pc]; !skips(in) {
			p.nodes[c.ids[pc]].list = c.list(in.Out)
		}
		if len(p.members)-members > maxMembers || len(p.members) > maxAllMembers {
			return false, errTooLarge
		}
	}
	src.hi = uint32(len(p.lists)) //nolint:gosec // far below 4 G
	p.patterns = append(p.patterns, src)
	p.imply(src)
	p.inherit(src)
	return false, nil
}

// skips reports whether an instruction makes no node.
func skips(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL, syntax.InstEmptyWidth:
		return false
	case syntax.InstAlt, syntax.InstAltMatch, syntax.InstCapture, syntax.InstMatch, syntax.InstFail, syntax.InstNop:
		return true
	}
	return true
}

// set numbers a set of runes.
func (b *builder) set(pairs []rune) int32 {
	raw := make([]byte, 0, 4*len(pairs))
	for _, r := range pairs {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(r))
	}
	id, ok := b.ids[string(raw)]
	if !ok {
		id = int32(len(b.sets)) //nolint:gosec // far below 2 G
		b.ids[string(raw)] = id
		b.sets = append(b.sets, pairs)
	}
	return id
}

// A closer follows the instructions of a pattern that consume nothing.
type closer struct {
	program *program
	prog    *syntax.Prog
	pattern uint32
	ids     []uint32          // by instruction: its node
	lists   []uint32          // by instruction: its list, plus one
	known   map[string]uint32 // by members: the list
	seen    []uint32
	epoch   uint32
	stack   []uint32
	raw     []byte
}

// list returns the list of what can be done at pc.
func (c *closer) list(pc uint32) uint32 {
	if c.lists[pc] != 0 {
		return c.lists[pc] - 1
	}
	p := c.program
	found, matches := c.closure(pc)
	c.raw = c.raw[:0]
	for _, id := range found {
		c.raw = binary.LittleEndian.AppendUint32(c.raw, id)
	}
	if matches {
		c.raw = append(c.raw, 1)
	}
	id, ok := c.known[string(c.raw)]
	if !ok {
		id = uint32(len(p.lists)) //nolint:gosec // far below 4 G
		c.known[string(c.raw)] = id
		l := list{lo: uint32(len(p.members)), pattern: c.pattern, matches: matches} //nolint:gosec // bounded by maxAllMembers
		p.members = append(p.members, found...)
		l.hi = uint32(len(p.members)) //nolint:gosec // bounded by maxAllMembers
		for l.mid = l.lo; l.mid < l.hi && p.nodes[p.members[l.mid]].set < 0; l.mid++ {
		}
		p.lists = append(p.lists, l)
	}
	c.lists[pc] = id + 1
	return id
}

// closure returns the nodes that can be reached from pc without consuming,
// assertions first, or that the end of the pattern can.
func (c *closer) closure(pc uint32) (found []uint32, matches bool) {
	c.epoch++
	c.stack = append(c.stack[:0], pc)
	for len(c.stack) > 0 {
		pc := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		if c.seen[pc] == c.epoch {
			continue
		}
		c.seen[pc] = c.epoch
		in := &c.prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			c.stack = append(c.stack, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstNop:
			c.stack = append(c.stack, in.Out)
		case syntax.InstFail:
		case syntax.InstMatch:
			return nil, true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL, syntax.InstEmptyWidth:
			found = append(found, c.ids[pc])
		}
	}
	slices.SortFunc(found, func(a, b uint32) int {
		if x, y := c.program.nodes[a].set < 0, c.program.nodes[b].set < 0; x != y {
			if x {
				return -1
			}
			return 1
		}
		return int(a) - int(b)
	})
	return found, false
}

// imply marks the lists of a pattern that can do nothing its start can not.
func (p *program) imply(src source) {
	start := make(map[uint32]bool)
	l := &p.lists[src.start]
	for _, id := range p.members[l.lo:l.hi] {
		start[id] = true
	}
	for id := src.lo; id < src.hi; id++ {
		l := &p.lists[id]
		l.implied = !l.matches
		for _, member := range p.members[l.lo:l.hi] {
			if !start[member] {
				l.implied = false
				break
			}
		}
	}
}

// inherit finds the needs of the lists of a pattern.
func (p *program) inherit(src source) {
	for changed := true; changed; {
		changed = false
		for id := src.lo; id < src.hi; id++ {
			l := &p.lists[id]
			n := l.needs
			for _, member := range p.members[l.lo:l.mid] {
				n |= p.nodes[member].needs() | p.lists[p.nodes[member].list].needs
			}
			changed = changed || n != l.needs
			l.needs = n
		}
	}
}

func (n *node) needs() needs {
	switch n.assertion() {
	case syntax.EmptyWordBoundary, syntax.EmptyNoWordBoundary:
		return needsWord
	case syntax.EmptyBeginLine:
		return needsLine
	case syntax.EmptyBeginText:
		return needsEdge
	case syntax.EmptyEndLine, syntax.EmptyEndText:
	}
	return 0
}

// finish divides the runes into classes once all patterns are known.
func (b *builder) finish() *program {
	p := b.prog
	limit := rune(unicode.MaxRune + 1)
	if p.latin {
		limit = 256
	}
	part := divide(b.sets, limit)
	p.classes, p.kinds, p.table = len(part.kinds), part.kinds, part.table()
	p.words = (len(b.sets) + 63) / 64
	p.accepts = make([]uint64, p.classes*p.words)
	for id, set := range b.sets {
		part.each(set, func(i int, within uint16) {
			if within == 1 {
				p.accepts[int(part.ids[i])*p.words+id/64] |= 1 << (id % 64)
			}
		})
	}
	return p
}
