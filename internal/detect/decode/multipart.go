package decode

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"

	"farrier.dev/farrier/internal/encoding/formdata"
)

// readMultipart reads the parts of a body: fields as values, of files the names
// and what is text. Where the strict reader stops, another one goes on that
// takes what any server may take, and the mistake is a complaint.
func (t *Tree) readMultipart(b *body) (read int, whole bool) {
	if t.off(b.at.node, MultipartPart) {
		return 0, false
	}
	_, parameters, err := mime.ParseMediaType(b.contentType)
	boundary := parameters["boundary"]
	if boundary == "" {
		if err != nil {
			boundary = looseBoundary(b.contentType)
		}
		if b.declared {
			t.complain(MalformedMultipart, b.at.node, "no boundary")
		}
	}
	from := 0
	if boundary != "" && b.mediaType == "multipart/form-data" {
		if from, err = t.strictParts(b, boundary); errors.Is(err, io.EOF) {
			return len(b.text), true
		}
		if !b.partial || !errors.Is(err, formdata.ErrEnd) {
			t.complain(MalformedMultipart, b.at.node, err.Error())
		}
	}
	if t.looseParts(b, boundary, from) || from > 0 {
		return len(b.text), true
	}
	// The sender knows its boundary best: it stands in the first line.
	line, _, _ := strings.Cut(b.text, "\n")
	if own, ok := strings.CutPrefix(strings.TrimSpace(line), "--"); ok && own != "" && own != boundary {
		return len(b.text), t.looseParts(b, own, 0)
	}
	return 0, false
}

// looseBoundary finds a boundary in a Content-Type that is malformed.
func looseBoundary(contentType string) string {
	const name = "boundary="
	for i := 0; i+len(name) <= len(contentType); i++ {
		if strings.EqualFold(contentType[i:i+len(name)], name) {
			value, _, _ := strings.Cut(contentType[i+len(name):], ";")
			return strings.Trim(value, "\" \t")
		}
	}
	return ""
}

// strictParts reads the parts that are beyond doubt and gives the place of the
// delimiter behind them.
func (t *Tree) strictParts(b *body, boundary string) (end int, err error) {
	if _, err := formdata.Boundary(b.contentType); err != nil {
		return 0, err
	}
	r := formdata.NewReader(asBytes(b.text), boundary, formdata.Limits{MaxParts: t.options.MaxValues, MaxHeaderBytes: 16 << 10})
	for {
		p, err := r.Next()
		if err != nil {
			return end, err
		}
		one := part{name: asText(p.Name), file: p.HasFilename, content: asText(p.Content)}
		for _, h := range p.Headers {
			line, _, _ := strings.Cut(b.text[h.Offset:], "\r\n")
			t.partHeader(b, one.name, line)
		}
		if p.HasFilename {
			t.fileName(b, one.name, asText(p.Filename))
			t.fileName(b, one.name, asText(p.FilenameExt))
		}
		t.addPart(b, one)
		end = p.ContentOffset + len(p.Content)
	}
}

// part is one part of a multipart body.
type part struct {
	name    string
	file    bool
	content string
	// partial says that the content was cut.
	partial bool
}

func (t *Tree) partHeader(b *body, name, line string) {
	if line != "" {
		t.leaf(b.at.node, Step{Decoder: MultipartHeader, Name: name}, Leaf{Source: PartHeader, Key: name, Text: line, Layers: b.at.layers})
	}
}

func (t *Tree) fileName(b *body, field, name string) {
	if name != "" {
		t.leaf(b.at.node, Step{Decoder: MultipartFileName}, Leaf{Source: FileName, Key: field, Text: name, Layers: b.at.layers})
	}
}

// addPart adds a field, or of a file the name of its field and, if it is text,
// its content.
func (t *Tree) addPart(b *body, p part) {
	step := Step{Decoder: MultipartPart, Name: p.name}
	if !p.file && isText(p.content) {
		t.leaf(b.at.node, step, Leaf{Source: BodyArg, Key: p.name, Text: p.content, Layers: b.at.layers})
		return
	}
	if !t.room() {
		return
	}
	node := t.node(b.at.node, step)
	source := BodyArg
	if p.file {
		source = FileText
		t.at(node, Leaf{Source: FileField, Key: p.name, Text: p.name, Layers: b.at.layers})
	}
	content := p.content
	if p.partial || b.partial {
		content = trimCutRune(content)
	}
	switch {
	case content == "":
	case isText(content):
		t.at(node, Leaf{Source: source, Key: p.name, Text: content, Layers: b.at.layers})
	default:
		t.binaryPart(node, source, p.name, content, b.at.layers)
	}
}

