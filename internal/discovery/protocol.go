package discovery

import (
	"bytes"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

// maxNames is how many operations one request may name, maxName how long a name is.
const (
	maxNames = 8
	maxName  = 120
)

// identify tells what a call speaks, and which operations and version it names.
func (c *call) identify() {
	c.protocol = REST
	h := c.Request.Header
	if h != nil {
		c.media, _ = mediaOf(h.Get("content-type"))
		c.version = versionOf(c)
	}
	answer := ""
	if c.Response.Header != nil {
		answer, _ = mediaOf(c.Response.Header.Get("content-type"))
	}
	switch {
	case c.Status == 101, h != nil && strings.EqualFold(h.Get("upgrade"), "websocket") && c.good:
		c.protocol = WebSocket
	case strings.HasPrefix(c.media, "application/grpc"):
		c.protocol = GRPC
		c.version = ""
	case answer == "text/event-stream" && c.method == "GET":
		c.protocol = SSE
	}
	if c.protocol != REST {
		return
	}
	switch body := c.Request.Body; {
	case c.method == "GET" && strings.Contains(c.Query, "query="):
		c.graphQLQuery()
	case len(body) == 0:
	case c.media == "application/graphql":
		c.graphQL(string(body), "")
	case isXML(c.media) || c.media == "" && bytes.HasPrefix(body, []byte("<?xml")):
		c.soap(body)
	case isJSON(c.media) || c.media == "":
		c.jsonNames(body)
	}
}

// mediaOf gives a media type in lower case without parameters, and the parameters.
func mediaOf(field string) (media, parameters string) {
	media, parameters, _ = strings.Cut(field, ";")
	media = strings.TrimSpace(media)
	if len(media) > 100 {
		return "", ""
	}
	return strings.ToLower(media), parameters
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json") || media == "application/x-json"
}

func isXML(media string) bool {
	return media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml")
}

// isData says that the answer is JSON or XML.
func (c *call) isData() bool {
	if c.Response.Header == nil {
		return false
	}
	media, _ := mediaOf(c.Response.Header.Get("content-type"))
	return isJSON(media) || isXML(media) && media != "image/svg+xml" && media != "application/xhtml+xml"
}

// jsonNames looks for GraphQL and JSON-RPC in a document, or in the first documents of
// an array.
func (c *call) jsonNames(body []byte) {
	if len(body) > MaxBody || !bytes.Contains(body, []byte(`"query"`)) && !bytes.Contains(body, []byte(`"jsonrpc"`)) {
		return
	}
	limits := jsontext.DefaultLimits()
	documents := [][]byte{body}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		all, _, err := jsontext.Elements(body, limits)
		if err != nil {
			return
		}
		documents = all[:min(len(all), maxNames)]
	}
	for _, d := range documents {
		members, object, err := jsontext.Members(d, limits)
		if err != nil || !object {
			return
		}
		c.jsonName(members)
	}
}

func (c *call) jsonName(members []jsontext.Member) {
	var query, operation, rpc, method string
	var parameters []byte
	for _, m := range members {
		switch m.Name {
		case "query":
			query = text(m.Value)
		case "operationName":
			operation = text(m.Value)
		case "jsonrpc":
			rpc = text(m.Value)
		case "method":
			method = text(m.Value)
		case "params":
			parameters = m.Value
		}
	}
	switch {
	case rpc != "" && method != "":
		c.rpc(method, parameters)
	case query != "":
		c.graphQL(query, operation)
	}
}

