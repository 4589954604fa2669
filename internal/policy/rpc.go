package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/traffic"
)

// RPCBodyLimit is the length in bytes beyond which messages of JSON-RPC are
// refused.
const RPCBodyLimit = 4 << 20

// RPC are the messages of a request.
type RPC struct {
	Messages []jsonrpc.Message
	Batch    bool

	of  []byte
	err error
}

// rpcs is the key under which exchanges carry their messages, which are read
// once for all steps.
var rpcs = &struct{ name string }{"json-rpc"}

// RPCLimits bound messages of JSON-RPC. The lengths are bounded by RPCBodyLimit.
func RPCLimits() jsonrpc.Limits {
	lim := jsonrpc.DefaultLimits()
	lim.JSON.MaxStringLength, lim.JSON.MaxElements, lim.JSON.MaxEntries = encoding.Off, encoding.Off, encoding.Off
	return lim
}

// ReadRPC gives the messages of a request whose body is loaded; none where it
// has no content. Content that is no JSON-RPC in UTF-8 is refused.
func ReadRPC(x *traffic.Exchange) (*RPC, Verdict) {
	body := x.Request.Body.Bytes()
	if len(body) == 0 {
		return &RPC{}, Go()
	}
	if !IsPlainJSON(x.Request.Header.Joined("content-type")) {
		return nil, RefuseRPC(x, http.StatusUnsupportedMediaType, nil, jsonrpc.InvalidRequest,
			"Content-Type must be application/json.", "the content of the request is not JSON in UTF-8")
	}
	r, _ := x.Carried(rpcs).(*RPC)
	if r == nil || len(r.of) != len(body) || &r.of[0] != &body[0] {
		r = &RPC{of: body}
		r.Messages, r.Batch, r.err = jsonrpc.Read(body, RPCLimits())
		x.Carry(rpcs, r)
	}
	if r.err == nil {
		return r, Go()
	}
	code, public := jsonrpc.ParseError, "The content is no JSON."
	var syntax *encoding.SyntaxError
	if errors.As(r.err, &syntax) && syntax.Format == "json-rpc" || encoding.Exceeded(r.err) != "" {
		code, public = jsonrpc.InvalidRequest, "The content is no message of JSON-RPC 2.0."
	}
	return nil, RefuseRPC(x, http.StatusBadRequest, nil, code, public, r.err.Error())
}

// IsPlainJSON tells the Content-Type application/json that no reader takes for
// another character set than UTF-8.
func IsPlainJSON(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	charset := parameters["charset"]
	return err == nil && media == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// RefuseRPC answers with an error of JSON-RPC, whose data holds the correlation
// id. A nil id is null.
func RefuseRPC(x *traffic.Exchange, status int, id []byte, code int, public, reason string) Verdict {
	data, err := json.Marshal(map[string]string{"correlationId": x.ID})
	if err != nil {
		data = nil
	}
	return Verdict{
		Action: traffic.Refused, Reason: reason,
		Answer: Answer{
			Status: status, Body: jsonrpc.AppendError(nil, id, code, public, data),
			Header: []traffic.Field{{Name: "content-type", Value: "application/json"}},
		},
	}
}

// RPCMembers gives the members of an object of a message by name; nil for one
// that is not there, and none of a nil object. A name that readers who do not
// care for case would take for one of wanted is an error.
func RPCMembers(raw []byte, wanted ...string) (map[string][]byte, error) {
	found := make(map[string][]byte, len(wanted))
	if raw == nil {
		return found, nil
	}
	members, object, err := jsontext.Members(raw, RPCLimits().JSON)
	if err != nil {
		return nil, err
	}
	if !object {
		return nil, errors.New("the message has something else where an object is expected")
	}
	for _, m := range members {
		for _, name := range wanted {
			switch {
			case m.Name == name:
				found[name] = m.Value
			case strings.EqualFold(m.Name, name):
				return nil, fmt.Errorf("the message has a member that is %s but for its case", name)
			}
		}
	}
	return found, nil
}

// JSONText is a JSON string, unescaped; false for any other value and for nil.
func JSONText(raw []byte) (string, bool) {
	t, err := jsontext.NewScanner(raw, jsontext.NoLimits()).Next()
	if err != nil || t.Kind != jsontext.String {
		return "", false
	}
	return string(t.Text()), true
}
