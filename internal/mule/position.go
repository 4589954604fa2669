package mule

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// Position is the line and column, counted from 1, of a byte of the text; the
// column counts characters.
func (f *File) Position(offset int) (line, column int) {
	f.index.Do(func() {
		f.lines = append(make([]int, 0, bytes.Count(f.Text, []byte("\n"))+1), 0)
		for i, b := range f.Text {
			if b == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	})
	offset = min(max(offset, 0), len(f.Text))
	line = sort.SearchInts(f.lines, offset+1)
	return line, utf8.RuneCount(f.Text[f.lines[line-1]:offset]) + 1
}

// Position is the line and column, counted from 1, of a byte of a file.
func (p *Project) Position(f *File, offset int) (line, column int) { return f.Position(offset) }
