package operator

import (
	"strings"
)

// Phrases finds the phrases of many lists in one pass: the operators pm and
// pmFromFile of a whole set of rules. ASCII letters match in both cases. It is
// the automaton of Aho and Corasick over classes of bytes. States are numbered
// breadth first; the first of them, where ordinary text stays, have every
// transition written out in at most 4 MB, the deep ones know their children
// and where to fall back to, in 18 bytes each. It is immutable.
type Phrases struct {
	class  [256]uint8 // bytes that no phrase has share class 0
	stride uint32     // number of classes
	next   []uint32   // dense state * stride + class -> next state, with the flag hit
	dense  uint32     // states below it are dense
	fail   []uint32   // state -> the longest suffix of it that is a state
	kids   []uint32   // state -> its first child; the children end where the next state's begin
	enter  []uint8    // state -> the class that leads into it from its parent
	hits   []bool     // state -> a phrase ends there
	ends   []uint32   // state -> its first entry in found; it has all up to the next state's
	found  []ending
	depth  []uint32 // state -> length of the text that it stands for
	lists  int
}

// ending tells that a phrase of a list ends in a state.
type ending struct{ list, length uint32 }

const (
	hit       = 1 << 31 // flag of a state in which a phrase ends
	mostDense = 4 << 20 // bytes of written out transitions
)

// Words splits the argument of the operator pm into phrases.
func Words(argument string) []string { return strings.Split(strings.ToLower(argument), " ") }

// Lines splits the file of the operator pmFromFile into phrases: a line each,
// without surrounding space, empty lines and comments.
func Lines(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, strings.ToLower(line))
		}
	}
	return out
}

// CompilePhrases joins lists into one automaton. An empty phrase is in every
// text. Lists are known by their index.
func CompilePhrases(lists [][]string) *Phrases {
	p := &Phrases{lists: len(lists)}
	p.classify(lists)
	t := &trie{nodes: make([]node, 1)}
	for list, phrases := range lists {
		for _, phrase := range phrases {
			t.add(&p.class, phrase, list)
		}
	}
	p.number(t)
	p.writeOut()
	return p
}

