package template

import "strings"

// isSerial tells two words or more with a number behind them, as "blue-chair-7": what
// programs make of titles. Of fifty thousand literal segments of published
// descriptions two look so.
func isSerial(s string) bool {
	words, digits := 0, 0
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == '_' }) {
		if digits > 0 {
			return false
		}
		switch {
		case all(part, isDigit):
			digits = len(part)
		case len(part) >= 2 && all(part, isLetter):
			words++
		default:
			return false
		}
	}
	return words >= 2 && digits > 0
}

// isConversion tells "utf8ToAscii": two names, whose numbers stand behind them, with
// "To" between.
func isConversion(s string) bool {
	from, to, ok := strings.Cut(s, "To")
	return ok && isQuantity(from) && to != "" && isUpper(to[0]) && isQuantity(to)
}

// isQuantity tells three letters or more, no capital but the first, with up to two
// digits behind them.
func isQuantity(s string) bool {
	text := strings.TrimRight(s, "0123456789")
	return len(text) >= 3 && len(s)-len(text) <= 2 && isLetter(text[0]) && all(text[1:], isLower)
}

// titled tells names in camel case with a few digits in them, as "getUser360View",
// from codes: most of their letters are in words.
func (w *Words) titled(s string, digits, letters int) bool {
	if digits*3 > letters || caseChanges(s) == 0 {
		return isConversion(s)
	}
	words, known := w.known(s)
	return words >= 2 && known*3 >= letters*2 || isConversion(s)
}

// known counts the words of three letters or more that a segment holds, and their
// letters. Text that is written together may have gaps between its words.
func (w *Words) known(s string) (words, letters int) {
	if len(s) > maxWord {
		return 0, 0
	}
	var buf [maxWord]byte
	for rest := s; rest != ""; {
		var part string
		part, rest = nextPart(rest)
		lower := strings.Trim(string(lowered(buf[:0], part)), "0123456789")
		if len(lower) >= 3 && w.Rank(lower) > Given {
			words, letters = words+1, letters+len(lower)
			continue
		}
		n, k := w.spotted(lower)
		words, letters = words+n, letters+k
	}
	return words, letters
}

// spotted counts the words of four letters or more in a text that is written together,
// the longest first from the left.
func (w *Words) spotted(text string) (words, letters int) {
	if len(text) < 8 {
		return 0, 0
	}
	for at := 0; at+4 <= len(text); {
		n := 0
		for end := min(len(text), at+14); end >= at+4; end-- {
			if w.Rank(text[at:end]) > Given {
				n = end - at
				break
			}
		}
		if n == 0 {
			at++
			continue
		}
		words, letters, at = words+1, letters+n, at+n
	}
	return words, letters
}
