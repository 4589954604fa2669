package export

import (
	"fmt"
	"strings"
)

// part is a piece of a path: literal text, or a template.
type part struct {
	text     string
	template bool
}

// parts cuts a path into literals and templates. Braces that are no template
// are escaped, as is what ends a path in a URL.
func parts(path string) []part {
	var out []part
	literal := strings.Builder{}
	flush := func() {
		if literal.Len() > 0 {
			out = append(out, part{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '{':
			end := strings.IndexAny(path[i+1:], "{}/")
			if end > 0 && path[i+1+end] == '}' {
				flush()
				if n := len(out); n == 0 || !out[n-1].template { // Two must have text between them.
					out = append(out, part{path[i+1 : i+1+end], true})
				}
				i += end + 1
				continue
			}
			literal.WriteString("%7B")
		case '}', '?', '#', ' ', '"', '<', '>', '\\', '^', '`', '|':
			fmt.Fprintf(&literal, "%%%02X", c)
		default:
			if c < 0x20 || c >= 0x7f {
				fmt.Fprintf(&literal, "%%%02X", c)
			} else {
				literal.WriteByte(c)
			}
		}
	}
	flush()
	return out
}

// route is a path as a description writes it.
type route struct {
	path string
	// same is equal for paths that a description may not have both.
	same  string
	names []string // of the templates, each once
	// original are the names as they were learned, in the same places.
	original []string
	words    []string // the literal segments
}

// routeOf gives the path a form in which every template has a name of its own.
func routeOf(path string) route {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	var r route
	taken := map[string]bool{}
	whole, same := strings.Builder{}, strings.Builder{}
	for _, p := range parts(path) {
		if !p.template {
			whole.WriteString(p.text)
			same.WriteString(p.text)
			continue
		}
		name := plainName(p.text, "parameter")
		for base, n := name, 2; taken[name]; n++ {
			name = fmt.Sprintf("%s%d", base, n)
		}
		taken[name] = true
		r.names, r.original = append(r.names, name), append(r.original, p.text)
		whole.WriteString("{" + name + "}")
		same.WriteString("{}")
	}
	r.path, r.same = whole.String(), same.String()
	for segment := range strings.SplitSeq(r.path, "/") {
		if segment != "" && !strings.Contains(segment, "{") {
			r.words = append(r.words, segment)
		}
	}
	return r
}

// plainName leaves letters, digits, "_", "-" and "." of a name.
func plainName(text, otherwise string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-', r == '.':
			return r
		}
		return -1
	}, text)
	if text == "" {
		return otherwise
	}
	return text[:min(len(text), 60)]
}

// camel joins words as in listOrderItems; title as in OrderItem.
func camel(words []string) string {
	out := strings.Builder{}
	for _, word := range words {
		for _, piece := range strings.FieldsFunc(word, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) {
			if out.Len() == 0 {
				out.WriteString(strings.ToLower(piece[:1]) + piece[1:])
			} else {
				out.WriteString(strings.ToUpper(piece[:1]) + piece[1:])
			}
			if out.Len() > 80 {
				return out.String()
			}
		}
	}
	return out.String()
}

func title(word string) string {
	word = camel([]string{word})
	if word == "" {
		return ""
	}
	word = strings.ToUpper(word[:1]) + word[1:]
	if word[0] >= '0' && word[0] <= '9' {
		return "Schema" + word
	}
	return word
}

// singular is the word for one of many, of English words as APIs use them.
func singular(word string) string {
	lower := strings.ToLower(word)
	switch {
	case len(word) < 4 || strings.HasSuffix(lower, "ss") || strings.HasSuffix(lower, "us") || strings.HasSuffix(lower, "is"):
		return word
	case strings.HasSuffix(lower, "ies"):
		return word[:len(word)-3] + "y"
	case strings.HasSuffix(lower, "sses"), strings.HasSuffix(lower, "xes"), strings.HasSuffix(lower, "ches"), strings.HasSuffix(lower, "shes"):
		return word[:len(word)-2]
	case strings.HasSuffix(lower, "s"):
		return word[:len(word)-1]
	}
	return word
}

// isVersion tells segments such as v1, 2.0 or 2024-01-01, and what every API has before
// its own words.
func isVersion(word string) bool {
	lower := strings.ToLower(word)
	switch lower {
	case "api", "rest", "service", "services", "public":
		return true
	}
	lower = strings.TrimPrefix(lower, "v")
	return lower != "" && strings.Trim(lower, "0123456789.-") == ""
}
