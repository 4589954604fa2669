package schema

import (
	"bytes"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// format is what a value must look like beyond its type.
type format struct {
	name   string
	text   func([]byte) bool
	number func(decimal) bool
}

// formatNamed gives the format of a name, nil for one that is not known: JSON
// Schema lets values pass then. Those of numbers are OpenAPI's, the last ones
// RAML's.
func formatNamed(name string) *format {
	f := &format{name: name}
	switch name {
	case "int32", "int64", "float", "double":
		f.number = numberFormat(name)
	default:
		f.text = textFormat(name)
	}
	if f.text == nil && f.number == nil {
		return nil
	}
	return f
}

func numberFormat(name string) func(decimal) bool {
	between := func(least, most string) func(decimal) bool {
		low, high := decimalOf([]byte(least)), decimalOf([]byte(most))
		return func(n decimal) bool { return n.compare(low) >= 0 && n.compare(high) <= 0 }
	}
	whole := func(least, most string) func(decimal) bool {
		in := between(least, most)
		return func(n decimal) bool { return !n.whole() || in(n) }
	}
	exact := func(most float64) string { return strconv.FormatFloat(most, 'e', -1, 64) }
	switch name {
	case "int32":
		return whole("-2147483648", "2147483647")
	case "int64":
		return whole("-9223372036854775808", "9223372036854775807")
	case "float":
		return between(exact(-math.MaxFloat32), exact(math.MaxFloat32))
	}
	return between(exact(-math.MaxFloat64), exact(math.MaxFloat64))
}

func textFormat(name string) func([]byte) bool {
	switch name {
	case "date", "date-only":
		return isDate
	case "time":
		return isTime
	case "date-time", "datetime":
		return isDateTime
	case "time-only":
		return isTimeOnly
	case "datetime-only":
		return func(b []byte) bool { return len(b) > 10 && b[10] == 'T' && isDate(b[:10]) && isTimeOnly(b[11:]) }
	case "duration":
		return isDuration
	case "email":
		return func(b []byte) bool { return isEmail(b, false) }
	case "idn-email":
		return func(b []byte) bool { return isEmail(b, true) }
	case "hostname":
		return isHostname
	case "ipv4":
		return isIPv4
	case "ipv6":
		return isIPv6
	case "uuid":
		return isUUID
	case "uri", "iri":
		return func(b []byte) bool { u := reference(b); return u != nil && u.IsAbs() }
	case "uri-reference", "iri-reference":
		return func(b []byte) bool { return bytes.IndexByte(b, '\\') < 0 && reference(b) != nil }
	case "json-pointer":
		return isPointer
	case "relative-json-pointer":
		return isRelativePointer
	case "uri-template":
		return isTemplate
	case "byte":
		return isBase64
	case "regex":
		return func(b []byte) bool { return len(b) <= maxPattern && wellFormed(string(b)) }
	}
	return nil
}

func isIPv4(b []byte) bool {
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Is4()
}

func isIPv6(b []byte) bool {
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Is6() && a.Zone() == ""
}

// isHostname is a name of RFC 1123, §2.1.
func isHostname(b []byte) bool {
	b = bytes.TrimSuffix(b, []byte("."))
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	for label := range bytes.SplitSeq(b, []byte(".")) {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !isAlnum(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isEmail is Mailbox of RFC 5321, §4.1.2, and with letters of all scripts that of
// RFC 6531, of whose domain nothing is asked.
func isEmail(b []byte, international bool) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 1 || len(b) > 254 || at > 64 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	if len(local) > 1 && local[0] == '"' && local[at-1] == '"' {
		if bytes.ContainsAny(local[1:at-1], "\\\"") || !utf8.Valid(local) {
			return false
		}
	} else if local[0] == '.' || local[at-1] == '.' || bytes.Contains(local, []byte("..")) {
		return false
	} else {
		for _, c := range local {
			if !isAlnum(c) && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 && (!international || c < utf8.RuneSelf) {
				return false
			}
		}
	}
	if len(domain) > 2 && domain[0] == '[' && domain[len(domain)-1] == ']' {
		inner := domain[1 : len(domain)-1]
		if six, ok := bytes.CutPrefix(inner, []byte("IPv6:")); ok {
			return isIPv6(six)
		}
		return isIPv4(inner)
	}
	return international && len(domain) > 0 || isHostname(domain)
}

// isUUID is a UUID of RFC 9562, §4.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isAlnum(c) || c > 'f' || 'F' < c && c < 'a' {
				return false
			}
		}
	}
	return true
}

// reference reads a URI or a reference to one (RFC 3986), nil for none.
func reference(b []byte) *url.URL {
	u, err := url.Parse(string(b))
	if err != nil {
		return nil
	}
	if host := u.Hostname(); strings.Contains(host, ":") && (!strings.Contains(u.Host, "[") || !isIPv6([]byte(host))) {
		return nil
	}
	return u
}

// isPointer is a JSON pointer (RFC 6901).
func isPointer(b []byte) bool {
	if len(b) > 0 && b[0] != '/' {
		return false
	}
	for i, c := range b {
		if c == '~' && (i+1 == len(b) || b[i+1] != '0' && b[i+1] != '1') {
			return false
		}
	}
	return true
}

// isRelativePointer is a number without leading zeros before a JSON pointer or "#".
func isRelativePointer(b []byte) bool {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	if n == 0 || n > 1 && b[0] == '0' {
		return false
	}
	return string(b[n:]) == "#" || isPointer(b[n:])
}

// isTemplate says whether braces stand in pairs that are not nested (RFC 6570).
func isTemplate(b []byte) bool {
	open := false
	for _, c := range b {
		if c == '{' || c == '}' {
			if open == (c == '{') {
				return false
			}
			open = !open
		}
	}
	return !open
}

// isBase64 is base64 (RFC 4648, §4), padded.
func isBase64(b []byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	body := bytes.TrimRight(b, "=")
	if len(b)-len(body) > 2 {
		return false
	}
	for _, c := range body {
		if !isAlnum(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}
