package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/traffic"
)

// format is what a body is read as.
type format uint8

const (
	unknown format = iota
	formFormat
	jsonFormat
	xmlFormat
	multipartFormat
)

// processors are the names under which the rules know the formats.
var processors = [...]string{formFormat: "URLENCODED", jsonFormat: "JSON", xmlFormat: "XML", multipartFormat: "MULTIPART"}

// body is one body on its way through the readers.
type body struct {
	text []byte
	// mediaType is in lower case; parameters are those of the Content-Type.
	mediaType  string
	parameters map[string]string
	// partial says that more follows the text, so that an abrupt end is no mistake.
	partial bool
}

func (c *content) readBody(q *traffic.Request, limit int64) {
	if !q.Body.Loaded() {
		if !q.Body.Empty() {
			c.skipped = append(c.skipped, "body: it was not read")
		}
		return
	}
	b := body{text: q.Body.Bytes(), partial: q.Body.Partial()}
	if int64(len(b.text)) > limit {
		b.text, b.partial = b.text[:limit], true
	}
	if b.partial {
		c.skipped = append(c.skipped, fmt.Sprintf("body: only its first %d bytes", len(b.text)))
	}
	c.length = len(b.text)
	if len(bytes.TrimSpace(b.text)) == 0 {
		return
	}
	b.contentType(q.Header.Get("content-type"))
	c.readFormats(&b)
}

func (b *body) contentType(header string) {
	mediaType, parameters, err := mime.ParseMediaType(header)
	if err != nil {
		// Most servers look no further than the semicolon.
		mediaType, _, _ = strings.Cut(header, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	b.mediaType, b.parameters = mediaType, parameters
}

// readFormats reads a body as what its Content-Type says, and as what it looks
// like when that is something else.
func (c *content) readFormats(b *body) {
	declared, looks := declaredFormat(b.mediaType), sniff(b.text)
	understood := false
	if declared != unknown {
		understood = c.readAs(declared, b, true)
	}
	if looks != unknown && looks != declared {
		understood = c.readAs(looks, b, false) || understood
	}
	if !understood {
		c.readText(b)
	}
}

func (c *content) readAs(f format, b *body, declared bool) bool {
	if declared || c.processor == "" {
		c.processor = processors[f]
	}
	switch f {
	case formFormat:
		c.text = string(b.text)
		c.readPairs(c.text, fromBody, inForm)
		return true
	case jsonFormat:
		return c.readJSON(b, declared)
	case xmlFormat:
		return c.readXML(b, declared)
	case multipartFormat:
		return c.readMultipart(b)
	case unknown:
	}
	return false
}

// readText hands over a body of no known format as one value. What is not text
// is for nobody to read here.
func (c *content) readText(b *body) {
	text := b.text
	if b.partial {
		text = trimCutRune(text)
	}
	if !utf8.Valid(text) && !latinText(text) || bytes.IndexByte(text, 0) >= 0 {
		c.skipped = append(c.skipped, "body: it is not text")
		return
	}
	c.text = string(text)
	c.add(field{source: fromBody, key: "body", value: c.text, place: place{kind: inText}})
}

// readCutTail hands over the end of a document that was cut at the limit: the
// value that the cut went through began within what is inspected.
func (c *content) readCutTail(tail []byte, at place) {
	tail = bytes.TrimLeft(trimCutRune(tail), " \t\r\n,:\"")
	if len(tail) == 0 || bytes.IndexFunc(tail, notBase64) < 0 {
		return
	}
	value := string(tail)
	var opened string
	if json.Unmarshal([]byte(`"`+value+`"`), &opened) == nil {
		value = opened
	}
	c.add(field{source: fromBody, key: documentKey("cut", len(c.fields), "", ""), value: value, place: at})
}

func notBase64(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '=' && r != '-' && r != '_'
}

// latinText says that bytes that are no UTF-8 may still be text in an older
// encoding: no control characters, and few bytes beyond ASCII.
func latinText(text []byte) bool {
	high := 0
	for _, b := range text {
		switch {
		case b >= 0x80:
			high++
		case b < ' ' && b != '\t' && b != '\n' && b != '\r':
			return false
		}
	}
	return high*4 <= len(text)
}

func trimCutRune(text []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax-1, len(text)); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

func declaredFormat(mediaType string) format {
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		return formFormat
	case strings.HasPrefix(mediaType, "multipart/"):
		return multipartFormat
	case mediaType == "application/json", mediaType == "text/json", strings.HasSuffix(mediaType, "+json"), lineJSON(mediaType):
		return jsonFormat
	case mediaType == "application/xml", mediaType == "text/xml", strings.HasSuffix(mediaType, "+xml"):
		return xmlFormat
	}
	return unknown
}

// lineJSON says that a type holds one JSON document after another.
func lineJSON(mediaType string) bool {
	switch mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq", "application/x-jsonlines":
		return true
	}
	return false
}

// sniff guesses the format of a body by its first character, and a form by
// having a name, an equal sign and no space.
func sniff(text []byte) format {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 {
		return unknown
	}
	switch text[0] {
	case '{', '[':
		return jsonFormat
	case '<':
		return xmlFormat
	}
	if i := bytes.IndexByte(text, '='); i > 0 && i < 128 && bytes.IndexFunc(text, notInForm) < 0 {
		return formFormat
	}
	return unknown
}

func notInForm(r rune) bool {
	return r <= ' ' || r == '<' || r == '>' || r == '"' || r == '{' || r == 0x7f
}
