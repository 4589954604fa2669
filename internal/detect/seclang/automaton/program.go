package automaton

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
	"unicode"
)

// A node is a place in a pattern: a character to consume, an assertion, or the
// end of the pattern. Choices, captures and empty instructions are resolved when
// the lists of following nodes are made.
type node struct {
	set     int32  // >= 0: number of the set of runes it consumes; else end, or ^assertion
	lo, hi  uint32 // its followers in program.follow
	pattern uint32 // number of the pattern in the program
}

const end = -1 << 16

func (n *node) assertion() syntax.EmptyOp { return syntax.EmptyOp(^n.set) } //nolint:gosec // an EmptyOp was put in

// lookBehind reports whether the assertion of n needs the character before only.
func (n *node) lookBehind() bool {
	return n.assertion()&(syntax.EmptyBeginLine|syntax.EmptyBeginText) != 0
}

// A source is one pattern of a program.
type source struct {
	index  int      // the bit of hits
	lo, hi uint32   // its nodes
	start  []uint32 // nodes at its start
}

// A program is the common nondeterministic automaton of many patterns.
type program struct {
	latin    bool
	nodes    []node
	follow   []uint32
	patterns []source
	before   []bool // by node: an assertion that, or behind which one, needs the character before
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

// maxFollow bounds the followers of all nodes of one pattern.
const maxFollow = 8 << 20

var errTooLarge = errors.New("the expression is too large: its nested repetitions of optional parts make too many ways; use fewer")

// add appends the nodes of one pattern, or reports that it matches every text.
func (b *builder) add(prog *syntax.Prog, index int) (always bool, err error) {
	c := closer{prog: prog, seen: make([]uint32, len(prog.Inst)), ids: make([]uint32, len(prog.Inst))}
	p := b.prog
	lo := uint32(len(p.nodes)) //nolint:gosec // programs are far below 4 G nodes
	pattern := uint32(len(p.patterns))
	nodes := p.nodes
	for pc := range prog.Inst {
		in := &prog.Inst[pc]
		n := node{pattern: pattern}
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			n.set = b.set(ranges(in))
		case syntax.InstEmptyWidth:
			n.set = ^int32(in.Arg) //nolint:gosec // one of six bits
		case syntax.InstMatch:
			n.set = end
		default:
			continue
		}
		c.ids[pc] = uint32(len(nodes)) //nolint:gosec // see above
		nodes = append(nodes, n)
	}
	start := c.closure(uint32(prog.Start)) //nolint:gosec // an index of instructions
	if slices.ContainsFunc(start, func(id uint32) bool { return nodes[id].set == end }) {
		return true, nil
	}
	first := len(p.follow)
	for pc := range prog.Inst {
		id := c.ids[pc]
		if in := &prog.Inst[pc]; skips(in) || in.Op == syntax.InstMatch {
			continue
		}
		nodes[id].lo = uint32(len(p.follow)) //nolint:gosec // bounded below
		p.follow = append(p.follow, c.closure(prog.Inst[pc].Out)...)
		nodes[id].hi = uint32(len(p.follow)) //nolint:gosec // bounded below
		if len(p.follow)-first > maxFollow || len(p.follow) > 1<<28 {
			return false, errTooLarge
		}
	}
	p.nodes = nodes
	p.patterns = append(p.patterns, source{index: index, lo: lo, hi: uint32(len(nodes)), start: start}) //nolint:gosec // see above
	return false, nil
}

// skips reports whether an instruction makes no node.
func skips(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch, syntax.InstCapture, syntax.InstNop, syntax.InstFail:
		return true
	}
	return false
}

// set numbers a set of runes.
func (b *builder) set(pairs []rune) int32 {
	raw := make([]byte, 0, 4*len(pairs))
	for _, r := range pairs {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(r)) //nolint:gosec // runes are not negative
	}
	key := string(raw)
	id, ok := b.ids[key]
	if !ok {
		id = int32(len(b.sets)) //nolint:gosec // far below 2 G
		b.ids[key] = id
		b.sets = append(b.sets, pairs)
	}
	return id
}

// A closer follows the instructions that consume nothing.
type closer struct {
	prog  *syntax.Prog
	ids   []uint32 // by instruction: its node
	seen  []uint32
	epoch uint32
	stack []uint32
}

// closure returns the nodes that can be reached from pc without consuming.
func (c *closer) closure(pc uint32) []uint32 {
	c.epoch++
	var list []uint32
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
		default:
			list = append(list, c.ids[pc])
		}
	}
	return list
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
	p.before = make([]bool, len(p.nodes))
	for changed := true; changed; {
		changed = false
		for id := range p.nodes {
			if !p.before[id] && p.needsBefore(&p.nodes[id]) {
				p.before[id], changed = true, true
			}
		}
	}
	return p
}

func (p *program) needsBefore(n *node) bool {
	if n.set >= 0 || n.set == end {
		return false
	}
	if n.assertion()&^(syntax.EmptyEndLine|syntax.EmptyEndText) != 0 {
		return true
	}
	return slices.ContainsFunc(p.follow[n.lo:n.hi], func(id uint32) bool { return p.before[id] })
}
