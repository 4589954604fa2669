package decode

import (
	"farrier.dev/farrier/internal/detect/decode/layer"
)

// Decoder is one kind of step on the way to a leaf: a part of the request, a
// place in a document, or an encoding that was undone.
type Decoder uint8

// The decoders. Those of package layer follow behind them.
const (
	// AtPath is a segment of the path.
	AtPath Decoder = iota
	// AtMatrix is a parameter in a segment of the path, as ";v=1".
	AtMatrix
	// AtQuery is a parameter of the query.
	AtQuery
	// AtHeader is a header field.
	AtHeader
	// AtCookie is a cookie.
	AtCookie
	// AtBody is the body.
	AtBody
	// FormName is a pair of a form, or of a text that looks like one.
	FormName
	// ArrayKey is a key in brackets behind the name of a parameter.
	ArrayKey
	// JSON is a JSON document.
	JSON
	// JSONMember is a member of an object.
	JSONMember
	// JSONIndex is a value of an array.
	JSONIndex
	// XML is an XML document.
	XML
	// XMLElement is an element.
	XMLElement
	// XMLAttribute is an attribute.
	XMLAttribute
	// XMLComment is a comment.
	XMLComment
	// XMLInstruction is a processing instruction.
	XMLInstruction
	// XMLDoctype is a document type declaration.
	XMLDoctype
	// MultipartPart is a part of a multipart body.
	MultipartPart
	// MultipartFileName is the file name of a part.
	MultipartFileName
	// MultipartHeader is a header of a part.
	MultipartHeader
	// PlainText is a body of no known structure.
	PlainText
	// GraphQL is a GraphQL document.
	GraphQL
	// GraphQLField is a field of a selection.
	GraphQLField
	// GraphQLArgument is an argument, a variable's default or a member of one.
	GraphQLArgument
	// GRPCMessage is a length-prefixed message of gRPC.
	GRPCMessage
	// BasicAuth is the user or the password of Basic authentication (RFC 7617).
	BasicAuth
	// Joined are the values of a repeated parameter, joined by commas.
	Joined
	// Charset is a document in another character encoding than UTF-8.
	Charset

	firstLayer
)

// decoderNames are the names of findings; the empty ones are mere places.
var decoderNames = [firstLayer]string{
	AtPath: "url", AtMatrix: "url", AtQuery: "url", FormName: "url",
	JSON: "json", XML: "xml", GraphQL: "graphql", GRPCMessage: "grpc", BasicAuth: "basic", Joined: "joined", Charset: "charset",
}

func fromLayer(d layer.Decoder) Decoder { return firstLayer + Decoder(d) }

// String is the name of the decoder as it stands in findings, or "" for a step
// that undoes nothing.
func (d Decoder) String() string {
	if d < firstLayer {
		return decoderNames[d]
	}
	return layer.Decoder(d - firstLayer).String()
}

// ParseDecoder gives the decoder of a name that a Rule may switch off.
func ParseDecoder(name string) (Decoder, bool) {
	switch name {
	case "json":
		return JSON, true
	case "xml":
		return XML, true
	case "form":
		return FormName, true
	case "graphql":
		return GraphQL, true
	case "multipart":
		return MultipartPart, true
	case "grpc":
		return GRPCMessage, true
	case "joined":
		return Joined, true
	}
	d, ok := layer.Parse(name)
	return fromLayer(d), ok
}

// switchable are the names that ParseDecoder knows.
func switchable() []string {
	names := []string{"graphql", "multipart", "grpc", "joined"}
	for d := layer.Decoder(0); d.String() != "unknown"; d++ {
		names = append(names, d.String())
	}
	return names
}

// off says that decoder d is switched off at the place of node.
func (t *Tree) off(node int32, d Decoder) bool {
	if len(t.options.Off) == 0 {
		return false
	}
	place := t.Place(node)
	for i := range t.options.Off {
		r := &t.options.Off[i]
		if (r.all || r.decoder == d) && r.covers(place) {
			return true
		}
	}
	return false
}

// enabled are the layers that are looked for at the place of node.
func (t *Tree) enabled(node int32) layer.Set {
	set := layer.Default
	switch step := t.Nodes[node].Step.Decoder; {
	case step == XMLDoctype, step == PlainText && t.sniffed == xmlFormat:
		set = set.Without(layer.XML) // it was read as such
	case step == PlainText && t.sniffed == formFormat:
		set = set.Without(layer.FormPairs)
	}
	if len(t.options.Off) == 0 {
		return set
	}
	place := t.Place(node)
	for i := range t.options.Off {
		r := &t.options.Off[i]
		if !r.covers(place) {
			continue
		}
		switch {
		case r.all:
			return 0
		case r.decoder == JSON:
			set = set.Without(layer.JSON)
		case r.decoder == XML:
			set = set.Without(layer.XML)
		case r.decoder == FormName:
			set = set.Without(layer.FormPairs)
		case r.decoder == fromLayer(layer.Base64):
			set = set.Without(layer.Base64, layer.Base64URL) // of either alphabet
		case r.decoder >= firstLayer:
			set = set.Without(layer.Decoder(r.decoder - firstLayer))
		}
	}
	return set
}
