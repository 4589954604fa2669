// Package dataweavetransform is the policies dataweave-body-transformation-flex,
// dataweave-headers-transformation-flex and dataweave-request-filter-flex: they
// rewrite bodies and headers, or refuse requests, by a DataWeave script. A
// script is compiled once, bounded in what it may cost a request, and calls
// nothing outside. A script that fails refuses.
package dataweavetransform

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:HeadersSettings .:FilterSettings

var (
	//go:embed schema.json
	bodySchema []byte
	//go:embed headers.json
	headersSchema []byte
	//go:embed filter.json
	filterSchema []byte
)

// Body is the entry of the catalogue for dataweave-body-transformation-flex,
// which gives requests or responses the body that a script makes.
func Body() policy.Policy {
	return policy.Policy{
		Name: "dataweave-body-transformation-flex", Title: "DataWeave Body Transformation", Category: "Transformation",
		Phase: policy.Shape, Schema: bodySchema, Compile: compileBody,
	}
}

// Headers is the entry of the catalogue for
// dataweave-headers-transformation-flex, which gives requests or responses the
// headers that a script makes.
func Headers() policy.Policy {
	return policy.Policy{
		Name: "dataweave-headers-transformation-flex", Title: "DataWeave Headers Transformation", Category: "Transformation",
		Phase: policy.Shape, Schema: headersSchema, Compile: compileHeaders,
		Warn: func(settings json.RawMessage) []string {
			var s HeadersSettings
			if policy.Decode(settings, &s) != nil {
				return nil
			}
			return unread(s.Script, s.RequiresPayload)
		},
	}
}

// Filter is the entry of the catalogue for dataweave-request-filter-flex, which
// refuses requests that a script does not let pass, as the script words it.
func Filter() policy.Policy {
	return policy.Policy{
		Name: "dataweave-request-filter-flex", Title: "DataWeave Request Filter", Category: "Transformation",
		Aliases: []string{"script-evaluation-transformation"},
		Phase:   policy.Inspect, Schema: filterSchema, Compile: compileFilter,
		Warn: func(settings json.RawMessage) []string {
			var s FilterSettings
			if policy.Decode(settings, &s) != nil {
				return nil
			}
			return unread(s.Script, s.RequiresPayload)
		},
	}
}

// Settings are those of dataweave-body-transformation-flex.
type Settings struct {
	// Script gives the new body, in the format that its `output` directive names;
	// JSON without one. The Content-Type becomes that of the output. A message
	// without a body is left as it is, and so are errors of the gateway itself. A
	// script that fails, and a payload that its Content-Type belies, answer 400.
	Script string `json:"script" required:"true" minLength:"1" expr:"true"`
	// RequestFlow says whose body is transformed: that of the request before the
	// service sees it, or that of the response before the client does.
	RequestFlow string `json:"requestFlow" default:"onRequest" enum:"onRequest|onResponse"`
	// MaxBodySize is the number of bytes of a body that is transformed; a longer
	// request is refused with 413, a longer response with 502. It is ours, MuleSoft
	// has no such setting.
	MaxBodySize int64 `json:"maxBodySize" default:"1048576" min:"1" max:"8388608"`
}

// HeadersSettings are those of dataweave-headers-transformation-flex.
type HeadersSettings struct {
	// Script gives an Object of the new headers, which replace all others; a list
	// as value repeats a header, null leaves one out. Headers that frame the
	// message (Host, Content-Length, Content-Encoding, Transfer-Encoding, Connection,
	// Upgrade and their like) stay as they are.
	Script string `json:"script" required:"true" minLength:"1" expr:"true"`
	// RequestFlow says whose headers are transformed: those of the request before
	// the service sees them, or those of the response before the client does.
	RequestFlow string `json:"requestFlow" default:"onRequest" enum:"onRequest|onResponse"`
	// RequiresPayload says that the script reads the payload; without it, payload
	// is null and the body streams. A body of more than 1 MiB is then refused.
	RequiresPayload bool `json:"requiresPayload" default:"false"`
}

