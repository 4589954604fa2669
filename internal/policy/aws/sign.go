package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

const (
	dateFormat      = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
	upperHex        = "0123456789ABCDEF"
)

// message is what is signed of a request, as it will be sent.
type message struct {
	method, host string
	// path and query are as they stand in the request line, escaped.
	path, query string
	// header are the fields to sign besides host: names in lower case and
	// sorted, the values of one name in their order.
	header []traffic.Field
	// payload is the hash of the content in hexadecimal, or unsignedPayload.
	payload string
}

// scope is where and when a signature is valid.
type scope struct {
	service, region string
	at              time.Time
}

// canonical is the canonical request and the list of signed headers.
func canonical(m *message, service string) (text, signed string, err error) {
	query, err := canonicalQuery(m.query)
	if err != nil {
		return "", "", err
	}
	path := m.path
	if path == "" {
		path = "/"
	}
	if singleEscape(service) {
		if path, err = unescape(path); err != nil {
			return "", "", err
		}
	}
	fields := slices.Concat(m.header, []traffic.Field{{Name: "host", Value: m.host}})
	slices.SortStableFunc(fields, func(a, b traffic.Field) int { return strings.Compare(a.Name, b.Name) })
	var lines, names strings.Builder
	for i, f := range fields {
		if i > 0 && fields[i-1].Name == f.Name {
			lines.WriteByte(',')
		} else {
			if i > 0 {
				lines.WriteByte('\n')
				names.WriteByte(';')
			}
			lines.WriteString(f.Name + ":")
			names.WriteString(f.Name)
		}
		lines.WriteString(squeeze(f.Value))
	}
	signed = names.String()
	return m.method + "\n" + escape(path, true) + "\n" + query + "\n" + lines.String() + "\n\n" + signed + "\n" + m.payload, signed, nil
}

// singleEscape says that the service canonicalises the path as its characters,
// where all others escape the path as sent once more.
func singleEscape(service string) bool {
	switch service {
	case "s3", "s3-object-lambda", "s3-outposts", "s3express":
		return true
	}
	return false
}

// canonicalQuery escapes and sorts parameters. A plus is a space.
func canonicalQuery(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	type parameter struct{ name, value string }
	var list []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.ReplaceAll(part, "+", " "), "=")
		name, err := unescape(name)
		if err != nil {
			return "", err
		}
		if value, err = unescape(value); err != nil {
			return "", err
		}
		list = append(list, parameter{escape(name, false), escape(value, false)})
	}
	slices.SortStableFunc(list, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String(), nil
}

// escape writes all but unreserved characters, and slashes where told, as
// percent and two upper-case digits.
func escape(text string, slashes bool) string {
	var b strings.Builder
	b.Grow(len(text) + 8)
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' || c == '/' && slashes {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

var errEscape = errors.New("a percent sign is not followed by two hexadecimal digits")

// unescape undoes percent escapes and nothing else.
func unescape(text string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", errEscape
		}
		c, err := hex.DecodeString(text[i+1 : i+3])
		if err != nil {
			return "", errEscape
		}
		b.WriteByte(c[0])
		i += 2
	}
	return b.String(), nil
}

// squeeze removes spaces around a value and joins those within.
func squeeze(value string) string {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") && !strings.Contains(value, "\t") {
		return value
	}
	return strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' }), " ")
}

// toSign is the string that is signed; scope without region for Version 4A.
func toSign(algorithm, canonical, scope string, at time.Time) string {
	return algorithm + "\n" + at.Format(dateFormat) + "\n" + scope + "\n" + hashHex([]byte(canonical))
}

func hashHex(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// hashOf hashes what is read to its end.
func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if r != nil {
		if _, err := io.Copy(h, r); err != nil {
			return "", err //nolint:wrapcheck // told in one place by the caller
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text) // a hash never fails
	return h.Sum(nil)
}

// authorize4 is the Authorization header of Signature Version 4.
func authorize4(m *message, c *credentials, s scope) (string, error) {
	const algorithm = "AWS4-HMAC-SHA256"
	text, signed, err := canonical(m, s.service)
	if err != nil {
		return "", err
	}
	day := s.at.Format("20060102")
	where := day + "/" + s.region + "/" + s.service + "/aws4_request"
	key := mac(mac(mac(mac([]byte("AWS4"+c.secret), day), s.region), s.service), "aws4_request")
	signature := hex.EncodeToString(mac(key, toSign(algorithm, text, where, s.at)))
	return algorithm + " Credential=" + c.id + "/" + where + ", SignedHeaders=" + signed + ", Signature=" + signature, nil
}
