package patch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
)

// file is a source that is being edited: lines, of which each knows which one it was.
type file struct {
	name  string
	was   []byte
	lines []line
	crlf  bool
	// bare says that the last line of the original has no end.
	bare bool
}

type line struct {
	text string
	// orig is the number of the line as it was, 0 for one that was added; was is its text
	// where that changed.
	orig    int
	was     string
	changed bool
	shifts  []shift
}

// shift says that text was put into a line.
type shift struct{ at, by int }

func newFile(src *tree.Source) *file {
	f := &file{name: src.Name, was: src.Text, crlf: bytes.Contains(src.Text, []byte("\r\n"))}
	texts := strings.Split(string(src.Text), "\n")
	if len(texts) > 0 && texts[len(texts)-1] == "" {
		texts = texts[:len(texts)-1]
	} else {
		f.bare = true
	}
	for i, text := range texts {
		f.lines = append(f.lines, line{text: text, orig: i + 1})
	}
	return f
}

func (f *file) text() []byte {
	var b bytes.Buffer
	for i := range f.lines {
		b.WriteString(f.lines[i].text)
		if i < len(f.lines)-1 || !f.bare {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// index is where a line of the original is now, -1 for nowhere.
func (f *file) index(orig int) int {
	for i := max(orig-1, 0); i < len(f.lines); i++ {
		if f.lines[i].orig == orig {
			return i
		}
	}
	return -1
}

// insert puts lines before an index.
func (f *file) insert(at int, texts []string) {
	added := make([]line, len(texts))
	for i, text := range texts {
		if f.crlf {
			text += "\r"
		}
		added[i].text = text
	}
	if at == len(f.lines) && f.bare && at > 0 {
		// The line before has no end: it gets one, and the last one of these has none.
		if f.crlf {
			f.change(at-1, strings.TrimSuffix(f.lines[at-1].text, "\r")+"\r")
			added[len(added)-1].text = strings.TrimSuffix(added[len(added)-1].text, "\r")
		}
	}
	f.lines = slices.Insert(f.lines, at, added...)
}

// change gives a line another text.
func (f *file) change(at int, text string) {
	l := &f.lines[at]
	if l.text == text {
		return
	}
	if l.orig > 0 && !l.changed {
		l.was, l.changed = l.text, true
	}
	l.text = text
}

// put puts text into a line, at a column from 1 in characters.
func (f *file) put(at, column int, text string) {
	l := &f.lines[at]
	offset := byteOffset(l.text, column)
	f.change(at, l.text[:offset]+text+l.text[offset:])
	l.shifts = append(l.shifts, shift{column, utf8.RuneCountInString(text)})
}

// column is where a column of the original line is now.
func (f *file) column(at, column int) int {
	for _, s := range f.lines[at].shifts {
		if s.at <= column {
			column += s.by
		}
	}
	return column
}

func byteOffset(text string, column int) int {
	for i := range text {
		if column--; column == 0 {
			return i
		}
	}
	return len(text)
}

// clone is a copy to go back to.
func (f *file) clone() []line {
	c := slices.Clone(f.lines)
	for i := range c {
		c[i].shifts = slices.Clip(c[i].shifts)
	}
	return c
}

// context is how many lines stand around a change in a diff.
const context = 3

// diff writes the changes as a unified diff.
func (f *file) diff(b *strings.Builder) {
	var rows []row
	var touched []int
	for _, l := range f.lines {
		switch {
		case l.orig == 0:
			touched = append(touched, len(rows))
			rows = append(rows, row{'+', l.text})
		case l.changed:
			touched = append(touched, len(rows), len(rows)+1)
			rows = append(rows, row{'-', l.was}, row{'+', l.text})
		default:
			rows = append(rows, row{' ', l.text})
		}
	}
	if len(touched) == 0 {
		return
	}
	fmt.Fprintf(b, "--- a/%s\n+++ b/%s\n", f.name, f.name)
	f.hunks(b, rows, touched)
}

// row is a line of a diff.
type row struct {
	mark byte
	text string
}

// hunks writes the changed rows with those around them.
func (f *file) hunks(b *strings.Builder, rows []row, touched []int) {
	before, after, at := 0, 0, 0
	for i := 0; i < len(touched); {
		from := max(touched[i]-context, at)
		last := touched[i]
		for i < len(touched) && touched[i] <= last+2*context+1 {
			last = touched[i]
			i++
		}
		to := min(last+context+1, len(rows))
		for ; at < from; at++ {
			before++
			after++
		}
		olds, news := 0, 0
		for _, r := range rows[from:to] {
			if r.mark != '+' {
				olds++
			}
			if r.mark != '-' {
				news++
			}
		}
		start := func(n, count int) int {
			if count == 0 {
				return n
			}
			return n + 1
		}
		fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", start(before, olds), olds, start(after, news), news)
		for k, r := range rows[from:to] {
			b.WriteByte(r.mark)
			b.WriteString(r.text)
			b.WriteByte('\n')
			if f.bare && (from+k == len(rows)-1 || r.mark == '-' && from+k == len(rows)-2) {
				b.WriteString("\\ No newline at end of file\n")
			}
		}
		before, after, at = before+olds, after+news, to
	}
}

// edits are the changes as edits of the original.
func (f *file) edits() []finding.Edit {
	var all []finding.Edit
	starts := []int{0}
	for i, c := range f.was {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	position := func(orig int) finding.Position {
		if orig-1 < len(starts) {
			return finding.Position{Offset: starts[orig-1], Line: orig, Column: 1}
		}
		last := len(starts)
		return finding.Position{Offset: len(f.was), Line: last, Column: utf8.RuneCount(f.was[starts[last-1]:]) + 1}
	}
	next := 1
	for i := 0; i < len(f.lines); {
		l := &f.lines[i]
		if l.orig > 0 {
			if l.changed {
				start := position(l.orig)
				end := finding.Position{Offset: start.Offset + len(l.was), Line: l.orig, Column: utf8.RuneCountInString(l.was) + 1}
				all = append(all, finding.Edit{File: f.name, Start: start, End: end, Text: l.text})
			}
			next = l.orig + 1
			i++
			continue
		}
		var b strings.Builder
		for ; i < len(f.lines) && f.lines[i].orig == 0; i++ {
			b.WriteString(f.lines[i].text)
			b.WriteByte('\n')
		}
		at, text := position(next), b.String()
		if f.bare && i == len(f.lines) {
			text = "\n" + strings.TrimSuffix(text, "\n")
		}
		all = append(all, finding.Edit{File: f.name, Start: at, End: at, Text: text})
	}
	return all
}

// indentOf is the number of blanks that a line begins with; -1 for an empty one and for
// a comment alone.
func indentOf(text string) int {
	trimmed := strings.TrimLeft(text, " ")
	if t := strings.TrimRight(trimmed, " \t\r"); t == "" {
		return -1
	}
	return len(text) - len(trimmed)
}
