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

// traitsOf returns the traits of a character outside ASCII.
func traitsOf(r rune) trait {
	return wide.traits[wide.block[r>>6]][r&63]
}
