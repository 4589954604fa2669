package detecttest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// Encodings. An attack only does harm where something decodes it, so each is
// combined only with the places and types where a plausible service would; the
// table is in combination.go. Those of the transport are applied by the place
// itself (percent in a URL, escapes in JSON, references in XML); the others are
// applied to the text first.
const (
	plain         = "plain"
	percent       = "percent"
	doublePercent = "double percent"
	overlong      = "overlong percent"
	base64Std     = "base64"
	base64URL     = "base64url"
	entities      = "html entities"
	jsonEscapes   = "json escapes"
	mixed         = "mixed case and comments"
	utf16Body     = "utf-16 body"
	gzipBase64    = "gzip in base64"
	jwtPayload    = "jwt payload"
	nestedJSON    = "json in json"
	base64JSON    = "json in base64"
	fullWidth     = "full-width"
)

// encode applies the encodings that belong to the application.
func encode(encoding, kind string, sd seed, r *rand.Rand) string {
	text, value := sd.text, quote(sd.text)
	if sd.shape == shapeJSON {
		value = text
	}
	switch encoding {
	case base64Std:
		return base64.StdEncoding.EncodeToString([]byte(text))
	case base64URL:
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	case gzipBase64:
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text)) // a buffer never fails
		_ = w.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	case jwtPayload:
		return jwt(value, r)
	case nestedJSON:
		return fmt.Sprintf(`{"id":%d,"%s":%s}`, r.IntN(9000), pick(r, fieldNames), value)
	case base64JSON:
		doc := fmt.Sprintf(`{"%s":%s,"v":%d}`, pick(r, fieldNames), value, 1+r.IntN(9))
		return base64.StdEncoding.EncodeToString([]byte(doc))
	case mixed:
		return disguise(kind, sd, r)
	case fullWidth:
		return widen(kind, text)
	default:
		return text
	}
}

// jwt puts a JSON value into a claim of a token that looks signed.
func jwt(value string, r *rand.Rand) string {
	header := pick(r, []string{`{"alg":"HS256","typ":"JWT"}`, `{"alg":"RS256","kid":"2026-1","typ":"JWT"}`, `{"typ":"at+jwt","alg":"ES256","kid":"k7"}`})
	claims := fmt.Sprintf(`{"iss":"https://id.example.com","iat":%d,"%s":%s}`,
		1763000000+r.IntN(9000000), pick(r, []string{"sub", "name", "email", "preferred_username", "tenant", "scope"}), value)
	signature := make([]byte, 32)
	for i := range signature {
		signature[i] = byte(r.Uint32())
	}
	raw := base64.RawURLEncoding
	return raw.EncodeToString([]byte(header)) + "." + raw.EncodeToString([]byte(claims)) + "." + raw.EncodeToString(signature)
}

// quote writes a JSON string without the escapes of HTML.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string is always encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// quoteEscaped writes a JSON string of which most characters are \u escapes.
func quoteEscaped(s string, r *rand.Rand) string {
	var b strings.Builder
	b.WriteByte('"')
	all := r.IntN(2) == 0
	for _, unit := range utf16.Encode([]rune(s)) {
		letter := unit < 0x80 && isAlnum(byte(unit))
		switch {
		case letter && !all:
			b.WriteByte(byte(unit))
		case r.IntN(2) == 0:
			fmt.Fprintf(&b, `\u%04x`, unit)
		default:
			fmt.Fprintf(&b, `\u%04X`, unit)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// percentAll writes every byte as %XX.
func percentAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// escapeURL writes as %XX what can not stand in a query or a segment; keep lists
// punctuation that some clients leave alone.
func escapeURL(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte("-._~", c) >= 0 || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// escapeTwice percent-encodes twice, letters too where there is nothing else.
func escapeTwice(s string) string {
	once := escapeURL(s, "")
	if once == s {
		once = percentAll(s)
	}
	return escapeURL(once, "")
}

// escapeOverlong writes punctuation in the two bytes of UTF-8 that old decoders
// take for one ASCII character.
func escapeOverlong(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case isAlnum(c):
			b.WriteByte(c)
		case c < 0x80:
			fmt.Fprintf(&b, "%%c%x%%%02x", c>>6, 0x80|c&0x3f)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// references writes punctuation as character references.
func references(s string, r *rand.Rand) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80 && isAlnum(byte(c)) && r.IntN(4) != 0:
			b.WriteRune(c)
		case r.IntN(2) == 0:
			fmt.Fprintf(&b, "&#x%x;", c)
		default:
			fmt.Fprintf(&b, "&#%d;", c)
		}
	}
	return b.String()
}

// toUTF16 encodes a document with its byte order mark.
func toUTF16(s string, r *rand.Rand) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if r.IntN(2) == 0 {
		order = binary.BigEndian
	}
	out := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

var (
	escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	escapeAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;")
)
