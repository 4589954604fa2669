package operator

import (
	"strings"

	libinjection "github.com/corazawaf/libinjection-go"
)

// XSS says whether libinjection takes text for cross-site scripting. Most
// ordinary text is answered without the library and without an allocation, by
// a test that never hides a match.
func XSS(text string) bool {
	return !harmlessMarkup(text) && libinjection.IsXSS(text)
}

// harmlessMarkup says that the library finds nothing in text. It fires on a
// tag, a comment or a doctype, which begin with < and one of a few bytes, and
// on the value of a bad attribute, which needs the name, then = (space and NUL
// may stand between). All bad names consist of ASCII letters, colons and NUL,
// and have at least two letters.
func harmlessMarkup(text string) bool {
	for i := strings.IndexByte(text, '<'); i >= 0; {
		if i+1 < len(text) && opensMarkup(text[i+1]) {
			return false
		}
		next := strings.IndexByte(text[i+1:], '<')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	for i := strings.IndexByte(text, '='); i >= 0; {
		if endsInName(text[:i]) {
			return false
		}
		next := strings.IndexByte(text[i+1:], '=')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return true
}

func opensMarkup(c byte) bool {
	switch c {
	case '!', '/', '?', '%', 0:
		return true
	}
	return c|0x20 >= 'a' && c|0x20 <= 'z'
}

// endsInName says whether text ends in what can be a bad attribute name, of
// letters and colons from a place where a name can begin.
func endsInName(text string) bool {
	i := len(text)
	for i > 0 && isMarkupSpace(text[i-1]) {
		i--
	}
	letters := 0
	for ; i > 0; i-- {
		c := text[i-1]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == ':':
			letters++
		case c == 0:
		default:
			return letters >= 2 && (isMarkupSpace(c) || strings.IndexByte("/'\"`", c) >= 0)
		}
	}
	return letters >= 2
}

func isMarkupSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c == 0
}

// XSSCost bounds what XSS(text) costs, in units of about 4 ns. 0: it finds
// nothing and need not be asked.
func XSSCost(text string) int64 {
	if harmlessMarkup(text) {
		return 0
	}
	// It reads text in five contexts, and looks each name and value up.
	const perByte, perTag, perName, perValue = 6, 80, 16, 150
	units := int64(len(text)) * perByte
	for i := range len(text) {
		switch c := text[i]; {
		case c == '<':
			units += perTag
		case c == '=':
			units += perValue
		case isMarkupSpace(c) || c == '/':
			units += perName
		}
	}
	return units
}
