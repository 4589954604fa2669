package transform

import (
	"unicode"
	"unicode/utf8"
)

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
			traits, size := traitsAt(src, same)
			if traits&(changed|broken) == 0 {
				same += size
				continue
			}
			r, _ := utf8.DecodeRuneInString(src[same:])
			dst = append(dst, src[:same]...)
			dst = utf8.AppendRune(dst, to(r))
			src, same = src[same+size:], 0
		}
		dst = append(dst, src[:same]...)
		src = src[same:]
	}
}

// appendASCIICase flips the case of the letters first to last, eight at a time.
func appendASCIICase(dst []byte, src string, first, last byte) []byte {
	dst, out := room(dst, len(src))
	from, beyond := ones*uint64(0x80-first), ones*uint64(0x7f-last)
	i := 0
	for ; i+8 <= len(src); i += 8 {
		w := word(src, i)
		putWord(out[i:i+8], w^((w+from)&^(w+beyond)&highs)>>2)
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
