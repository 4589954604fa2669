package spectral

import (
	"path"
	"regexp"
	"strings"
)

// matchGlob says whether a file fits a pattern: * and ? within a name, ** across
// folders, [abc] and {one,other}. A pattern without a slash is held against the
// last part of the name.
func matchGlob(pattern, file string) bool {
	negated := strings.HasPrefix(pattern, "!")
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "!"), "./")
	if !strings.Contains(pattern, "/") {
		file = path.Base(file)
	}
	re, err := regexp.Compile(globPattern(pattern))
	return err == nil && re.MatchString(file) != negated
}

func globPattern(pattern string) string {
	var b strings.Builder
	b.WriteByte('^')
	braces := 0
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:[^/]+/)*`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case c == '*':
			b.WriteString(`[^/]*`)
		case c == '?':
			b.WriteString(`[^/]`)
		case c == '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 2 {
				b.WriteString(`\[`)
				continue
			}
			b.WriteString("[" + strings.Replace(regexp.QuoteMeta(pattern[i+1:i+end]), `\-`, "-", 1) + "]")
			i += end
		case c == '{':
			b.WriteString("(?:")
			braces++
		case c == '}' && braces > 0:
			b.WriteString(")")
			braces--
		case c == ',' && braces > 0:
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteByte('$')
	return b.String()
}
