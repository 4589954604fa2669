package proxywasm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxPending is how many calls to services a context may have open, maxCalls
	// how many it may make for one message.
	maxPending = 8
	maxCalls   = 16
	// defaultCallTimeout stands for a timeout of 0; longer ones than
	// maxCallTimeout are cut to it.
	defaultCallTimeout = 5 * time.Second
	maxCallTimeout     = 30 * time.Second
)

// httpCall is a call that a module asked for.
type httpCall struct {
	session *session
	token   uint32
	method  string
	url     url.URL
	host    string
	header  []traffic.Field
	body    []byte
	timeout time.Duration
}

// reply is the answer of a service; one without status is that there was none.
type reply struct {
	status int
	header traffic.Header
	body   []byte
}

// proxyHTTPCall notes a call; it is made when the module returns.
func proxyHTTPCall(a args) status {
	s := a.in.current
	upstream, pairs, good := a.two(0)
	if !good {
		return invalidMemoryAccess
	}
	body, good := a.bytes(4)
	if !good {
		return invalidMemoryAccess
	}
	p := a.in.plugin
	fields, good := decodePairs(pairs)
	if !good || !within(fields) || int64(len(body)) > p.MaxBodyBytes || s.side == over {
		return badArgument
	}
	if len(s.pending) >= maxPending || s.x != nil && s.called >= maxCalls || p.http == nil {
		return internalFailure
	}
	call, good := p.prepare(string(upstream), fields)
	if !good {
		return badArgument
	}
	a.in.token++
	call.session, call.token, call.body = s, a.in.token, append([]byte(nil), body...)
	call.timeout = min(time.Duration(a.u32(8))*time.Millisecond, maxCallTimeout)
	if call.timeout == 0 {
		call.timeout = defaultCallTimeout
	}
	if !a.put(9, call.token) {
		return invalidMemoryAccess
	}
	s.called++
	s.pending = append(s.pending, call)
	return ok
}

// prepare finds the service and makes the head of a call.
func (p *plugin) prepare(upstream string, fields []traffic.Field) (*httpCall, bool) {
	call := new(httpCall)
	path := ""
	for _, f := range fields {
		switch {
		case f.Name == ":method":
			call.method = f.Value
		case f.Name == ":path":
			path = f.Value
		case f.Name == ":authority" || f.Name == "host":
			call.host = strings.ToLower(f.Value)
		case strings.HasPrefix(f.Name, ":") || framing(f.Name):
		case !valid(f):
			return nil, false
		default:
			call.header = append(call.header, f)
		}
	}
	service := p.service(upstream, call.host)
	if service == nil || call.method == "" || !strings.HasPrefix(path, "/") {
		return nil, false
	}
	parsed, err := url.ParseRequestURI(path)
	if err != nil || parsed.Host != "" {
		return nil, false
	}
	call.url = url.URL{Scheme: service.Scheme, Host: service.Host, Path: parsed.Path, RawPath: parsed.RawPath, RawQuery: parsed.RawQuery}
	return call, true
}

// service finds the service that a module means: the one whose URL or host is
// the name of the upstream, the one whose host is the authority, or the only
// one. No other can be called.
func (p *plugin) service(upstream, authority string) *url.URL {
	for i, u := range p.services {
		if upstream == p.Services[i] || upstream == u.Host {
			return u
		}
	}
	for _, u := range p.services {
		if authority == u.Host || authority == u.Hostname() {
			return u
		}
	}
	if len(p.services) == 1 {
		return p.services[0]
	}
	return nil
}

// do makes a call. It holds no lock.
func (p *plugin) do(ctx context.Context, c *httpCall) *reply {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := p.exchange(ctx, c)
	if err != nil {
		p.log.Warn("a custom policy could not call a service", "host", c.url.Host, "error", clean(err.Error(), 200))
		return new(reply)
	}
	return r
}

func (p *plugin) exchange(ctx context.Context, c *httpCall) (r *reply, err error) {
	req, err := http.NewRequestWithContext(ctx, c.method, c.url.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	for _, f := range c.header {
		req.Header.Add(f.Name, f.Value)
	}
	if c.host != "" {
		req.Host = c.host
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, p.MaxBodyBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case int64(len(body)) > p.MaxBodyBytes:
		return nil, fmt.Errorf("the answer is longer than %d bytes", p.MaxBodyBytes)
	}
	r = &reply{status: resp.StatusCode, body: body}
	for name, values := range resp.Header {
		for _, v := range values {
			r.header.Add(traffic.LowerName(name), v)
		}
	}
	return r, nil
}

// deliver gives the module an answer. As in Envoy it speaks to the root
// context, and the module chooses the one it is for.
func (in *instance) deliver(c *httpCall, r *reply) error {
	in.reply = r
	defer func() { in.reply = nil }()
	m, _ := in.root.headerMap(replyHeaders)
	_, err := in.call(in.root, onHTTPCallResponse, 0, rootID, uint64(c.token), uint64(m.count()), uint64(len(r.body)), 0) //nolint:gosec // bounded
	return err
}

// rootCalls makes the calls of the root context, for which no exchange waits.
func (in *instance) rootCalls() {
	calls := in.root.pending
	in.root.pending = nil
	for _, c := range calls {
		in.plugin.background(func(ctx context.Context) {
			r := in.plugin.do(ctx, c)
			if in.acquire(ctx) != nil {
				return
			}
			defer in.release()
			if err := in.deliver(c, r); err != nil {
				in.plugin.log.Error("a custom policy was stopped", "error", err.Error())
				return
			}
			in.rootCalls()
			in.wakeAll()
		})
	}
}

// wakeAll tells the exchanges that rest whether something was done for them.
func (in *instance) wakeAll() {
	for _, s := range in.sessions {
		if s.resumed || s.local != nil || s.closed || len(s.pending) > 0 {
			s.signal()
		}
	}
}

// setTickPeriod is of the root context, as all ticks are.
func setTickPeriod(a args) status {
	in := a.in
	in.tick = time.Duration(a.u32(0)) * time.Millisecond
	if in.tick > 0 {
		in.tick = max(in.tick, leastTick)
		in.nextTick = in.plugin.now().Add(in.tick)
		if in.pooled {
			in.plugin.startTicks()
		}
	}
	return ok
}
