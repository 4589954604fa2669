package shape

import (
	"net/netip"
	"strings"
	"time"
)

// The masks of the bytes of a text.
const (
	hasDigit = 1 << iota
	hasLower // a to f are hasHexLower
	hasUpper
	hasHexLower
	hasHexUpper
	hasDash
	hasDot
	hasUnder
	hasBase64 // "+", "/" and "="
	hasColon
	hasAt
	hasOther
)

const (
	hexMask  = hasDigit | hasHexLower | hasHexUpper
	wordMask = hexMask | hasLower | hasUpper | hasDash | hasDot | hasUnder
)

func maskOf(s string) (mask int) {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			mask |= hasDigit
		case 'a' <= c && c <= 'f':
			mask |= hasHexLower
		case 'g' <= c && c <= 'z':
			mask |= hasLower
		case 'A' <= c && c <= 'F':
			mask |= hasHexUpper
		case 'G' <= c && c <= 'Z':
			mask |= hasUpper
		case c == '-':
			mask |= hasDash
		case c == '.':
			mask |= hasDot
		case c == '_':
			mask |= hasUnder
		case c == '+' || c == '/' || c == '=':
			mask |= hasBase64
		case c == ':':
			mask |= hasColon
		case c == '@':
			mask |= hasAt
		default:
			return mask | hasOther
		}
	}
	return mask
}

// stringKind is the kind of a text that is a string.
func stringKind(s string) kind {
	if s == "" {
		return kindEmpty
	}
	if len(s) > maxLooked {
		return kindText
	}
	mask := maskOf(s)
	switch {
	case mask&(hasOther|hasAt) != 0:
		if mask&hasAt != 0 && mask&hasOther == 0 && isEmail(s) {
			return kindEmail
		}
		return otherKind(s)
	case mask == hasDigit:
		return kindDigits
	case mask&^hexMask == 0:
		return hexKind(s, mask)
	case mask&^(hexMask|hasDash) == 0 && isUUID(s):
		return kindUUID
	case mask&hasColon != 0:
		return colonKind(s, mask)
	}
	return plainKind(s, mask)
}

// plainKind is that of texts of letters, digits, "-", ".", "_" and those of base64.
func plainKind(s string, mask int) kind {
	switch {
	case mask == hasDigit|hasDash && isDate(s):
		return kindDate
	case mask == hasDigit|hasDot && isIPv4(s):
		return kindIPv4
	case s[0] == 'P' && isDuration(s):
		return kindDuration
	case strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 && len(s) > 30:
		return kindJWT
	case mask&hasDot != 0 && mask&(hasUnder|hasBase64) == 0 && isHostname(s):
		return kindHostname
	case mask&(hasDash|hasDot|hasUnder) == 0 && isBase64(s, mask):
		return kindBase64
	case mask&^wordMask == 0 && len(s) <= 40:
		return kindWord
	}
	return kindText
}

func colonKind(s string, mask int) kind {
	switch {
	case len(s) > 10 && s[4] == '-' && isDateTime(s):
		return kindDateTime
	case isTime(s):
		return kindTime
	case isURI(s):
		return kindURI
	case mask&^(hexMask|hasColon|hasDot) == 0:
		if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
			return kindIPv6
		}
	case len(s) > 10 && s[4] == '-' && isDate(s[:10]) && isTimestamp(s):
		return kindDateTimeOther
	}
	return kindText
}

// otherKind is that of texts with blanks and other characters.
func otherKind(s string) kind {
	switch {
	case isURI(s):
		return kindURI
	case len(s) > 10 && isDate(s[:10]) && isTimestamp(s):
		return kindDateTimeOther
	case len(s) >= 24 && len(s) <= 34 && s[3] == ',' && isRFC1123(s):
		return kindDateTimeOther
	case isEmail(s):
		return kindEmail
	}
	return kindText
}

func hexKind(s string, mask int) kind {
	mixed := mask&hasHexLower != 0 && mask&hasHexUpper != 0
	switch {
	case mask&hasDigit == 0 || mixed || len(s) < 8:
		if len(s) <= 40 {
			return kindWord
		}
		return kindText
	case len(s) == 24:
		return kindObjectID
	}
	return kindHex
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') {
			return false
		}
	}
	return true
}

func two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func isDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' || !allDigits(s[:4]) || !allDigits(s[5:7]) || !allDigits(s[8:]) {
		return false
	}
	year, month, day := two(s)*100+two(s[2:]), two(s[5:]), two(s[8:])
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
		return day <= 28 || leap && day == 29
	}
	return true
}

// isDateTime tells a date-time of RFC 3339 with a capital or small T.
func isDateTime(s string) bool {
	return len(s) >= 20 && isDate(s[:10]) && (s[10] == 'T' || s[10] == 't') && isTime(s[11:])
}

