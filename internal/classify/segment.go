package classify

import "strings"

// The types that Segment gives in place of a path segment.
const (
	SegmentInt   = "{int}"
	SegmentUUID  = "{uuid}"
	SegmentHex   = "{hex}"
	SegmentDate  = "{date}"
	SegmentEmail = "{email}"
	SegmentToken = "{token}"
)

// maxWord is the longest segment that is taken for a word.
const maxWord = 64

// Segment gives the type of a path segment that varies from call to call, such
// as "{uuid}", or s itself when it is an ordinary word. A segment in which Find
// sees anything is never given back. Percent-encoding need not be removed: what
// has to be encoded is no word.
func Segment(s string) string {
	switch {
	case s == "":
		return s
	case all(s, isDigit):
		return SegmentInt
	case isUUID(s):
		return SegmentUUID
	case isDate(s):
		return SegmentDate
	case isHexID(s):
		return SegmentHex
	}
	if found := Find(s); len(found) > 0 {
		if found[0] == (Match{Email, 0, len(s)}) {
			return SegmentEmail
		}
		return SegmentToken
	}
	if strings.IndexByte(s, '%') >= 0 || len(s) > maxWord || isRandom(s, 10) || isULID(s) || isNumbered(s) {
		return SegmentToken
	}
	return s
}

func all(s string, kind func(byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return s != ""
}

func isUUID(s string) bool {
	const shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		if shape[i] == '-' && s[i] != '-' || shape[i] == 'x' && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isDate tells a day as in 2006-01-02, with or without a time behind it.
func isDate(s string) bool {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || !all(s[:4], isDigit) || !all(s[5:7], isDigit) || !all(s[8:10], isDigit) {
		return false
	}
	month, day := s[5:7], s[8:10]
	if month < "01" || month > "12" || day < "01" || day > "31" {
		return false
	}
	return len(s) == 10 || (s[10] == 'T' || s[10] == 't') && len(s) >= 13 && len(s) <= 48 && isDigit(s[11]) && isDigit(s[12])
}

// isHexID tells eight or more hexadecimal digits, at least two of them decimal;
// sixteen or more need none.
func isHexID(s string) bool {
	if len(s) > 2 && (strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X")) && all(s[2:], isHex) {
		return true
	}
	if len(s) < 8 || len(s) > 128 || !all(s, isHex) {
		return false
	}
	digits := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
		}
	}
	return digits >= 2 || len(s) >= 16
}

// isULID tells 26 digits of Crockford's base 32, of which one is decimal.
func isULID(s string) bool {
	if len(s) != 26 || s[0] < '0' || s[0] > '7' {
		return false
	}
	return all(s, func(c byte) bool {
		c &^= (c & 0x40) >> 1
		return isDigit(c) || isUpper(c) && c != 'I' && c != 'L' && c != 'O' && c != 'U'
	})
}

// isNumbered tells letters that carry a number of five digits or more, or of
// four behind a separator that are no year: ORD-1234, k3j90x22m4q8. A version,
// as v20240101, is a word.
func isNumbered(s string) bool {
	if (s[0] == 'v' || s[0] == 'V') && all(s[1:], func(c byte) bool { return isDigit(c) || c == '.' }) {
		return false
	}
	digits, tail := 0, 0
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
			tail++
		} else {
			tail = 0
		}
	}
	if digits >= 5 {
		return true
	}
	if tail != 4 || isAlnum(s[len(s)-5]) {
		return false
	}
	year := s[len(s)-4:]
	return year[:2] != "19" && year[:2] != "20"
}
