package classify

import (
	"math"
	"strings"
)

const (
	// sample bounds how much of a run is judged.
	sample = 128
	// minNamed and minBare are the fewest bytes of a random string in the
	// neighbourhood of a secret's name, and elsewhere.
	minNamed, minBare = 20, 24
	// neighbourhood is how many bytes before a string are its context.
	neighbourhood = 48
)

// random is a piece of base64 or, behind the name of a secret, of hexadecimal
// digits that is too random to be a word.
func (f *finder) random(i int) Match {
	inside := i > f.edge && isToken(f.text[i-1])
	if inside && !strings.ContainsRune("/=+", rune(f.text[i-1])) && !f.escapedBefore(i) {
		return Match{}
	}
	end := f.run(i, &f.tokenEnd, isToken)
	if end-i < minNamed {
		return Match{}
	}
	piece := i
	for piece < min(end, i+sample) && f.text[piece] != '/' && f.text[piece] != '=' && f.text[piece] != '+' {
		piece++
	}
	for _, stop := range [...]int{piece, end} {
		s := f.text[i:min(stop, i+sample)]
		if len(s) < minNamed || stop == end && (inside || all(f.text[i:piece], isLower)) {
			continue // The pieces of a path are asked one by one.
		}
		if isRandom(s, minBare) || isRandomish(s) && SecretName(f.text[max(f.edge, i-neighbourhood):i]) {
			if stop == piece {
				end = f.span(i, end-i, isURL64)
			}
			return Match{Token, i, end}
		}
	}
	return Match{}
}

// isRandom tells whether s of at least least bytes mixes capitals, small letters
// and digits as only a generator does.
func isRandom(s string, least int) bool {
	if len(s) < least {
		return false
	}
	var upper, lower, digit, turns int
	last := byte(0)
	for i := range len(s) {
		kind := byte(0)
		switch c := s[i]; {
		case isUpper(c):
			upper++
			kind = 'A'
		case isLower(c):
			lower++
			kind = 'a'
		case isDigit(c):
			digit++
			kind = '0'
		}
		if kind != last && kind != 0 && last != 0 {
			turns++
		}
		last = kind
	}
	return upper >= 2 && lower >= 2 && digit >= 1 && turns*5 >= len(s)*2 && entropy(s) >= 0.8*ceiling(len(s), 64)
}

// isRandomish is the weaker question for a string behind the name of a secret:
// digits and letters, of nearly the entropy that its alphabet allows.
func isRandomish(s string) bool {
	letters, digits, hex := 0, 0, true
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
			digits++
		case isAlpha(s[i]):
			letters++
		}
		hex = hex && isHex(s[i])
	}
	alphabet := 64
	if hex {
		alphabet = 16
	}
	return letters > 0 && digits > 1 && entropy(s) >= 0.75*ceiling(len(s), alphabet)
}

// ceiling is the entropy that a string of n letters of an alphabet can have.
func ceiling(n, alphabet int) float64 { return math.Log2(float64(min(n, alphabet))) }

// entropy is Shannon's, in bits a byte.
func entropy(s string) float64 {
	var count [256]uint16
	for i := range len(s) {
		count[s[i]]++
	}
	h, n := 0.0, float64(len(s))
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			h -= p * math.Log2(p)
		}
	}
	return h
}
