package automaton

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// Possible reports whether expr can match somewhere in a text that consists only
// of the bytes marked in alphabet. It errs to true only: assertions other than
// \b are taken to hold somewhere. An expression that can not be compiled is
// possible.
func Possible(expr Pattern, alphabet *[256]bool) bool {
	re, err := syntax.Parse(expr.Expr, syntax.Perl)
	if err != nil {
		return true
	}
	return (&letters{bytes: alphabet, latin: expr.Latin}).possible(re.Simplify())
}

// letters knows which runes a text over some bytes can have.
type letters struct {
	bytes *[256]bool
	latin bool
}

func (l *letters) possible(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return false
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if !l.literal(r, re.Flags&syntax.FoldCase != 0) {
				return false
			}
		}
		return true
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if l.within(re.Rune[i], re.Rune[i+1]) {
				return true
			}
		}
		return false
	case syntax.OpAnyChar:
		return l.within(0, unicode.MaxRune)
	case syntax.OpAnyCharNotNL:
		return l.within(0, '\n'-1) || l.within('\n'+1, unicode.MaxRune)
	case syntax.OpWordBoundary:
		return l.within('0', '9') || l.within('A', 'Z') || l.within('a', 'z') || l.has('_')
	case syntax.OpRepeat:
		return re.Min == 0 || l.possible(re.Sub[0])
	case syntax.OpCapture, syntax.OpPlus:
		return l.possible(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !l.possible(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if l.possible(sub) {
				return true
			}
		}
		return false
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest, syntax.OpNoWordBoundary,
		syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return true
	}
	return true
}

func (l *letters) literal(r rune, fold bool) bool {
	if l.has(r) {
		return true
	}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if l.has(f) {
				return true
			}
		}
	}
	return false
}

// has reports whether a text can have r.
func (l *letters) has(r rune) bool {
	if l.latin {
		return r < 256 && l.bytes[r]
	}
	if r == utf8.RuneError { // any byte of 0x80 and above can stand alone, invalid
		for _, ok := range l.bytes[0x80:] {
			if ok {
				return true
			}
		}
		return false
	}
	var buf [utf8.UTFMax]byte
	if !utf8.ValidRune(r) {
		return false
	}
	for _, b := range buf[:utf8.EncodeRune(buf[:], r)] {
		if !l.bytes[b] {
			return false
		}
	}
	return true
}

// within reports whether a text can have a rune from lo to hi.
func (l *letters) within(lo, hi rune) bool {
	if l.latin {
		hi = min(hi, 255)
	}
	if lo <= utf8.RuneError && utf8.RuneError <= hi && !l.latin && l.has(utf8.RuneError) {
		return true
	}
	for r := lo; r <= hi; {
		if r >= 0x80 && !l.latin && !l.prefix(r) {
			r = r&^63 + 64 // all runes that differ in the last byte only
			continue
		}
		if l.has(r) {
			return true
		}
		r++
	}
	return false
}

// prefix reports whether the bytes of r but the last are letters.
func (l *letters) prefix(r rune) bool {
	if !utf8.ValidRune(r) {
		return false
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	for _, b := range buf[:n-1] {
		if !l.bytes[b] {
			return false
		}
	}
	return true
}
