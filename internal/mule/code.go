package mule

import (
	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Language is what a Code is written in.
type Language uint8

// The languages. MEL is the expression language of Mule 3; its trees are those of
// DataWeave, for what it has in common with it.
const (
	DataWeave2 Language = iota + 1
	DataWeave1
	MEL
)

// Code is an expression, script or module and where it stands.
type Code struct {
	File *File
	// Element is what it stands in or is named by; nil for modules.
	Element  *document.Element
	Language Language
	Text     string
	Tree     *syntax.Script

	place func(int) int
}

// Offset is the byte of the file at which byte i of the text stands.
func (c *Code) Offset(i int) int {
	if c.place == nil {
		return i
	}
	return c.place(i)
}

// Template is a value of a Mule file, an attribute or a text, taken apart.
type Template struct {
	Form  Form
	Parts []Part
}

// Part is a piece of a template: one of Text, Placeholder and Code.
type Part struct {
	// Text is literal text.
	Text string
	// Placeholder is the name in ${…}, without "secure::" and "file::"; Kind says
	// what it is: Placeholder, SecurePlaceholder or FileReference.
	Placeholder string
	Kind        Form
	Code        *Code
	// Start and End are where it stands in the decoded value.
	Start, End int
}

// Code is the whole value as one expression, nil where it is anything else.
func (t *Template) Code() *Code {
	if t == nil || t.Form != Expression {
		return nil
	}
	return t.Parts[0].Code
}
