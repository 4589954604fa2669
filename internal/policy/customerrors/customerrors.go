// Package customerrors is the policy custom-errors: what clients read when the
// gateway refuses or fails gets the form that an organisation wants, by status
// and by the kind of content that the client accepts, SOAP faults included.
package customerrors

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "custom-errors", Title: "Custom Errors", Category: "Transformation",
		Phase: policy.Shape, First: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Errors are the forms; of those for a status the first that the client accepts is taken, else the first.
	Errors []Form `json:"errors" required:"true" minItems:"1"`
	// Upstream says whether errors of the service take the form too.
	Upstream bool `json:"upstream" default:"false"`
}

// Form is one form of errors.
type Form struct {
	// Statuses are those that it is for: 429, 4xx, 5xx, or * for all from 400.
	Statuses []string `json:"statuses" default:"[\"*\"]" minItems:"1"`
	// ContentType is that of the body. JSON, XML and HTML say how what is put in is escaped; anything else is not escaped.
	ContentType string `json:"contentType" default:"application/json" minLength:"1"`
	// Body is what clients read, in which {status}, {phrase}, {error}, {correlationId}, {method} and {path} stand for what they name.
	Body string `json:"body" required:"true"`
	// Status is sent instead of that of the error; 0 keeps it.
	Status int `json:"status" default:"0" min:"0" max:"599"`
	// Headers are added.
	Headers []Header `json:"headers" default:"[]"`
}

// Header is one header field.
type Header struct {
	// Name is its name.
	Name string `json:"name" required:"true" minLength:"1"`
	// Value is its value.
	Value string `json:"value" required:"true"`
}

type form struct {
	covers      func(status int) bool
	contentType string
	media       string
	parts       []part
	escape      func(string) string
	status      int
	header      []traffic.Field
}

// part is a piece of a body: text, or what stands in its place.
type part struct {
	text string
	fill func(*about) string
}

// about is what an error tells.
type about struct {
	x      *traffic.Exchange
	status int
	public string
}

var fills = map[string]func(*about) string{
	"status":        func(a *about) string { return strconv.Itoa(a.status) },
	"phrase":        func(a *about) string { return http.StatusText(a.status) },
	"error":         func(a *about) string { return a.public },
	"correlationId": func(a *about) string { return a.x.ID },
	"method":        func(a *about) string { return a.x.Request.Method },
	"path":          func(a *about) string { return a.x.Request.Path },
}

type shaper struct {
	forms    []form
	upstream bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	shape := &shaper{upstream: s.Upstream}
	for i, one := range s.Errors {
		f, err := compileForm(one)
		if err != nil {
			return nil, fmt.Errorf("errors[%d].%w", i, err)
		}
		shape.forms = append(shape.forms, f)
	}
	return shape, nil
}

func compileForm(one Form) (form, error) {
	f := form{contentType: one.ContentType, status: one.Status}
	var err error
	if f.covers, err = statuses(one.Statuses); err != nil {
		return form{}, err
	}
	if one.Status != 0 && one.Status < http.StatusBadRequest {
		return form{}, fmt.Errorf("status: %d is no error; use 400 to 599, or 0", one.Status)
	}
	if !httpguts.ValidHeaderFieldValue(one.ContentType) {
		return form{}, fmt.Errorf("contentType: holds what no header may hold")
	}
	media, _, _ := strings.Cut(strings.ToLower(one.ContentType), ";")
	f.media = strings.TrimSpace(media)
	f.escape = escaping(f.media)
	if f.parts, err = pieces(one.Body); err != nil {
		return form{}, err
	}
	for i, h := range one.Headers {
		name := traffic.LowerName(h.Name)
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(h.Value) || name == "content-length" || name == "transfer-encoding" {
			return form{}, fmt.Errorf("headers[%d]: %q can't be set here", i, h.Name)
		}
		f.header = append(f.header, traffic.Field{Name: name, Value: h.Value})
	}
	return f, nil
}

func statuses(list []string) (func(int) bool, error) {
	exact := map[int]bool{}
	for i, text := range list {
		switch text {
		case "*":
			exact[4], exact[5] = true, true
			continue
		case "4xx", "5xx":
			exact[int(text[0]-'0')] = true
			continue
		}
		status, err := strconv.Atoi(text)
		if err != nil || status < 400 || status > 599 {
			return nil, fmt.Errorf("statuses[%d]: %q is none; use 400 to 599, 4xx, 5xx or *", i, text)
		}
		exact[status] = true
	}
	return func(status int) bool { return exact[status] || exact[status/100] }, nil
}

func escaping(media string) func(string) string {
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return func(text string) string {
			quoted, err := json.Marshal(text)
			if err != nil {
				return ""
			}
			return string(quoted[1 : len(quoted)-1])
		}
	case media == "text/html":
		return html.EscapeString
	case strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml"):
		return func(text string) string {
			var escaped bytes.Buffer
			_ = xml.EscapeText(&escaped, []byte(text)) // a buffer takes everything
			return escaped.String()
		}
	}
	return func(text string) string { return text }
}

