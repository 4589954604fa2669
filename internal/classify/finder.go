package classify

import "strings"

// finder walks a text from left to right. Every question it asks at a byte
// either looks at a bounded number of bytes or at a run whose end is remembered,
// so that the walk is linear.
type finder struct {
	text string
	// edge is the end of the last match or placeholder: nothing before it counts
	// as a neighbour of what follows, so that a text reads the same before and
	// after its matches have been replaced.
	edge int
	// The ends of the runs that the last position lies in, by the kind of run.
	nameEnd, tokenEnd, mailEnd, urlEnd, credEnd int
}

// at gives the match that begins at i or, for named places, follows the name
// that begins at i. A match of no length is none.
func (f *finder) at(i int) Match {
	c := f.text[i]
	switch c {
	case '-':
		if m := f.privateKey(i); m.End > 0 {
			return m
		}
	case ':':
		return f.urlCredentials(i)
	case '+', '%':
		return f.phone(i)
	}
	if c >= 0x80 || isWord(c) {
		return f.word(i)
	}
	return Match{}
}

// word asks what can begin with a letter, a digit or an underscore.
func (f *finder) word(i int) Match {
	if isDigit(f.text[i]) && !f.digitBefore(i) {
		if m := f.ssn(i); m.End > 0 {
			return m
		}
		if m := f.card(i); m.End > 0 {
			return m
		}
	}
	if f.starts(i) {
		if m := f.key(i); m.End > 0 {
			return m
		}
	}
	if m := f.email(i); m.End > 0 {
		return m
	}
	return f.random(i)
}

// key asks what begins where a word does.
func (f *finder) key(i int) Match {
	m := f.iban(i)
	if m.End == 0 {
		m = f.issued(i)
	}
	if m.End == 0 {
		m = f.jwt(i)
	}
	if m.End == 0 {
		m = f.scheme(i)
	}
	if m.End == 0 {
		m = f.named(i)
	}
	return m
}

// starts tells whether a word can start at i: the byte before is no letter or
// digit, or is the end of a percent-encoded byte.
func (f *finder) starts(i int) bool {
	if i <= f.edge || !isAlnum(f.text[i-1]) {
		return true
	}
	return i-3 >= f.edge && f.text[i-3] == '%' && isHex(f.text[i-2]) && isHex(f.text[i-1])
}

// digitBefore tells whether the digit at i continues a number.
func (f *finder) digitBefore(i int) bool {
	if i <= f.edge {
		return false
	}
	if isDigit(f.text[i-1]) {
		return !f.starts(i)
	}
	return f.text[i-1] == '.' && i-2 >= f.edge && isDigit(f.text[i-2])
}

// run gives the end of the run of bytes of a kind that i lies in, and remembers
// it in end.
func (f *finder) run(i int, end *int, kind func(byte) bool) int {
	if *end <= i {
		*end = i
		for *end < len(f.text) && kind(f.text[*end]) {
			*end++
		}
	}
	return *end
}

// span is the longest piece at i of bytes of a kind, at most most of them.
func (f *finder) span(i, most int, kind func(byte) bool) int {
	end := i
	for end < len(f.text) && end-i < most && kind(f.text[end]) {
		end++
	}
	return end
}

// alnumAt tells whether a letter or digit stands at i.
func (f *finder) alnumAt(i int) bool { return i < len(f.text) && isAlnum(f.text[i]) }

// digitAt tells whether a digit stands at i.
func (f *finder) digitAt(i int) bool { return i < len(f.text) && isDigit(f.text[i]) }

// has tells whether the text at i begins with the lower-case prefix, in any
// case.
func (f *finder) has(i int, prefix string) bool {
	return len(f.text)-i >= len(prefix) && strings.EqualFold(f.text[i:i+len(prefix)], prefix)
}

// space gives the end of the blanks at i, spelled plainly or as in a URL.
func (f *finder) space(i int) int {
	for i < len(f.text) {
		switch {
		case f.text[i] == ' ' || f.text[i] == '\t' || f.text[i] == '+':
			i++
		case f.has(i, "%20"):
			i += 3
		default:
			return i
		}
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isName tells the bytes of the name of a field, parameter or header.
func isName(c byte) bool { return isWord(c) || c == '-' || c == '.' }

// isURL64 tells the alphabet of base64url (RFC 4648, section 5).
func isURL64(c byte) bool { return isWord(c) || c == '-' }

// isToken tells the alphabets of both forms of base64, with padding.
func isToken(c byte) bool { return isURL64(c) || c == '+' || c == '/' || c == '=' }

// isToken68 tells the alphabet of credentials (RFC 9110, section 11.2).
func isToken68(c byte) bool { return isToken(c) || c == '.' || c == '~' }

// isMail tells the bytes of the usual local parts of mail addresses.
func isMail(c byte) bool { return isName(c) || c == '+' || c == '%' || c >= 0x80 }
