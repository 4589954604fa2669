package transform

import (
	"strings"
	"unicode/utf8"
)

// Full-width forms of ASCII are folded to ASCII.
const (
	fullWidthFirst = 0xff01
	fullWidthLast  = 0xff5e
)

// control has the byte that a letter after a backslash means; 0 where it means
// itself.
var control = [256]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// appendUnescaped copies src but for what begins with a backslash: that becomes
// the byte that decode returns, and as much is skipped as it says. decode
// gets what follows a backslash, never nothing; a backslash at the end stays.
func appendUnescaped(dst []byte, src string, decode func(s string) (b byte, size int)) []byte {
	for {
		i := strings.IndexByte(src, '\\')
		if i < 0 || i+1 == len(src) {
			return append(dst, src...)
		}
		b, size := decode(src[i+1:])
		dst = append(append(dst, src[:i]...), b)
		src = src[i+1+size:]
	}
}

// changesEscaped looks for a backslash before the end.
func changesEscaped(s string) bool {
	i := strings.IndexByte(s, '\\')
	return i >= 0 && i+1 < len(s)
}

// appendEscapeSequence is escapeSeqDecode: the escapes of C.
func appendEscapeSequence(dst []byte, src string) []byte {
	return appendUnescaped(dst, src, sequenceAt)
}

func sequenceAt(s string) (byte, int) {
	switch c := s[0]; {
	case control[c] != 0:
		return control[c], 1
	case c|0x20 == 'x' && isHexAt(s, 1, 2):
		b, _ := hexPair(s[1], s[2])
		return b, 3
	case isOctal(c):
		return octal(s, 3)
	default:
		return c, 1
	}
}

func isOctal(c byte) bool { return c&^7 == '0' }

// octal returns the low byte of at most limit octal digits, and their number.
func octal(s string, limit int) (byte, int) {
	n, v := 0, 0
	for n < limit && n < len(s) && isOctal(s[n]) {
		v = v<<3 | int(s[n]&7)
		n++
	}
	return byte(v), n
}

// appendJS is jsDecode: the escapes of JavaScript, of which characters outside
// ASCII keep their low byte only.
func appendJS(dst []byte, src string) []byte {
	return appendUnescaped(dst, src, jsAt)
}

func jsAt(s string) (byte, int) {
	switch c := s[0]; {
	case control[c] != 0:
		return control[c], 1
	case c == 'u':
		return jsUnicodeAt(s)
	case c == 'x' && isHexAt(s, 1, 2):
		b, _ := hexPair(s[1], s[2])
		return b, 3
	case c >= '0' && c <= '3':
		return octal(s, 3)
	case isOctal(c):
		return octal(s, 2)
	default:
		return c, 1
	}
}

// jsUnicodeAt reads uHHHH and u{H...}, or else the u alone.
func jsUnicodeAt(s string) (byte, int) {
	if isHexAt(s, 1, 4) {
		hi, _ := hexPair(s[1], s[2])
		lo, _ := hexPair(s[3], s[4])
		if hi == 0xff && lo > 0 && lo <= fullWidthLast&0xff {
			lo += ' '
		}
		return lo, 5
	}
	if len(s) < 2 || s[1] != '{' {
		return s[0], 1
	}
	code, n := hexNumber(s[2:])
	if n == 0 || 2+n >= len(s) || s[2+n] != '}' {
		return s[0], 1
	}
	b := byte(code)
	if code >= fullWidthFirst && code <= fullWidthLast {
		b += ' '
	}
	return b, n + 3
}

// hexNumber reads up to six hexadecimal digits.
func hexNumber(s string) (code rune, n int) {
	for n < 6 && n < len(s) && nibble[s[n]] != notHex {
		code = code<<4 | rune(nibble[s[n]])
		n++
	}
	return code, n
}

// appendCSS is cssDecode: the escapes of CSS. A backslash at the end goes.
func appendCSS(dst []byte, src string) []byte {
	for {
		i := strings.IndexByte(src, '\\')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		src = src[i+1:]
		code, n := hexNumber(src)
		switch {
		case n > 0:
			dst = utf8.AppendRune(dst, cssRune(code))
			if n < len(src) && spaceKind[src[n]] == white {
				n++
			}
			src = src[n:]
		case src == "":
			return dst
		case src[0] == '\n':
			src = src[1:]
		default:
			dst = append(dst, src[0])
			src = src[1:]
		}
	}
}

func cssRune(code rune) rune {
	switch {
	case code == 0:
		return utf8.RuneError
	case code >= fullWidthFirst && code <= fullWidthLast:
		return code - (fullWidthFirst - '!')
	}
	return code // AppendRune replaces what is no character
}
