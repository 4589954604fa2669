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

// wide has the traits of every character in blocks of 64; nearly all share
// the empty block.
var wide = func() (t struct {
	block  [(unicode.MaxRune + 1) >> 6]uint8
	traits [][64]trait
},
) {
	t.traits = make([][64]trait, 1, 128)
	set := func(r rune, x trait) {
		if r < utf8.RuneSelf || x == 0 {
			return
		}
		b := &t.block[r>>6]
		if *b == 0 {
			*b = uint8(len(t.traits)) //nolint:gosec // there are fewer than 256 blocks; a test counts them
			t.traits = append(t.traits, [64]trait{})
		}
		t.traits[*b][r&63] |= x
	}
	for _, c := range unicode.CaseRanges {
		for r := rune(c.Lo); r <= rune(c.Hi); r++ { //nolint:gosec // bounds of Unicode fit
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

// traitsAt returns the traits and the length of the character of s at i, which
// is outside ASCII. It is broken, of one byte, where it is no UTF-8.
func traitsAt(s string, i int) (trait, int) {
	c := s[i]
	switch {
	case c < 0xc2 || i+1 == len(s) || s[i+1]&0xc0 != 0x80:
	case c < 0xe0:
		return wide.traits[wide.block[c&0x1f]][s[i+1]&0x3f], 2
	case c > 0xe0 && c < 0xf0 && c != 0xed && i+2 < len(s) && s[i+2]&0xc0 == 0x80:
		return wide.traits[wide.block[int(c&15)<<6|int(s[i+1]&0x3f)]][s[i+2]&0x3f], 3
	default: // rare, or with conditions on the second byte
		if r, size := utf8.DecodeRuneInString(s[i:]); size > 1 {
			return wide.traits[wide.block[r>>6]][r&0x3f], size
		}
	}
	if c == rawNBSP {
		return broken | latinSpace, 1
	}
	return broken, 1
}
