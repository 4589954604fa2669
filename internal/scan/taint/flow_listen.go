package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// incoming is the event that a flow's source begins it with.
func (r *run) incoming(f *mule.Flow) *event {
	r.stack = append(r.stack, call{f, f.Source})
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	return r.begin(f.Source)
}

func (r *run) begin(e *document.Element) *event {
	ev := emptyEvent()
	switch {
	case e.Is(nsCore, "composite-source"):
		var all *event
		for _, c := range e.Elements() {
			all = joinEvents(all, r.begin(c))
		}
		if all != nil {
			return all
		}
		return ev
	case e.Is(nsCore, "poll"):
		if out := r.chain(e.Elements(), ev, &failures{}); out != nil {
			return out
		}
		return ev
	}
	l, ok := listenerOf(e)
	if o := r.origins[e.Name]; len(o) > 0 && !ok {
		return r.originate(e, ev)
	}
	if !ok {
		return ev
	}
	if isQueue(e.Name.Space) {
		if d := destinationOf(e); d != "" && r.served[queueKey(e, d)] {
			return ev.withMessage(r.read(queueKey(e, d)), Of(AnyType), "")
		}
	}
	ev.payload = Tainted(r.source(e, l.label, "payload"))
	if l.label&(Client|Agent|Queue) != 0 {
		ev.payload = Marked(ev.payload, r.source(e, Whole, "payload"))
		ev.payload = Named(ev.payload, "payload")
	}
	switch {
	case e.Name.Space == nsHTTP || e.Name.Space == nsPolicy || e.Name.Space == base+"https" || e.Is(nsCore, "inbound-endpoint") && l.label&Client != 0:
		if r.project.Major == 3 {
			ev.attributes = r.request3(e)
		} else {
			ev.attributes = r.request(e)
		}
	default:
		ev.attributes = Tainted(r.source(e, l.label, "attributes"))
	}
	return r.originate(e, ev)
}

// secretParts are headers and parameters that hold credentials.
var secretParts = []string{
	"authorization", "Authorization", "proxy-authorization", "cookie", "Cookie", "x-api-key", "X-API-Key", "client_secret", "client-secret",
	"clientSecret", "password", "access_token", "apikey", "api_key", "token",
}

// request is what the attributes of an HTTP request are.
func (r *run) request(e *document.Element) *Value {
	fixed := e.Value("path") != "" && !strings.ContainsAny(e.Value("path"), "*{")
	fields := map[string]*Value{
		"method": Of(TextType), "remoteAddress": Of(TextType), "localAddress": Of(TextType), "listenerPath": Of(TextType),
		"scheme": Of(TextType), "version": Of(TextType),
	}
	for _, part := range [...]string{"queryString", "requestUri", "rawRequestUri", "clientCertificate"} {
		fields[part] = Tainted(r.source(e, Client, "attributes."+part))
	}
	for _, part := range [...]string{"requestPath", "rawRequestPath", "relativePath", "maskedRequestPath"} {
		if fields[part] = Of(TextType); !fixed {
			fields[part] = Tainted(r.source(e, Client, "attributes."+part))
		}
	}
	fields["queryParams"] = r.withSecrets(e, "attributes.queryParams")
	fields["headers"] = r.withSecrets(e, "attributes.headers")
	uri := map[string]*Value{}
	for _, name := range templateNames(e.Value("path")) {
		uri[name] = Tainted(r.source(e, Client, "attributes.uriParams."+spell(name)))
	}
	fields["uriParams"] = object(uri)
	if strings.Contains(e.Value("path"), "*") || strings.Contains(e.Value("path"), "${") {
		fields["uriParams"] = Tainted(r.source(e, Client, "attributes.uriParams"))
	}
	v := object(fields)
	v.From = "attributes"
	v.Rest = Tainted(r.source(e, Client, "attributes"))
	return measured(v)
}

// withSecrets is a part of a request whose fields a client names, credentials among them.
func (r *run) withSecrets(e *document.Element, part string) *Value {
	v := *Tainted(r.source(e, Client, part))
	v.Fields = map[string]*Value{}
	for _, name := range secretParts {
		from := part + "." + spell(name)
		v.Fields[name] = Named(Marked(Tainted(r.source(e, Client, part)), r.source(e, Secret, from)), from)
	}
	return measured(&v)
}

