package decode

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/traffic"
)

// format is what a body is read as.
type format uint8

const (
	unknownFormat format = iota
	formFormat
	jsonFormat
	xmlFormat
	multipartFormat
	graphQLFormat
	grpcFormat
	protobufFormat
)

var formatNames = [...]string{"text", "form", "json", "xml", "multipart", "graphql", "grpc", "protobuf"}

// processors are the names under which rules know the readers.
var processors = [...]string{formFormat: "URLENCODED", jsonFormat: "JSON", xmlFormat: "XML", multipartFormat: "MULTIPART", protobufFormat: ""}

// document is a text on its way through the readers.
type document struct {
	text string
	// declared says that its sender calls it what it is read as; then a mistake
	// is a complaint.
	declared bool
	// partial says that more follows the text, so that an abrupt end is no mistake.
	partial bool
	// lines says that one document may follow the other.
	lines bool
}

// inside is where a document stands.
type inside struct {
	node   int32
	source Source
	layers uint8
	// key is the name of the value that the document is, from its leaf, counted
	// from 1.
	key  string
	from int32
}

// body is the body on its way through the readers.
type body struct {
	document
	at inside
	// contentType is as received, mediaType in lower case without parameters.
	contentType, mediaType string
	grpcEncoding           string
}

func (t *Tree) readBody(q *traffic.Request) {
	if !q.Body.Loaded() {
		if !q.Body.Empty() {
			t.skip("body: it was not read")
		}
		return
	}
	b := body{document: document{text: asText(q.Body.Bytes()), partial: q.Body.Partial()}}
	if len(b.text) > t.options.MaxBytes {
		b.text, b.partial = b.text[:t.options.MaxBytes], true
	}
	if b.partial {
		t.skip(fmt.Sprintf("body: only its first %d bytes", len(b.text)))
	}
	t.Length = len(b.text)
	if blank(b.text) {
		return
	}
	b.contentType = q.Header.Get("content-type")
	mediaType, _, _ := strings.Cut(b.contentType, ";")
	b.mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	b.grpcEncoding = q.Header.Get("grpc-encoding")
	b.at = inside{node: t.node(none, Step{Decoder: AtBody}), source: BodyArg}
	t.unpack(&b, q.Header.Joined("content-encoding"))
	t.narrowBody(&b)
	t.readFormats(&b)
}

// codings are the content codings that a body betrays by its beginning.
var codings = [...]struct{ begin, name string }{
	{"\x1f\x8b\x08", "gzip"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"\x78\x01", "deflate"},
	{"\x78\x5e", "deflate"},
	{"\x78\x9c", "deflate"},
	{"\x78\xda", "deflate"},
}

// maxCodings bounds the codings one in the other that are opened.
const maxCodings = 3

// unpack opens a body that is coded still: the gateway has opened what
// Content-Encoding names, so this body does not say what it is.
func (t *Tree) unpack(b *body, declared string) {
	for range maxCodings {
		coding := ""
		for _, c := range codings {
			if strings.HasPrefix(b.text, c.begin) {
				coding = c.name
				break
			}
		}
		if coding == "" && declared != "" && !isText(b.text) {
			coding = declared
		}
		if coding == "" || t.left <= 0 {
			return
		}
		limit := min(t.left, t.options.MaxBytes)
		data, more, err := content.DecodePrefix(coding, asBytes(b.text), int64(limit), content.DefaultRatio)
		if errors.Is(err, content.ErrRatio) {
			t.complain(Bomb, b.at.node, coding)
			return
		}
		if err != nil || len(data) == 0 {
			return
		}
		t.left -= len(data)
		if more && !b.partial {
			t.skip(fmt.Sprintf("body: only its first %d bytes when decoded", len(data)))
		}
		if b.at.layers == 0 && declaredFormat(b.mediaType) != unknownFormat {
			t.complain(ContentEncodingLies, b.at.node, coding)
		}
		b.text, b.partial = asText(data), b.partial || more
		b.at.node = t.node(b.at.node, Step{Decoder: codingLayer(coding)})
		b.at.layers++
		declared = ""
	}
}

func codingLayer(coding string) Decoder {
	if d, ok := ParseDecoder(coding); ok {
		return d
	}
	if d, ok := ParseDecoder("brotli"); ok && coding == "br" {
		return d
	}
	return Charset
}

// narrowBody writes UTF-16 and UTF-32 as UTF-8 and cuts a byte order mark off.
func (t *Tree) narrowBody(b *body) {
	switch declaredFormat(b.mediaType) {
	case multipartFormat, grpcFormat, protobufFormat:
		return
	case unknownFormat, formFormat, jsonFormat, xmlFormat, graphQLFormat:
	}
	if w, begin := wideOf(b.text); w.width > 0 {
		if text, ok := t.narrow(b.text[begin:], w); ok && isText(text) {
			b.text = text
			b.at.node = t.node(b.at.node, Step{Decoder: Charset, Name: w.name})
		}
	}
	b.text = strings.TrimPrefix(b.text, "\ufeff")
}

