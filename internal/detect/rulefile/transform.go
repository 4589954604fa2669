package rulefile

import (
	"html"
	"strconv"
	"strings"
	"unicode"
)

// transformation is a transformation of SecLang that rule files may ask for.
// The engine has its own, compiled ones; these serve the examples.
type transformation struct {
	name  string
	apply func(string) string
}

var transformations = [...]transformation{
	{"lowercase", strings.ToLower},
	{"urlDecodeUni", urlDecodeUni},
	{"htmlEntityDecode", html.UnescapeString},
	{"removeNulls", func(s string) string { return strings.ReplaceAll(s, "\x00", "") }},
	{"removeWhitespace", removeWhitespace},
	{"compressWhitespace", compressWhitespace},
	{"replaceComments", replaceComments},
}

func transformationNames() string {
	names := make([]string, len(transformations))
	for i := range transformations {
		names[i] = transformations[i].name
	}
	return strings.Join(names, ", ")
}

func transform(names []string, text string) string {
	for _, name := range names {
		for i := range transformations {
			if transformations[i].name == name {
				text = transformations[i].apply(text)
			}
		}
	}
	return text
}

// urlDecodeUni opens %XX, %uXXXX and plus signs; what is no valid escape stays.
func urlDecodeUni(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
			continue
		case s[i] != '%':
		case i+5 < len(s) && s[i+1]|0x20 == 'u':
			if code, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				low := byte(code & 0xff)
				if code>>8 == 0xff && low > 0 && low < 0x5f {
					low += 0x20 // the full-width form of an ASCII character
				}
				b.WriteByte(low)
				i += 5
				continue
			}
		case i+2 < len(s):
			if code, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(code))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func removeWhitespace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// compressWhitespace makes one space of each run of Latin-1 white space.
func compressWhitespace(s string) string {
	latin := func(r rune) bool { return r < 0x100 && unicode.IsSpace(r) }
	var b strings.Builder
	in := false
	for _, r := range s {
		switch space := latin(r); {
		case space && !in:
			b.WriteByte(' ')
			in = true
		case !space:
			b.WriteRune(r)
			in = false
		}
	}
	return b.String()
}

// replaceComments makes one space of each C comment, also of an open one.
func replaceComments(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "/*")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte(' ')
		_, s, _ = strings.Cut(rest, "*/")
	}
}
