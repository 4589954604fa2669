package scan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// places turns places of a project into those of findings. It is used by one
// goroutine.
type places struct {
	files map[*mule.File]*lines
	order map[*document.Element]map[*document.Element]int
}

func newPlaces() *places {
	return &places{files: map[*mule.File]*lines{}, order: map[*document.Element]map[*document.Element]int{}}
}

// lines are where the lines of a file begin, and how many characters stand before
// each block of it, so that columns of a long line are soon counted.
type lines struct {
	starts, characters []int
}

const blockSize = 1 << 10

func newLines(text []byte) *lines {
	l := &lines{starts: []int{0}}
	characters := 0
	for i, b := range text {
		if i%blockSize == 0 {
			l.characters = append(l.characters, characters)
		}
		if b == '\n' {
			l.starts = append(l.starts, i+1)
		}
		if startsCharacter(b) {
			characters++
		}
	}
	l.characters = append(l.characters, characters)
	return l
}

// startsCharacter says whether a byte is the first of a character.
func startsCharacter(b byte) bool { return b&0xC0 != 0x80 }

// before is the number of characters that begin before an offset.
func (l *lines) before(text []byte, offset int) int {
	n := l.characters[offset/blockSize]
	for _, b := range text[offset/blockSize*blockSize : offset] {
		if startsCharacter(b) {
			n++
		}
	}
	return n
}

// position is the line and column, counted from 1, of a byte of a file.
func (p *places) position(f *mule.File, offset int) finding.Position {
	l := p.files[f]
	if l == nil {
		l = newLines(f.Text)
		p.files[f] = l
	}
	offset = min(max(offset, 0), len(f.Text))
	line, found := slices.BinarySearch(l.starts, offset)
	if !found {
		line--
	}
	return finding.Position{Offset: offset, Line: line + 1, Column: l.before(f.Text, offset) - l.before(f.Text, l.starts[line]) + 1}
}

// location is where a place is, without the stable name.
func (p *places) location(at taint.Place) finding.Location {
	if at.File == nil {
		return finding.Location{}
	}
	start, end := p.position(at.File, at.Span.Start), p.position(at.File, at.Span.End)
	l := finding.Location{File: at.File.Path, Line: start.Line, Column: start.Column}
	if end.Offset > start.Offset {
		l.EndLine, l.EndColumn = end.Line, end.Column
	}
	return l
}

// stable is a name of a place that stays when lines move: the flow or
// configuration, the element in it, and what in the element is meant.
func (p *places) stable(at taint.Place, detail string) string {
	var out string
	switch {
	case at.Element != nil:
		out = p.element(at.Element)
	case at.File == nil || detail != "":
	default:
		out = textName(at.File.Text, at.Span.Start)
	}
	return strings.TrimSpace(out + " " + detail)
}

// textName is a name of a line that is no element: a digest of its words, for the
// line may hold a secret.
func textName(text []byte, offset int) string {
	line := bytes.Join(bytes.Fields(lineAt(text, offset)), []byte(" "))
	sum := sha256.Sum256(line)
	return "line " + hex.EncodeToString(sum[:4])
}

func lineAt(text []byte, offset int) []byte {
	offset = min(max(offset, 0), len(text))
	start := bytes.LastIndexByte(text[:offset], '\n') + 1
	end := bytes.IndexByte(text[offset:], '\n')
	if end < 0 {
		return text[start:]
	}
	return text[start : offset+end]
}

func (p *places) element(e *document.Element) string {
	top := e
	for top.Parent != nil && top.Parent.Parent != nil {
		top = top.Parent
	}
	out := written(top) + nameIn(top)
	if top.Parent != nil {
		out += p.number(top.Parent, top)
	}
	if e != top {
		out += " > " + written(e) + nameIn(e) + p.number(top, e)
	}
	return out
}

// nameIn is what tells an element apart from others of its kind: the name that
// others refer to it by, or the artifact of a dependency.
func nameIn(e *document.Element) string {
	name := e.Value("name")
	if name == "" {
		name = e.Value("key")
	}
	for _, child := range [...]string{"artifactId", "id"} {
		if c := e.Child(e.Name.Space, child); c != nil && name == "" {
			name = strings.TrimSpace(content(c))
		}
	}
	if name == "" {
		return ""
	}
	return " " + quoted(classify.Redact(name))
}

// content is the text directly inside an element.
func content(e *document.Element) string {
	if t := e.Content(); t != nil {
		return t.Value.Text
	}
	return ""
}

// number is the place of an element among those of its kind and name inside
// another, from the second on.
func (p *places) number(in, e *document.Element) string {
	numbers := p.order[in]
	if numbers == nil {
		numbers = map[*document.Element]int{}
		counts := map[string]int{}
		in.Walk(func(x *document.Element) bool {
			if x == in {
				return true
			}
			key := x.Name.Space + " " + x.Name.Local + nameIn(x)
			counts[key]++
			numbers[x] = counts[key]
			return in.Parent != nil // directly below the root only
		})
		p.order[in] = numbers
	}
	if n := numbers[e]; n > 1 {
		return "[" + strconv.Itoa(n) + "]"
	}
	return ""
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
