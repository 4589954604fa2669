package syntax

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// unescape decodes the escapes of a piece of text that stands at byte at.
func (p *parser) unescape(s string, at int, quote byte) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	from := 0
	for i < len(s) {
		if s[i] != '\\' {
			i++
			continue
		}
		b.WriteString(s[from:i])
		n := p.escape(&b, s, i, at, quote)
		i += n
		from = i
	}
	b.WriteString(s[from:])
	return b.String()
}

// escape decodes the escape at s[i] and returns its length.
func (p *parser) escape(b *strings.Builder, s string, i, at int, quote byte) int {
	if i+1 == len(s) {
		b.WriteByte('\\')
		return 1
	}
	c := s[i+1]
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'u':
		r, ok := hex4(s, i+2)
		if !ok {
			p.problem(at+i, at+i+2, `\u needs four hexadecimal digits`)
			b.WriteString(`\u`)
			return 2
		}
		if low, ok := hex4(s, i+8); ok && utf16.IsSurrogate(r) && s[i+6] == '\\' && s[i+7] == 'u' {
			if whole := utf16.DecodeRune(r, low); whole != '\uFFFD' {
				b.WriteRune(whole)
				return 12
			}
		}
		b.WriteRune(r)
		return 6
	case '\\', '"', '\'', '`', '$', '/', quote:
		b.WriteByte(c)
	default:
		// The runtime keeps what it does not know.
		b.WriteByte('\\')
		return 1
	}
	return 2
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i:i+4], 16, 16)
	return rune(n), err == nil
}
