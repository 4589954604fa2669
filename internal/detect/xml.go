package detect

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// xmlReader hands over the texts and attributes of a document as arguments,
// attributes too: the rules of version 4.25 look at few of those by themselves
// (GHSA-6jp8-c2w2-x7wr).
type xmlReader struct {
	c      *content
	levels []level
	path   []byte
}

// readXML reads a document and says whether it was one. A document type is a
// complaint wherever it is found, and a body that is declared to be XML and is
// none is another.
func (c *content) readXML(b *body, declared bool) bool {
	text := bytes.TrimPrefix(b.text, []byte("\ufeff"))
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = xmlCharset
	r := xmlReader{c: c}
	elements := 0
	for {
		read := d.InputOffset()
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && elements > 0:
			return true
		case err == nil:
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
			err = r.token(token)
		}
		if err == nil {
			continue
		}
		if b.partial && !errors.Is(err, errDepth) && elements > 0 {
			c.readCutTag(text[min(int(read), len(text)):], named(inXML, string(r.path)))
			return true
		}
		if declared {
			c.complain(ruleXML, place{kind: inXML}, "")
		}
		return false
	}
}

// readCutTag hands over the attributes of a tag that was cut at the limit.
func (c *content) readCutTag(tail []byte, at place) {
	for {
		equals := bytes.IndexByte(tail, '=')
		if equals < 0 {
			return
		}
		tail = bytes.TrimLeft(tail[equals+1:], " \t\r\n")
		if len(tail) == 0 || tail[0] != '"' && tail[0] != '\'' {
			continue
		}
		quote := tail[:1]
		value, rest, _ := bytes.Cut(tail[1:], quote)
		c.readCutTail(value, at)
		tail = rest
	}
}

// xmlCharset reads the encodings that old SOAP clients use; others are refused
// like any mistake.
func xmlCharset(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "latin1":
		return charmap.ISO8859_1.NewDecoder().Reader(input), nil
	case "iso-8859-15":
		return charmap.ISO8859_15.NewDecoder().Reader(input), nil
	case "windows-1252":
		return charmap.Windows1252.NewDecoder().Reader(input), nil
	}
	return nil, fmt.Errorf("encoding %q is not read", charset)
}

func (r *xmlReader) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		if len(r.levels) >= maxDepth {
			return errDepth
		}
		r.levels = append(r.levels, level{name: t.Name.Local, mark: len(r.path)})
		r.path = append(append(r.path, '/'), t.Name.Local...)
		for _, a := range t.Attr {
			if (a.Name.Space == "xmlns" || a.Name.Local == "xmlns") && plainName(a.Value) {
				continue
			}
			r.emit(t.Name.Local, a.Name.Local, a.Value, "/@"+a.Name.Local)
		}
	case xml.EndElement:
		if n := len(r.levels); n > 0 {
			r.path = r.path[:r.levels[n-1].mark]
			r.levels = r.levels[:n-1]
		}
	case xml.CharData:
		if text := strings.TrimSpace(string(t)); text != "" && len(r.levels) > 0 {
			r.emit(r.parent(), r.levels[len(r.levels)-1].name, text, "")
		}
	case xml.Directive:
		if len(t) >= 7 && strings.EqualFold(string(t[:7]), "DOCTYPE") {
			r.c.complain(ruleDoctype, place{kind: inXML}, string(t))
		}
	}
	return nil
}

func (r *xmlReader) parent() string {
	if n := len(r.levels); n > 1 {
		return r.levels[n-2].name
	}
	return ""
}

func (r *xmlReader) emit(parent, name, text, below string) {
	parent = parent[:min(len(parent), maxParent)]
	if !r.c.once("xml", parent, name, text) {
		return
	}
	r.c.add(field{
		source: fromBody, key: documentKey("xml", len(r.c.fields), parent, name), value: text,
		place: named(inXML, string(r.path)+below), decoders: []string{"xml"},
	})
}

// plainName says that the name of a namespace is an address or URN without
// anything that could be more.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if strings.IndexByte("-._~:/#", c) < 0 && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return !strings.Contains(s, "..")
}
