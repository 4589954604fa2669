// Package httplimits is the policy http-limits: it bounds the size and shape of
// requests more tightly than the gateway itself does, and the methods that an
// API has. It reads no body: a longer one is cut off while it streams.
package httplimits

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
		Name: "http-limits", Title: "HTTP Limits", Category: "Security",
		Phase: policy.Admit, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. The limits of the gateway itself, 16 KiB and
// 100 fields of header, hold besides.
type Settings struct {
	// MaxBodyLength is in bytes, as they are sent.
	MaxBodyLength int64 `json:"maxBodyLength" default:"104857600" min:"0" max:"2147483647"`
	// MaxRequestLineLength is in bytes and counts method, target and version.
	MaxRequestLineLength int `json:"maxRequestLineLength" default:"4096" min:"16" max:"65535"`
	// MaxHeaderLength is in bytes and counts names and values of all fields.
	MaxHeaderLength int `json:"maxHeaderLength" default:"16384" min:"64" max:"65535"`
	// MaxNumberHeaders is the number of fields. MuleSoft calls it maxNumberHeadersTrailers; trailers of requests are dropped here.
	MaxNumberHeaders int `json:"maxNumberHeaders" default:"100" min:"1" max:"32768"`
	// MaxQueryParameters is the number of parameters of the query.
	MaxQueryParameters int `json:"maxQueryParameters" default:"100" min:"0" max:"10000"`
	// MaxPathSegments is the number of segments of the path.
	MaxPathSegments int `json:"maxPathSegments" default:"50" min:"1" max:"1000"`
	// AllowMethods are the methods that the API has; all others are answered 405. Empty means all.
	AllowMethods []string `json:"allowMethods" default:"[]"`
	// ContentTypes are the media types that bodies may have, as application/json or text/*; others are answered 415. Empty means all.
	ContentTypes []string `json:"contentTypes" default:"[]"`
}

type limits struct {
	Settings
	allow string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	l := &limits{}
	if err := policy.DecodeWithDefaults(schema, settings, &l.Settings); err != nil {
		return nil, err
	}
	for i, method := range l.AllowMethods {
		if !httpguts.ValidHeaderFieldName(method) || method != strings.ToUpper(method) {
			return nil, fmt.Errorf("allowMethods[%d]: %q is no method; write it in capitals", i, method)
		}
	}
	l.allow = strings.Join(l.AllowMethods, ", ")
	for i, media := range l.ContentTypes {
		l.ContentTypes[i] = strings.ToLower(media)
		if kind, sub, ok := strings.Cut(media, "/"); !ok || kind == "" || sub == "" || strings.Contains(media, ";") {
			return nil, fmt.Errorf("contentTypes[%d]: %q is no media type; write application/json or text/*", i, media)
		}
	}
	return l, nil
}

// Bind implements policy.Compiled.
func (l *limits) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		if v := l.line(x); v.Stops() {
			return v
		}
		if v := l.header(&x.Request.Header); v.Stops() {
			return v
		}
		return l.body(&x.Request)
	}}, nil
}

func (l *limits) line(x *traffic.Exchange) policy.Verdict {
	req := &x.Request
	if len(l.AllowMethods) > 0 && !slices.Contains(l.AllowMethods, req.Method) {
		return policy.Refuse(http.StatusMethodNotAllowed, "Method not allowed.", "the method is none of allowMethods", traffic.Field{Name: "allow", Value: l.allow})
	}
	switch {
	case len(req.Method)+len(req.RawTarget)+len(req.Proto)+2 > l.MaxRequestLineLength:
		return policy.Refuse(http.StatusRequestURITooLong, "Request line too long.", "the request line is longer than maxRequestLineLength")
	case req.RawQuery != "" && strings.Count(req.RawQuery, "&")+1 > l.MaxQueryParameters:
		return policy.Refuse(http.StatusBadRequest, "Too many query parameters.", "the query has more parameters than maxQueryParameters")
	case strings.Count(req.Path, "/") > l.MaxPathSegments:
		return policy.Refuse(http.StatusBadRequest, "Path too deep.", "the path has more segments than maxPathSegments")
	}
	return policy.Go()
}

func (l *limits) header(h *traffic.Header) policy.Verdict {
	length := 0
	for f := range h.All() {
		length += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	switch {
	case h.Len() > l.MaxNumberHeaders:
		return policy.Refuse(http.StatusRequestHeaderFieldsTooLarge, "Too many headers.", "the request has more header fields than maxNumberHeaders")
	case length > l.MaxHeaderLength:
		return policy.Refuse(http.StatusRequestHeaderFieldsTooLarge, "Headers too long.", "the header is longer than maxHeaderLength")
	}
	return policy.Go()
}

func (l *limits) body(req *traffic.Request) policy.Verdict {
	if req.Body.Empty() {
		return policy.Go()
	}
	// Of two types nobody knows which one the service believes.
	if len(l.ContentTypes) > 0 && (len(req.Header.Values("content-type")) != 1 || !l.takes(req.Header.Get("content-type"))) {
		return policy.Refuse(http.StatusUnsupportedMediaType, "Unsupported media type.", "the type of the body is none of contentTypes")
	}
	if req.Body.Length() > l.MaxBodyLength {
		return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.", "the body is longer than maxBodyLength")
	}
	if !req.Streaming {
		req.Body.Bound(l.MaxBodyLength)
	}
	return policy.Go()
}

func (l *limits) takes(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	kind, _, _ := strings.Cut(media, "/")
	return slices.Contains(l.ContentTypes, media) || slices.Contains(l.ContentTypes, kind+"/*")
}
