// Package xmlthreat is the policy xml-threat-protection-flex: it refuses XML
// bodies that are malformed, that have a document type declaration, or that are
// larger in some way than the settings allow. It looks at the form of a document
// and at no value in it; what a document must say is for soap-validation.
package xmlthreat

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "xml-threat-protection-flex", Title: "XML Threat Protection", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. A limit of -1 is off. Whatever they say,
// malformed XML, undeclared namespace prefixes, document type declarations (and
// with them entities) and encodings other than UTF-8 are refused.
type Settings struct {
	// MaxNodeDepth is how many elements may stand inside each other. Beyond 300 a
	// body is refused whatever the setting says.
	MaxNodeDepth int `json:"maxNodeDepth" default:"-1" min:"-1"`
	// MaxAttributeCountPerElement is the number of attributes that one element may
	// have. Namespace declarations do not count; of those at most 64 may stand on
	// one element and 256 be in scope. Beyond 1,000 attributes a body is refused
	// whatever the setting says.
	MaxAttributeCountPerElement int `json:"maxAttributeCountPerElement" default:"-1" min:"-1"`
	// MaxChildCount is the number of elements directly inside one element.
	MaxChildCount int `json:"maxChildCount" default:"-1" min:"-1"`
	// MaxTextLength is the length in characters of one text between two tags, or
	// of one CDATA section.
	MaxTextLength int `json:"maxTextLength" default:"-1" min:"-1"`
	// MaxAttributeLength is the length of an attribute's value in characters.
	MaxAttributeLength int `json:"maxAttributeLength" default:"-1" min:"-1"`
	// MaxCommentLength is the length of a comment, or of a processing
	// instruction, in characters.
	MaxCommentLength int `json:"maxCommentLength" default:"-1" min:"-1"`
}

const (
	// bodyLimit is the length in bytes beyond which an XML body is refused.
	bodyLimit = 1 << 20
	// depthCap is the greatest depth, whatever the settings say.
	depthCap = 300
	// attributeCap and namespaceCap are the greatest numbers on one element: they
	// cost a reader several times what they cost the sender.
	attributeCap, namespaceCap = 1000, 64
)

type limits xmltext.Limits

func compile(settings json.RawMessage) (policy.Compiled, error) {
	const off = encoding.Off
	s := Settings{off, off, off, off, off, off}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.MaxNodeDepth < 0 || s.MaxNodeDepth > depthCap {
		s.MaxNodeDepth = depthCap
	}
	if s.MaxAttributeCountPerElement < 0 || s.MaxAttributeCountPerElement > attributeCap {
		s.MaxAttributeCountPerElement = attributeCap
	}
	l := limits(xmltext.NoLimits())
	l.MaxNamespaces = namespaceCap
	l.MaxDepth, l.MaxChildren = s.MaxNodeDepth, s.MaxChildCount
	l.MaxAttributes, l.MaxAttributeLength = s.MaxAttributeCountPerElement, s.MaxAttributeLength
	l.MaxTextLength, l.MaxCommentLength = s.MaxTextLength, s.MaxCommentLength
	return &l, nil
}

// Bind implements policy.Compiled.
func (l *limits) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{
		Request: l.check,
		// Partial, so that only XML has to be short and other uploads pass.
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: bodyLimit, Partial: true},
	}, nil
}

func (l *limits) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	body := &x.Request.Body
	if len(body.Bytes()) == 0 {
		return policy.Go()
	}
	is, charset := isXML(&x.Request.Header, body.Bytes())
	switch {
	case !is:
		return policy.Go()
	case body.Partial() || len(body.Bytes()) > bodyLimit:
		return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.",
			"the XML body is longer than the 1 MiB that is inspected")
	case charset != "":
		// The service would read other characters than those that were inspected.
		return policy.Refuse(http.StatusBadRequest, "Malformed XML.", "the content type names an encoding that is not UTF-8")
	}
	err := xmltext.ValidNamespaces(body.Bytes(), xmltext.Limits(*l))
	switch {
	case err == nil:
		return policy.Go()
	case encoding.Exceeded(err) != "" || errors.Is(err, xmltext.ErrDoctype):
		return policy.Refuse(http.StatusBadRequest, "XML threat detected.", err.Error())
	}
	return policy.Refuse(http.StatusBadRequest, "Malformed XML.", err.Error())
}

// isXML says whether a service may read a body as XML: its type says so, or says
// nothing useful while the body begins like a document. The charset is that of
// the type unless its texts can be read as UTF-8.
func isXML(header *traffic.Header, body []byte) (is bool, charset string) {
	vague := true
	for _, f := range header.Values("content-type") {
		media, parameters, err := mime.ParseMediaType(f.Value)
		switch c := strings.ToLower(parameters["charset"]); c {
		case "", "utf-8", "utf8", "us-ascii":
		default:
			charset = c
		}
		switch {
		case err == nil && namesXML(media):
			is = true
		case err != nil || !strings.Contains(media, "/") || strings.Contains(media, "*"):
		case media == "text/plain" || media == "application/octet-stream":
		default:
			vague = false
		}
	}
	return is || vague && beginsLikeXML(body), charset
}

// namesXML says whether a media type is XML (RFC 7303).
func namesXML(media string) bool {
	switch media {
	case "application/xml", "text/xml", "application/xml-dtd",
		"application/xml-external-parsed-entity", "text/xml-external-parsed-entity":
		return true
	}
	return strings.HasSuffix(media, "+xml")
}

// beginsLikeXML knows a document by its first bytes, in the encodings that XML
// processors recognise by themselves (XML 1.0 appendix F).
func beginsLikeXML(body []byte) bool {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	for _, mark := range []string{"\xfe\xff", "\xff\xfe", "<\x00", "\x00<", "\x00\x00", "\x4c\x6f\xa7\x94"} {
		if bytes.HasPrefix(body, []byte(mark)) {
			return true
		}
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 1 && body[0] == '<' &&
		(body[1] == '?' || body[1] == '!' || body[1] == '_' || body[1] == ':' || body[1] >= 0x80 || 'a' <= body[1]|0x20 && body[1]|0x20 <= 'z')
}
