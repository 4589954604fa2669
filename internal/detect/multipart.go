package detect

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
)

// readMultipart reads the parts of a message: fields as values, of files the
// names and headers. A part whose headers can be read in two ways is a
// complaint, for file names hide there.
func (c *content) readMultipart(b *body) bool {
	boundary := b.parameters["boundary"]
	if boundary == "" {
		c.complain(ruleMultipart, place{kind: inMultipart}, "")
		return false
	}
	r := multipart.NewReader(bytes.NewReader(b.text), boundary)
	for parts := 0; ; parts++ {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) && parts > 0 || err != nil && b.partial && parts > 0 {
			return true
		}
		if err == nil {
			err = c.readPart(part, b)
		}
		if err != nil {
			c.complain(ruleMultipart, place{kind: inMultipart}, "")
			return false
		}
	}
}

var errPart = errors.New("the headers of a part are ambiguous")

func (c *content) readPart(part *multipart.Part, b *body) error {
	var ambiguous error
	disposition := part.Header.Get("Content-Disposition")
	kind, parameters, err := mime.ParseMediaType(disposition)
	if err != nil && disposition != "" || kind == "form-data" && parameters["name"] == "" ||
		strings.Contains(strings.ToLower(disposition), "filename*") && parameters["filename"] == "" {
		ambiguous = errPart
	}
	name, file := parameters["name"], parameters["filename"]
	at := named(inMultipart, name)
	for _, header := range sortedNames(part.Header) {
		for i, value := range part.Header[header] {
			if i > 0 {
				ambiguous = errPart
			}
			c.add(field{source: fromPartHeader, key: name, value: header + ": " + value, place: at})
		}
	}
	data, err := io.ReadAll(part)
	if err != nil && !b.partial {
		ambiguous = errPart
	}
	if file != "" {
		c.add(field{source: fromFileName, value: file, place: place{kind: inFileName}})
		c.add(field{source: fromFileField, value: name, place: at})
		return ambiguous
	}
	if c.once("multipart", name, string(data)) {
		c.add(field{source: fromBody, key: name, value: string(data), place: at})
	}
	c.readPartValue(data, b.partial)
	return ambiguous
}

// readPartValue opens a field that holds a document.
func (c *content) readPartValue(data []byte, partial bool) {
	inner := &body{text: data, partial: partial}
	switch sniff(data) {
	case jsonFormat:
		c.readJSON(inner, false)
	case xmlFormat:
		c.readXML(inner, false)
	case unknown, formFormat, multipartFormat:
	}
}

func sortedNames(h map[string][]string) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