// FilterSettings are those of dataweave-request-filter-flex.
type FilterSettings struct {
	// Script gives an Object: success says whether the request passes; if not, it
	// is answered with response.statusCode (400 if there is none), response.body
	// and response.headers. Without a body, the answer is the gateway's own.
	Script string `json:"script" required:"true" minLength:"1" expr:"true"`
	// RequiresPayload says that the script reads the payload; without it, payload
	// is null and the body streams. A body of more than 1 MiB is then refused.
	RequiresPayload bool `json:"requiresPayload" default:"false"`
}

// compileScript compiles the script of any of them.
func compileScript(text string) (*dataweave.Script, error) {
	script, err := dataweave.CompileScript(text)
	if err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	return script, nil
}

func unread(text string, requiresPayload bool) []string {
	script, err := dataweave.CompileScript(text)
	if err != nil || requiresPayload || !script.UsesPayload() {
		return nil
	}
	return []string{"the script reads payload, which is null; set requiresPayload to true"}
}

// failed is the answer when a script has no result that can be used. The
// reason names types, never values.
func failed(reason string) policy.Verdict {
	return policy.Refuse(http.StatusBadRequest, "The message could not be transformed.", reason)
}

// scope is what a script reads.
type scope struct {
	policy.Scope
	payload dataweave.Value
	now     func() time.Time
}

// newScope reads the payload if the script does.
func newScope(script *dataweave.Script, x *traffic.Exchange, response, payload bool, now func() time.Time) (*scope, error) {
	s := &scope{Scope: policy.Scope{Exchange: x, Response: response}, now: now}
	if !payload || !script.UsesPayload() {
		return s, nil
	}
	header, body := &x.Request.Header, &x.Request.Body
	if response {
		header, body = &x.Response.Header, &x.Response.Body
	}
	var err error
	s.payload, err = readPayload(header.Get("content-type"), body)
	return s, err
}

// readPayload reads a body as its Content-Type says; what is neither JSON, nor
// XML, nor a form is text.
func readPayload(contentType string, body *traffic.Body) (dataweave.Value, error) {
	if !body.Loaded() || len(body.Bytes()) == 0 {
		return dataweave.Null(), nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case policy.IsJSON(contentType):
		return dataweave.FromJSONOrdered(body.Bytes())
	case media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml"):
		return dataweave.FromXML(body.Bytes())
	case media == "application/x-www-form-urlencoded":
		return dataweave.FromForm(body.Bytes())
	}
	return dataweave.String(string(body.Bytes())), nil
}

// Now implements dataweave.Clock.
func (s *scope) Now() time.Time { return s.now() }

// Lookup implements dataweave.Env.
func (s *scope) Lookup(root string) (dataweave.Value, bool) {
	switch root {
	case "payload":
		return s.payload, true
	case "attributes":
		base, _ := s.Scope.Lookup(root)
		object, _ := base.AsObject()
		return dataweave.ObjectOf(&attributes{object, s}), true
	}
	return s.Scope.Lookup(root)
}

// attributes are those of expressions, but headers and parameters keep their
// order and all their values.
type attributes struct {
	dataweave.Object
	scope *scope
}

// Get implements dataweave.Object.
func (a *attributes) Get(key string) (dataweave.Value, bool) {
	switch {
	case key == "headers":
		header := &a.scope.Exchange.Request.Header
		if a.scope.Response {
			header = &a.scope.Exchange.Response.Header
		}
		list := make([]dataweave.Entry, 0, header.Len())
		for f := range header.All() {
			list = append(list, dataweave.Entry{Key: f.Name, Value: dataweave.String(f.Value)})
		}
		return dataweave.NewEntries(list), true
	case key == "queryParams" && !a.scope.Response:
		// What can't be read as parameters leaves none.
		params, err := dataweave.FromForm([]byte(a.scope.Exchange.Request.RawQuery))
		if err != nil {
			return dataweave.NewEntries(nil), true
		}
		return params, true
	}
	return a.Object.Get(key)
}
