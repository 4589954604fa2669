package capture

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// A placeholder is "⟨kind length⟩": what stood there, and a class of how many
// bytes it had. A bracket that the client sent is written as literal, so that
// whatever looks like a placeholder is one.
const (
	opening = "⟨"
	closing = "⟩"
	literal = opening + "literal 0" + closing
	number  = "number"
)

// maxFilled bounds what one placeholder is filled with, in bytes.
const maxFilled = 1 << 18

// placeholder stands for value. Digits alone are of the kind number, whatever
// they mean, so that they can be filled with digits.
func placeholder(kind, value string) string {
	if strings.Trim(value, "0123456789") == "" {
		kind = number
	}
	return opening + kind + " " + strconv.Itoa(lengthClass(len(value))) + closing
}

// lengthClass rounds n up to a power of two or one and a half of one: 4, 6, 8,
// 12, 16, 24, 32 and so on.
func lengthClass(n int) int {
	for c := 4; ; c *= 2 {
		if n <= c {
			return c
		}
		if n <= c+c/2 {
			return c + c/2
		}
	}
}

// kindOf names the secret that a place of this name holds.
func kindOf(name string) string {
	name = strings.ToLower(name)
	for _, k := range []struct{ part, kind string }{
		{"pass", "password"}, {"pwd", "password"}, {"secret", "secret"}, {"token", "token"}, {"sess", "token"}, {"key", "key"}, {"pin", "code"}, {"otp", "code"},
	} {
		if strings.Contains(name, k.part) {
			return k.kind
		}
	}
	return "secret"
}

// escape writes the client's own brackets so that they are no placeholders.
func escape(text string) string { return strings.ReplaceAll(text, opening, literal) }

// next finds the first placeholder: text[from:to], -1 when there is none.
func next(text string) (from, to int, kind string, length int) {
	for base := 0; ; {
		i := strings.Index(text[base:], opening)
		if i < 0 {
			return -1, -1, "", 0
		}
		from = base + i
		inner, _, closed := strings.Cut(text[from+len(opening):min(len(text), from+64)], closing)
		name, digits, spaced := strings.Cut(inner, " ")
		n, err := strconv.Atoi(digits)
		if closed && spaced && err == nil && n >= 0 && n <= maxFilled && name != "" {
			return from, from + len(opening) + len(inner) + len(closing), name, n
		}
		base = from + len(opening)
	}
}

// fill puts a harmless text of the same length class in the place of each
// placeholder.
func fill(text string) string {
	from, to, kind, length := next(text)
	if from < 0 {
		return text
	}
	var b strings.Builder
	for from >= 0 {
		b.WriteString(text[:from])
		switch kind {
		case "literal":
			b.WriteString(opening)
		case number:
			repeat(&b, "1", length)
		default:
			repeat(&b, "redacted", length)
		}
		text = text[to:]
		from, to, kind, length = next(text)
	}
	b.WriteString(text)
	return b.String()
}

func repeat(b *strings.Builder, word string, length int) {
	b.Grow(length)
	for ; length >= len(word); length -= len(word) {
		b.WriteString(word)
	}
	b.WriteString(word[:length])
}

// mark is a placeholder in a masked text: masked[start:end] stands for written.
type mark struct {
	start, end int
	written    string
}

// mask writes placeholders in a form that classify passes over.
func mask(text string) (masked string, marks []mark) {
	from, to, kind, _ := next(text)
	if from < 0 {
		return text, nil
	}
	var b strings.Builder
	for from >= 0 {
		b.WriteString(text[:from])
		m := mark{start: b.Len(), written: text[from:to]}
		if kind == "literal" {
			b.WriteString(opening)
		} else {
			b.WriteString("[redacted]")
		}
		m.end = b.Len()
		marks = append(marks, m)
		text = text[to:]
		from, to, kind, _ = next(text)
	}
	b.WriteString(text)
	return b.String(), marks
}

// passes bounds how often sweep looks again: what it replaces can set free what
// was part of a longer word before.
const passes = 4

// sweep replaces what classify finds in a text in which there may be
// placeholders.
func sweep(text string) string {
	for range passes {
		masked, marks := mask(text)
		found := classify.Find(masked)
		if len(found) == 0 {
			return text
		}
		text = replace(masked, marks, found)
	}
	if masked, _ := mask(text); len(classify.Find(masked)) > 0 {
		return placeholder("secret", text)
	}
	return text
}

func replace(masked string, marks []mark, found []classify.Match) string {
	var b strings.Builder
	at := 0
	keep := func(until int) {
		for len(marks) > 0 && marks[0].end <= until {
			if m := marks[0]; m.start >= at {
				b.WriteString(masked[at:m.start])
				b.WriteString(m.written)
				at = m.end
			}
			marks = marks[1:]
		}
		if at < until {
			b.WriteString(masked[at:until])
		}
		at = until
	}
	for _, f := range found {
		keep(f.Start)
		b.WriteString(placeholder(string(f.Class), masked[f.Start:f.End]))
		at = f.End
		for len(marks) > 0 && marks[0].start < at {
			marks = marks[1:]
		}
	}
	keep(len(masked))
	return b.String()
}
