package classify

import "slices"

// Personal are the classes that FindPersonal knows.
func Personal() []Class { return []Class{Email, SSN, Card, Phone} }

// FindPersonal gives the personal data of the wanted classes in text, from left
// to right and without overlaps. Unlike Find it looks for nothing else, so that
// a number counts also where it is the value of a secret; and it knows telephone
// numbers also as they are written in North America, (555) 123-4567, and social
// security numbers with blanks. It takes time linear in the length of text, and
// allocates only for what it finds.
func FindPersonal(text string, wanted []Class) []Match {
	var found []Match
	f := finder{text: text}
	var want [4]bool
	for i, class := range Personal() {
		want[i] = slices.Contains(wanted, class)
	}
	for i := 0; i < len(text); {
		m := f.personal(i, want)
		if m.End <= m.Start {
			i++
			continue
		}
		found = append(found, m)
		i, f.edge = m.End, m.End
	}
	return found
}

// personal gives the match that begins at i, one without length for none.
func (f *finder) personal(i int, want [4]bool) Match {
	c := f.text[i]
	if (isDigit(c) && !f.digitBefore(i)) || c == '(' {
		if m := f.ssn(i); want[1] && m.End > 0 {
			return m
		}
		if m := f.blankSSN(i); want[1] && m.End > 0 {
			return m
		}
		if want[2] && c != '(' {
			if m := f.card(i); m.End > 0 {
				return m
			}
		}
		if want[3] {
			if end := f.american(i); end > 0 {
				return Match{Phone, i, end}
			}
		}
	}
	if want[3] && (c == '+' || c == '%') {
		if m := f.phone(i); m.End > 0 {
			return m
		}
	}
	if want[0] && (isMail(c)) {
		return f.email(i)
	}
	return Match{}
}

// blankSSN is a social security number with blanks in the place of hyphens.
func (f *finder) blankSSN(i int) Match {
	const length = len("078 05 1120")
	if i+length > len(f.text) || f.text[i+3] != ' ' || f.text[i+6] != ' ' {
		return Match{}
	}
	copied := finder{text: f.text[i:i+3] + "-" + f.text[i+4:i+6] + "-" + f.text[i+7:i+length]}
	if m := copied.ssn(0); m.End == 0 || f.alnumAt(i+length) || f.text[i+length-1] == ' ' {
		return Match{}
	}
	return Match{SSN, i, i + length}
}

// american gives the end of a number of the North American plan: an area code, with
// or without parentheses, and seven digits, the groups parted by a blank, a
// hyphen or a dot. Ten digits in one piece are too often something else.
func (f *finder) american(i int) int {
	p, open := i, f.text[i] == '('
	if open {
		p++
	}
	if p = f.group(p, 3, true); p == 0 {
		return 0
	}
	switch {
	case open && p < len(f.text) && f.text[p] == ')':
		if p++; p < len(f.text) && isPart(f.text[p]) {
			p++
		}
	case open || p >= len(f.text) || !isPart(f.text[p]):
		return 0
	default:
		p++
	}
	if p = f.group(p, 3, true); p == 0 || p >= len(f.text) || !isPart(f.text[p]) {
		return 0
	}
	if p = f.group(p+1, 4, false); p == 0 || f.alnumAt(p) || p+1 < len(f.text) && f.text[p] == '-' && f.digitAt(p+1) {
		return 0
	}
	return p
}

// group gives the end of n digits at p, or 0; an exchange or area code begins
// with none but 2 to 9.
func (f *finder) group(p, n int, code bool) int {
	if code && (!f.digitAt(p) || f.text[p] < '2') {
		return 0
	}
	for k := range n {
		if !f.digitAt(p + k) {
			return 0
		}
	}
	return p + n
}

func isPart(c byte) bool { return c == ' ' || c == '-' || c == '.' }
