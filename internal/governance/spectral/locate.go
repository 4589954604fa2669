package spectral

import (
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
)

// location is where a result is told.
type location struct {
	in   *written
	path []string
	// missing leads to what isn't there, nil when that isn't known.
	missing []string
	// value is what is written there.
	value *tree.Node
	// lost tells that the place isn't known; the path then is that of the resolved
	// document.
	lost bool
}

// closest is the longest part of a path that exists, and what it leads to.
func closest(n *tree.Node, path []string) ([]string, *tree.Node) {
	for i, step := range path {
		next := n.Step(step)
		if next == nil {
			return path[:i], n
		}
		n = next
	}
	return path, n
}

// locate finds where a path of the document is written.
func (r *resolution) locate(path []string, resolved bool) location {
	if !resolved {
		at, n := closest(r.main.root, path)
		return location{in: r.main, path: at, missing: path, value: n}
	}
	if at, ok := r.direct(path); ok {
		return at
	}
	found, _ := closest(r.root, path)
	rest, referenced, ok := r.untilReference(found)
	if !ok {
		return location{in: r.main, path: found, lost: true}
	}
	if !referenced {
		at, n := closest(r.main.root, path)
		return location{in: r.main, path: at, missing: path, value: n}
	}
	var tail []string
	if len(rest) > 0 {
		last := rest[len(rest)-1]
		for i := len(path) - 1; i >= 0; i-- {
			if path[i] == last {
				tail = path[i+1:]
				break
			}
		}
	}
	in, at := r.main, []string{}
	n := in.root
	for i := -1; i < len(path); i++ {
		if i >= 0 {
			at, n = append(at, path[i]), n.Step(path[i])
		}
		for range maxDepth {
			ref := r.references[n]
			if n == nil || ref == nil || ref.to == nil && ref.astray == nil || ref.circular {
				break
			}
			if ref.to == nil {
				at, n = slices.Clone(ref.astray), nil
				break
			}
			in, at, n = ref.to.in, slices.Clone(ref.to.path), ref.to.node()
		}
	}
	at, n = closest(in.root, at)
	return location{in: in, path: at, missing: append(slices.Clone(at), tail...), value: n}
}

// direct finds a place that no reference leads to.
func (r *resolution) direct(path []string) (location, bool) {
	n := r.main.root
	for i := 0; ; i++ {
		if r.references[n] != nil {
			return location{}, false
		}
		if i == len(path) {
			return location{in: r.main, path: path, missing: path, value: n}, true
		}
		next := n.Step(path[i])
		if next == nil {
			return location{in: r.main, path: path[:i], missing: path, value: n}, true
		}
		n = next
	}
}

// untilReference follows a path in what was written. Rest is what is left of it
// at the reference that ends the way.
func (r *resolution) untilReference(path []string) (rest []string, referenced, ok bool) {
	n := r.main.root
	for i, step := range path {
		if !isContainer(n) {
			return nil, false, false
		}
		next := n.Step(step)
		if next == nil {
			return path[i:], referenceOf(n) != "", referenceOf(n) != ""
		}
		n = next
	}
	return nil, isContainer(n) && referenceOf(n) != "" && len(n.Members) == 1, true
}

// position is a place of a file, lines and columns counted from 1.
type position struct {
	file         string
	line, column int
}

// position is where Spectral sees the value of a path: a text or number where it
// begins, an object or list of a member behind the colon of its name.
func (r *resolution) position(in *written, path []string) position {
	at := position{in.file, 1, 1}
	n := in.root
	var member *tree.Member
	for _, step := range path {
		member = nil
		if n.Is(tree.Object) {
			if member = n.Member(step); member == nil {
				return at
			}
			n = member.Value
		} else if n = n.Step(step); n == nil {
			return at
		}
	}
	if file := n.File(); file != "" {
		at.file = file
	}
	switch {
	case n.Line == 0:
		return at
	case member != nil && member.Line > 0 && (isContainer(n) || n.Kind == tree.Null && r.isEmpty(n, member)):
		at.line, at.column = int(member.Line), r.nameEnd(n.Source, member)+1
	case len(path) == 0 && n.Line == 2 && n.Column == 1:
		// A document that begins on the second line begins on the first.
	default:
		at.line, at.column = int(n.Line), int(n.Column)
	}
	return at
}

// lines are where the lines of a source begin, and how many characters stand
// before each block of its bytes.
type lines struct {
	starts, before []int
	text           []byte
}

const block = 512

func (r *resolution) index(src *tree.Source) *lines {
	if known := r.lines[src]; known != nil {
		return known
	}
	l := &lines{starts: []int{0}, text: src.Text}
	count := 0
	for i, c := range src.Text {
		if i%block == 0 {
			l.before = append(l.before, count)
		}
		if utf8.RuneStart(c) {
			count++
		}
		if c == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	r.lines[src] = l
	return l
}

// from is the text from a place on.
func (l *lines) from(line, column int32) []byte {
	if line < 1 || int(line) > len(l.starts) {
		return nil
	}
	at := l.starts[line-1]
	wanted := l.characters(at) + int(column) - 1
	if column > block {
		i, exact := slices.BinarySearch(l.before, wanted)
		if !exact {
			i--
		}
		at = max(at, i*block)
	}
	for count := l.characters(at); at < len(l.text) && (count < wanted || !utf8.RuneStart(l.text[at])); at++ {
		if utf8.RuneStart(l.text[at]) {
			count++
		}
	}
	return l.text[at:]
}

// characters are how many begin before a byte.
func (l *lines) characters(at int) int {
	if len(l.before) == 0 {
		return 0
	}
	i := min(at/block, len(l.before)-1)
	count := l.before[i]
	for _, c := range l.text[i*block : at] {
		if utf8.RuneStart(c) {
			count++
		}
	}
	return count
}

// isEmpty says whether a null is one that nobody wrote.
func (r *resolution) isEmpty(n *tree.Node, m *tree.Member) bool {
	if n.Line != m.Line || n.Source == nil {
		return true
	}
	rest := r.index(n.Source).from(n.Line, n.Column)
	word := strings.ToLower(string(rest[:min(4, len(rest))]))
	return word != "null" && !strings.HasPrefix(word, "~")
}

// nameEnd is the column behind the name of a member.
func (r *resolution) nameEnd(src *tree.Source, m *tree.Member) int {
	var rest []byte
	if src != nil {
		rest = r.index(src).from(m.Line, m.Column)
	}
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return int(m.Column) + utf8.RuneCountInString(m.Name)
	}
	end := 1
	for ; end < len(rest) && rest[end] != rest[0]; end++ {
		if rest[end] == '\\' && rest[0] == '"' {
			end++
		}
	}
	return int(m.Column) + utf8.RuneCount(rest[:min(end, len(rest))]) + 1
}
