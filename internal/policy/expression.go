package policy

import (
	"mime"
	"net/url"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/traffic"
)

// PayloadLimit is the number of bytes of a body that expressions over
// `payload` read.
const PayloadLimit = 1 << 20

// PayloadNeed is what a step needs of the request body when one of its
// expressions reads the payload.
func PayloadNeed(expressions ...*dataweave.Expression) Need {
	for _, e := range expressions {
		if e != nil && e.UsesPayload() {
			return Need{Mode: Buffered, Limit: PayloadLimit}
		}
	}
	return Need{}
}

// Scope resolves the names of expressions against an exchange. On the response
// side `attributes` are those of the response and `payload` its body.
type Scope struct {
	Exchange *traffic.Exchange
	Response bool
	// Vars is what the policy defines under `vars`; nil for nothing.
	Vars dataweave.Object

	query   url.Values
	asked   bool // for a query parameter
	payload dataweave.Value
	parsed  bool
}

// scopes are those of EvalText.
var scopes = sync.Pool{New: func() any { return new(Scope) }}

// EvalText evaluates an expression over the request of an exchange to text, or
// over its response, in a scope that is used again.
func EvalText(e *dataweave.Expression, x *traffic.Exchange, response bool) (string, error) {
	s, _ := scopes.Get().(*Scope)
	s.Exchange, s.Response = x, response
	text, err := e.EvalString(s)
	*s = Scope{}
	scopes.Put(s)
	return text, err
}

// Lookup implements dataweave.Env.
func (s *Scope) Lookup(root string) (dataweave.Value, bool) {
	switch root {
	case "attributes":
		if s.Response {
			return dataweave.ObjectOf((*responseAttributes)(s)), true
		}
		return dataweave.ObjectOf((*requestAttributes)(s)), true
	case "authentication":
		return dataweave.ObjectOf((*authentication)(&s.Exchange.Auth)), true
	case "payload":
		return s.body(), true
	case "vars":
		return dataweave.ObjectOf(s.Vars), s.Vars != nil
	}
	return dataweave.Null(), false
}

// body is the payload: an object or array for JSON, else text.
func (s *Scope) body() dataweave.Value {
	if s.parsed {
		return s.payload
	}
	s.parsed = true
	body, header := &s.Exchange.Request.Body, &s.Exchange.Request.Header
	if s.Response {
		body, header = &s.Exchange.Response.Body, &s.Exchange.Response.Header
	}
	if !body.Loaded() || body.Partial() {
		return dataweave.Null()
	}
	s.payload = dataweave.String(string(body.Bytes()))
	if IsJSON(header.Get("content-type")) {
		if v, err := dataweave.FromJSON(body.Bytes()); err == nil {
			s.payload = v
		}
	}
	return s.payload
}

// IsJSON says whether a Content-Type names JSON (RFC 8259, or a +json suffix
// of RFC 6839).
func IsJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// parameter is the first value of a query parameter, as url.ParseQuery reads it.
// One is looked for; who asks for more has the query parsed.
func (s *Scope) parameter(name string) (dataweave.Value, bool) {
	if s.asked {
		values, ok := s.parameters()[name]
		if !ok {
			return dataweave.Null(), false
		}
		return dataweave.String(values[0]), true
	}
	s.asked = true
	for pair := range strings.SplitSeq(s.Exchange.Request.RawQuery, "&") {
		if pair == "" || strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			return dataweave.String(value), true
		}
	}
	return dataweave.Null(), false
}

func (s *Scope) parameters() url.Values {
	if s.query == nil {
		s.query, _ = url.ParseQuery(s.Exchange.Request.RawQuery)
	}
	return s.query
}

type requestAttributes Scope

func (a *requestAttributes) Keys() []string {
	return []string{"clientAddress", "headers", "localAddress", "method", "queryParams", "queryString", "remoteAddress", "requestPath", "requestUri", "scheme", "version"}
}

func (a *requestAttributes) Len() int { return len(a.Keys()) }

func (a *requestAttributes) Get(key string) (dataweave.Value, bool) {
	req := &a.Exchange.Request
	switch key {
	case "headers":
		return dataweave.ObjectOf((*headers)(&req.Header)), true
	case "method":
		return dataweave.String(req.Method), true
	case "queryParams":
		return dataweave.ObjectOf((*queryParams)(a)), true
	case "queryString":
		return dataweave.String(req.RawQuery), true
	case "requestPath":
		return dataweave.String(req.Path), true
	case "requestUri":
		if req.RawQuery == "" {
			return dataweave.String(req.Path), true
		}
		return dataweave.String(req.Path + "?" + req.RawQuery), true
	case "scheme":
		return dataweave.String(req.Scheme), true
	case "version":
		return dataweave.String(req.Proto), true
	case "remoteAddress":
		return dataweave.String(req.Remote.String()), true
	case "localAddress":
		return dataweave.String(req.Local.String()), true
	case "clientAddress":
		return dataweave.NewObject(map[string]dataweave.Value{"ip": dataweave.String(req.Client.String())}), true
	}
	return dataweave.Null(), false
}

type responseAttributes Scope

func (a *responseAttributes) Keys() []string { return []string{"headers", "statusCode"} }

func (a *responseAttributes) Len() int { return 2 }

func (a *responseAttributes) Get(key string) (dataweave.Value, bool) {
	switch key {
	case "headers":
		return dataweave.ObjectOf((*headers)(&a.Exchange.Response.Header)), true
	case "statusCode":
		return dataweave.Number(float64(a.Exchange.Response.Status)), true
	}
	return dataweave.Null(), false
}

// headers are looked up by lower-case name; of several values the first counts.
type headers traffic.Header

func (h *headers) Get(key string) (dataweave.Value, bool) {
	value, ok := (*traffic.Header)(h).Lookup(key)
	if !ok {
		return dataweave.Null(), false
	}
	return dataweave.String(value), true
}

func (h *headers) Keys() []string {
	var names []string
	for f := range (*traffic.Header)(h).All() {
		if len(names) == 0 || names[len(names)-1] != f.Name {
			names = append(names, f.Name)
		}
	}
	return names
}

func (h *headers) Len() int { return len(h.Keys()) }

type queryParams Scope

func (q *queryParams) Get(key string) (dataweave.Value, bool) { return (*Scope)(q).parameter(key) }

func (q *queryParams) Keys() []string {
	query := (*Scope)(q).parameters()
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	return names
}

func (q *queryParams) Len() int { return len(q.Keys()) }

type authentication traffic.Authentication

func (a *authentication) Keys() []string {
	return []string{"clientId", "clientName", "principal", "properties"}
}

func (a *authentication) Len() int { return 4 }

func (a *authentication) Get(key string) (dataweave.Value, bool) {
	text := ""
	switch key {
	case "clientId":
		text = a.ClientID
	case "clientName":
		text = a.ClientName
	case "principal":
		text = a.Principal
	case "properties":
		return dataweave.ObjectOf((*properties)(a)), true
	}
	if text == "" {
		return dataweave.Null(), false
	}
	return dataweave.String(text), true
}

type properties traffic.Authentication

func (p *properties) Get(key string) (dataweave.Value, bool) {
	value, ok := p.Properties[key]
	if !ok {
		return dataweave.Null(), false
	}
	converted, err := dataweave.FromAny(value)
	if err != nil {
		return dataweave.Null(), false
	}
	return converted, true
}

func (p *properties) Keys() []string {
	names := make([]string, 0, len(p.Properties))
	for name := range p.Properties {
		names = append(names, name)
	}
	return names
}

func (p *properties) Len() int { return len(p.Properties) }
