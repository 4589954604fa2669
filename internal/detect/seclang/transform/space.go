package transform

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const white = 1

// spaceKind has white for the white space of ASCII, 0 for other bytes.
var spaceKind = [256]uint8{' ': white, '\t': white, '\n': white, '\r': white, '\f': white, '\v': white}

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
			traits, size := traitsAt(src, same)
			if traits&(latinSpace|wideSpace|broken) == 0 {
				same += size
				continue
			}
			dst = append(dst, src[:same]...)
			if traits&broken != 0 {
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
	dst, out := room(dst, len(src)+8)
	i, j := 0, 0
	for ; i+8 <= len(src); i++ {
		w := word(src, i)
		putWord(out[j:], w)
		same := unmarked(blank(w))
		j += same
		i += same - same>>3
	}
	for ; i < len(src); i++ {
		out[j] = src[i]
		j += 1 - int(spaceKind[src[i]])
	}
	return dst[:n+j]
}

// reportsSpace tells of white space, but not of bytes replaced.
func reportsSpace(src, _ string) bool { return strings.IndexFunc(src, unicode.IsSpace) >= 0 }

// appendCompressed makes each run of white space of ASCII and Latin-1 one
// space. Bytes that are no UTF-8 stay.
func appendCompressed(dst []byte, src string) []byte {
	n := len(dst)
	dst, out := room(dst, len(src)+8)
	i, j := 0, 0
	for i < len(src) {
		if i+8 <= len(src) {
			w := word(src, i)
			putWord(out[j:], w)
			same := unmarked(w&highs | blank(w&^highs)&^w)
			i += same
			j += same
			if same == 8 {
				continue
			}
		}
		start := i
		if src[i] >= utf8.RuneSelf {
			i = skipInk(src, i)
			j += copy(out[j:], src[start:i])
		} else if spaceKind[src[i]] != white {
			out[j] = src[i]
			j++
			i++
			continue
		}
		if end := skipSpace(src, i); end > i {
			out[j] = ' '
			j++
			i = end
		}
	}
	return dst[:n+j]
}

// skipInk returns where what is no white space and not ASCII ends in s, from i
// on.
func skipInk(s string, i int) int {
	for i < len(s) && s[i] >= utf8.RuneSelf {
		traits, size := traitsAt(s, i)
		if traits&latinSpace != 0 {
			break
		}
		i += size
	}
	return i
}

// skipSpace returns where white space of ASCII and Latin-1 ends in s, from i on.
func skipSpace(s string, i int) int {
	for i < len(s) {
		switch c := s[i]; {
		case spaceKind[c] == white:
			i++
		case c < utf8.RuneSelf:
			return i
		default:
			traits, size := traitsAt(s, i)
			if traits&latinSpace == 0 {
				return i
			}
			i += size
		}
	}
	return i
}

// latinAt returns the length of the character of s at i, and whether it is
// white space of ASCII or Latin-1.
func latinAt(s string, i int) (int, bool) {
	if s[i] < utf8.RuneSelf {
		return 1, spaceKind[s[i]] == white
	}
	traits, size := traitsAt(s, i)
	return size, traits&latinSpace != 0
}

// changesCompressed looks for white space that is no space or beside another.
func changesCompressed(s string) bool {
	before := uint64(0) // marks the byte before
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			if w := word(s, i); w&highs == 0 {
				found := equal(w, ' ')
				if between(w, '\t', '\r')|found&(found<<8|before) != 0 {
					return true
				}
				before = found >> 56
				i += 8
				continue
			}
		}
		size, isWhite := latinAt(s, i)
		if isWhite && (before != 0 || s[i] != ' ') {
			return true
		}
		before = 0
		if isWhite {
			before = 0x80
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
