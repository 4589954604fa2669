package jsontext

import "unicode/utf8"

// Token is one token of a document.
type Token struct {
	// Kind is what it is.
	Kind Kind
	// Escaped tells that a name or string holds escape sequences.
	Escaped bool
	// Offset is the number of bytes before the token.
	Offset int
	// Chars is the length of a name or string in characters, unescaped.
	Chars int
	// Raw is the token as it stands in the document, quotes included. It shares
	// the document's memory.
	Raw []byte
}

// IsScalar tells whether the token is a whole value: a string, number or
// literal.
func (t Token) IsScalar() bool { return t.Kind >= String }

// AppendText appends the text of a name or string, unescaped and without
// quotes, to dst; of other tokens, what stands in the document.
func (t Token) AppendText(dst []byte) []byte {
	if t.Kind != Name && t.Kind != String {
		return append(dst, t.Raw...)
	}
	return appendText(dst, t.Raw[1:len(t.Raw)-1])
}

// Text is the text of a name or string, unescaped and without quotes; of other
// tokens, what stands in the document. It shares the document's memory unless
// the token is escaped.
func (t Token) Text() []byte {
	switch {
	case t.Kind != Name && t.Kind != String:
		return t.Raw
	case t.Escaped:
		return t.AppendText(make([]byte, 0, len(t.Raw)))
	}
	return t.Raw[1 : len(t.Raw)-1]
}

// appendText unescapes what the scanner has found well-formed.
func appendText(dst, body []byte) []byte {
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			dst = append(dst, body[i])
			i++
			continue
		}
		r, n, err := unescape(body[i:])
		if err != nil {
			return dst
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// AppendQuote appends text as a JSON string to dst. Bytes that are not UTF-8
// become U+FFFD, and "<", ">" and "&" stay as they are.
func AppendQuote(dst []byte, text string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
