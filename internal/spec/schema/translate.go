package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The white space of ECMA 262 and all that is none, as parts of a class.
const (
	spaces    = `\t-\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}`
	notSpaces = `\x00-\x08\x{E}-\x{1F}!-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}` +
		`\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{FEFE}\x{FF00}-\x{10FFFF}`
)

// translate spells an expression of ECMA 262 as RE2 does, where both mean the
// same by different signs. What RE2 has not stays as it is.
func translate(pattern string) string {
	if !strings.ContainsAny(pattern, `\.[`) {
		return pattern
	}
	t := translator{from: pattern}
	for t.at < len(pattern) {
		c := pattern[t.at]
		switch {
		case c == '\\':
			t.escape()
		case t.class && c == ']':
			t.class = false
			t.take(1)
		case t.class && c == '[':
			// RE2 would read "[:alpha:]" otherwise.
			t.write(`\[`, 1)
		case t.class:
			t.take(1)
		case c == '.':
			t.write(`[^\n\r\x{2028}\x{2029}]`, 1)
		case strings.HasPrefix(pattern[t.at:], "[^]"):
			t.write(`(?s:.)`, 3)
		case strings.HasPrefix(pattern[t.at:], "[]"):
			t.write(`[^\x00-\x{10FFFF}]`, 2)
		case strings.HasPrefix(pattern[t.at:], "[^"):
			t.class = true
			t.take(2)
		default:
			t.class = c == '['
			t.take(1)
		}
	}
	return t.out.String()
}

type translator struct {
	from  string
	at    int
	class bool
	out   strings.Builder
}

// take copies n bytes.
func (t *translator) take(n int) { t.write(t.from[t.at:t.at+n], n) }

// write puts a text in the place of n bytes.
func (t *translator) write(text string, n int) {
	t.out.WriteString(text)
	t.at += n
}

func (t *translator) escape() {
	rest := t.from[t.at+1:]
	if rest == "" {
		t.take(1)
		return
	}
	switch c := rest[0]; {
	case c == 'u':
		t.unicode(rest[1:])
	case c == 'c' && len(rest) > 1 && isAlnum(rest[1]) && rest[1] > '9':
		t.write(fmt.Sprintf(`\x%02x`, rest[1]&31), 3)
	case c == 's' && t.class:
		t.write(spaces, 2)
	case c == 's':
		t.write("["+spaces+"]", 2)
	case c == 'S' && t.class:
		t.write(notSpaces, 2)
	case c == 'S':
		t.write("[^"+spaces+"]", 2)
	case c == 'b' && t.class:
		t.write(`\x08`, 2)
	case c == '0' && (len(rest) == 1 || rest[1] < '0' || rest[1] > '9'):
		t.write(`\x00`, 2)
	case (c == 'p' || c == 'P') && strings.HasPrefix(rest[1:], "{"):
		t.property(rest)
	case strings.IndexByte("aCEQ", c) >= 0:
		// Signs of RE2 alone: in ECMA 262 the letter itself, if anything.
		t.write(string(c), 2)
	case c >= utf8.RuneSelf:
		_, n := utf8.DecodeRuneInString(rest)
		t.write(rest[:n], 1+n)
	default:
		t.take(2)
	}
}

// unicode writes \uXXXX, two of them that are one character, and \u{X}.
func (t *translator) unicode(rest string) {
	if strings.HasPrefix(rest, "{") {
		t.write(`\x`, 2)
		return
	}
	unit, ok := hex(rest)
	if !ok {
		t.write("u", 2)
		return
	}
	if low, ok := strings.CutPrefix(rest[4:], `\u`); ok && utf16.IsSurrogate(unit) {
		if second, ok := hex(low); ok && utf16.DecodeRune(unit, second) != utf8.RuneError {
			t.write(fmt.Sprintf(`\x{%X}`, utf16.DecodeRune(unit, second)), 12)
			return
		}
	}
	t.write(fmt.Sprintf(`\x{%X}`, unit), 6)
}

func hex(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}

// property writes \p{Script=Greek} as \p{Greek}.
func (t *translator) property(rest string) {
	end := strings.IndexByte(rest, '}')
	if end < 0 {
		t.take(2)
		return
	}
	name := rest[2:end]
	if kind, value, ok := strings.Cut(name, "="); ok {
		switch kind {
		case "Script", "sc", "Script_Extensions", "scx", "General_Category", "gc":
			name = value
		}
	}
	t.write(`\`+rest[:1]+"{"+name+"}", end+2)
}
