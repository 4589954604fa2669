package transform

import (
	"unicode"
	"unicode/utf8"
)

// trait is what the functions must know of a character outside ASCII: the last
// five classes of Mask, in their order.
type trait uint8

const (
	broken trait = 1 << iota
	latinSpace
	wideSpace
	wideUpper
	wideLower
)

// rawNBSP is the no-break space of Latin-1, which compressWhitespace takes for
// white space where it is no part of a character.
const rawNBSP = 0xa0

// maxBlocks is more than Unicode 15 needs; a test tells when it is not.
const maxBlocks = 128

// wide has the traits of every character in blocks of 64; nearly all share
// the empty block 0.
var wide = func() (t struct {
	block  [(unicode.MaxRune + 1) >> 6]uint8
	traits [maxBlocks][64]trait
	used   uint8 // blocks, the empty one not counted
},
) {
	set := func(r rune, x trait) {
		if r < utf8.RuneSelf {
			return
		}
		b := &t.block[r>>6]
		if *b == 0 {
			t.used++
			*b = t.used
		}
		t.traits[*b][r&63] |= x
	}
	for _, c := range unicode.CaseRanges {
		for r := rune(c.Lo); r <= rune(c.Hi); r++ {
			if unicode.ToLower(r) != r {
				set(r, wideUpper)
			}
			if unicode.ToUpper(r) != r {
				set(r, wideLower)
			}
		}
	}
	set(0x85, latinSpace)
	set(0xa0, latinSpace)
	for _, c := range unicode.White_Space.R16 {
		for r := rune(c.Lo); r <= rune(c.Hi); r += rune(c.Stride) {
			if r > unicode.MaxLatin1 {
				set(r, wideSpace)
			}
		}
	}
	return t
}()

// traitsOf returns the traits of a character by its upper bits and the six lowest.
func traitsOf(upper int, lowest byte) trait {
	return wide.traits[wide.block[upper]%maxBlocks][lowest&0x3f]
}

// traitsAt returns the traits and the length of the character of s at i, which
// is outside ASCII. It is broken, of one byte, where it is no UTF-8.
func traitsAt(s string, i int) (trait, int) {
	c := s[i]
	switch {
	case c < 0xc2 || i+1 == len(s) || s[i+1]&0xc0 != 0x80:
	case c < 0xe0:
		return traitsOf(int(c&0x1f), s[i+1]), 2
	case c > 0xe0 && c < 0xf0 && c != 0xed && i+2 < len(s) && s[i+2]&0xc0 == 0x80:
		return traitsOf(int(c&15)<<6|int(s[i+1]&0x3f), s[i+2]), 3
	default: // rare, or with conditions on the second byte
		if r, size := utf8.DecodeRuneInString(s[i:]); size > 1 {
			return traitsOf(int(r>>6), byte(r)), size
		}
	}
	if c == rawNBSP {
		return broken | latinSpace, 1
	}
	return broken, 1
}