// pieces cuts a body at its placeholders. Other braces stand for themselves.
func pieces(body string) ([]part, error) {
	var parts []part
	for body != "" {
		open := strings.IndexByte(body, '{')
		if open < 0 {
			break
		}
		name, _, closed := strings.Cut(body[open+1:], "}")
		if fill := fills[name]; closed && fill != nil {
			parts = append(parts, part{text: body[:open]}, part{fill: fill})
			body = body[open+len(name)+2:]
			continue
		}
		if closed && isWord(name) {
			return nil, fmt.Errorf("body: {%s} names nothing; there are {status}, {phrase}, {error}, {correlationId}, {method} and {path}", name)
		}
		parts = append(parts, part{text: body[:open+1]})
		body = body[open+1:]
	}
	return append(parts, part{text: body}), nil
}

func isWord(name string) bool {
	for _, r := range name {
		if r < 'a' || r > 'z' {
			if r < 'A' || r > 'Z' {
				return false
			}
		}
	}
	return name != ""
}

// errorLimit is how many bytes of an error are read for its text.
const errorLimit = 16 << 10

// Bind implements policy.Compiled.
func (s *shaper) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{
		// Of the service's own words nothing is repeated, so they are not read.
		ResponseBody: policy.Need{Mode: policy.Buffered, Limit: errorLimit, Partial: true, BestEffort: true, When: func(x *traffic.Exchange) bool {
			return s.concerns(x) && x.Response.Local
		}},
		Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if !s.concerns(x) {
				return policy.Go()
			}
			f := s.choose(x)
			if f == nil {
				return policy.Go()
			}
			f.write(x)
			return policy.Go()
		},
	}, nil
}

func (s *shaper) concerns(x *traffic.Exchange) bool {
	return x.Response.Status >= http.StatusBadRequest && (s.upstream || policy.OwnError(x) || sanitized(x))
}

// sanitized says that a step on the way out has put an error of its own in the
// place of the service's.
func sanitized(x *traffic.Exchange) bool {
	return x.Response.Local && slices.ContainsFunc(x.Decisions, func(d traffic.Decision) bool {
		return d.Side == "response" && d.Action == traffic.Answered
	})
}

// choose is the form for a response, nil for none.
func (s *shaper) choose(x *traffic.Exchange) *form {
	accept := x.Request.Header.Joined("accept")
	var first *form
	for i := range s.forms {
		f := &s.forms[i]
		if !f.covers(x.Response.Status) {
			continue
		}
		if accepts(accept, f.media) {
			return f
		}
		if first == nil {
			first = f
		}
	}
	return first
}

// accepts says whether an Accept header (RFC 9110 §12.5.1) lists a media type
// with a weight above 0. Without a header everything is accepted.
func accepts(accept, media string) bool {
	if accept == "" {
		return true
	}
	kind, _, _ := strings.Cut(media, "/")
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(one, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != media && name != "*/*" && name != kind+"/*" {
			continue
		}
		weight := strings.ReplaceAll(parameters, " ", "")
		if !strings.Contains(weight, "q=0") || strings.Contains(weight, "q=0.") && strings.Trim(weight[strings.Index(weight, "q=0.")+4:], "0") != "" {
			return true
		}
	}
	return false
}

// write puts the form in the place of the response. The header that an error
// needs, as www-authenticate, stays.
func (f *form) write(x *traffic.Exchange) {
	a := &about{x: x, status: x.Response.Status, public: public(x)}
	if f.status != 0 {
		x.Response.Status, a.status = f.status, f.status
	}
	var body strings.Builder
	for _, p := range f.parts {
		body.WriteString(p.text)
		if p.fill != nil {
			body.WriteString(f.escape(p.fill(a)))
		}
	}
	x.Response.Body.Release()
	_ = x.Response.Body.Replace([]byte(body.String())) // a body that was just released is not partial
	x.Response.Streaming = false
	x.Response.Header.Del("content-encoding")
	x.Response.Header.Set("content-type", f.contentType)
	x.Response.Header.Set("x-content-type-options", "nosniff") // what a client sent may be repeated in the text
	for _, h := range f.header {
		x.Response.Header.Set(h.Name, h.Value)
	}
}

// public is the text of an error: what the gateway's envelope says, else the
// phrase of its status. The service's own words are not repeated.
func public(x *traffic.Exchange) string {
	var envelope struct {
		Error string `json:"error"`
	}
	if x.Response.Local && json.Unmarshal(x.Response.Body.Bytes(), &envelope) == nil && envelope.Error != "" {
		return envelope.Error
	}
	return http.StatusText(x.Response.Status)
}
