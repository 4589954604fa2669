package decode

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"farrier.dev/farrier/internal/detect/decode/layer"
	"farrier.dev/farrier/internal/encoding/content"
)

// grpcHead is the length of what stands before each message: a flag that says
// that it is compressed, and its length.
const grpcHead = 5

// readGRPC reads the length-prefixed messages of gRPC and gRPC-Web, of which
// each is a protocol buffer, or JSON where the media type says so.
func (t *Tree) readGRPC(b *body) (read int, whole bool) {
	if t.off(b.at.node, GRPCMessage) {
		return 0, false
	}
	text := b.text
	if strings.HasPrefix(b.mediaType, "application/grpc-web-text") {
		coded := strings.TrimRight(text, "= \r\n")
		if !t.spend(len(coded)) {
			return 0, false
		}
		data, err := base64.RawStdEncoding.AppendDecode(t.arena.room(len(coded)), asBytes(coded))
		if err != nil {
			t.complain(MalformedGRPC, b.at.node, "grpc-web-text is not Base64")
			return 0, false
		}
		text = t.arena.keep(data)
	}
	for i := int32(0); text != ""; i++ {
		if len(text) < grpcHead {
			return t.grpcMistake(b, "the head of a message is cut")
		}
		flag, n := text[0], int(binary.BigEndian.Uint32(asBytes(text[1:grpcHead])))
		text = text[grpcHead:]
		if flag&0x80 != 0 && n <= len(text) { // trailers of gRPC-Web
			t.leaf(b.at.node, Step{Decoder: GRPCMessage, Index: i}, Leaf{Source: BodyArg, Key: "trailer", Text: text[:n], Layers: b.at.layers})
			text = text[n:]
			continue
		}
		if flag > 1 {
			return t.grpcMistake(b, "the flag of a message is none")
		}
		cut := n > len(text)
		n = min(n, len(text))
		if !t.room() {
			return len(b.text), true
		}
		t.grpcMessage(b, i, text[:n], flag == 1)
		text = text[n:]
		if cut && !b.partial {
			return t.grpcMistake(b, "a message is shorter than its head says")
		}
	}
	return len(b.text), true
}

// grpcMistake complains, unless the body was cut.
func (t *Tree) grpcMistake(b *body, detail string) (int, bool) {
	if !b.partial {
		t.complain(MalformedGRPC, b.at.node, detail)
	}
	return len(b.text), true
}

func (t *Tree) grpcMessage(b *body, i int32, message string, compressed bool) {
	node := t.node(b.at.node, Step{Decoder: GRPCMessage, Index: i})
	layers := b.at.layers
	if compressed {
		data, _, err := content.DecodePrefix(b.grpcEncoding, asBytes(message), int64(max(0, t.left)), content.DefaultRatio)
		if err != nil {
			t.skip(t.Place(node) + ": its compression is not opened")
			return
		}
		if !t.spend(len(data)) {
			return
		}
		message = asText(data)
		node = t.node(node, Step{Decoder: codingLayer(b.grpcEncoding)})
		layers++
	}
	if strings.HasSuffix(b.mediaType, "+json") {
		t.readJSON(document{text: message, declared: true}, inside{node: node, source: BodyArg, layers: layers})
		return
	}
	t.protobuf(b, node, message, layers)
}

// protobuf opens a message whose description is not known, and tells whether it
// is one.
func (t *Tree) protobuf(b *body, node int32, message string, layers uint8) bool {
	if t.visit == nil {
		t.visit = t.part
	}
	t.below = layered{node: node, leaf: none, source: BodyArg, key: "", layers: layers}
	t.scratch.Bytes, t.scratch.Parts = max(1, t.left), t.options.MaxValues
	if layer.OpenAs(layer.Protobuf, message, &t.scratch, t.visit) == 0 {
		return true
	}
	switch {
	case t.left <= 0:
		t.exhaust(reasonDecoded)
	case !b.partial:
		t.complain(MalformedProtobuf, node, "")
		return false
	}
	return true
}
