package detecttest

import (
	"math/rand/v2"
	"strings"
	"unicode"
)

// disguise rewrites a text as its interpreter still reads it: letters of both
// cases where case does not matter, comments for spaces in SQL, empty quotes in
// words of a shell, tautological parts in paths.
func disguise(kind string, s seed, r *rand.Rand) string {
	text := s.text
	switch kind {
	case "sql-injection":
		return spaces(mixCase(text, r), r, "/**/", "/*x*/", "\t", "\n", "  ", " ")
	case "cross-site-scripting":
		return mixMarkup(text, r)
	case "command-injection":
		if !strings.HasPrefix(s.group, "Unix") {
			return mixCase(text, r) // Windows and PowerShell read both cases
		}
		return quoteWords(text, r)
	case "path-traversal":
		return strings.ReplaceAll(text, "../", pick(r, []string{".././", "..//", "..///", "x/../../"}))
	case "php-code":
		return spaces(text, r, " ", "  ", "\t", "/**/")
	default:
		return text
	}
}

// mixCase flips letters outside of quotes, because a quoted text is data.
func mixCase(text string, r *rand.Rand) string {
	var quoted, last rune
	return strings.Map(func(c rune) rune {
		before := last
		last = c
		switch {
		case c == quoted:
			quoted = 0
		case quoted == 0 && (c == '\'' || c == '"'):
			quoted = c
		case c == 'x' && before == '0': // MySQL knows 0x, not 0X
		case quoted == 0 && c < 0x80 && r.IntN(2) == 0:
			return unicode.ToUpper(c)
		case quoted == 0 && c < 0x80:
			return unicode.ToLower(c)
		}
		return c
	}, text)
}

func spaces(text string, r *rand.Rand, instead ...string) string {
	var b strings.Builder
	for i := range len(text) {
		// A space behind "--" begins the comment and has to stay.
		if text[i] != ' ' || i > 0 && text[i-1] == '-' {
			b.WriteByte(text[i])
			continue
		}
		b.WriteString(pick(r, instead))
	}
	return b.String()
}

// mixMarkup flips the letters of tag and attribute names only: scripts know
// upper and lower case.
func mixMarkup(text string, r *rand.Rand) string {
	b := []byte(text)
	name := false
	for i, c := range b {
		switch {
		case c == '<', c == ' ' && name, c == '/' && i > 0 && (b[i-1] == '<' || name):
			name = true
		case c == '=', c == '>', c == '(', c == '"', c == '\'':
			name = false
		case name && r.IntN(2) == 0:
			b[i] = byte(unicode.ToUpper(rune(c)))
		}
	}
	return string(b)
}

// quoteWords breaks the words of Unix commands with empty quotes or a backslash.
func quoteWords(text string, r *rand.Rand) string {
	for _, word := range []string{"cat", "curl", "wget", "whoami", "nslookup", "passwd", "bash", "id", "uname", "sleep", "nc", "ping", "python3", "perl"} {
		broken := word[:1] + pick(r, []string{"''", `""`, `\`}) + word[1:]
		text = strings.ReplaceAll(text, " "+word, " "+broken)
		text = strings.ReplaceAll(text, ";"+word, ";"+broken)
		text = strings.ReplaceAll(text, "/"+word, "/"+broken)
	}
	if r.IntN(3) == 0 {
		text = strings.ReplaceAll(text, " ", "${IFS}")
	}
	return text
}

// widen writes full-width forms, which compatibility normalisation (NFKC, "best
// fit", IDNA in a host) makes ASCII again. Of an address only digits are changed.
func widen(kind, text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case kind == "server-side-request" && (c < '0' || c > '9'):
			return c
		case kind == "path-traversal" && c != '.' && c != '/':
			return c
		case c > ' ' && c < 0x7f:
			return c + 0xfee0
		}
		return c
	}, text)
}
