// Package mcp is the policies for the Model Context Protocol over Streamable
// HTTP: mcp-support, mcp-access-control, mcp-global-access-policy,
// mcp-schema-validation, mcp-tool-mapping and mcp-pii-detector. They read
// JSON-RPC messages in requests, in JSON responses and in event streams. They
// keep no session and speak to no server themselves.
package mcp

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding/eventstream"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:AccessSettings .:GlobalSettings .:ValidationSettings .:MappingSettings .:PIISettings

// bodyLimit is the length in bytes beyond which a message is refused, in either
// direction; eventLimit that of one event of a stream.
const (
	bodyLimit  = 4 << 20
	eventLimit = 4 << 20
)

// category is that of all policies for MCP.
const category = "MCP"

// request is the need of a step that reads requests.
func request() policy.Need { return policy.Need{Mode: policy.Buffered, Limit: bodyLimit} }

// response is the need of a step that reads responses; event streams are read
// as they pass.
func response() policy.Need {
	return policy.Need{
		Mode: policy.Buffered, Limit: bodyLimit,
		When: func(x *traffic.Exchange) bool { return !x.Response.Streaming },
	}
}

// plain keeps services from coding streams that are to be read.
func plain(x *traffic.Exchange) { x.Request.Header.Del("accept-encoding") }

// changer looks at one message of a service and gives the edits to make, in the
// order of the document.
type changer func(m *jsonrpc.Message) []jsonrpc.Edit

// answers has a changer look at every message of a response, at once or, of an
// event stream, as they pass.
func answers(x *traffic.Exchange, change changer) policy.Verdict {
	resp := &x.Response
	switch {
	case resp.Local:
		return policy.Go()
	case resp.Streaming:
		return stream(x, change)
	case len(resp.Body.Bytes()) == 0:
		return policy.Go()
	}
	other, err := rewrite(resp.Body.Bytes(), change)
	switch {
	case err != nil && resp.Status >= http.StatusBadRequest:
		return policy.GoBecause("the service answered with an error that is no message of JSON-RPC")
	case err != nil:
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", "the service's answer: "+err.Error())
	case other == nil:
		return policy.Go()
	}
	if err := resp.Body.Replace(other); err != nil {
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", err.Error())
	}
	return policy.Go()
}

// stream puts a reader that changes messages in the place of an event stream.
func stream(x *traffic.Exchange, change changer) policy.Verdict {
	resp := &x.Response
	media, _, err := mime.ParseMediaType(resp.Header.Joined("content-type"))
	if err != nil || media != "text/event-stream" {
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", "the service answers with a stream that is no event stream")
	}
	if coding := resp.Header.Joined("content-encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", "the service answers with a coded stream, which can't be read event by event")
	}
	from, _ := resp.Body.Forward()
	if from == nil {
		return policy.Go()
	}
	resp.Header.Del("content-length")
	resp.Body.SetSource(eventstream.NewReader(from, eventLimit, func(data []byte) ([]byte, error) {
		if len(data) == 0 {
			return nil, nil // begins a stream that may be resumed
		}
		return rewrite(data, change)
	}), -1)
	return policy.Go()
}

// rewrite gives messages with their changes, nil when there are none.
func rewrite(data []byte, change changer) ([]byte, error) {
	messages, _, err := jsonrpc.Read(data, policy.RPCLimits())
	if err != nil {
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	var edits []jsonrpc.Edit
	for i := range messages {
		edits = append(edits, change(&messages[i])...)
	}
	if len(edits) == 0 {
		return nil, nil
	}
	return jsonrpc.Splice(data, edits), nil
}