// classify gives each byte that occurs a class of its own; the two cases of a
// letter share one.
func (p *Phrases) classify(lists [][]string) {
	classes := uint8(0)
	for _, phrases := range lists {
		for _, phrase := range phrases {
			for i := range len(phrase) {
				if c := lower(phrase[i]); p.class[c] == 0 {
					classes++
					p.class[c] = classes
				}
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		p.class[c] = p.class[c+'a'-'A']
	}
	p.stride = uint32(classes) + 1
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// number lays the trie out breadth first and finds where states fall back to.
// A state falls back to a shallower one, which has its number already.
func (p *Phrases) number(t *trie) {
	n := len(t.nodes)
	p.fail, p.kids, p.ends = make([]uint32, n), make([]uint32, n+1), make([]uint32, n+1)
	p.enter, p.hits, p.depth = make([]uint8, n), make([]bool, n), make([]uint32, n)
	order := make([]int, 1, n) // state -> node
	for s := 0; s < len(order); s++ {
		node := &t.nodes[order[s]]
		f := p.fail[s]
		p.ends[s] = count(p.found)
		p.found = append(p.found, node.ends...)
		if s > 0 {
			p.found = append(p.found, p.at(f)...)
		}
		p.ends[s+1] = count(p.found)
		p.hits[s] = p.ends[s] < p.ends[s+1]
		p.kids[s] = count(order)
		for kid := node.firstKid; kid != 0; kid = t.nodes[kid].sibling {
			child := len(order)
			order = append(order, kid)
			p.enter[child] = t.nodes[kid].enter
			p.depth[child] = p.depth[s] + 1
			if s > 0 {
				p.fail[child] = p.fallBack(f, p.enter[child])
			}
		}
		p.kids[s+1] = count(order)
	}
}

// fallBack is the state that class leads to from s or, if it has no such
// child, from the longest suffix of it that has.
func (p *Phrases) fallBack(s uint32, class uint8) uint32 {
	for {
		if kid, ok := p.child(s, class); ok {
			return kid
		}
		if s == 0 {
			return 0
		}
		s = p.fail[s]
	}
}

func (p *Phrases) child(s uint32, class uint8) (kid uint32, ok bool) {
	for kid = p.kids[s]; kid < p.kids[s+1]; kid++ {
		if p.enter[kid] == class {
			return kid, true
		}
	}
	return 0, false
}

// writeOut fills the rows of the first states. A row differs from the one of
// the state that it falls back to only in its own children.
func (p *Phrases) writeOut() {
	p.dense = min(count(p.fail), mostDense/4/p.stride)
	p.next = make([]uint32, p.dense*p.stride)
	for s := range p.dense {
		row := p.next[s*p.stride:][:p.stride]
		switch {
		case s > 0:
			copy(row, p.next[p.fail[s]*p.stride:])
		case p.hits[0]:
			for c := range row {
				row[c] = hit
			}
		}
		for kid := p.kids[s]; kid < p.kids[s+1]; kid++ {
			row[p.enter[kid]] = p.flagged(kid)
		}
	}
}

func (p *Phrases) flagged(s uint32) uint32 {
	if p.hits[s] {
		return s | hit
	}
	return s
}

// count is the length of a table. A set of rules is far below 2^31 entries.
func count[T any](table []T) uint32 { return uint32(len(table)) } //nolint:gosec // see above.

// Scan sets bit i of hits, counted from the lowest bit of hits[0], for every
// list i that has a phrase in the text. It allocates nothing.
func (p *Phrases) Scan(text string, hits []uint64) {
	if p.hits[0] {
		p.mark(0, hits)
	}
	s, last := uint32(0), uint32(0)
	for i := range len(text) {
		if class := p.class[text[i]]; s < p.dense { // step, inlined
			s = p.next[s*p.stride+uint32(class)]
		} else {
			s = p.step(s, class)
		}
		if s >= hit {
			s -= hit
			if s != last {
				p.mark(s, hits)
				last = s
			}
		}
	}
}

// step returns the next state, flagged if a phrase ends in it.
func (p *Phrases) step(s uint32, class uint8) uint32 {
	for s >= p.dense {
		if kid, ok := p.child(s, class); ok {
			return p.flagged(kid)
		}
		s = p.fail[s]
	}
	return p.next[s*p.stride+uint32(class)]
}

func (p *Phrases) mark(s uint32, hits []uint64) {
	for _, e := range p.at(s) {
		hits[e.list/64] |= 1 << (e.list % 64)
	}
}

func (p *Phrases) at(s uint32) []ending { return p.found[p.ends[s]:p.ends[s+1]] }

// FindAt returns where the first phrase of a list lies in text, searched from
// an index on: of those that begin first, the longest. That is what the
// operator pm captures: first from 0, then from one behind each beginning.
func (p *Phrases) FindAt(text string, list, from int) (start, end int, ok bool) {
	s := uint32(0)
	for i := from; ; i++ {
		if ok && i-int(p.depth[s]) > start {
			return start, end, true
		}
		for _, e := range p.at(s) {
			begin := i - int(e.length)
			if int(e.list) == list && (!ok || begin <= start) {
				start, end, ok = begin, i, true
			}
		}
		if i >= len(text) {
			return start, end, ok
		}
		s = p.step(s, p.class[text[i]]) &^ hit
	}
}

// Find returns the first phrase of a list in text, as it stands there.
func (p *Phrases) Find(text string, list int) (phrase string, ok bool) {
	start, end, ok := p.FindAt(text, list, 0)
	return text[start:end], ok
}

// Lists is the number of lists.
func (p *Phrases) Lists() int { return p.lists }

// Bytes is the memory that the automaton takes, in bytes.
func (p *Phrases) Bytes() int {
	return 4*(len(p.next)+len(p.fail)+len(p.kids)+len(p.ends)+len(p.depth)) + len(p.enter) + len(p.hits) + 8*len(p.found) + len(p.class)
}
