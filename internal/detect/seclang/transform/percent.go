package transform

import (
	"strings"
	"unicode/utf8"
)

const (
	notHex  = 0xff
	hexText = "0123456789abcdef"
)

// nibble has the value of each hexadecimal digit, notHex for other bytes.
var nibble = func() (t [256]uint8) {
	for b := range t {
		t[b] = notHex
	}
	for i, b := range []byte(hexText) {
		t[b] = uint8(i)
		if b >= 'a' {
			t[b-'a'+'A'] = uint8(i)
		}
	}
	return t
}()

// hexPair returns the byte that two hexadecimal digits spell.
func hexPair(hi, lo byte) (byte, bool) {
	h, l := nibble[hi], nibble[lo]
	return h<<4 | l&15, h|l < 16
}

// isHexAt tells whether s has n hexadecimal digits at i.
func isHexAt(s string, i, n int) bool {
	if i+n > len(s) {
		return false
	}
	for k := range n {
		if nibble[s[i+k]] == notHex {
			return false
		}
	}
	return true
}

// appendPercent is urlDecode.
func appendPercent(dst []byte, src string) []byte {
	return appendDecoded(dst, src, func(s string) (byte, int) {
		if isHexAt(s, 1, 2) {
			b, _ := hexPair(s[1], s[2])
			return b, 3
		}
		return '%', 1
	})
}

// appendDecoded makes a plus a space and, where s begins with a percent sign,
// as many bytes as decode says the one that it returns.
func appendDecoded(dst []byte, src string, decode func(s string) (b byte, size int)) []byte {
	n := len(dst)
	dst, out := room(dst, len(src)+8)
	i, j := 0, 0
	for i < len(src) {
		if i+8 <= len(src) {
			w := word(src, i)
			putWord(out[j:], w)
			same := unmarked(equal(w, '%') | equal(w, '+'))
			i += same
			j += same
			if same == 8 {
				continue
			}
		}
		c, size := src[i], 1
		switch c {
		case '+':
			c = ' '
		case '%':
			c, size = decode(src[i:])
		}
		out[j] = c
		j++
		i += size
	}
	return dst[:n+j]
}

func changesPercent(s string) bool {
	if strings.IndexByte(s, '+') >= 0 {
		return true
	}
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return false
		}
		s = s[i+1:]
		if isHexAt(s, 0, 2) {
			return true
		}
	}
}

// appendPercentUni is urlDecodeUni: %uXXXX too, as the nearest ASCII character
// or else the low byte.
func appendPercentUni(dst []byte, src string) []byte {
	return appendDecoded(dst, src, percentUniAt)
}

// percentUniAt returns the byte that s, which begins with a percent sign,
// spells, and how long the spelling is: 1 for the sign alone.
func percentUniAt(s string) (byte, int) {
	if len(s) < 3 {
		return '%', 1
	}
	if b, ok := hexPair(s[1], s[2]); ok {
		return b, 3
	}
	if s[1]|0x20 == 'u' && isHexAt(s, 2, 4) {
		hi, _ := hexPair(s[2], s[3])
		lo, _ := hexPair(s[4], s[5])
		return bestFit[uint16(hi)<<8|uint16(lo)], 6
	}
	return '%', 1
}

func changesPercentUni(s string) bool {
	if strings.IndexByte(s, '+') >= 0 {
		return true
	}
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return false
		}
		s = s[i:]
		if _, size := percentUniAt(s); size > 1 {
			return true
		}
		s = s[1:]
	}
}

// appendPercentEncoded is urlEncode: only letters, digits and * stay.
func appendPercentEncoded(dst []byte, src string) []byte {
	for i := range len(src) {
		c := src[i]
		switch {
		case classes[c]&(letters|Digit|Star) != 0:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hexText[c>>4], hexText[c&15])
		}
	}
	return dst
}

// appendUnicode is utf8toUnicode: characters outside ASCII as %uXXXX, five or
// six digits where they need them, and %ufffd for bytes that are no UTF-8.
func appendUnicode(dst []byte, src string) []byte {
	for {
		n := ascii(src)
		dst = append(dst, src[:n]...)
		src = src[n:]
		if src == "" {
			return dst
		}
		for src != "" && src[0] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(src)
			src = src[size:]
			dst = append(dst, '%', 'u')
			if r >= 1<<20 {
				dst = append(dst, hexText[r>>20])
			}
			if r >= 1<<16 {
				dst = append(dst, hexText[r>>16&15])
			}
			dst = append(dst, hexText[r>>12&15], hexText[r>>8&15], hexText[r>>4&15], hexText[r&15])
		}
	}
}
