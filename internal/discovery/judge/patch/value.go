package patch

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// object is a mapping whose order is kept; its values are objects, lists ([]any), texts,
// numbers, booleans and blocks.
type object []member

type member struct {
	name  string
	value any
}

// block is a text of several lines.
type block string

func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

var plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./{}+?-]*( [A-Za-z0-9_./()-]+)*$`)

// quoted writes a text for YAML, in quotes where it could be mistaken.
func quoted(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return jsonText(text)
	}
	if plainText.MatchString(text) && !strings.HasSuffix(text, " ") && !strings.ContainsAny(text, "#:") {
		return text
	}
	return jsonText(text)
}

// key writes the name of a member for YAML.
func key(name string) string {
	if regexp.MustCompile(`^[0-9]{3}$`).MatchString(name) {
		return name
	}
	return quoted(name)
}

// openAPIKey writes the name of a member where codes must be texts.
func openAPIKey(name string) string {
	if regexp.MustCompile(`^[0-9]+$`).MatchString(name) {
		return jsonText(name)
	}
	return quoted(name)
}

func jsonText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// yamlLines writes a member as lines of YAML in block style.
func (w *writer) yamlLines(name string, value any, indent int) []string {
	pad := strings.Repeat(" ", indent)
	head := pad + w.key(name) + ":"
	switch v := value.(type) {
	case nil:
		return []string{head}
	case object:
		if len(v) == 0 {
			return []string{head + " {}"}
		}
		return append([]string{head}, w.members(v, indent+w.step)...)
	case []any:
		if len(v) == 0 {
			return []string{head + " []"}
		}
		out := []string{head}
		for _, item := range v {
			out = append(out, w.item(item, indent+w.step)...)
		}
		return out
	case block:
		out := []string{head + " |"}
		for text := range strings.SplitSeq(strings.TrimRight(string(v), "\n"), "\n") {
			out = append(out, strings.TrimRight(pad+strings.Repeat(" ", w.step)+text, " "))
		}
		return out
	}
	return []string{head + " " + scalar(value)}
}

func scalar(value any) string {
	if text, ok := value.(string); ok {
		return quoted(text)
	}
	return fmt.Sprint(value)
}

func (w *writer) members(o object, indent int) []string {
	var out []string
	for _, m := range o {
		out = append(out, w.yamlLines(m.name, m.value, indent)...)
	}
	return out
}

// item writes an item of a list.
func (w *writer) item(value any, indent int) []string {
	pad := strings.Repeat(" ", indent)
	o, ok := value.(object)
	if !ok || len(o) == 0 {
		return []string{pad + "- " + scalar(value)}
	}
	lines := w.members(o, indent+2)
	lines[0] = pad + "- " + lines[0][indent+2:]
	return lines
}

// jsonLines writes a value as JSON, with so many blanks before every line but the first.
func (w *writer) jsonLines(value any, indent int) string {
	pad, inner := strings.Repeat(" ", indent), strings.Repeat(" ", indent+w.step)
	var b strings.Builder
	switch v := value.(type) {
	case nil:
		return "null"
	case object:
		if len(v) == 0 {
			return "{}"
		}
		b.WriteString("{\n")
		for i, m := range v {
			fmt.Fprintf(&b, "%s%s: %s", inner, jsonText(m.name), w.jsonLines(m.value, indent+w.step))
			b.WriteString(separator(i, len(v)))
		}
		return b.String() + pad + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		b.WriteString("[\n")
		for i, item := range v {
			b.WriteString(inner + w.jsonLines(item, indent+w.step) + separator(i, len(v)))
		}
		return b.String() + pad + "]"
	case block:
		return jsonText(string(v))
	}
	return jsonText(value)
}

func separator(i, n int) string {
	if i < n-1 {
		return ",\n"
	}
	return "\n"
}

// compact writes a value as JSON on one line.
func compact(value any) string {
	var b strings.Builder
	switch v := value.(type) {
	case object:
		for i, m := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(jsonText(m.name) + ": " + compact(m.value))
		}
		return "{" + b.String() + "}"
	case []any:
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(compact(item))
		}
		return "[" + b.String() + "]"
	case block:
		return jsonText(string(v))
	}
	return jsonText(value)
}
