package mcp

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed schema.json
var supportSchema []byte

// Support is the entry of the catalogue for mcp-support, which lets only
// messages of the protocol pass, and no page of another origin.
func Support() policy.Policy {
	return policy.Policy{
		Name: "mcp-support", Title: "MCP Support", Category: category,
		Phase: policy.Admit, Schema: supportSchema, Compile: compileSupport,
	}
}

// Settings are those of mcp-support. MuleSoft's policy has none.
type Settings struct {
	// AllowedOrigins are the web origins, as https://app.example, whose pages may
	// call besides those of the API's own host. Requests without Origin, which are
	// not those of browsers, pass; any other origin is refused with 403, which
	// stops pages that reach a server by DNS rebinding.
	AllowedOrigins []string `json:"allowedOrigins" default:"[]"`
}

// headerMismatch is the code for a header that says something else than the
// message.
const headerMismatch = -32020

// versions are the revisions of the protocol whose header is let through; the
// first knows no batches any more.
var versions = []string{"2024-11-05", "2025-03-26", batchless, "2025-11-25", "2026-07-28"}

const batchless = "2025-06-18"

type support struct{ origins []string }

func compileSupport(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(supportSchema, settings, &s); err != nil {
		return nil, err
	}
	for i, origin := range s.AllowedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return nil, fmt.Errorf("allowedOrigins[%d]: not an origin; write scheme and host, as https://app.example", i)
		}
	}
	return &support{s.AllowedOrigins}, nil
}

// Bind implements policy.Compiled.
func (s *support) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: s.check, RequestBody: request()}, nil
}

func (s *support) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if origin, ok := x.Request.Header.Lookup("origin"); ok && !s.allows(origin, x) {
		return policy.RefuseRPC(x, http.StatusForbidden, nil, jsonrpc.InvalidRequest, "This origin may not call.",
			"the request comes from a web origin that allowedOrigins does not name")
	}
	version, ok := x.Request.Header.Lookup("mcp-protocol-version")
	if ok && (len(x.Request.Header.Values("mcp-protocol-version")) > 1 || !slices.Contains(versions, version)) {
		return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.InvalidRequest, "Unsupported protocol version.",
			"MCP-Protocol-Version names none of "+strings.Join(versions, ", "))
	}
	switch x.Request.Method {
	case http.MethodPost:
		return posted(x, version)
	case http.MethodGet, http.MethodDelete:
		if len(x.Request.Body.Bytes()) > 0 {
			return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.InvalidRequest, "A request of this method has no content.",
				x.Request.Method+" came with content")
		}
		if _, stream := accepts(x); x.Request.Method == http.MethodGet && !stream {
			return policy.RefuseRPC(x, http.StatusNotAcceptable, nil, jsonrpc.InvalidRequest, "Accept must allow text/event-stream.",
				"GET opens an event stream, which Accept does not allow")
		}
		return policy.Go()
	case http.MethodOptions:
		return policy.Go()
	}
	v := policy.RefuseRPC(x, http.StatusMethodNotAllowed, nil, jsonrpc.InvalidRequest, "Method not allowed.", "MCP has POST, GET and DELETE")
	v.Answer.Header = append(v.Answer.Header, traffic.Field{Name: "allow", Value: "GET, POST, DELETE"})
	return v
}

func (s *support) allows(origin string, x *traffic.Exchange) bool {
	return origin == x.Request.Scheme+"://"+x.Request.Host || slices.Contains(s.origins, origin)
}

func posted(x *traffic.Exchange, version string) policy.Verdict {
	if wantsJSON, stream := accepts(x); !wantsJSON || !stream {
		return policy.RefuseRPC(x, http.StatusNotAcceptable, nil, jsonrpc.InvalidRequest,
			"Accept must allow application/json and text/event-stream.", "Accept does not allow both forms of an answer")
	}
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	switch {
	case len(r.Messages) == 0:
		return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.ParseError, "The content is no JSON.", "POST came without content")
	case r.Batch && version >= batchless:
		return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.InvalidRequest, "Batches are not allowed.",
			"this version of the protocol has no batches")
	case !r.Batch:
		return headersAgree(x, &r.Messages[0])
	}
	return policy.Go()
}

// accepts says whether Accept allows JSON and event streams.
func accepts(x *traffic.Exchange) (wantsJSON, stream bool) {
	for _, f := range x.Request.Header.Values("accept") {
		for one := range strings.SplitSeq(f.Value, ",") {
			media, _, _ := strings.Cut(one, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "*/*":
				return true, true
			case "application/json", "application/*":
				wantsJSON = true
			case "text/event-stream", "text/*":
				stream = true
			}
		}
	}
	return wantsJSON, stream
}

// headersAgree refuses a message whose headers, which others route by, name
// something else.
func headersAgree(x *traffic.Exchange, m *jsonrpc.Message) policy.Verdict {
	h := &x.Request.Header
	method, ok := h.Lookup("mcp-method")
	if ok && (method != m.Method || len(h.Values("mcp-method")) > 1) {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, headerMismatch, "Mcp-Method and the message differ.", "Mcp-Method names another method")
	}
	name, ok := h.Lookup("mcp-name")
	if !ok {
		return policy.Go()
	}
	a, err := actionOf(m)
	if err != nil || len(h.Values("mcp-name")) > 1 || decodeName(name) != a.name {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, headerMismatch, "Mcp-Name and the message differ.", "Mcp-Name names something else")
	}
	return policy.Go()
}

// What encloses a name that can't stand in a header as it is.
const codedBegin, codedEnd = "=?base64?", "?="

func decodeName(value string) string {
	coded, ok := strings.CutPrefix(value, codedBegin)
	if coded, ends := strings.CutSuffix(coded, codedEnd); ok && ends {
		if name, err := base64.StdEncoding.DecodeString(coded); err == nil {
			return string(name)
		}
	}
	return value
}

// encodeName is a name as Mcp-Name holds it.
func encodeName(name string) string {
	safe := strings.TrimSpace(name) == name && !strings.HasPrefix(name, codedBegin)
	for i := range len(name) {
		safe = safe && name[i] >= ' ' && name[i] <= '~'
	}
	if safe {
		return name
	}
	return codedBegin + base64.StdEncoding.EncodeToString([]byte(name)) + codedEnd
}
