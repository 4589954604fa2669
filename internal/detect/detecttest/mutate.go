package detecttest

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// payloads are the texts of all hand-written attacks.
var payloads = sync.OnceValue(func() []string {
	var all []string
	for _, kind := range attackTypes {
		for _, s := range readSeeds(kind) {
			all = append(all, s.text)
		}
	}
	return all
})

// Payloads yields the texts of all hand-written attacks, not encoded.
func Payloads() iter.Seq[string] { return slices.Values(payloads()) }

// alphabet holds what rules look for: punctuation, control characters, letters
// that fold to ASCII (the Kelvin sign, the long s), invalid UTF-8.
var alphabet = strings.Split("' \" ` ; | & $ ( ) { } [ ] < > = + - * / \\ % # @ ! ? , . : ~ ^ 0 1 a e s x \u212a \u017f \u0131 \uff07 \u00a0 \u200b \u2028 é 東", " ")

var raws = []string{" ", "\t", "\n", "\r\n", "\x00", "\x0b", "\x0c", "\x7f", "\x80", "\xff", "\xc0\xaf", "\xed\xa0\x80", "/**/", "--", "%27", "%00", "&#39;", "\\u0027", "\\x27", "${IFS}", "+"}

// Mutate changes an attack a little: the result may be one still, or just not
// be one any more. Tests of soundness want both.
func Mutate(r *rand.Rand, payload string) string {
	b := payload
	for range 1 + r.IntN(4) {
		b = mutateOnce(r, b)
	}
	return b
}

func mutateOnce(r *rand.Rand, s string) string {
	at := r.IntN(len(s) + 1)
	to := at + r.IntN(min(len(s)-at, 12)+1)
	switch r.IntN(14) {
	case 0:
		return s[:at] + pick(r, alphabet) + s[at:]
	case 1:
		return s[:at] + pick(r, raws) + s[at:]
	case 2:
		return s[:at] + s[to:]
	case 3:
		return s[:at] + strings.Repeat(s[at:to], 2+r.IntN(3)) + s[to:]
	case 4:
		return s[:at] + strings.ToUpper(s[at:to]) + s[to:]
	case 5:
		return strings.Map(func(c rune) rune {
			if r.IntN(2) == 0 {
				return unicode.ToUpper(c)
			}
			return unicode.ToLower(c)
		}, s)
	case 6:
		return s[:at]
	case 7:
		return s[at:]
	case 8:
		other := pick(r, payloads())
		return s[:at] + other[r.IntN(len(other)+1):]
	case 9:
		return s[:at] + percentAll(s[at:to]) + s[to:]
	case 10:
		return strings.ReplaceAll(s, " ", pick(r, raws))
	case 11:
		return s[:at] + references(s[at:to], r) + s[to:]
	case 12:
		return say(r, pick(r, vocabulary().texts)) + " " + s
	default:
		return strings.NewReplacer("k", "\u212a", "s", "\u017f").Replace(s[:to]) + s[to:]
	}
}
