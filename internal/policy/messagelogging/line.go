package messagelogging

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
)

const (
	// maxLine is the greatest length of a message in bytes.
	maxLine = 8 << 10
	// maxRead is how much of a text is looked through for secrets: more than
	// fits into a line, for replacing makes it shorter.
	maxRead = 8 * maxLine
	// cutMark ends a message that was cut.
	cutMark = "…"
)

// line makes one bounded line of a text that may hold anything: secrets and
// personal data are replaced by their kind, control characters escaped.
func line(text string) string {
	cut := len(text) > maxRead
	if cut {
		text = text[:maxRead]
		// What the cut tore apart might no longer be recognised.
		if end := strings.LastIndexAny(text, " \t\r\n,;&\"'<>"); end >= 0 {
			text = text[:end]
		} else {
			text = ""
		}
	}
	return escape(classify.Redact(text), cut)
}

// escape writes a text in one line of at most maxLine bytes.
func escape(text string, cut bool) string {
	if !cut && len(text) <= maxLine && plain(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		shown := text[i : i+size]
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Sprintf(`\x%02x`, text[i])
		case r == '\n':
			shown = `\n`
		case r == '\r':
			shown = `\r`
		case r == '\t':
			shown = `\t`
		case !unicode.IsPrint(r):
			shown = fmt.Sprintf(`\u%04x`, r)
		}
		if b.Len()+len(shown) > maxLine-len(cutMark) {
			cut = true
			break
		}
		b.WriteString(shown)
		i += size
	}
	if cut {
		b.WriteString(cutMark)
	}
	return b.String()
}

func plain(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
