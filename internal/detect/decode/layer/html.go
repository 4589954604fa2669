package layer

import (
	"html"
	"strings"
)

// entities undoes character references: numeric ones also without a semicolon,
// as browsers do, and all names of HTML.
func (o *opener) entities() {
	if !hasEntity(o.text) {
		return
	}
	if len(o.text) >= longText {
		o.longEntities()
	} else if out := html.UnescapeString(o.text); out != o.text {
		o.emit(HTML, "", out)
	}
}

// longEntities is entities for a long text, piece by piece.
func (o *opener) longEntities() {
	buf, found := o.s.buf[:0], false
	for text := o.text; text != ""; {
		next := strings.IndexByte(text[1:], '&') + 1
		if next == 0 {
			next = len(text)
		}
		piece := text[:next]
		if out := html.UnescapeString(piece); out != piece {
			found = true
			o.changed(buf)
			piece = out
		}
		buf = append(buf, piece...)
		text = text[next:]
	}
	o.keep(buf)
	if found {
		o.emitChanges(HTML, buf)
	}
}

// hasEntity tells a reference from an ampersand in prose or in a query.
func hasEntity(text string) bool {
	for {
		i := strings.IndexByte(text, '&')
		if i < 0 || i+2 >= len(text) {
			return false
		}
		text = text[i+1:]
		if isEntity(text) {
			return true
		}
	}
}

// maxEntityName is the length of the longest name,
// CounterClockwiseContourIntegral.
const maxEntityName = 31

func isEntity(s string) bool {
	switch {
	case s[0] == '#':
		return isDigit(s[1]) || len(s) > 2 && s[1]|0x20 == 'x' && hexDigits[s[2]] < 16
	case !isLetter(s[0]):
		return false
	}
	n := 1
	for n < len(s) && n <= maxEntityName && isAlnum(s[n]) {
		n++
	}
	if n < len(s) && s[n] == ';' {
		return true
	}
	name := strings.ToLower(s[:min(n, 4)])
	return strings.HasPrefix(name, "lt") || strings.HasPrefix(name, "gt") ||
		strings.HasPrefix(name, "amp") || strings.HasPrefix(name, "quot")
}
