package repair

import (
	"bytes"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// SetAttribute gives an attribute without prefix a value, whether it is there or
// not.
func SetAttribute(e *document.Element, name, value string) Edit {
	if a := e.Attr(name); a != nil {
		quote := e.Document.Text[a.Value.Span.Start-1]
		return Edit{Start: a.Value.Span.Start, End: a.Value.Span.End, Text: attributeText(value, quote)}
	}
	at := e.Tag.Start + 1 + len(writtenName(e))
	before := " "
	if n := len(e.Attrs); n > 0 {
		last := e.Attrs[n-1].Whole
		at = last.End
		// Attributes on lines of their own stay so.
		if lead := leading(e.Document.Text, last.Start); n > 1 && bytes.ContainsRune(lead, '\n') {
			before = string(lead)
		}
	}
	return Edit{Start: at, End: at, Text: before + name + `="` + attributeText(value, '"') + `"`}
}

// RemoveAttribute takes an attribute out, with the space before it.
func RemoveAttribute(e *document.Element, a *document.Attr) Edit {
	return Edit{Start: a.Whole.Start - len(leading(e.Document.Text, a.Whole.Start)), End: a.Whole.End}
}

// RemoveElement takes an element out, with its lines where it has them for itself.
func RemoveElement(e *document.Element) Edit {
	text := e.Document.Text
	start, end := e.Whole.Start, e.Whole.End
	lead := leading(text, start)
	behind := 0
	for end+behind < len(text) && (text[end+behind] == ' ' || text[end+behind] == '\t' || text[end+behind] == '\r') {
		behind++
	}
	if i := bytes.LastIndexByte(lead, '\n'); i >= 0 && end+behind < len(text) && text[end+behind] == '\n' {
		return Edit{Start: start - len(lead) + i, End: end + behind}
	}
	return Edit{Start: start, End: end}
}

// SetText puts a text in the place of the text directly in an element, which must
// be there. It says false where there is none.
func SetText(e *document.Element, text string) (Edit, bool) {
	t := e.Content()
	if t == nil {
		return Edit{}, false
	}
	if t.CDATA {
		text = strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>")
	} else {
		text = characterText(text)
	}
	return Edit{Start: t.Value.Span.Start, End: t.Value.Span.End, Text: text}, true
}

var indented = regexp.MustCompile(`\n([ \t]{1,8})<`)

// Insert puts elements, as they are to be written, first into an element, on lines
// of their own where the element has its own.
func Insert(e *document.Element, elements string) Edit {
	text := e.Document.Text
	own := indent(text, e.Tag.Start)
	unit := "\t"
	if m := indented.FindSubmatch(text); m != nil {
		unit = string(m[1])
	}
	if e.Parent != nil {
		if above := indent(text, e.Parent.Tag.Start); len(own) > len(above) {
			unit = strings.TrimPrefix(own, above)
		}
	}
	lines := strings.Split(strings.TrimSpace(elements), "\n")
	block := ""
	for _, line := range lines {
		block += "\n" + own + unit + strings.TrimRight(line, "\r")
	}
	if !e.Empty {
		return Edit{Start: e.Tag.End, End: e.Tag.End, Text: block + endOf(e, own)}
	}
	slash := e.Tag.End - 2
	start := slash - len(leading(text, slash))
	return Edit{Start: start, End: e.Tag.End, Text: ">" + block + "\n" + own + "</" + writtenName(e) + ">"}
}

// endOf is what must stand behind elements put first into an element that has no
// line end there.
func endOf(e *document.Element, own string) string {
	rest := e.Document.Text[e.Tag.End:]
	if t := bytes.TrimLeft(rest, " \t"); len(t) > 0 && (t[0] == '\n' || t[0] == '\r') {
		return ""
	}
	return "\n" + own
}

// leading is the white space directly before a place.
func leading(text []byte, at int) []byte {
	start := at
	for start > 0 && strings.IndexByte(" \t\r\n", text[start-1]) >= 0 {
		start--
	}
	return text[start:at]
}

// indent is the white space at the beginning of the line of a place.
func indent(text []byte, at int) string {
	line := text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

func writtenName(e *document.Element) string {
	if e.Prefix == "" {
		return e.Name.Local
	}
	return e.Prefix + ":" + e.Name.Local
}

func attributeText(value string, quote byte) string {
	value = strings.NewReplacer("&", "&amp;", "<", "&lt;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;").Replace(value)
	if quote == '\'' {
		return strings.ReplaceAll(value, "'", "&apos;")
	}
	return strings.ReplaceAll(value, `"`, "&quot;")
}

func characterText(value string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value)
}
