package otlp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/adapter"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// meaning is what is kept of a span for the others of its trace. What needs none of
// them goes to f.
func meaning(s *span, now time.Time, f *found) *node {
	n := &node{key: s.key, parent: s.parent, came: now, at: began(s.start, now), service: s.service}
	a := &s.attributes
	switch {
	case s.kind == server && a[method] != "":
		n.served = &served{nil, a[method]}
		if o := observation(s, n.at); o != nil {
			n.served = &served{o, operation(o)}
		}
	case s.kind == server && a[rpcSystem] != "":
		o := rpc(s, n.at)
		n.served = &served{o, strings.Trim(a[rpcService]+"/"+a[rpcMethod], "/")}
	case s.kind == client && (a[method] != "" || a[rpcSystem] != "" || a[peerService] != ""):
		n.peer, n.operation = called(s)
	case s.kind == producer && a[messagingSystem] != "":
		f.edge(s.service, queue(a), "publish", n.at)
		n.met = true
	case s.kind == consumer && a[messagingSystem] != "":
		f.edge(queue(a), s.service, "receive", n.at)
	}
	if flow := muleFlow(s); flow != "" {
		// A flow that an HTTP listener, a queue, a scheduler or another flow started is
		// known by an edge of its application to itself.
		f.edge(s.service, s.service, "flow "+flow, n.at)
	}
	return n
}

// began is when a span began, if that can be believed.
func began(nanoseconds uint64, now time.Time) time.Time {
	const ahead = 5 * time.Minute
	if nanoseconds == 0 || nanoseconds > math.MaxInt64 {
		return now
	}
	if at := time.Unix(0, int64(nanoseconds)).UTC(); !at.After(now.Add(ahead)) {
		return at
	}
	return now
}

// observation is what a server of HTTP saw, nil when its span does not tell the path.
func observation(s *span, at time.Time) *discovery.Observation {
	a := &s.attributes
	o := &discovery.Observation{
		Source: discovery.FromTrace, Time: at, Scheme: a[scheme], Host: withPort(a[host], a[hostPort]), Method: a[method],
		Proto: protocolOf(a[version]), Service: s.service, Caller: discovery.Caller{Address: adapter.Client(a[clientAddress])},
	}
	asked := a[target]
	switch {
	case a[urlPath] != "":
		asked = a[urlPath]
		if a[urlQuery] != "" {
			asked += "?" + a[urlQuery]
		}
	case asked == "" && a[fullURL] != "":
		asked = a[fullURL]
	case asked == "":
		asked = braces(a[route])
	}
	if asked != "" && asked[0] != '/' && !strings.Contains(asked, "://") {
		asked = "/" + asked
	}
	if asked == "" || adapter.Address(o, asked) != nil {
		return nil
	}
	o.Template = template(braces(a[route]), o.Path)
	if status, err := strconv.Atoi(a[statusCode]); err == nil && status >= 100 && status <= 599 {
		o.Status = status
	}
	o.Assumed = o.Status == 0 && !s.failed
	// Of what was sent a span tells the query at most.
	o.Sampled = o.Query != ""
	o.Request.Unseen = o.Method == http.MethodPost || o.Method == http.MethodPut || o.Method == http.MethodPatch
	o.Response.Unseen = o.Status != http.StatusNoContent && o.Status != http.StatusNotModified && o.Method != http.MethodHead
	return o
}

// operation names what was asked for: by its route, or else with typed segments.
func operation(o *discovery.Observation) string {
	if o.Template != "" {
		return o.Method + " " + o.Template
	}
	return typed(o)
}

// typed is the operation of a path by its segments. Of a long one nobody needs the
// end.
func typed(o *discovery.Observation) string {
	const enough = 512
	return traffic.Operation(o.Method, o.Path[:min(len(o.Path), enough)])
}

// grpcStatuses are those of HTTP that say about the same as those of gRPC.
var grpcStatuses = map[string]int{"0": 200, "OK": 200, "3": 400, "5": 404, "7": 403, "12": 404, "16": 401}

// rpc is what a server of gRPC saw, nil for other protocols.
func rpc(s *span, at time.Time) *discovery.Observation {
	a := &s.attributes
	if a[rpcSystem] != "grpc" || a[rpcMethod] == "" {
		return nil
	}
	path := "/" + strings.Trim(a[rpcService]+"/"+a[rpcMethod], "/")
	header := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/grpc"})
	o := &discovery.Observation{
		Source: discovery.FromTrace, Time: at, Scheme: a[scheme], Host: withPort(a[host], a[hostPort]), Method: http.MethodPost,
		Proto: "HTTP/2.0", Service: s.service, Caller: discovery.Caller{Address: adapter.Client(a[clientAddress])},
		Request: discovery.Message{Header: &header, Unseen: true}, Response: discovery.Message{Unseen: true},
	}
	if adapter.Address(o, path) != nil {
		return nil
	}
	o.Status = grpcStatuses[a[rpcStatus]]
	if o.Status == 0 && (a[rpcStatus] != "" || s.failed) {
		o.Status = http.StatusInternalServerError
	}
	o.Assumed = o.Status == 0
	return o
}

