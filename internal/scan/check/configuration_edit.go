package check

import (
	"bytes"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// withoutAttribute takes an attribute out, with the white space before it.
func withoutAttribute(f *mule.XMLFile, a *document.Attr) Edit {
	start := a.Whole.Start
	for start > 0 && strings.ContainsRune(" \t\r\n", rune(f.Document.Text[start-1])) {
		start--
	}
	return Edit{File: f.File, Span: document.Span{Start: start, End: a.Whole.End}}
}

// withAttribute sets an attribute; a new one stands behind the others, on a line of
// its own where they do. The value must need no escaping.
func withAttribute(f *mule.XMLFile, e *document.Element, name, value string) Edit {
	if a := e.Attr(name); a != nil {
		return Edit{File: f.File, Span: a.Value.Span, Text: value}
	}
	at, before := e.Tag.Start+1+len(writtenName(e)), " "
	if n := len(e.Attrs); n > 0 {
		last := e.Attrs[n-1].Whole
		at = last.End
		text := f.Document.Text[:last.Start]
		if lead := string(text[len(bytes.TrimRight(text, " \t\r\n")):]); n > 1 && strings.Contains(lead, "\n") {
			before = lead
		}
	}
	return Edit{File: f.File, Span: document.Span{Start: at, End: at}, Text: before + name + `="` + value + `"`}
}

// withChild puts elements, one or several lines that tabs indent, first into another:
// on lines where that begins its line, otherwise in one.
func withChild(f *mule.XMLFile, e *document.Element, lines ...string) Edit {
	own, block := lineLike(f, e), ""
	unit := unitIn(f, e, own)
	for _, line := range lines {
		text := strings.TrimLeft(line, "\t")
		if own != "" {
			block += own + strings.Repeat(unit, 1+len(line)-len(text))
		}
		block += text
	}
	if e.Empty {
		start := len(bytes.TrimRight(f.Document.Text[:e.Tag.End-2], " \t\r\n"))
		return Edit{File: f.File, Span: document.Span{Start: start, End: e.Tag.End}, Text: ">" + block + own + "</" + writtenName(e) + ">"}
	}
	if len(e.Children) == 0 {
		block += own
	}
	return Edit{File: f.File, Span: document.Span{Start: e.Tag.End, End: e.Tag.End}, Text: block}
}

// unitIn is what the elements in an element are further indented than it.
func unitIn(f *mule.XMLFile, e *document.Element, own string) string {
	for _, child := range e.Elements() {
		if more, ok := strings.CutPrefix(lineLike(f, child), own); ok && more != "" {
			return more
		}
	}
	if e.Parent != nil {
		if more, ok := strings.CutPrefix(own, or(lineLike(f, e.Parent), "\n")); ok && more != "" {
			return more
		}
	}
	if m := indented.FindSubmatch(f.Document.Text); m != nil {
		return string(m[1])
	}
	return "    "
}

var indented = regexp.MustCompile(`\n([ \t]{1,8})<`)

// prefixIn is the beginning of the name of an element that shall stand in another,
// with its prefix there, and the declaration of that where there is none.
func prefixIn(e *document.Element, space, prefix string) (name, declaration string) {
	known, ok := e.PrefixFor(space)
	switch {
	case !ok:
		return prefix + ":", " xmlns:" + prefix + `="` + space + `"`
	case known == "":
		return "", ""
	}
	return known + ":", ""
}

// writtenName is the name of an element as it is written.
func writtenName(e *document.Element) string {
	if e.Prefix == "" {
		return e.Name.Local
	}
	return e.Prefix + ":" + e.Name.Local
}

// titled is the written name of an element with the name that people gave it.
func titled(e *document.Element) string {
	name := e.Value("name")
	if a := e.AttrIn("http://www.mulesoft.org/schema/mule/documentation", "name"); name == "" && a != nil {
		name = a.Value.Text
	}
	if name == "" || len(name) > 80 {
		return writtenName(e)
	}
	return writtenName(e) + ` "` + name + `"`
}

// safely and suggested make repairs.
func safely(title string, edits ...Edit) *Repair {
	return &Repair{Title: title, Safe: true, Edits: edits}
}

func suggested(title string, edits ...Edit) *Repair {
	return &Repair{Title: title, Edits: edits}
}
