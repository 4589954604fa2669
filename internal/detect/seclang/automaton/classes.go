package automaton

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A kind is what assertions need to know of a character.
type kind uint8

const (
	kindOther   kind = iota // any other character
	kindWord                // a character of \w
	kindNewline             // \n
	kindEdge                // before the first character or behind the last
	kinds       = 4
)

// holds reports whether the assertion op holds between two characters.
func holds(op syntax.EmptyOp, before, after kind) bool {
	switch op {
	case syntax.EmptyBeginLine:
		return before >= kindNewline
	case syntax.EmptyEndLine:
		return after >= kindNewline
	case syntax.EmptyBeginText:
		return before == kindEdge
	case syntax.EmptyEndText:
		return after == kindEdge
	case syntax.EmptyWordBoundary:
		return (before == kindWord) != (after == kindWord)
	case syntax.EmptyNoWordBoundary:
		return (before == kindWord) == (after == kindWord)
	}
	return false
}

func kindOf(r rune) kind {
	switch {
	case r == '\n':
		return kindNewline
	case syntax.IsWordChar(r):
		return kindWord
	}
	return kindOther
}

// ranges returns the runes an instruction consumes as sorted pairs.
func ranges(in *syntax.Inst) []rune {
	if in.Op == syntax.InstRuneAny {
		return []rune{0, unicode.MaxRune}
	}
	if in.Op == syntax.InstRuneAnyNotNL {
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(in.Rune) != 1 {
		return in.Rune
	}
	r := in.Rune[0]
	orbit := []rune{r}
	if in.Op == syntax.InstRune && in.Arg&uint32(syntax.FoldCase) != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			orbit = append(orbit, f)
		}
	}
	slices.Sort(orbit)
	pairs := make([]rune, 0, 2*len(orbit))
	for _, r := range orbit {
		pairs = append(pairs, r, r)
	}
	return pairs
}

// A partition divides the runes into classes that no set of runes of a program
// tells apart, nor any assertion.
type partition struct {
	starts []rune   // sorted first runes of intervals; each ends where the next starts
	ids    []uint16 // class of each interval
	kinds  []kind   // by class
	limit  rune     // first rune outside
}

func divide(sets [][]rune, limit rune) *partition {
	p := &partition{limit: limit, starts: []rune{0}}
	all := append([][]rune{{'\n', '\n'}, {'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}}, sets...)
	for _, set := range all {
		for i := 0; i < len(set); i += 2 {
			for _, r := range []rune{set[i], set[i+1] + 1} {
				if r < limit {
					p.starts = append(p.starts, r)
				}
			}
		}
	}
	slices.Sort(p.starts)
	p.starts = slices.Compact(p.starts)
	p.ids = make([]uint16, len(p.starts))
	for _, set := range all {
		p.refine(set)
	}
	for i, id := range p.ids {
		for int(id) >= len(p.kinds) {
			p.kinds = append(p.kinds, 0)
		}
		p.kinds[id] = kindOf(p.starts[i])
	}
	return p
}

// refine splits the classes that lie partly within set.
func (p *partition) refine(set []rune) {
	next := make(map[[2]uint16]uint16)
	p.each(set, func(i int, within uint16) {
		key := [2]uint16{p.ids[i], within}
		id, ok := next[key]
		if !ok {
			id = uint16(len(next)) //nolint:gosec // at most one class per interval, and intervals are fewer
			next[key] = id
		}
		p.ids[i] = id
	})
}

// each calls f for every interval, telling whether it lies within set.
func (p *partition) each(set []rune, f func(i int, within uint16)) {
	at := 0
	for i, r := range p.starts {
		for at < len(set) && set[at+1] < r {
			at += 2
		}
		if at < len(set) && set[at] <= r {
			f(i, 1)
		} else {
			f(i, 0)
		}
	}
}

// A runeTable finds the class of a rune in two steps.
type runeTable struct {
	first [256]uint16 // by byte; bytes from 0x80 only for Latin
	pages []uint16    // by rune>>8: number of the page
	cells []uint16    // pages of 256 classes
}

func (p *partition) table() *runeTable {
	t := &runeTable{}
	uniform := make(map[uint16]uint16) // class: page
	interval := 0
	for page := rune(0); page < p.limit; page += 256 {
		for interval+1 < len(p.starts) && p.starts[interval+1] <= page {
			interval++
		}
		id := p.ids[interval]
		whole := interval+1 >= len(p.starts) || p.starts[interval+1] >= page+256
		if n, ok := uniform[id]; whole && ok {
			t.pages = append(t.pages, n)
			continue
		}
		n := uint16(len(t.cells) / 256) //nolint:gosec // at most 0x1100 pages
		if whole {
			uniform[id] = n
		}
		t.pages = append(t.pages, n)
		at := interval
		for r := page; r < page+256; r++ {
			if at+1 < len(p.starts) && p.starts[at+1] <= r {
				at++
			}
			t.cells = append(t.cells, p.ids[at])
		}
	}
	copy(t.first[:], t.cells[:256])
	return t
}

func (t *runeTable) class(r rune) uint16 {
	return t.cells[int(t.pages[r>>8])<<8|int(r&255)]
}

// decode returns the class of the first character of s, and its width. Bytes
// below 0x80 need no decoding and are not for it.
func (t *runeTable) decode(s string) (class uint16, width int) {
	r, w := utf8.DecodeRuneInString(s)
	return t.class(r), w
}
