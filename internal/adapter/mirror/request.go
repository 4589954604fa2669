package mirror

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/adapter"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// maxFields is how many header fields of a request are looked at.
const maxFields = 200

// ServeHTTP takes a copy of a request, or a push.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.o.Token != "" && r.Method == http.MethodPost && r.URL.Path == PushPath {
		s.push(w, r)
		return
	}
	if !s.access.Shows(r.Header.Get("X-Mirror-Token")) {
		s.unauthorised.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	default:
		s.busy.Add(1)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	o, err := s.observation(r)
	w.WriteHeader(http.StatusNoContent)
	if err != nil {
		s.unreadable.Add(1)
		return
	}
	s.inbox.Put(o, true)
}

// observation reads a copy.
func (s *Server) observation(r *http.Request) (*discovery.Observation, error) {
	o := &discovery.Observation{
		Source: discovery.FromMirror, Time: s.o.Now(), Method: r.Method, Host: r.Host, Scheme: "http", Proto: r.Proto,
		Sampled: true,
	}
	if r.TLS != nil {
		o.Scheme = "https"
	}
	target := r.RequestURI
	if !s.o.Plain {
		target = s.original(o, r)
	}
	if err := adapter.Address(o, target); err != nil {
		return nil, err
	}
	o.Request.Header = s.header(r)
	if err := readBody(r, &o.Request); err != nil {
		return nil, err
	}
	s.unanswered(o)
	return o, nil
}

// unanswered says how an observation counts whose answer nobody saw.
func (s *Server) unanswered(o *discovery.Observation) {
	o.Assumed = o.Status == 0 && s.o.Answers == Assumed
}

// original puts what the proxy says of the request in the place of what the copy
// looks like, and gives its target.
func (s *Server) original(o *discovery.Observation, r *http.Request) (target string) {
	first := func(names ...string) string {
		for _, name := range names {
			if value := r.Header.Get(name); value != "" {
				return value
			}
		}
		return ""
	}
	if method := first("X-Original-Method"); method != "" {
		o.Method = method
	}
	if host := first("X-Original-Host", "X-Envoy-Original-Host"); host != "" {
		o.Host = host
	}
	o.Host = withoutShadow(o.Host)
	if scheme := first("X-Original-Scheme", "X-Forwarded-Proto"); scheme != "" {
		o.Scheme = scheme
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	o.Caller.Address = adapter.Client(hops[len(hops)-1])
	if !o.Caller.Address.IsValid() {
		o.Caller.Address = adapter.Client(first("X-Envoy-External-Address", "X-Real-Ip"))
	}
	if status, err := strconv.Atoi(first("X-Mirror-Status")); err == nil && status >= 100 && status <= 599 {
		o.Status = status
	}
	target = r.RequestURI
	if uri := first("X-Original-Uri", "X-Envoy-Original-Path"); uri != "" {
		target = uri
	}
	return target
}

// withoutShadow is a host without the ending that Envoy gives to that of a copy,
// before the port or behind it.
func withoutShadow(host string) string {
	const ending = "-shadow"
	if name, found := strings.CutSuffix(host, ending); found {
		return name
	}
	if name, port, found := strings.Cut(host, ending+":"); found {
		return name + ":" + port
	}
	return host
}

// header is the header of the original: without what the proxy and this listener
// put in.
func (s *Server) header(r *http.Request) *traffic.Header {
	fields := make([]traffic.Field, 0, min(len(r.Header)+4, maxFields))
	for name, values := range r.Header {
		name = traffic.LowerName(name)
		if ofOneConnection(name) || name == "x-mirror-token" || !s.o.Plain && ofProxy(name) {
			continue
		}
		for _, value := range values {
			if len(fields) < maxFields {
				fields = append(fields, traffic.Field{Name: name, Value: value})
			}
		}
	}
	var h traffic.Header
	h.SetSorted(fields)
	return &h
}

// ofOneConnection are fields that say nothing of a request (RFC 9110 §7.6.1).
// Upgrade and Connection stay, for they open a WebSocket.
func ofOneConnection(name string) bool {
	switch name {
	case "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding":
		return true
	}
	return false
}

// ofProxy are the fields by which proxies tell of a request.
func ofProxy(name string) bool {
	switch name {
	case "forwarded", "via", "x-real-ip":
		return true
	}
	for _, family := range [...]string{"x-original-", "x-mirror-", "x-forwarded-", "x-envoy-"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// readBody keeps the first part of a body. What is behind it, net/http reads or cuts
// off with the connection.
func readBody(r *http.Request, m *discovery.Message) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	first := 4 << 10
	if r.ContentLength > 0 {
		first = int(min(r.ContentLength, discovery.MaxBody)) + 1
	}
	m.Body = make([]byte, 0, first)
	from := io.LimitReader(r.Body, discovery.MaxBody+1)
	for {
		if len(m.Body) == cap(m.Body) {
			next := make([]byte, len(m.Body), min(2*cap(m.Body), discovery.MaxBody+1))
			copy(next, m.Body)
			m.Body = next
		}
		n, err := from.Read(m.Body[len(m.Body):cap(m.Body)])
		m.Body = m.Body[:len(m.Body)+n]
		if len(m.Body) > discovery.MaxBody {
			m.Body, m.Partial = m.Body[:discovery.MaxBody], true
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
