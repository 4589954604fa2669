package check

import (
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

// withAttribute sets an attribute; a new one stands behind the name. The value must
// need no escaping.
func withAttribute(f *mule.XMLFile, e *document.Element, name, value string) Edit {
	if a := e.Attr(name); a != nil {
		return Edit{File: f.File, Span: a.Value.Span, Text: value}
	}
	at := e.Tag.Start + 1 + len(writtenName(e))
	if a := e.Attr("name"); a != nil {
		at = a.Whole.End
	}
	return Edit{File: f.File, Span: document.Span{Start: at, End: at}, Text: " " + name + `="` + value + `"`}
}

// withChild puts an element first into another.
func withChild(f *mule.XMLFile, e *document.Element, child string) Edit {
	if !e.Empty {
		return Edit{File: f.File, Span: document.Span{Start: e.Tag.End, End: e.Tag.End}, Text: child}
	}
	return Edit{File: f.File, Span: document.Span{Start: e.Tag.End - 2, End: e.Tag.End}, Text: ">" + child + "</" + writtenName(e) + ">"}
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
