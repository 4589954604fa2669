package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	validator "github.com/mattermost/xml-roundtrip-validator"
)

// The namespaces of what is read.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
)

// parse reads a document, if it is one that all parsers read alike: without document
// type, entities, processing instructions, comments and CDATA, with each id and each
// attribute of an element once, and not larger or deeper than any that is honest.
func parse(text []byte, elements int) (*etree.Document, error) {
	if err := bare(text); err != nil {
		return nil, err
	}
	if err := walk(text, elements); err != nil {
		return nil, err
	}
	if err := validator.Validate(bytes.NewReader(text)); err != nil {
		return nil, refuse(ErrAnswer, "its document is read differently by different parsers")
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil || doc.Root() == nil {
		return nil, refuse(ErrAnswer, "its document is no XML")
	}
	return doc, nil
}

// bare looks at the bytes, before any parser does. In XML no "<" stands for itself,
// so that these marks are what they seem wherever they stand.
func bare(text []byte) error {
	switch {
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return refuse(ErrAnswer, "its document is not UTF-8")
	case bytes.Contains(text, []byte("<!--")):
		return refuse(ErrAnswer, "its document has a comment")
	case bytes.Contains(text, []byte("<![CDATA[")):
		return refuse(ErrAnswer, "its document has a CDATA section")
	case bytes.Contains(text, []byte("<!")):
		return refuse(ErrAnswer, "its document has a document type or entities (DTD)")
	}
	rest := bytes.TrimLeft(text, " \t\r\n")
	if after, found := bytes.CutPrefix(rest, []byte("<?xml ")); found {
		rest = after
	}
	if bytes.Contains(rest, []byte("<?")) {
		return refuse(ErrAnswer, "its document has a processing instruction")
	}
	return nil
}

// walk counts what a document has.
func walk(text []byte, elements int) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth, ids, roots := 0, map[string]bool{}, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(ErrAnswer, "its document is no XML, or uses entities")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			if elements--; elements < 0 {
				return refuse(ErrAnswer, "its document has too many elements; let the provider tell only the groups assigned to the application")
			}
			if depth > maxDepth || len(t.Attr) > maxAttributes {
				return refuse(ErrAnswer, "its document is too deep, or has too many attributes")
			}
			if err := attributesOf(t.Attr, ids); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return refuse(ErrAnswer, "its document has text beside its root")
			}
		case xml.ProcInst, xml.Comment, xml.Directive: // bare has looked for them
		}
	}
	if roots != 1 {
		return refuse(ErrAnswer, "its document has not one root")
	}
	return nil
}

// attributesOf holds that no attribute stands twice in an element, and no id twice in
// the document.
func attributesOf(list []xml.Attr, ids map[string]bool) error {
	seen := make(map[xml.Name]bool, len(list))
	for _, a := range list {
		if seen[a.Name] {
			return refuse(ErrAnswer, "its document has an attribute twice")
		}
		seen[a.Name] = true
		if !strings.EqualFold(a.Name.Local, "id") || a.Name.Space == "xmlns" {
			continue
		}
		if ids[a.Value] {
			return refuse(ErrAnswer, "its document has an id twice")
		}
		ids[a.Value] = true
	}
	return nil
}

// is reports whether an element has a name.
func is(el *etree.Element, space, tag string) bool {
	return el.Tag == tag && el.NamespaceURI() == space
}

// each gives an element and all that are in it.
func each(el *etree.Element, give func(*etree.Element) error) error {
	if err := give(el); err != nil {
		return err
	}
	for _, child := range el.ChildElements() {
		if err := each(child, give); err != nil {
			return err
		}
	}
	return nil
}

// child is the only child of a name, nil for none.
func child(el *etree.Element, space, tag string) (*etree.Element, error) {
	var found *etree.Element
	for _, one := range el.ChildElements() {
		if !is(one, space, tag) {
			continue
		}
		if found != nil {
			return nil, refuse(ErrAnswer, "its document has a %s twice", tag)
		}
		found = one
	}
	return found, nil
}

// rendered is an element as a document of its own.
func rendered(el *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	return doc.WriteToBytes()
}
