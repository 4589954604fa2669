package sensitive

import (
	"strings"
	"unicode"
)

// maxShape is the longest shape, in characters.
const maxShape = 32

// hidden is the shape of every password, key and token: not even their length is
// shown.
const hidden = "********"

// Shape gives the redacted shape of a value: small letters become a, capitals A,
// digits 9; blanks and - . , : / @ + ( ) # _ stay, anything else becomes *. It is at
// most 32 characters long. Of texts about people no length of a word is shown, and
// of secrets nothing but that they are there. Values that differ in letters and
// digits only have one shape.
func Shape(class Class, value string) string {
	switch class {
	case JWT:
		return "***.***.***"
	case Name, Email, Address, Health:
		return draft(value, true)
	default:
		if class.Group() == GroupCredential || class == CardCode {
			return hidden
		}
		return draft(value, false)
	}
}

func draft(value string, short bool) string {
	var b strings.Builder
	n, run := 0, 0
	last := rune(0)
	for _, r := range value[:min(len(value), maxValue)] {
		if n == maxShape {
			break
		}
		s := stand(r)
		letter := s == 'a' || s == 'A' || s == '9'
		if letter && isAlnumRune(last) {
			run++
		} else {
			run = 1
		}
		last = s
		if short && letter && run > 3 {
			continue
		}
		b.WriteRune(s)
		n++
	}
	return b.String()
}

func isAlnumRune(r rune) bool { return r == 'a' || r == 'A' || r == '9' }

// stand gives the character that stands for r.
func stand(r rune) rune {
	switch {
	case unicode.IsDigit(r):
		return '9'
	case unicode.IsUpper(r):
		return 'A'
	case unicode.IsLetter(r):
		return 'a'
	case r < 0x80 && strings.ContainsRune(" -.,:/@+()#_", r):
		return r
	}
	return '*'
}
