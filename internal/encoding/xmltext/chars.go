package xmltext

import "unicode/utf8"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (r *Reader) blanks(p int) int {
	for p < len(r.data) && isBlank(r.data[p]) {
		p++
	}
	return p
}

// character gives the number of bytes of the legal character or, where
// references are read, of the reference at p.
func (r *Reader) character(p int, references bool) (int, error) {
	c := r.data[p]
	switch {
	case c == '&' && references:
		_, n := reference(r.data[p:])
		if n == 0 {
			return 0, r.fault(p, ErrReference)
		}
		return n, nil
	case c >= 0x20 && c < utf8.RuneSelf || isBlank(c):
		return 1, nil
	case c < 0x20:
		return 0, r.fault(p, ErrCharacter)
	}
	ch, n := utf8.DecodeRune(r.data[p:])
	switch {
	case ch == utf8.RuneError && n == 1:
		return 0, r.fault(p, ErrUTF8)
	case !isChar(ch):
		return 0, r.fault(p, ErrCharacter)
	}
	return n, nil
}

// isChar is the production Char.
func isChar(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || 0x20 <= c && c <= 0xD7FF ||
		0xE000 <= c && c <= 0xFFFD || 0x10000 <= c && c <= 0x10FFFF
}

// maxReference is the longest reference: "&#x" and leading zeros, of which more
// are refused.
const maxReference = 16

// reference reads the reference that b begins with: its character and its
// length, or 0 when it is none.
func reference(b []byte) (rune, int) {
	end := 1
	for end < len(b) && end < maxReference && b[end] != ';' {
		end++
	}
	if end == len(b) || end == maxReference {
		return 0, 0
	}
	switch name := b[1:end]; string(name) {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "apos":
		return '\'', end + 1
	case "quot":
		return '"', end + 1
	default:
		if c, ok := numeric(name); ok && isChar(c) {
			return c, end + 1
		}
	}
	return 0, 0
}

// numeric reads "#65" and "#x41".
func numeric(name []byte) (rune, bool) {
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := rune(10), name[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	var n rune
	for _, c := range digits {
		d := rune(c)
		switch {
		case '0' <= c && c <= '9':
			d -= '0'
		case base == 16 && 'a' <= c && c <= 'f':
			d -= 'a' - 10
		case base == 16 && 'A' <= c && c <= 'F':
			d -= 'A' - 10
		default:
			return 0, false
		}
		if n = n*base + d; n > utf8.MaxRune {
			return 0, false
		}
	}
	return n, len(digits) > 0
}

// name gives the end of the name at p.
func (r *Reader) name(p int) (int, error) {
	start, chars, colons := p, 0, 0
	for p < len(r.data) {
		c := r.data[p]
		n := 1
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_':
		case c == ':':
			colons++
		case p > start && ('0' <= c && c <= '9' || c == '-' || c == '.'):
		case c >= utf8.RuneSelf:
			var ch rune
			if ch, n = utf8.DecodeRune(r.data[p:]); ch == utf8.RuneError && n == 1 {
				return 0, r.fault(p, ErrUTF8)
			}
			if !isNameStart(ch) && (p == start || !isNameRest(ch)) {
				n = 0
			}
		default:
			n = 0
		}
		if n == 0 {
			break
		}
		if chars++; r.lim.MaxNameLength >= 0 && chars > r.lim.MaxNameLength {
			return 0, r.exceeded("MaxNameLength", r.lim.MaxNameLength, p)
		}
		p += n
	}
	switch {
	case p == len(r.data):
		return 0, r.fault(p, ErrEnd)
	case p == start || colons > 1:
		return 0, r.fault(start, ErrName)
	}
	return p, nil
}

// isNameStart is the part of the production NameStartChar that is not ASCII.
func isNameStart(c rune) bool {
	switch {
	case 0xC0 <= c && c <= 0x2FF:
		return c != 0xD7 && c != 0xF7
	case 0x370 <= c && c <= 0x1FFF:
		return c != 0x37E
	case c == 0x200C, c == 0x200D, 0x2070 <= c && c <= 0x218F, 0x2C00 <= c && c <= 0x2FEF,
		0x3001 <= c && c <= 0xD7FF, 0xF900 <= c && c <= 0xFDCF, 0xFDF0 <= c && c <= 0xFFFD, 0x10000 <= c && c <= 0xEFFFF:
		return true
	}
	return false
}

// isNameRest is what NameChar has beyond NameStartChar and ASCII.
func isNameRest(c rune) bool {
	return c == 0xB7 || 0x300 <= c && c <= 0x36F || c == 0x203F || c == 0x2040
}

// appendDecoded replaces references, when there can be any, and normalises what
// the reader has found well-formed.
func appendDecoded(dst, raw []byte, references, attribute bool) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '&' && references:
			ch, n := reference(raw[i:])
			dst = utf8.AppendRune(dst, ch)
			i += max(n, 1)
			continue
		case c == '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			c = '\n'
		}
		if attribute && (c == '\n' || c == '\t') {
			c = ' '
		}
		dst = append(dst, c)
		i++
	}
	return dst
}
