package layer

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes undoes the escapes of JavaScript, JSON and their relatives: \xNN,
// \uNNNN with surrogates, \u{N}, octal, the letters, an escaped line break, and
// the backslash before a character that needs none.
func (o *opener) escapes() {
	text := o.text
	i := strings.IndexByte(text, '\\')
	if i < 0 || i+1 == len(text) {
		return
	}
	buf := append(o.s.buf[:0], text[:i]...)
	for i < len(text) {
		if text[i] != '\\' || i+1 == len(text) {
			next := strings.IndexByte(text[i+1:], '\\')
			if next < 0 {
				next = len(text) - i - 1
			}
			buf = append(buf, text[i:i+1+next]...)
			i += 1 + next
			continue
		}
		var n int
		o.changed(buf)
		buf, n = appendEscape(buf, text[i:])
		i += n
	}
	o.keep(buf)
	o.emitChanges(JS, buf)
}

// letters gives the control characters that letters stand for.
var letters = [128]byte{'b': 8, 't': '\t', 'n': '\n', 'v': 11, 'f': 12, 'r': '\r'}

// appendEscape appends what the escape at the start of s stands for, and gives
// its length. s has a backslash and at least one more byte.
func appendEscape(dst []byte, s string) (out []byte, n int) {
	c := s[1]
	switch {
	case c == 'x' || c == 'X':
		if b, ok := hexByte(s, 2); ok {
			return append(dst, b), 4
		}
	case c == 'u' || c == 'U':
		if r, n := unicodeEscape(s); n > 0 {
			return utf8.AppendRune(dst, r), n
		}
	case c >= '0' && c <= '7':
		v, n := 0, 1
		for n < len(s) && n <= 3 && s[n] >= '0' && s[n] <= '7' && v*8 < 256 {
			v = v*8 + int(s[n]-'0')
			n++
		}
		return append(dst, byte(v&255)), n
	case c == '\n':
		return dst, 2
	case c == '\r':
		if len(s) > 2 && s[2] == '\n' {
			return dst, 3
		}
		return dst, 2
	case c < 128 && letters[c] != 0:
		return append(dst, letters[c]), 2
	}
	return append(dst, c), 2
}

// unicodeEscape reads \uNNNN, also a pair of surrogates, \u{N} and \UNNNNNNNN.
func unicodeEscape(s string) (rune, int) {
	if len(s) > 3 && s[2] == '{' {
		end := strings.IndexByte(s[:min(len(s), 16)], '}')
		if end < 0 {
			return 0, 0
		}
		if r, ok := hexRune(s[3:end]); ok {
			return r, end + 1
		}
		return 0, 0
	}
	if s[1] == 'U' && len(s) >= 10 {
		if r, ok := hexRune(s[2:10]); ok {
			return r, 10
		}
	}
	if len(s) < 6 {
		return 0, 0
	}
	r, ok := hexRune(s[2:6])
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, ok := hexRune(s[8:12]); ok {
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				return full, 12
			}
		}
	}
	return r, 6
}
