package transform

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of bytes that removal of white space tells apart.
const (
	plain = iota
	white
	beyond // outside ASCII
)

// spaceKind has the kind of each byte.
var spaceKind = func() (t [256]uint8) {
	for b := range t {
		if b >= utf8.RuneSelf {
			t[b] = beyond
		}
	}
	for _, b := range []byte(spaces) {
		t[b] = white
	}
	return t
}()

const spaces = " \t\n\r\f\v"

// appendNoSpace removes all white space of Unicode. Bytes that are no UTF-8
// become U+FFFD, as a side effect of how Coraza does it.
func appendNoSpace(dst []byte, src string) []byte {
	for {
		n := ascii(src)
		dst = appendNoASCIISpace(dst, src[:n])
		src = src[n:]
		if src == "" {
			return dst
		}
		same := 0
		for same < len(src) && src[same] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(src[same:])
			if size > 1 && traitsOf(r)&(latinSpace|wideSpace) == 0 {
				same += size
				continue
			}
			dst = append(dst, src[:same]...)
			if size == 1 {
				dst = utf8.AppendRune(dst, utf8.RuneError)
			}
			src, same = src[same+size:], 0
		}
		dst = append(dst, src[:same]...)
		src = src[same:]
	}
}

func appendNoASCIISpace(dst []byte, src string) []byte {
	n := len(dst)
	dst, out := room(dst, len(src))
	j := 0
	for i := range len(src) {
		c := src[i]
		out[j] = c
		j += 1 - int(spaceKind[c])
	}
	return dst[:n+j]
}

// reportsSpace tells of white space, but not of bytes replaced.
func reportsSpace(src, _ string) bool { return strings.IndexFunc(src, unicode.IsSpace) >= 0 }

// appendCompressed makes each run of white space of ASCII and Latin-1 one
// space. Bytes that are no UTF-8 stay.
func appendCompressed(dst []byte, src string) []byte {
	n := len(dst)
	dst, out := room(dst, len(src))
	i, j, inside := 0, 0, false
	for i < len(src) {
		c := src[i]
		kind, size := spaceKind[c], 1
		if kind == beyond {
			kind, size = latinKind(src[i:])
		}
		i += size
		switch {
		case kind == plain:
			inside = false
			j += copy(out[j:], src[i-size:i])
		case !inside:
			inside = true
			out[j] = ' '
			j++
		}
	}
	return dst[:n+j]
}

// latinKind returns the kind of the character that s begins with, which is
// outside ASCII, and its length.
func latinKind(s string) (uint8, int) {
	r, size := utf8.DecodeRuneInString(s)
	if size == 1 && s[0] == rawNBSP || size > 1 && traitsOf(r)&latinSpace != 0 {
		return white, size
	}
	return plain, size
}

// changesCompressed looks for white space that is no space or beside another.
func changesCompressed(s string) bool {
	before := false
	for i := 0; i < len(s); {
		size := 1
		switch spaceKind[s[i]] {
		case plain:
			before = false
		case white:
			if s[i] != ' ' || before {
				return true
			}
			before = true
		default:
			var kind uint8
			if kind, size = latinKind(s[i:]); kind == white {
				return true
			}
			before = false
		}
		i += size
	}
	return false
}

func appendTrim(dst []byte, src string) []byte {
	return append(dst, strings.Trim(src, spaces)...)
}

func appendTrimLeft(dst []byte, src string) []byte {
	return append(dst, strings.TrimLeft(src, spaces)...)
}

func appendTrimRight(dst []byte, src string) []byte {
	return append(dst, strings.TrimRight(src, spaces)...)
}

func changesTrim(s string) bool { return changesTrimLeft(s) || changesTrimRight(s) }

func changesTrimLeft(s string) bool { return s != "" && spaceKind[s[0]] == white }

func changesTrimRight(s string) bool { return s != "" && spaceKind[s[len(s)-1]] == white }
