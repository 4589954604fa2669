package scan

import (
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// message is a text with holes: {{@attribute}}, {{name}} for what people call the
// element, {{value}} for what the finding points at.
type message struct {
	parts []string // texts and holes in turn
}

func readMessage(f *form, n *tree.Node) *message {
	text := n.Str()
	if !n.Is(tree.String) || strings.TrimSpace(text) == "" {
		f.fail(n, "%s needs the text message", f.what)
		return nil
	}
	m := &message{}
	for text = strings.TrimSpace(text); ; {
		before, rest, found := strings.Cut(text, "{{")
		m.parts = append(m.parts, before)
		if !found {
			return m
		}
		hole, after, closed := strings.Cut(rest, "}}")
		hole = strings.TrimSpace(hole)
		if !closed || hole != "name" && hole != "value" && (!strings.HasPrefix(hole, "@") || len(hole) < 2) {
			f.fail(n, "a message may hold {{@attribute}}, {{name}} and {{value}}; this is none: {{%.40s", rest)
			return m
		}
		m.parts = append(m.parts, hole)
		text = after
	}
}

// maxShown is the number of bytes of a value that a message shows.
const maxShown = 80

// about is the message of an element; value is what the finding points at.
func (m *message) about(e *document.Element, value string) string {
	var b strings.Builder
	for i, part := range m.parts {
		switch {
		case i%2 == 0:
			b.WriteString(part)
		case part == "name":
			b.WriteString(called(e))
		case part == "value":
			b.WriteString(shown("", value))
		default:
			b.WriteString(shown(part[1:], e.Value(part[1:])))
		}
	}
	return b.String()
}

// called is what people call an element: its name and, where it has one, the name
// that they gave it.
func called(e *document.Element) string {
	if e == nil {
		return "the project"
	}
	name := written(e)
	if own := given(e); own != "" {
		return name + " " + quoted(classify.Redact(own))
	}
	return name
}

// written is an element's name as the file writes it.
func written(e *document.Element) string {
	if e.Prefix == "" {
		return e.Name.Local
	}
	return e.Prefix + ":" + e.Name.Local
}

// given is the name that people gave an element.
func given(e *document.Element) string {
	if name := e.Value("name"); name != "" {
		return name
	}
	if a := e.AttrIn(documentation, "name"); a != nil {
		return a.Value.Text
	}
	return ""
}

const documentation = "http://www.mulesoft.org/schema/mule/documentation"

func quoted(s string) string { return `"` + strings.Join(strings.Fields(cut(s, maxShown)), " ") + `"` }

// shown is a value as messages may show it: short, on one line, without secrets.
func shown(name, value string) string {
	if classify.SecretName(name) && !strings.HasPrefix(value, "${") && !strings.HasPrefix(value, "#[") {
		return unshown
	}
	if value == unshown {
		return unshown
	}
	return quoted(classify.Redact(value))
}

// unshown stands for a secret.
const unshown = `"…"`

// cut shortens a text to a number of bytes, at the border of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}
