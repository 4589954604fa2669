package jsontext

import "unicode/utf8"

func (s *Scanner) literal(kind Kind, word string) (Token, error) {
	for i := range len(word) {
		switch {
		case s.pos+i == len(s.data):
			return Token{}, s.fault(s.pos+i, ErrEnd)
		case s.data[s.pos+i] != word[i]:
			return Token{}, s.fault(s.pos+i, ErrCharacter)
		}
	}
	return s.take(kind, s.pos+len(word)), nil
}

// number reads RFC 8259, section 6. What may follow a number is asked where the
// next token is read.
func (s *Scanner) number() (Token, error) {
	p := s.pos
	if s.data[p] == '-' {
		p++
	}
	digits := func() bool {
		from := p
		for p < len(s.data) && '0' <= s.data[p] && s.data[p] <= '9' {
			p++
		}
		return p > from
	}
	if p < len(s.data) && s.data[p] == '0' {
		p++
	} else if !digits() {
		return Token{}, s.fault(p, ErrNumber)
	}
	if p < len(s.data) && s.data[p] == '.' {
		p++
		if !digits() {
			return Token{}, s.fault(p, ErrNumber)
		}
	}
	if p < len(s.data) && (s.data[p] == 'e' || s.data[p] == 'E') {
		p++
		if p < len(s.data) && (s.data[p] == '+' || s.data[p] == '-') {
			p++
		}
		if !digits() {
			return Token{}, s.fault(p, ErrNumber)
		}
	}
	return s.take(Number, p), nil
}

// text reads the string at the position, whose length in characters may not
// exceed most.
func (s *Scanner) text(kind Kind, limit string, most int) (Token, error) {
	chars, escaped := 0, false
	p := s.pos + 1
	for {
		from := p
		for p < len(s.data) && plain(s.data[p]) {
			p++
		}
		if chars += p - from; most >= 0 && chars > most {
			return Token{}, s.exceeded(limit, most, p-(chars-most))
		}
		if p == len(s.data) {
			return Token{}, s.fault(p, ErrEnd)
		}
		if s.data[p] == '"' {
			t := s.take(kind, p+1)
			t.Chars, t.Escaped = chars, escaped
			return t, nil
		}
		escaped = escaped || s.data[p] == '\\'
		n, err := character(s.data[p:])
		if err != nil {
			return Token{}, s.fault(p, err)
		}
		if chars++; most >= 0 && chars > most {
			return Token{}, s.exceeded(limit, most, p)
		}
		p += n
	}
}

// plain tells the bytes of a string that need no second look.
func plain(c byte) bool {
	return c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf
}

// character gives the number of bytes of the character that b begins with, which
// is no plain one.
func character(b []byte) (int, error) {
	switch c := b[0]; {
	case c == '\\':
		_, n, err := unescape(b)
		return n, err
	case c < 0x20:
		return 0, ErrControl
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		return 0, ErrUTF8
	}
	return n, nil
}

// unescape reads the escape sequence that b begins with: the character and the
// bytes it took.
func unescape(b []byte) (rune, int, error) {
	if len(b) < 2 {
		return 0, 0, ErrEnd
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
	default:
		return 0, 0, ErrEscape
	}
	r, ok := hex4(b[2:])
	switch {
	case !ok:
		return 0, 0, ErrEscape
	case r < 0xD800 || r > 0xDFFF:
		return r, 6, nil
	case r > 0xDBFF || len(b) < 8 || b[6] != '\\' || b[7] != 'u':
		return 0, 0, ErrSurrogate
	}
	low, ok := hex4(b[8:])
	switch {
	case !ok:
		return 0, 0, ErrEscape
	case low < 0xDC00 || low > 0xDFFF:
		return 0, 0, ErrSurrogate
	}
	return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, 12, nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