// text is a JSON string without its quotes; empty for anything else.
func text(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	var out string
	err := jsontext.Walk(value, jsontext.DefaultLimits(), func(_ jsontext.Path, t jsontext.Token) error {
		if t.Kind == jsontext.String {
			out = string(t.Text())
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return out
}

// rpc names the method of JSON-RPC; those of MCP have names of their own.
func (c *call) rpc(method string, parameters []byte) {
	if !fitName(method) {
		return
	}
	c.protocol = JSONRPC
	if c.isMCP(method) {
		c.protocol = MCP
		switch method {
		case "tools/call", "prompts/get":
			members, _, err := jsontext.Members(parameters, jsontext.DefaultLimits())
			if err != nil {
				break
			}
			for _, m := range members {
				if name := text(m.Value); m.Name == "name" && fitName(name) {
					method += " " + name
				}
			}
		}
	}
	c.name(method)
}

func (c *call) isMCP(method string) bool {
	for _, prefix := range [...]string{"tools/", "resources/", "prompts/", "notifications/", "sampling/", "completion/", "roots/", "logging/", "elicitation/"} {
		if strings.HasPrefix(method, prefix) {
			return true
		}
	}
	h := c.Request.Header
	return h != nil && (h.Has("mcp-session-id") || h.Has("mcp-protocol-version")) || method == "initialize"
}

// name adds the name of an operation.
func (c *call) name(name string) {
	if len(c.names) < maxNames && !slices.Contains(c.names, name) {
		c.names = append(c.names, name)
	}
}

func fitName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// soap names the operation of an envelope: the first element of its body.
func (c *call) soap(body []byte) {
	if !bytes.Contains(body, []byte("Envelope")) {
		return
	}
	r := xmltext.NewReader(body, xmltext.DefaultLimits())
	depth, inBody := 0, false
	for range 2000 {
		t, err := r.Next()
		if err != nil || t.Kind == xmltext.None {
			return
		}
		switch t.Kind {
		case xmltext.StartTag:
			depth++
			_, local := xmltext.SplitName(t.Name)
			switch {
			case depth == 1 && string(local) != "Envelope":
				return
			case depth == 2:
				inBody = string(local) == "Body"
			case depth == 3 && inBody && fitName(string(local)):
				c.protocol = SOAP
				c.name(string(local))
				return
			}
		case xmltext.EndTag:
			depth--
		default:
		}
	}
}

// graphQLQuery reads a query of GraphQL out of the query string.
func (c *call) graphQLQuery() {
	it := form.Pairs(c.Query, 50)
	query, operation := "", ""
	for it.Next() {
		p := it.Pair()
		switch p.Name.Raw {
		case "query":
			query, _ = p.Value.Decode()
		case "operationName":
			operation, _ = p.Value.Decode()
		}
	}
	if strings.Contains(query, "{") {
		c.graphQL(query, operation)
	}
}

// versionOf tells the version that a header chooses: as a field of its own, or as a
// part of the media type that is asked for.
func versionOf(c *call) string {
	h := c.Request.Header
	for _, name := range [...]string{"api-version", "x-api-version", "accept-version", "x-version", "version"} {
		if v := h.Get(name); v != "" && isVersion(v) {
			return name + ": " + v
		}
	}
	accept := h.Get("accept")
	if len(accept) > 200 {
		return ""
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters := mediaOf(part)
		if vendorVersion(media) {
			return "accept: " + media
		}
		for p := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			value = strings.Trim(value, `"`)
			if strings.EqualFold(name, "version") && isVersion(value) || strings.EqualFold(name, "v") && isVersion(value) && strings.Contains(media, "json") && !strings.HasPrefix(value, "b") {
				return "accept: " + media + ";version=" + value
			}
		}
	}
	return ""
}

// vendorVersion tells application/vnd.shop.v2+json.
func vendorVersion(media string) bool {
	rest, ok := strings.CutPrefix(media, "application/vnd.")
	if !ok {
		return false
	}
	rest, _, _ = strings.Cut(rest, "+")
	for part := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '.' || r == '-' }) {
		if len(part) >= 2 && part[0] == 'v' && isVersion(part) {
			return true
		}
	}
	return false
}

// isVersion tells 2, v1.2 and 2024-01-31; anything else in a version's place could be
// different for each call.
func isVersion(s string) bool {
	if len(s) > 12 {
		return false
	}
	s = strings.TrimPrefix(s, "v")
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case (c == '.' || c == '-') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	if strings.Contains(s, "-") {
		return len(s) == 10 && s[4] == '-' && s[7] == '-' && digits == 8
	}
	return digits > 0 && digits <= 8
}