// readFormats reads a body as what its Content-Type says, and as what it looks
// like when that is something else.
func (t *Tree) readFormats(b *body) {
	declared, looks := declaredFormat(b.mediaType), sniff(b.text)
	rest, understood := 0, false
	if declared != unknownFormat {
		b.declared = true
		rest, understood = t.readAs(declared, b)
	}
	if looks != unknownFormat && looks != declared && declared != grpcFormat && declared != protobufFormat {
		b.declared = false
		_, whole := t.readAs(looks, b)
		if whole && (lies(b.mediaType) || declared != unknownFormat && (looks != formFormat || !understood)) {
			t.complain(ContentTypeLies, b.at.node, "declared as "+formatOf(declared, b.mediaType)+", looks like "+formatNames[looks])
		}
		// What nobody calls XML may be shown in a page, tags and all, and what
		// nobody calls a form may be prose: that is judged as text as well.
		understood = understood || whole && looks == jsonFormat
		t.sniffed = looks
	}
	if !understood {
		t.readText(b, b.text[rest:])
	}
}

func formatOf(f format, mediaType string) string {
	if f == unknownFormat {
		return mediaType
	}
	return formatNames[f]
}

// lies says that no text has this media type.
func lies(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	switch kind {
	case "image":
		return mediaType != "image/svg+xml"
	case "audio", "video", "font":
		return true
	}
	return mediaType == "application/pdf" || mediaType == "application/zip" || mediaType == "application/gzip"
}

// readAs gives how many bytes were read, and whether that was all and in order.
func (t *Tree) readAs(f format, b *body) (read int, whole bool) {
	if b.declared || t.Processor == "" {
		t.Processor = ""
		if int(f) < len(processors) {
			t.Processor = processors[f]
		}
	}
	switch f {
	case formFormat:
		if t.off(b.at.node, FormName) {
			return 0, false
		}
		t.Body = b.text
		t.readPairs(b.text, pairsOf{parent: b.at.node, decoder: FormName, source: BodyArg, layers: b.at.layers})
		return len(b.text), true
	case jsonFormat:
		d := b.document
		d.lines = lineJSON(b.mediaType)
		return t.scanJSON(d, b.at)
	case xmlFormat:
		return t.scanXML(b.document, b.at)
	case multipartFormat:
		return t.readMultipart(b)
	case graphQLFormat:
		return t.readGraphQLBody(b)
	case grpcFormat:
		return t.readGRPC(b)
	case protobufFormat:
		return len(b.text), t.protobuf(b, b.at.node, b.text, b.at.layers)
	case unknownFormat:
	}
	return 0, false
}

// readText takes a body of no known format, or the rest of one behind a mistake,
// as one value. Of what is no text only the encodings are opened.
func (t *Tree) readText(b *body, text string) {
	if b.partial {
		text = trimCutRune(text)
	}
	if blank(text) {
		return
	}
	if isText(text) {
		if len(text) == len(b.text) {
			t.Body = text
			if lies(b.mediaType) {
				t.complain(ContentTypeLies, b.at.node, "declared as "+b.mediaType+", looks like text")
			}
		}
		if len(text) < len(b.text) {
			t.sniffed = unknownFormat // there may be more behind a mistake
		}
		t.leaf(b.at.node, Step{Decoder: PlainText}, Leaf{Source: BodyText, Key: "body", Text: text, Layers: b.at.layers})
		return
	}
	before := len(t.Leaves)
	name := binaryName(text)
	if name == "" {
		t.open(layered{node: b.at.node, leaf: none, source: BodyArg, key: "body", layers: b.at.layers}, text, t.enabled(b.at.node))
	} else {
		t.fact(Binary, b.at.node, name)
	}
	if len(t.Leaves) == before && name == "" {
		t.skip("body: it is not text")
	}
}

func declaredFormat(mediaType string) format {
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		return formFormat
	case strings.HasPrefix(mediaType, "multipart/"):
		return multipartFormat
	case mediaType == "application/graphql", mediaType == "application/graphql; charset=utf-8":
		return graphQLFormat
	case mediaType == "application/grpc", strings.HasPrefix(mediaType, "application/grpc+"), strings.HasPrefix(mediaType, "application/grpc-web"):
		return grpcFormat
	case mediaType == "application/x-protobuf", mediaType == "application/protobuf", mediaType == "application/vnd.google.protobuf",
		mediaType == "application/proto":
		return protobufFormat
	case mediaType == "application/json", mediaType == "text/json", strings.HasSuffix(mediaType, "+json"), lineJSON(mediaType):
		return jsonFormat
	case mediaType == "application/xml", mediaType == "text/xml", strings.HasSuffix(mediaType, "+xml"):
		return xmlFormat
	}
	return unknownFormat
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
func sniff(text string) format {
	text = strings.TrimLeft(text, " \t\r\n\x1e")
	if text == "" {
		return unknownFormat
	}
	switch text[0] {
	case '{', '[':
		return jsonFormat
	case '<':
		return xmlFormat
	}
	i := strings.IndexByte(strings.TrimRight(text, "="), '=')
	if i < 0 {
		i = strings.IndexByte(text, '=')
		if len(text)-i > 1 || i >= minSegment {
			return unknownFormat // that is Base64
		}
	}
	if i > 0 && i < 128 && strings.IndexFunc(text, notInForm) < 0 {
		return formFormat
	}
	return unknownFormat
}

func notInForm(r rune) bool {
	return r <= ' ' || r == '<' || r == '>' || r == '"' || r == '{' || r == 0x7f
}
