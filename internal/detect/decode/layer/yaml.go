package layer

import "strings"

// maxKey is the longest key that makes a line one of a mapping.
const maxKey = 64

// yaml hands out the scalars of block mappings and sequences, each under its
// key. It is a splitter of lines and no parser: anchors, tags and flow
// collections stay in the text of their scalar. At least two lines must be
// items, and half of all lines.
func (o *opener) yaml() {
	if !o.named && !looksYAML(o.text) {
		return
	}
	var (
		key    string
		value  string // of one line
		more   []byte // when there are several
		indent int
		open   bool
	)
	flush := func() bool {
		switch {
		case !open:
			return true
		case len(more) > 0:
			value = string(more)
		}
		open, more = false, more[:0]
		value = unquote(strings.TrimSpace(value))
		return value == "" || o.emit(YAML, key, value)
	}
	for line := range strings.Lines(o.text) {
		it := itemOf(line)
		switch {
		case it.kind == blank:
		case it.kind == item && (!open || it.indent <= indent || !isBlockScalar(value)):
			if !flush() {
				return
			}
			key, value, indent, open = it.key, it.value, it.indent, true
		case open && it.indent > indent:
			if len(more) == 0 && !isBlockScalar(value) {
				more = append(more, strings.TrimSpace(value)...)
			}
			if len(more) > 0 {
				more = append(more, '\n')
			}
			more = append(more, strings.TrimSpace(line)...)
		default:
			if !flush() {
				return
			}
		}
	}
	flush()
}

func looksYAML(text string) bool {
	lines, items, indent := 0, 0, 0
	for line := range strings.Lines(text) {
		switch it := itemOf(line); it.kind {
		case blank:
		case item:
			lines++
			items++
			indent = it.indent
		case other:
			if items == 0 {
				return false
			}
			if lines++; it.indent > indent {
				items++ // a scalar goes on
			}
		}
		if lines > 8 && items*2 < lines {
			return false
		}
	}
	return items >= 2 && items*2 >= lines
}

type lineKind uint8

const (
	blank lineKind = iota // also comments and marks
	item
	other
)

// line is one line: "key: value", "- value", "- key: value" or other text.
type line struct {
	kind   lineKind
	indent int
	key    string
	value  string
}

func itemOf(text string) line {
	s := strings.TrimRight(text, " \t\r\n")
	body := strings.TrimLeft(s, " ")
	l := line{kind: other, indent: len(s) - len(body)}
	if body == "" || body[0] == '#' || body == "---" || body == "..." || body[0] == '%' {
		l.kind = blank
		return l
	}
	for strings.HasPrefix(body, "- ") || body == "-" {
		rest := strings.TrimLeft(body[1:], " ")
		l.kind, l.value = item, rest
		l.indent += len(body) - len(rest)
		body = rest
		if body == "" {
			return l
		}
	}
	if l.kind == item {
		l.indent-- // what goes on stands deeper than the dash
	}
	if key, value, ok := cutKey(body); ok {
		l.kind, l.key, l.value = item, key, value
	}
	return l
}

// cutKey parts "key: value".
func cutKey(s string) (key, value string, ok bool) {
	head := s[:min(len(s), maxKey+3)]
	colon := strings.Index(head, ": ")
	if colon < 0 {
		if !strings.HasSuffix(s, ":") || len(s) > maxKey {
			return "", "", false
		}
		colon = len(s) - 1
	}
	key = strings.TrimRight(s[:colon], " ")
	if q := unquote(key); len(q) != len(key) {
		return q, strings.TrimSpace(s[colon+1:]), true
	}
	for i := range len(key) {
		c := key[i]
		if !isAlnum(c) && c < 0x80 && strings.IndexByte("_-./$@*<!&:", c) < 0 {
			return "", "", false
		}
	}
	return key, strings.TrimSpace(s[colon+1:]), key != ""
}

// isBlockScalar tells "|" and ">", with what may stand behind them.
func isBlockScalar(value string) bool {
	v := strings.TrimRight(value, " ")
	return v != "" && (v[0] == '|' || v[0] == '>') && len(v) <= 3
}

// unquote takes the quotes off a scalar. Escapes in double quotes stay; they are
// a layer of their own.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] {
		return s
	}
	switch s[0] {
	case '"':
		return s[1 : len(s)-1]
	case '\'':
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}
