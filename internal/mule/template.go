package mule

import "strings"

// piece is a part of a value, found by its marks.
type piece struct {
	kind Form
	// start and end are all of it, from and to what stands between its marks.
	start, end, from, to int
	// text is literal text, its escapes taken away.
	text string
}

// split takes a value apart: its form and pieces.
func split(value string) (Form, []piece) {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" {
		return Empty, nil
	}
	start := strings.Index(value, trimmed)
	end := start + len(trimmed)
	if strings.HasPrefix(trimmed, "![") && strings.HasSuffix(trimmed, "]") {
		return Encrypted, []piece{{kind: Encrypted, start: start, end: end, from: start + 2, to: end - 1, text: trimmed[2 : len(trimmed)-1]}}
	}
	if p, ok := marked(value, start, end); ok && p.end == end {
		return p.kind, []piece{p}
	}
	// An expression that can't be balanced but is closed at its end is one.
	if strings.HasPrefix(trimmed, "#[") && strings.HasSuffix(trimmed, "]") && closing(value, start+2, end) < 0 {
		return Expression, []piece{{kind: Expression, start: start, end: end, from: start + 2, to: end - 1}}
	}
	pieces := pieces(value)
	for _, p := range pieces {
		if p.kind != Literal {
			return Mixed, pieces
		}
	}
	return Literal, pieces
}

// pieces cuts mixed text at its marks.
func pieces(value string) []piece {
	var out []piece
	begin := 0
	var literal strings.Builder
	flush := func(at int) {
		if at > begin {
			out = append(out, piece{kind: Literal, start: begin, end: at, from: begin, to: at, text: literal.String()})
			literal.Reset()
		}
	}
	// Looking for the end of each of many open marks would be quadratic.
	unclosed := map[byte]bool{}
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '\\' && i+2 < len(value) && (value[i+1] == '#' && value[i+2] == '[' || value[i+1] == '$' && value[i+2] == '{'):
			literal.WriteString(value[i+1 : i+3])
			i += 3
			continue
		case (c == '#' || c == '$') && !unclosed[c]:
			if p, ok := marked(value, i, len(value)); ok {
				flush(i)
				out = append(out, p)
				begin, i = p.end, p.end
				continue
			}
			unclosed[c] = i+1 < len(value) && (c == '#' && value[i+1] == '[' || c == '$' && value[i+1] == '{')
		}
		literal.WriteByte(value[i])
		i++
	}
	flush(len(value))
	return out
}

// marked reads "#[…]" or "${…}" that begins at i.
func marked(value string, i, limit int) (piece, bool) {
	switch {
	case strings.HasPrefix(value[i:limit], "#["):
		end := closing(value, i+2, limit)
		if end < 0 {
			return piece{}, false
		}
		return piece{kind: Expression, start: i, end: end + 1, from: i + 2, to: end}, true
	case strings.HasPrefix(value[i:limit], "${"):
		depth := 1
		for at := i + 2; at < limit; at++ {
			switch {
			case value[at] == '}':
				depth--
			case value[at] == '$' && at+1 < limit && value[at+1] == '{':
				depth++
			}
			if depth == 0 {
				p := piece{kind: Placeholder, start: i, end: at + 1, from: i + 2, to: at}
				p.prefix(value)
				return p, true
			}
		}
	}
	return piece{}, false
}

// prefix takes "secure::" and "file::" off the name of a placeholder.
func (p *piece) prefix(value string) {
	name := value[p.from:p.to]
	switch {
	case strings.HasPrefix(name, "secure::"):
		p.kind, p.from = SecurePlaceholder, p.from+len("secure::")
	case strings.HasPrefix(name, "file::"):
		p.kind, p.from = FileReference, p.from+len("file::")
	}
}

// closing is where the bracket stands that closes the one before i, negative where
// it is missing. Texts, regular expressions and comments may hold brackets.
func closing(s string, i, limit int) int {
	for depth := 1; i < limit; i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		case '\\':
			i++
		case '"', '\'', '`':
			end := closingQuote(s, i, limit)
			if end < 0 {
				return -1
			}
			i = end
		case '/':
			if i = behindSlash(s, i, limit); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// closingQuote is where the text ends whose quote stands at i.
func closingQuote(s string, i, limit int) int {
	for at := i + 1; at < limit; at++ {
		switch s[at] {
		case '\\':
			at++
		case s[i]:
			return at
		}
	}
	return -1
}

// behindSlash is the last byte of the comment or regular expression that begins at
// i, or i where the slash divides; negative where no bracket can follow.
func behindSlash(s string, i, limit int) int {
	switch {
	case strings.HasPrefix(s[i:limit], "//"):
		if n := strings.IndexByte(s[i:limit], '\n'); n >= 0 {
			return i + n
		}
		// A comment up to the end would take the bracket with it: in one line it
		// ends before the last one.
		if n := strings.LastIndexByte(s[i:limit], ']'); n > 0 {
			return i + n - 1
		}
		return -1
	case strings.HasPrefix(s[i:limit], "/*"):
		if n := strings.Index(s[i+2:limit], "*/"); n >= 0 {
			return i + n + 3
		}
		return -1
	case !patternFollows(s[:i]):
		return i
	}
	for at := i + 1; at < limit && s[at] != '\n'; at++ {
		switch s[at] {
		case '\\':
			at++
		case '/':
			return at
		}
	}
	return i
}

// patternFollows says whether a slash behind some text begins a regular expression:
// where an operand is expected.
func patternFollows(before string) bool {
	before = before[max(0, len(before)-64):]
	before = strings.TrimRight(before, " \t\r\n")
	if before == "" {
		return true
	}
	last := before[len(before)-1]
	if strings.IndexByte("([{,:=~>|&!?", last) >= 0 {
		return true
	}
	word := before[strings.LastIndexFunc(before, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.'
	})+1:]
	switch word {
	case "replace", "matches", "match", "splitBy", "find", "scan", "contains", "case", "matching", "with", "and", "or", "not", "default", "then", "else":
		return true
	}
	return false
}
