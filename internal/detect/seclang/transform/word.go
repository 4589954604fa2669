package transform

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes at a time: a word holds them, the first lowest, and marks say
// which of them qualify, by the highest bit of each.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// word returns the eight bytes of s at i.
func word(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// putWord writes the eight bytes of w.
func putWord(out []byte, w uint64) { binary.LittleEndian.PutUint64(out, w) }

// equal marks the bytes of w that are b.
func equal(w uint64, b byte) uint64 {
	d := w ^ ones*uint64(b)
	return ^((d&^highs + ^uint64(highs)) | d) & highs
}

// between marks the bytes of w from lo to hi; all of them must be ASCII.
func between(w uint64, lo, hi byte) uint64 {
	return (w + ones*uint64(0x80-lo)) &^ (w + ones*uint64(0x7f-hi)) & highs
}

// blank marks the white space in w, which must be ASCII.
func blank(w uint64) uint64 { return equal(w, ' ') | between(w, '\t', '\r') }

// unmarked returns how many bytes come before the first marked one, 8 if none.
func unmarked(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// ascii returns the length of the ASCII text that s begins with.
func ascii(s string) int {
	i := 0
	for i+8 <= len(s) {
		if marks := word(s, i) & highs; marks != 0 {
			return i + unmarked(marks)
		}
		i += 8
	}
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}
