// Package jsonthreat is the policy json-threat-protection-flex: it refuses JSON
// bodies that are malformed, or larger in some way than the settings allow. It
// looks at the form of a document and at no value in it.
package jsonthreat

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "json-threat-protection-flex", Title: "JSON Threat Protection", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. A limit of -1 is off.
type Settings struct {
	// MaxContainerDepth is how many objects and arrays may stand inside each
	// other. Beyond 300 a body is refused whatever the setting says.
	MaxContainerDepth int `json:"maxContainerDepth" default:"-1" min:"-1"`
	// MaxObjectEntryCount is the number of members that one object may have.
	MaxObjectEntryCount int `json:"maxObjectEntryCount" default:"-1" min:"-1"`
	// MaxObjectEntryNameLength is the length of a member's name in characters.
	MaxObjectEntryNameLength int `json:"maxObjectEntryNameLength" default:"-1" min:"-1"`
	// MaxArrayElementCount is the number of elements that one array may have.
	MaxArrayElementCount int `json:"maxArrayElementCount" default:"-1" min:"-1"`
	// MaxStringValueLength is the length of a string in characters.
	MaxStringValueLength int `json:"maxStringValueLength" default:"-1" min:"-1"`
}

const (
	// bodyLimit is the length in bytes beyond which a JSON body is refused.
	bodyLimit = 1 << 20
	// depthCap is the greatest depth, whatever the settings say.
	depthCap = 300
)

type limits jsontext.Limits

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{encoding.Off, encoding.Off, encoding.Off, encoding.Off, encoding.Off}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.MaxContainerDepth < 0 || s.MaxContainerDepth > depthCap {
		s.MaxContainerDepth = depthCap
	}
	return &limits{
		MaxDepth:        s.MaxContainerDepth,
		MaxEntries:      s.MaxObjectEntryCount,
		MaxElements:     s.MaxArrayElementCount,
		MaxNameLength:   s.MaxObjectEntryNameLength,
		MaxStringLength: s.MaxStringValueLength,
		MaxTokens:       encoding.Off,
	}, nil
}

// Bind implements policy.Compiled.
func (l *limits) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{
		Request: l.check,
		// Partial, so that only JSON has to be short and other uploads pass.
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: bodyLimit, Partial: true},
	}, nil
}

func (l *limits) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	body := &x.Request.Body
	if len(body.Bytes()) == 0 || !isJSON(&x.Request.Header, body.Bytes()) {
		return policy.Go()
	}
	if body.Partial() || len(body.Bytes()) > bodyLimit {
		return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.",
			"the JSON body is longer than the 1 MiB that is inspected")
	}
	err := jsontext.Valid(body.Bytes(), jsontext.Limits(*l))
	switch {
	case err == nil:
		return policy.Go()
	case encoding.Exceeded(err) != "":
		return policy.Refuse(http.StatusBadRequest, "JSON threat detected.", err.Error())
	}
	return policy.Refuse(http.StatusBadRequest, "Malformed JSON.", err.Error())
}

// isJSON says whether a service may read a body as JSON: its type says so, or
// says nothing useful while the body begins like an object or array.
func isJSON(header *traffic.Header, body []byte) bool {
	vague := true
	for _, f := range header.Values("content-type") {
		media, _, err := mime.ParseMediaType(f.Value)
		switch {
		case policy.IsJSON(f.Value):
			return true
		case err != nil || !strings.Contains(media, "/") || strings.Contains(media, "*"):
		case media == "text/plain" || media == "application/octet-stream":
		default:
			vague = false
		}
	}
	if !vague {
		return false
	}
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}
