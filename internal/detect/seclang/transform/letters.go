package transform

import (
	"unicode"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// word returns the eight bytes of s at i, the first lowest.
func word(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// between has the high bit set of every byte of w from lo to hi. w must be
// ASCII only, lo and hi too.
func between(w uint64, lo, hi byte) uint64 {
	return (w + ones*uint64(0x80-lo)) &^ (w + ones*uint64(0x7f-hi)) & highs
}

func appendLower(dst []byte, src string) []byte {
	return appendCase(dst, src, 'A', 'Z', wideUpper, unicode.ToLower)
}

func appendUpper(dst []byte, src string) []byte {
	return appendCase(dst, src, 'a', 'z', wideLower, unicode.ToUpper)
}

// appendCase changes the case of the letters first to last and of the
// characters with the given trait. Bytes that are no UTF-8 become U+FFFD.
func appendCase(dst []byte, src string, first, last byte, changed trait, to func(rune) rune) []byte {
	for {
		n := ascii(src)
		dst = appendASCIICase(dst, src[:n], first, last)
		src = src[n:]
		if src == "" {
			return dst
		}
		same := 0
		for same < len(src) && src[same] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(src[same:])
			if size > 1 && traitsOf(r)&changed == 0 {
				same += size
				continue
			}
			dst = append(dst, src[:same]...)
			dst = utf8.AppendRune(dst, to(r))
			src, same = src[same+size:], 0
		}
		dst = append(dst, src[:same]...)
		src = src[same:]
	}
}

// ascii returns the length of the ASCII text that s begins with.
func ascii(s string) int {
	i := 0
	for i+8 <= len(s) && word(s, i)&highs == 0 {
		i += 8
	}
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// appendASCIICase flips the case of the letters first to last, eight at a time.
func appendASCIICase(dst []byte, src string, first, last byte) []byte {
	dst, out := room(dst, len(src))
	i := 0
	for ; i+8 <= len(src); i += 8 {
		w := word(src, i)
		w ^= between(w, first, last) >> 2
		o := out[i : i+8]
		o[0], o[1], o[2], o[3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
		o[4], o[5], o[6], o[7] = byte(w>>32), byte(w>>40), byte(w>>48), byte(w>>56)
	}
	for ; i < len(src); i++ {
		c := src[i]
		if first <= c && c <= last {
			c ^= 'a' - 'A'
		}
		out[i] = c
	}
	return dst
}
