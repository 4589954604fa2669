package layer

import "strings"

// minJWT is the length of the shortest token: {} as header and as payload.
const minJWT = 8

// jwt hands out header and payload of a JSON Web Token, also behind the name of
// a scheme; the header of an encrypted one. Never the signature.
func (o *opener) jwt() {
	text := strings.TrimSpace(o.text)
	if i := strings.IndexByte(text, ' '); i >= 0 && i < 16 {
		text = strings.TrimSpace(text[i+1:])
	}
	head, rest, ok := strings.Cut(text, ".")
	if !ok || len(head) < 3 {
		return
	}
	payload, rest, ok := strings.Cut(rest, ".")
	if !ok || !isBase64(head) || !isBase64(payload) {
		return
	}
	switch strings.Count(rest, ".") {
	case 0:
		if !isBase64(rest) {
			return
		}
	case 2:
		payload = "" // encrypted
	default:
		return
	}
	if !o.jwtPart("header", head) || payload == "" {
		return
	}
	o.jwtPart("payload", payload)
}

// maybeJWT tells whether text, or what follows its first blank, begins like a
// brace in Base64 or like a blank before one.
func maybeJWT(text string) bool {
	const starts = "eICD"
	if strings.IndexByte(starts, text[0]) >= 0 || isBlank(text[0]) {
		return true
	}
	i := 1 + strings.IndexByte(text[:min(len(text), 16)], ' ')
	return i > 0 && i < len(text) && strings.IndexByte(starts, text[i]) >= 0
}

// jwtPart hands out one part. Only the header must be an object: a payload may
// be any bytes.
func (o *opener) jwtPart(name, coded string) bool {
	buf := appendBase64(o.s.buf[:0], strings.TrimRight(coded, "="), false)
	o.keep(buf)
	object := len(buf) > 0 && firstOf(buf) == '{'
	if name == "header" && !object || len(buf) == 0 {
		return false
	}
	if object {
		return o.emitForm(JWT, name, string(buf), AsJSON)
	}
	return o.emitBytes(JWT, name, buf)
}

// isBase64 tells whether s is made of digits of Base64, then padding; it may be
// empty.
func isBase64(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		if digits64[s[i]] == badDigit {
			return false
		}
	}
	return true
}