// called is whom a client called as far as its span says, and what.
func called(s *span) (peer, operation string) {
	a := &s.attributes
	o := &discovery.Observation{Method: a[method], Scheme: a[scheme], Host: withPort(a[host], a[hostPort])}
	if a[method] == "" {
		operation = strings.Trim(a[rpcService]+"/"+a[rpcMethod], "/")
	}
	asked := a[target]
	if a[fullURL] != "" {
		asked = a[fullURL]
	}
	if a[method] != "" {
		if asked == "" {
			asked = "/"
		}
		if adapter.Address(o, asked) == nil {
			operation = typed(o)
		}
	}
	switch {
	case a[peerService] != "":
		peer = a[peerService]
	case o.Host != "":
		peer = o.Host
	default:
		peer = withPort(a[peerHost], a[peerPort])
	}
	return clip(peer), operation
}

// queue names a queue or topic by its system: "jms orders". Temporary ones have no name.
func queue(a *attributes) string {
	if a[destination] == "" || a[temporary] == "true" {
		return clip(a[messagingSystem])
	}
	return clip(a[messagingSystem] + " " + a[destination])
}

// muleFlow is the name of the flow that a span of a Mule application stands for: of
// the runtime's own tracing, whose attribute location is a flow or a place in one, and
// of the tracing module of others. It is empty for components of flows.
func muleFlow(s *span) string {
	a := &s.attributes
	switch {
	case a[flowName] != "" && (s.kind == server || s.kind == consumer || s.parent.none()):
		return clip(a[flowName])
	case a[location] == "" || strings.Contains(a[location], "/"):
		return ""
	case strings.HasPrefix(s.name, "mule:flow"), strings.HasPrefix(s.name, "mule:sub-flow"), s.kind == server, s.kind == consumer:
		return clip(a[location])
	}
	return ""
}

// withPort is a host with its port, unless it has one or there is none.
func withPort(host, port string) string {
	if host == "" || port == "" || port == "0" || strings.Contains(host[strings.LastIndexByte(host, ']')+1:], ":") && strings.Count(host, ":") == 1 {
		return host
	}
	if strings.Count(host, ":") > 1 && host[0] != '[' {
		host = "[" + host + "]"
	}
	if strings.HasSuffix(host, "]") || !strings.Contains(host, ":") {
		return host + ":" + port
	}
	return host
}

// protocolOf is a protocol as discovery writes it, of its version.
func protocolOf(version string) string {
	switch version = strings.TrimPrefix(strings.ToUpper(version), "HTTP/"); version {
	case "1.0", "1.1":
		return "HTTP/" + version
	case "2", "2.0":
		return "HTTP/2.0"
	case "3", "3.0":
		return "HTTP/3.0"
	}
	return ""
}

// braces is a route of any framework with its parameters in braces: ":id", "<id>",
// "<int:id>" and "{id:[0-9]+}" become "{id}". It is empty for routes that say less
// than a path does: with wildcards, or expressions.
func braces(route string) string {
	if route == "" || len(route) > 1024 || strings.ContainsAny(route, "*()[]^$\\?#% ") && !strings.Contains(route, "{") {
		return ""
	}
	segments := strings.Split(strings.Trim(route, "/"), "/")
	for i, s := range segments {
		name, parameter := s, true
		switch {
		case strings.HasPrefix(s, ":"):
			name = s[1:]
		case strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">"):
			name = s[strings.LastIndexByte(s, ':')+1 : len(s)-1]
			name = strings.TrimPrefix(name, "<")
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
			name, _, _ = strings.Cut(s[1:len(s)-1], ":")
		default:
			parameter = false
		}
		if strings.ContainsAny(name, "*()[]^$\\?#% {}<>:") || name == "" && len(segments) > 1 {
			return ""
		}
		if parameter {
			segments[i] = "{" + name + "}"
		}
	}
	return "/" + strings.Join(segments, "/")
}

// template is a route as the whole path of the request shows it: a route often
// lacks what the application is mounted on. It is empty when the path is none of the
// route's, or when values may stand where names should.
func template(route, path string) string {
	want, have := strings.Split(strings.Trim(route, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	mounted := len(have) - len(want)
	if route == "" || mounted < 0 {
		return ""
	}
	whole := ""
	for i, s := range have {
		if i >= mounted {
			if want[i-mounted] != s && !strings.HasPrefix(want[i-mounted], "{") {
				return ""
			}
			s = want[i-mounted]
		}
		if s == "" || s[0] != '{' && strings.ContainsAny(s, "0123456789") && !versioned(s) {
			return ""
		}
		whole += "/" + s
	}
	return whole
}

// versioned says that a segment is a version, as v1 and 2.0.
func versioned(segment string) bool {
	rest := strings.TrimPrefix(segment, "v")
	return len(rest) <= 4 && strings.Trim(rest, "0123456789.") == "" && (rest != segment || strings.Contains(rest, "."))
}
