package classify

import "strings"

// The longest parts of a mail address (RFC 5321, section 4.5.3.1). A local part
// in front of a plain "@" may be longer: it is taken whole.
const maxLocal, maxDomain = 64, 253

// email is asked everywhere, but answers only where a run of the bytes of a
// local part begins.
func (f *finder) email(i int) Match {
	if i < f.mailEnd && i > f.edge {
		return Match{}
	}
	end := f.run(i, &f.mailEnd, isMail)
	local, domain := end, end+1
	if end >= len(f.text) || f.text[end] != '@' {
		at := strings.Index(f.text[i:min(end, i+maxLocal)], "%40")
		if at < 0 {
			return Match{}
		}
		local, domain = i+at, i+at+len("%40")
	}
	if local == i {
		return Match{}
	}
	if stop := f.domain(domain); stop > 0 {
		return Match{Email, i, stop}
	}
	return Match{}
}

// domain gives the end of the host name at i that ends in an alphabetic label
// of two letters or more, or 0.
func (f *finder) domain(i int) int {
	good, label, dots := 0, i, 0
	end := i
	for ; end < len(f.text) && end-i < maxDomain; end++ {
		c := f.text[end]
		if isAlnum(c) || c == '-' || c >= 0x80 {
			continue
		}
		if c != '.' || end == label {
			break
		}
		if dots > 0 && isTLD(f.text[label:end]) {
			good = end
		}
		dots++
		label = end + 1
	}
	if dots > 0 && isTLD(f.text[label:end]) {
		good = end
	}
	return good
}

func isTLD(label string) bool {
	if len(label) < 2 {
		return false
	}
	if len(label) > 4 && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	for i := range len(label) {
		if !isAlpha(label[i]) && label[i] < 0x80 {
			return false
		}
	}
	return true
}

// The fewest and most digits of a payment card number (ISO/IEC 7812).
const minCard, maxCard = 13, 19

// card reads up to nineteen digits in groups of three or more and takes the
// longest that ends with a group and is a card number.
func (f *finder) card(i int) Match {
	var digits [maxCard]byte
	n, group, good := 0, 0, 0
	for p := i; ; p++ {
		if f.digitAt(p) {
			if n == maxCard {
				break
			}
			digits[n] = f.text[p] - '0'
			n++
			group++
			continue
		}
		if group < 3 {
			break
		}
		if n >= minCard && issuer(digits[:n]) && luhn(digits[:n]) {
			good = p
		}
		if p >= len(f.text) || !strings.ContainsRune(" -+", rune(f.text[p])) || !f.digitAt(p+1) {
			break
		}
		group = 0
	}
	if good == 0 || f.alnumAt(good) && i > f.edge && isAlnum(f.text[i-1]) {
		return Match{}
	}
	return Match{Card, i, good}
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func luhn(digits []byte) bool {
	sum := 0
	for k := range digits {
		d := int(digits[len(digits)-1-k])
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// issuer tells whether a number has the prefix and the length of a known
// network.
func issuer(digits []byte) bool {
	n := len(digits)
	p := 0
	for _, d := range digits[:4] {
		p = p*10 + int(d)
	}
	switch {
	case p/1000 == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case 51 <= p/100 && p/100 <= 55, 2221 <= p && p <= 2720: // Mastercard
		return n == 16
	case p/100 == 34, p/100 == 37: // American Express
		return n == 15
	case p/100 == 36, p/100 == 38, p/100 == 39, 300 <= p/10 && p/10 <= 305: // Diners Club
		return n >= 14
	case p == 6011, p/100 == 65, 644 <= p/10 && p/10 <= 649, // Discover
		3528 <= p && p <= 3589,   // JCB
		p/100 == 62, p/100 == 81: // UnionPay
		return n >= 16
	case p == 5018, p == 5020, p == 5038, p == 5893, p == 6304, p == 6759, 6761 <= p && p <= 6763: // Maestro
		return true
	}
	return false
}

// ssn is three, two and four digits with hyphens, none of them a group that is
// never issued.
func (f *finder) ssn(i int) Match {
	const shape = "ddd-dd-dddd"
	end := i + len(shape)
	if end > len(f.text) || i > f.edge && f.text[i-1] == '-' {
		return Match{}
	}
	s := f.text[i:end]
	for k := range len(shape) {
		if (shape[k] == 'd') != isDigit(s[k]) || shape[k] == '-' && s[k] != '-' {
			return Match{}
		}
	}
	if f.alnumAt(end) || end < len(f.text) && f.text[end] == '-' {
		return Match{}
	}
	area, group, serial := s[:3], s[4:6], s[7:]
	if area == "000" || area == "666" || area[0] == '9' || group == "00" || serial == "0000" {
		return Match{}
	}
	return Match{SSN, i, end}
}

// phone is a plus sign and eight to fifteen digits, which blanks, hyphens, dots
// and parentheses may group (E.164).
func (f *finder) phone(i int) Match {
	p := i + 1
	if f.text[i] == '%' {
		if !f.has(i, "%2b") {
			return Match{}
		}
		p = i + 3
	}
	if i > f.edge && (isAlnum(f.text[i-1]) || f.text[i-1] == '+') || !f.digitAt(p) || f.text[p] == '0' {
		return Match{}
	}
	digits, end := 0, 0
	for p < len(f.text) {
		c := f.text[p]
		switch {
		case isDigit(c):
			digits++
			end = p + 1
		case strings.ContainsRune(" -.()", rune(c)) && p-end < 2:
		default:
			c = 0
		}
		if c == 0 || digits > 15 {
			break
		}
		p++
	}
	if digits < 8 || digits > 15 || f.alnumAt(end) {
		return Match{}
	}
	return Match{Phone, i, end}
}