// request3 is what the inbound properties of an HTTP request are in Mule 3.
func (r *run) request3(e *document.Element) *Value {
	const in = "message.inboundProperties"
	fields := map[string]*Value{}
	for _, part := range [...]string{"http.method", "http.scheme", "http.version", "http.remote.address", "http.listener.path", "http.context.path"} {
		fields[part] = Of(TextType)
	}
	for _, part := range [...]string{"http.query.string", "http.request.uri", "http.request"} {
		fields[part] = Tainted(r.source(e, Client, in+"."+spell(part)))
	}
	fixed := e.Value("path") != "" && !strings.ContainsAny(e.Value("path"), "*{")
	for _, part := range [...]string{"http.request.path", "http.relative.path"} {
		if fields[part] = Of(TextType); !fixed {
			fields[part] = Tainted(r.source(e, Client, in+"."+spell(part)))
		}
	}
	fields["http.query.params"] = Tainted(r.source(e, Client, in+"."+spell("http.query.params")))
	fields["http.uri.params"] = Tainted(r.source(e, Client, in+"."+spell("http.uri.params")))
	for _, name := range secretParts {
		from := in + "." + spell(name)
		fields[name] = Named(Marked(Tainted(r.source(e, Client, in)), r.source(e, Secret, from)), from)
	}
	v := object(fields)
	v.Rest = Tainted(r.source(e, Client, in))
	v.From = in
	return measured(v)
}

// respond looks at what a flow answers to who started it.
func (r *run) respond(f *mule.Flow, s *summary) {
	l, ok := listenerOf(f.Source)
	if d := destinationOf(f.Source); isQueue(f.Source.Name.Space) && d != "" && s.out != nil {
		r.put("reply of "+queueKey(f.Source, d), s.out.payload)
	}
	if !ok || l.label&(Client|Agent) == 0 || len(r.outcomes)+len(r.sinks) == 0 {
		return
	}
	r.stack = append(r.stack, call{f, f.Source})
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	told := false
	for _, c := range f.Source.Elements() {
		local := c.Name.Local
		ev := s.out
		if strings.Contains(local, "error-response") {
			if ev = s.failed; ev != nil && ev.err == nil {
				// No handler was there: the response is the first to see the error.
				ev = ev.clone()
				ev.err = r.errorValue(f.Source, &failures{raised: s.raised})
			}
		} else if strings.Contains(local, "response") {
			told = true
		} else {
			continue
		}
		if ev != nil {
			r.sinksAt(c, ev)
			r.partsOf(c, ev)
			r.respondWith(f.Source, c, ev, strings.Contains(local, "error-response"))
		}
	}
	if s.out != nil {
		r.sinksAt(f.Source, s.out)
		if !told {
			r.outcome(f.Source, "response", "", argument{value: s.out.payload, at: r.place(f.Source), mime: s.out.mime, made: true})
		}
		if r.project.Major == 3 {
			r.outcome(f.Source, "response headers", "*", argument{value: s.out.outbound, at: r.place(f.Source), made: true})
		}
	}
}

// respondWith looks at what an element describes as the response.
func (r *run) respondWith(source, e *document.Element, ev *event, failed bool) {
	mime, bodies := ev.mime, 0
	for _, c := range e.Elements() {
		switch {
		case c.Name.Local == "headers":
			r.headersOut(source, c, ev)
			if t := c.Content(); t != nil && strings.Contains(strings.ToLower(t.Value.Text), "text/html") {
				mime = "text/html"
			}
		case c.Name.Local == "header" && c.Value("headerName") != "":
			v := object(map[string]*Value{c.Value("headerName"): r.attr(c, "value", ev)})
			r.outcome(source, "response headers", "*", argument{value: v, at: r.place(c)})
		}
	}
	e.Walk(func(c *document.Element) bool {
		if c == e || c.Name.Local == "headers" || c.Name.Local == "header" {
			return c == e
		}
		for _, a := range r.textOf(c, ev, "") {
			bodies++
			if a.mime == "" {
				a.mime = mime
			}
			// A body that is the payload as it is was made elsewhere.
			a.made = a.value == ev.payload
			r.outcome(source, "response", "", a)
		}
		return true
	})
	if bodies == 0 && !failed {
		r.outcome(source, "response", "", argument{value: ev.payload, at: r.place(source), mime: mime, made: true})
	}
}

func (r *run) headersOut(source, c *document.Element, ev *event) {
	for _, a := range r.textOf(c, ev, "") {
		r.outcome(source, "response headers", "*", a)
	}
}

// outcome judges what comes out by the sinks that are about it; with fields, sinks
// may name one.
func (r *run) outcome(source *document.Element, what, fields string, a argument) {
	for _, s := range r.outcomes {
		first, field, _ := strings.Cut(s.Argument, "/")
		if first != what || !declares(s, source.Name) {
			continue
		}
		b := a
		if field != "" {
			if b.value = nil; fields != "" {
				b.value = fieldIn(a.value, field)
			}
		}
		r.judge(s, b)
	}
}
