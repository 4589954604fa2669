package mule

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxEntries bounds how many properties one file may hold.
const maxEntries = 20_000

// entry is one property of a file: offsets are those of the file.
type entry struct {
	name, value        string
	nameAt, start, end int
}

// readEntries reads the format of java.util.Properties: comments, continued lines,
// escapes, the separators =, : and blank. What is no UTF-8 is read as ISO 8859-1.
// It says whether all of them were read.
func readEntries(text []byte) (entries []entry, all bool) {
	r := entryReader{text: text}
	if strings.HasPrefix(string(text[:min(3, len(text))]), "\xef\xbb\xbf") {
		r.at = 3
	}
	for r.blank(true); r.at < len(text); r.blank(true) {
		if c := text[r.at]; c == '#' || c == '!' {
			for r.at < len(text) && !isLineEnd(text[r.at]) {
				r.at++
			}
			continue
		}
		if len(entries) == maxEntries {
			return entries, false
		}
		e := entry{nameAt: r.at}
		e.name = r.read(true)
		r.separator()
		r.begin = -1
		e.value = r.read(false)
		e.start, e.end = r.begin, r.at
		if r.begin < 0 {
			e.start = r.at
		}
		entries = append(entries, e)
	}
	return entries, true
}

type entryReader struct {
	text []byte
	at   int
	// begin is where the first character of the last text stood, -1 for none.
	begin int
	out   []byte
}

func isLineEnd(c byte) bool   { return c == '\n' || c == '\r' }
func isPropBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// blank passes over white space, and over ends of lines if lines says so.
func (r *entryReader) blank(lines bool) {
	for r.at < len(r.text) && (isPropBlank(r.text[r.at]) || lines && isLineEnd(r.text[r.at])) {
		r.at++
	}
}

func (r *entryReader) separator() {
	r.blank(false)
	if r.at < len(r.text) && (r.text[r.at] == '=' || r.text[r.at] == ':') {
		r.at++
	}
	for {
		r.blank(false)
		if !r.continued() {
			return
		}
	}
}

// continued passes over a backslash with the end of its line, and the blanks that
// the next line begins with.
func (r *entryReader) continued() bool {
	if r.at+1 >= len(r.text) || r.text[r.at] != '\\' || !isLineEnd(r.text[r.at+1]) {
		return false
	}
	r.at += 2
	if r.text[r.at-1] == '\r' && r.at < len(r.text) && r.text[r.at] == '\n' {
		r.at++
	}
	r.blank(false)
	return true
}

// read reads a name, up to its separator, or a value, up to the end of its line.
func (r *entryReader) read(name bool) string {
	r.out = r.out[:0]
	for r.at < len(r.text) {
		c := r.text[r.at]
		if isLineEnd(c) || name && (c == '=' || c == ':' || isPropBlank(c)) {
			break
		}
		if r.continued() {
			continue
		}
		if r.begin < 0 {
			r.begin = r.at
		}
		if c == '\\' && r.at+1 < len(r.text) {
			r.escape()
			continue
		}
		r.out = append(r.out, c)
		r.at++
	}
	if utf8.Valid(r.out) {
		return string(r.out)
	}
	latin := make([]rune, len(r.out))
	for i, c := range r.out {
		latin[i] = rune(c)
	}
	return string(latin)
}

// escape reads a backslash and what it stands before.
func (r *entryReader) escape() {
	c := r.text[r.at+1]
	r.at += 2
	switch c {
	case 't':
		c = '\t'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 'f':
		c = '\f'
	case 'u':
		if code, err := strconv.ParseUint(string(r.text[r.at:min(r.at+4, len(r.text))]), 16, 16); err == nil && r.at+4 <= len(r.text) {
			r.out = utf8.AppendRune(r.out, rune(code))
			r.at += 4
			return
		}
	}
	r.out = append(r.out, c)
}
