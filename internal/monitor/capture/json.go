package capture

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// jsonLevel is an open object or array.
type jsonLevel struct {
	object bool
	// secret says that all below is, because of the name of this or one above.
	secret bool
	key    string
	index  int
}

// jsonWalk redacts a document that need not be well-formed: it goes on behind
// every mistake.
type jsonWalk struct {
	*redactor
	out    strings.Builder
	levels []jsonLevel
	place  string
}

// json redacts strings, numbers and whatever stands in their place.
func (r *redactor) json(text, place string) string {
	w := &jsonWalk{redactor: r, place: place}
	w.out.Grow(len(text))
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '{', '[':
			w.levels = append(w.levels, jsonLevel{object: c == '{', secret: w.secret()})
			w.out.WriteByte(c)
			i++
		case '}', ']':
			w.levels = w.levels[:max(0, len(w.levels)-1)]
			w.out.WriteByte(c)
			i++
		case ',':
			if top := w.top(); top != nil {
				top.index++
				top.key = ""
			}
			w.out.WriteByte(c)
			i++
		case ':', ' ', '\t', '\r', '\n':
			w.out.WriteByte(c)
			i++
		case '"', '\'':
			i = w.quoted(text, i)
		default:
			i = w.bare(text, i)
		}
	}
	return w.out.String()
}

func (w *jsonWalk) top() *jsonLevel {
	if len(w.levels) == 0 {
		return nil
	}
	return &w.levels[len(w.levels)-1]
}

// secret says whether the value that comes next is secret because of a name.
func (w *jsonWalk) secret() bool {
	top := w.top()
	return top != nil && (top.secret || top.object && top.key != "" && classify.SecretName(top.key))
}

// isKey says whether a colon follows.
func isKey(rest string) bool {
	return strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), ":")
}

// quoted handles the string that begins at i and gives the place behind it.
func (w *jsonWalk) quoted(text string, i int) int {
	end := i + 1
	for end < len(text) && text[end] != text[i] {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(text))
	inner := text[i+1 : end]
	quote := text[i : i+1]
	after := ""
	if end < len(text) {
		after = quote
		end++
	}
	w.out.WriteString(quote)
	w.text(inner, isKey(text[end:]))
	w.out.WriteString(after)
	return end
}

// bare handles a number, a literal or what stands in its place.
func (w *jsonWalk) bare(text string, i int) int {
	end := i
	for end < len(text) && !strings.ContainsRune("{}[],:\"' \t\r\n", rune(text[end])) {
		if strings.HasPrefix(text[end:], opening) {
			if from, to, _, _ := next(text[end:min(len(text), end+64)]); from == 0 {
				end += to
				continue
			}
		}
		end++
	}
	piece := text[i:end]
	switch piece {
	case "true", "false", "null":
		w.out.WriteString(piece)
		return end
	}
	if w.secret() && strings.Trim(piece, "0123456789+-.eE") == "" {
		w.hide(w.path())
		w.out.WriteString(opening + number + " " + strconv.Itoa(lengthClass(len(piece))) + closing)
		return end
	}
	w.text(piece, isKey(text[end:]))
	return end
}

// text writes a key or a value.
func (w *jsonWalk) text(inner string, key bool) {
	top := w.top()
	key = key && (top == nil || top.object)
	switch {
	case key && top != nil:
		top.key = fullyUnescaped(inner)
	case !key && w.secret():
		name := "secret"
		if top.object {
			name = top.key
		}
		if inner != "" {
			w.hide(w.path())
			inner = placeholder(kindOf(name), inner)
		}
		w.out.WriteString(inner)
		return
	}
	// The path is long in a deep document: it is made only where it is needed.
	out, hidden := redactValue("", inner)
	if hidden {
		w.hide(w.path())
	}
	w.out.WriteString(out)
}

// pathLevels bounds the levels of a path.
const pathLevels = 64

// path is the place of the current value as findings name it.
func (w *jsonWalk) path() string {
	if !strings.HasPrefix(w.place, "body json") {
		return w.place
	}
	var b strings.Builder
	b.WriteString(w.place)
	for i := range w.levels[:min(len(w.levels), pathLevels)] {
		l := &w.levels[i]
		if i == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('/')
		if l.object {
			b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(l.key))
		} else {
			b.WriteString(strconv.Itoa(l.index))
		}
	}
	return b.String()
}