// binaryPart opens what is no text as far as it is an encoding; pictures and the
// like hold nothing to judge.
func (t *Tree) binaryPart(node int32, source Source, name, content string, layers uint8) {
	if kind := binaryName(content); kind != "" {
		t.fact(Binary, node, kind)
		return
	}
	before := len(t.Leaves)
	t.open(layered{node: node, leaf: none, source: source, key: name, layers: layers}, content, t.enabled(node))
	if len(t.Leaves) == before {
		t.skip(t.Place(node) + ": it is not text")
	}
}

// looseParts reads parts from a place on as lenient servers do: lines end in CRLF
// or LF, anything may stand before the first delimiter, the last may be missing.
func (t *Tree) looseParts(b *body, boundary string, from int) (found bool) {
	if boundary == "" {
		return false
	}
	mark := "--" + boundary
	text := b.text[from:]
	at := strings.Index(text, mark)
	for at >= 0 && t.room() {
		text = text[at+len(mark):]
		if strings.HasPrefix(text, "--") {
			break
		}
		end := strings.Index(text, "\n"+mark)
		last := end < 0
		piece := text
		if at = -1; !last {
			piece, at = text[:end], end+1
		}
		t.loosePart(b, strings.TrimSuffix(piece, "\r"), last)
		found = true
	}
	return found
}

// loosePart reads one part, headers and content.
func (t *Tree) loosePart(b *body, piece string, cut bool) {
	_, piece, _ = strings.Cut(piece, "\n") // the rest of the delimiter's line
	p := part{partial: cut}
	var headers []string
	for piece != "" {
		line, rest, _ := strings.Cut(piece, "\n")
		piece = rest
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			break
		}
		headers = append(headers, line)
	}
	var names, files []string
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "content-disposition") {
			continue
		}
		names = looseParameters(names, value, "name")
		files = looseParameters(files, value, "filename")
		files = looseParameters(files, value, "filename*")
	}
	p.file = len(files) > 0
	if len(names) > 0 {
		p.name = names[0]
	}
	for _, line := range headers {
		t.partHeader(b, p.name, line)
	}
	for _, file := range files {
		t.fileName(b, p.name, file)
	}
	p.content = piece
	t.addPart(b, p)
	for i := 1; i < len(names); i++ {
		p.name = names[i]
		t.addPart(b, p)
	}
}

// containsParameter gives the place behind "name=" in a header, or -1.
func containsParameter(value, name string) int {
	for from := 0; from < len(value); {
		i := bytes.IndexByte(asBytes(value[from:]), '=')
		if i < 0 {
			return -1
		}
		i += from
		word := strings.TrimRight(value[:i], " \t")
		if len(word) >= len(name) && strings.EqualFold(word[len(word)-len(name):], name) {
			if before := word[:len(word)-len(name)]; before == "" || strings.IndexByte("; \t", before[len(before)-1]) >= 0 {
				return i + 1
			}
		}
		from = i + 1
	}
	return -1
}

// maxParameters bounds the parameters of one name that are told apart.
const maxParameters = 8

// looseParameters adds the values of all parameters of a name, in quotes or not.
func looseParameters(found []string, value, name string) []string {
	for len(found) < maxParameters {
		i := containsParameter(value, name)
		if i < 0 {
			break
		}
		value = value[i:]
		found = append(found, looseValue(value))
	}
	return found
}

func looseValue(value string) string {
	value = strings.TrimLeft(value, " \t")
	if !strings.HasPrefix(value, `"`) {
		value, _, _ = strings.Cut(value, ";")
		return strings.TrimSpace(value)
	}
	for end := 1; end < len(value); end++ {
		switch value[end] {
		case '\\':
			end++
		case '"':
			return value[1:end]
		}
	}
	return value[1:]
}