// isTime tells a full-time of RFC 3339, with its offset.
func isTime(s string) bool {
	rest, ok := clock(s)
	if !ok || rest == "" {
		return false
	}
	if rest == "Z" || rest == "z" {
		return true
	}
	return len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && allDigits(rest[1:3]) &&
		allDigits(rest[4:]) && two(rest[1:]) < 24 && two(rest[4:]) < 60
}

// clock takes 15:04:05 and a fraction from the front of s.
func clock(s string) (rest string, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' || !allDigits(s[:2]) || !allDigits(s[3:5]) || !allDigits(s[6:8]) {
		return "", false
	}
	if two(s) > 23 || two(s[3:]) > 59 || two(s[6:]) > 59 {
		return "", false
	}
	s = s[8:]
	if len(s) > 1 && s[0] == '.' && isDigit(s[1]) {
		s = strings.TrimLeft(s[1:], "0123456789")
	}
	return s, true
}

// isTimestamp tells a date with a time behind it in other forms than RFC 3339's.
func isTimestamp(s string) bool {
	if len(s) > 40 || s[10] != ' ' && s[10] != 'T' {
		return false
	}
	s = s[11:]
	if len(s) == 5 && s[2] == ':' && allDigits(s[:2]) && allDigits(s[3:]) {
		return two(s) < 24 && two(s[3:]) < 60
	}
	rest, ok := clock(s)
	rest = strings.TrimPrefix(rest, " ")
	return ok && (rest == "" || rest == "Z" || rest == "UTC" || rest == "GMT" ||
		(rest[0] == '+' || rest[0] == '-') && len(rest) <= 6)
}

func isRFC1123(s string) bool {
	for _, layout := range [...]string{time.RFC1123, time.RFC1123Z} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// isDuration tells a duration of ISO 8601.
func isDuration(s string) bool {
	if len(s) < 3 || len(s) > 40 || s[0] != 'P' {
		return false
	}
	units, digits, any := "YMWD", 0, false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case c == 'T' && digits == 0 && len(units) > 0 && units != "HMS":
			units, any = "HMS", false
		default:
			at := strings.IndexByte(units, c)
			if at < 0 || digits == 0 {
				return false
			}
			if units = units[at+1:]; units == "" {
				units = "-"
			}
			digits, any = 0, true
		}
	}
	return any && digits == 0
}

func isIPv4(s string) bool {
	if len(s) < 7 || len(s) > 15 || strings.Count(s, ".") != 3 {
		return false
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// isEmail tells an address with a dot in its domain and no quotes.
func isEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 || strings.IndexByte(s[at+1:], '@') >= 0 {
		return false
	}
	local := s[:at]
	if local[0] == '.' || local[at-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for i := range len(local) {
		if c := local[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) < 0 {
			return false
		}
	}
	return strings.IndexByte(s[at+1:], '.') > 0 && isDomain(s[at+1:])
}

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isHostname tells a name of several labels, of which the last is of letters.
func isHostname(s string) bool {
	last := s[strings.LastIndexByte(s, '.')+1:]
	if len(last) < 2 || len(last) > 24 {
		return false
	}
	for i := range len(last) {
		if last[i] < 'a' || last[i] > 'z' {
			return false
		}
	}
	return isDomain(s)
}

func isDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// isURI tells an absolute URI of a usual form: scheme, "://", printable ASCII.
func isURI(s string) bool {
	at := strings.Index(s[:min(len(s), 24)], "://")
	if at < 2 || len(s) == at+3 || s[at+3] == '/' && s[:at] != "file" {
		return false
	}
	for i := range at {
		if c := s[i]; !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	for i := at + 3; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f, strings.IndexByte("\"<>\\^`{|}[]", c) >= 0:
			return false
		case c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])):
			return false
		case c == ':' && i+1 < len(s) && s[i+1] == ':':
			return false
		}
	}
	return goodAuthority(s[at+3:])
}

// goodAuthority asks that what stands behind a colon in the authority is a port.
func goodAuthority(s string) bool {
	if end := strings.IndexAny(s, "/?#"); end >= 0 {
		s = s[:end]
	}
	s = s[strings.LastIndexByte(s, '@')+1:]
	colon := strings.IndexByte(s, ':')
	return colon < 0 || allDigits(s[colon+1:])
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isBase64 tells whole groups of base64 that no word looks like.
func isBase64(s string, mask int) bool {
	if len(s) < 16 || len(s)%4 != 0 || mask&hasDigit == 0 && mask&hasBase64 == 0 {
		return false
	}
	body := strings.TrimRight(s, "=")
	if len(s)-len(body) > 2 || strings.IndexByte(body, '=') >= 0 {
		return false
	}
	padded := len(body) < len(s)
	return padded || mask&(hasLower|hasHexLower) != 0 && mask&(hasUpper|hasHexUpper) != 0 && mask&hasDigit != 0
}
