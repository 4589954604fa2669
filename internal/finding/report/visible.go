package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a report quotes was written by strangers. Characters that steer a
// terminal, turn the direction of a text or can't be seen are written as
// escapes, so that a finding can't hide, forge or colour another.

// hidden tells characters that are not shown as they are. A space is shown.
func hidden(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r) || r == '\u3164' || r == '\uffa0' || r == '\u115f' || r == '\u1160'
}

// Visible is a text of strangers as reports write it: on one line, with what is
// hidden written as escapes.
func Visible(s string) string { return visible(s) }

// visible is a text on one line with what is hidden written as escapes. Line
// ends, tabs and the many spaces of Unicode become spaces.
func visible(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == '\r':
			if !strings.HasPrefix(s[i+1:], "\n") {
				b.WriteByte(' ')
			}
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case hidden(r):
			b.WriteString(escape(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func escape(r rune) string {
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// plainJSON writes hidden characters of JSON as its escapes, which does not
// change what it means.
type plainJSON struct{ w io.Writer }

// Write takes whole characters only, as encoding/json writes them.
func (p plainJSON) Write(text []byte) (int, error) {
	from := 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if r >= 0x7f && hidden(r) {
			if _, err := p.w.Write(text[from:i]); err != nil {
				return 0, err
			}
			if _, err := io.WriteString(p.w, jsonEscape(r)); err != nil {
				return 0, err
			}
			from = i + size
		}
		i += size
	}
	if _, err := p.w.Write(text[from:]); err != nil {
		return 0, err
	}
	return len(text), nil
}

func jsonEscape(r rune) string {
	if r < 0x10000 {
		return fmt.Sprintf(`\u%04x`, r)
	}
	r -= 0x10000
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
}
