package layer

import (
	"strconv"
	"strings"
)

// separators are the bytes that part cells, in the order in which they are tried.
const separators = ",;\t|"

// csv hands out the cells of lines (RFC 4180, or another separator) under row
// and column, counted from 1 ("2.3"). The first two rows must have equally many
// cells, more than one, and so must half of all rows.
func (o *opener) csv() {
	text := strings.Trim(o.text, "\r\n")
	if strings.IndexByte(text, '\n') < 0 && strings.IndexByte(text, '\r') < 0 {
		return
	}
	for i := range len(separators) {
		if table := (table{text: text, sep: separators[i]}); o.named && i == 0 || table.regular() {
			table.pos, table.open = 0, false
			o.rows(&table)
			return
		}
	}
}

// rows hands out all cells.
func (o *opener) rows(t *table) {
	for row := 1; t.pos < len(t.text); row++ {
		for column := 1; ; column++ {
			cell, last := t.cell()
			if o.parts == 0 {
				o.cut |= SetOf(CSV)
				return
			}
			if cell != "" && !o.emit(CSV, strconv.Itoa(row)+"."+strconv.Itoa(column), cell) {
				return
			}
			if last {
				break
			}
		}
	}
}

// table reads cells.
type table struct {
	text string
	pos  int
	sep  byte
	open bool // a quote was not closed: the later ones are none
}

// regular tells whether the text is a table.
func (t *table) regular() bool {
	first, rows, equal := 0, 0, 0
	for t.pos < len(t.text) {
		n := 1
		for ; ; n++ {
			if _, _, last := t.next(); last {
				break
			}
		}
		if rows++; rows == 1 {
			first = n
		}
		if n == first {
			equal++
		} else if rows == 2 {
			return false
		}
		if first < 2 {
			return false
		}
	}
	return rows > 1 && equal*2 >= rows
}

// cell gives the next cell without its quotes, and whether it ends the row.
func (t *table) cell() (string, bool) {
	raw, quoted, last := t.next()
	if quoted {
		raw = strings.ReplaceAll(raw, `""`, `"`)
	}
	return raw, last
}

// next gives the next cell as it stands between its quotes, if it has some.
func (t *table) next() (raw string, quoted, last bool) {
	start := t.pos
	if start < len(t.text) && t.text[start] == '"' {
		if end := t.closing(start + 1); end >= 0 {
			raw, quoted, t.pos = t.text[start+1:end], true, end+1
		}
	}
	for t.pos < len(t.text) {
		c := t.text[t.pos]
		if c == t.sep || c == '\n' || c == '\r' {
			break
		}
		t.pos++
	}
	if !quoted {
		raw = t.text[start:t.pos]
	}
	if t.pos == len(t.text) {
		return raw, quoted, true
	}
	if c := t.text[t.pos]; c == t.sep {
		t.pos++
		return raw, quoted, false
	}
	for t.pos < len(t.text) && (t.text[t.pos] == '\n' || t.text[t.pos] == '\r') {
		t.pos++
	}
	return raw, quoted, true
}

// closing gives the place of the quote that ends a cell, or -1. After
// one that is not closed it looks no more, so that many cost no square.
func (t *table) closing(p int) int {
	for ; p < len(t.text) && !t.open; p++ {
		if t.text[p] == '"' {
			if p+1 < len(t.text) && t.text[p+1] == '"' {
				p++
				continue
			}
			return p
		}
	}
	t.open = true
	return -1
}
