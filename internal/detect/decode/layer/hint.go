package layer

import "strings"

// hint says that the text looks like a document that others read.
func (o *opener) hint(d Decoder) {
	text := strings.TrimSpace(o.text)
	if len(text) < 2 {
		return
	}
	if d == JSON {
		if strings.IndexByte("\"'{}[]-0123456789tfn \t\r\n", text[1]) >= 0 || o.named {
			o.give(JSON, text, AsJSON)
		}
		return
	}
	c := text[1]
	if (isLetter(c) || c == '?' || c == '!' || c == '_' || c >= 0x80) && strings.IndexByte(text, '>') > 0 || o.named {
		o.give(XML, text, AsXML)
	}
}

// give hands out the text itself, which counts for nothing against the limits.
func (o *opener) give(d Decoder, text string, f Form) {
	o.parts--
	o.stopped = !o.visit(d, Part{Text: text, Form: f})
}

// pairs says that the text, or the query of the address that it is, holds
// name=value pairs. One pair is enough behind a question mark; otherwise two.
func (o *opener) pairs() {
	text, least := o.text, 2
	if q := strings.IndexByte(text, '?'); q >= 0 && strings.IndexByte(text[:q], '=') < 0 && strings.IndexByte(text[:q], ' ') < 0 {
		text, least = text[q+1:], 1
	}
	if o.named {
		least = 1
	}
	found, rest := 0, text
	for found < least {
		var pair string
		var more bool
		pair, rest, more = strings.Cut(rest, "&")
		if !isPair(pair) {
			return
		}
		found++
		if !more {
			break
		}
	}
	if found >= least {
		o.give(FormPairs, text, AsPairs)
	}
}

// isPair tells whether s begins with a name and an equals sign.
func isPair(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '=':
			return i > 0
		case isAlnum(c) || c >= 0x80 || strings.IndexByte("_-.[]%+$:@/", c) >= 0:
		default:
			return false
		}
	}
	return false
}
