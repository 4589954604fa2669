package detecttest

import (
	"math/rand/v2"
	"strings"
)

// carrier is a text on its way into a request: the encodings of the application
// are applied, those of the transport are still to come.
type carrier struct {
	kind, shape, encoding string
	text                  string
	r                     *rand.Rand
}

// url writes the text for a query, a form or a segment.
func (c carrier) url(keep string) string {
	if c.shape == shapeWire {
		return c.text
	}
	switch c.encoding {
	case percent:
		return percentAll(c.text)
	case doublePercent:
		return escapeTwice(c.text)
	case overlong:
		return escapeOverlong(c.text)
	}
	return escapeURL(c.text, keep)
}

// form is url with the plus sign that browsers write for a space.
func (c carrier) form() string {
	if c.encoding == entities {
		c.text = references(c.text, c.r)
	}
	s := c.url("*")
	if c.encoding != percent && c.encoding != overlong && c.r.IntN(2) == 0 {
		s = strings.ReplaceAll(s, "%20", "+")
	}
	return s
}

// value is the text itself, or percent-encoded where the service undoes that.
func (c carrier) value() string {
	switch c.encoding {
	case percent:
		return percentAll(c.text)
	case entities:
		return references(c.text, c.r)
	}
	return c.text
}

// json writes the text as a JSON string, or as it stands when it is JSON.
func (c carrier) json() string {
	switch {
	case c.encoding == jsonEscapes:
		return quoteEscaped(c.text, c.r)
	case c.shape == shapeJSON && (c.encoding == plain || c.encoding == utf16Body):
		return c.text
	}
	return quote(c.value())
}

func (c carrier) xmlText() string {
	switch {
	case c.encoding == entities:
		return references(c.text, c.r)
	case c.r.IntN(5) == 0 && !strings.Contains(c.text, "]]>"):
		return "<![CDATA[" + c.text + "]]>"
	}
	return escapeText.Replace(c.text)
}

func (c carrier) xmlAttribute() string {
	if c.encoding == entities {
		return references(c.text, c.r)
	}
	return escapeAttr.Replace(c.text)
}

// graphqlString writes the text as a GraphQL string, whose escapes are JSON's.
func (c carrier) graphqlString() string {
	if c.encoding == jsonEscapes {
		return quoteEscaped(c.text, c.r)
	}
	return quote(c.value())
}

// cookie writes the text as browsers accept it: what would end the cookie is
// percent-encoded.
func (c carrier) cookie() string {
	if c.encoding == percent {
		return percentAll(c.text)
	}
	return strings.NewReplacer(";", "%3B", ",", "%2C", `"`, "%22", "\n", "%0A", "\r", "%0D", "\t", "%09").Replace(c.text)
}

// document encodes a whole JSON or XML body.
func (c carrier) document(contentType, body string) (string, []byte) {
	if c.encoding == utf16Body {
		return contentType + "; charset=utf-16", toUTF16(body, c.r)
	}
	return contentType, []byte(body)
}

// whole is the body of a seed that is itself a document, or that is encoded as
// only JSON can be, else "".
func (c carrier) whole() string {
	switch {
	case c.encoding == jsonEscapes, c.shape == shapeJSON:
		return jsonDocument(c)
	case c.shape == shapeXML:
		return c.text
	}
	return ""
}
