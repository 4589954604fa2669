// Package policytest plays conversations: txtar files that hold a policy with
// its settings, requests, and what must come back. They are the policy's tests
// and read as its documentation. It is imported by tests only.
//
// Sections, in the order in which they are played:
//
//	-- policy --          name and settings (JSON or YAML) of the one step
//	-- clients --         contracts on the API, a YAML list of {id, name, secret, tier, limits, state}
//	-- http URL --        what a call of the policy itself to this URL gets: a status and a body, or
//	                      a raw HTTP response; "METHOD URL" answers this method only
//	-- upstream --        the response of the service: a raw HTTP response (default 200, "ok")
//	-- auth --            what an identifying step before this one established, as YAML
//	-- tls --             the certificate that clients show from here on, PEM; "verified" before it
//	                      means that it leads to a trusted root; empty for TLS without certificate
//	-- refuse-behind --   a status with which a step behind this one refuses; empty for none
//	-- send --            a raw HTTP request
//	-- message --         what the stream of the last send carries, after "client" or "service" and
//	                      "text", "binary", "gRPC" or "event"; its want is pass or refuse
//	-- advance --         lets this much time pass, as "1m"
//	-- want --            what must come of the last send, or of the last refuse-config
//	-- refuse-config --   settings that must not compile; its want is a part of the message
//	-- accept-config --   settings that must compile; its want is "accepted" and lines "warn~ text" or "!warn"
//
// Lines of want, after "pass", "refuse STATUS", "fail STATUS" or "answer STATUS":
//
//	name: value           the client reads this header
//	!name                 the client reads no such header
//	status: 200           the client reads this status
//	body: text            the client reads exactly this body ({id} stands for the correlation id)
//	body~ text            the client reads a body with this in it
//	upstream name: value  the service reads this header
//	upstream !name        the service reads no such header
//	upstream body: text   the service reads exactly this body
//	client: id            the exchange is the verified client's
//	principal: name       the exchange is that of the verified user
//	reason~ text          the decision's reason has this in it
//	finding: rule         a finding of this rule was made
//	log~ text             the policy logged a line with this in it
//	no-log~ text          the policy logged no line with this in it
//	not-inspected~ text   the record names what was not inspected
//	called~ text          one of the policy's own calls since the last want has this in it: a line
//	                      "METHOD URL", header lines in lower case, a blank line and the body
//	calls: n              the policy made so many calls since the last want
package policytest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

type conversation struct {
	t         *testing.T
	catalogue *policy.Catalogue
	states    map[string]any
	entry     *policy.Entry
	settings  json.RawMessage
	clients   []*policy.Client
	denied    map[string]string
	pages     map[string]string
	modules   map[string][]byte
	upstream  string
	auth      traffic.Authentication
	tls       *traffic.TLS
	behind    int
	mu        sync.Mutex
	calls     []string
	stream    *stream
	memory    *sharedstate.Memory
	log       logged
	chain     *policy.Chain
	last      *result
	refusal   error
	accepted  bool
	warnings  []string
	wants     int
}

type result struct {
	x        *traffic.Exchange
	verdict  policy.Verdict
	status   int
	body     string
	sent     *traffic.Header
	sentBody string
}

func newConversation(t *testing.T, catalogue *policy.Catalogue) *conversation {
	return &conversation{
		t: t, catalogue: catalogue, states: map[string]any{}, pages: map[string]string{},
		memory:   sharedstate.NewMemory(time.Now),
		upstream: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nok",
	}
}

func (c *conversation) play(section, text string) {
	c.t.Helper()
	name, argument, _ := strings.Cut(section, " ")
	switch name {
	case "policy":
		ref, settings, _ := strings.Cut(strings.TrimSpace(text), "\n")
		ref, inline, _ := strings.Cut(ref, " ")
		c.entry = c.catalogue.Find(ref)
		if c.entry == nil {
			c.t.Fatalf("policy %s is not the one under test", ref)
		}
		c.settings, c.chain = c.json(inline+"\n"+settings), nil
	case "clients":
		c.readClients(text)
	case "http":
		c.mu.Lock()
		c.pages[argument] = text
		c.mu.Unlock()
	case "upstream":
		c.upstream = text
	case "auth":
		c.auth = traffic.Authentication{}
		if err := json.Unmarshal(c.json(text), &c.auth); err != nil {
			c.t.Fatal(err)
		}
	case "tls":
		c.readTLS(text)
	case "refuse-behind":
		c.behind, _ = strconv.Atoi(strings.TrimSpace(text))
		c.chain = nil
	case "send":
		c.send(text)
	case "message":
		c.message(text)
	case "advance":
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil {
			c.t.Fatal(err)
		}
		time.Sleep(d) // virtual: the conversation runs in a synctest bubble
		synctest.Wait()
	case "refuse-config":
		c.refuseConfig(text)
	case "accept-config":
		c.acceptConfig(text)
	case "want":
		c.wants++
		c.want(strings.TrimSpace(text))
	default:
		c.t.Fatalf("unknown section %q", section)
	}
}

func (c *conversation) finish() {
	for _, state := range c.states {
		if closer, ok := state.(io.Closer); ok {
			_ = closer.Close()
		}
	}
	if c.last != nil || c.refusal != nil || c.accepted {
		c.t.Error("the last send, refuse-config or accept-config has no want")
	}
	if c.wants == 0 {
		c.t.Error("the conversation wants nothing")
	}
}

func (c *conversation) json(text string) json.RawMessage {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		c.t.Fatalf("reading %q: %v", text, err)
	}
	if value == nil {
		value = map[string]any{}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

func (c *conversation) readClients(text string) {
	var list []struct {
		ID, Name, Secret, Tier, State string
		Limits                        []struct{ Max, Period, Burst int64 }
	}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		c.t.Fatal(err)
	}
	c.clients, c.denied = nil, map[string]string{}
	for _, one := range list {
		if one.State != "" && one.State != policy.Approved {
			c.denied[one.ID] = one.State
			continue
		}
		var limits []policy.Limit
		for _, l := range one.Limits {
			limits = append(limits, policy.Limit(l))
		}
		c.clients = append(c.clients, policy.NewClient(one.ID, one.Name, one.Secret, one.Tier, limits))
	}
	c.chain = nil
}

// RoundTrip serves the http sections to the policy's own calls.
func (c *conversation) RoundTrip(r *http.Request) (*http.Response, error) {
	c.called(r)
	c.mu.Lock()
	page, ok := c.pages[r.Method+" "+r.URL.String()]
	if !ok {
		page, ok = c.pages[r.URL.String()]
	}
	c.mu.Unlock()
	if !ok {
		return nil, errors.New("connection refused")
	}
	first, body, _ := strings.Cut(page, "\n")
	if strings.HasPrefix(first, "HTTP/") {
		head, body, _ := strings.Cut(page, "\n\n")
		raw := strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n" + strings.TrimSuffix(body, "\n")
		return http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), r)
	}
	status := 0
	if _, err := fmt.Sscan(first, &status); err != nil {
		return nil, fmt.Errorf("http section begins with %q, not a status", first)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// called notes a call of the policy itself.
func (c *conversation) called(r *http.Request) {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		_, _ = fmt.Fprintf(&text, "%s: %s\n", strings.ToLower(name), strings.Join(r.Header[name], ", "))
	}
	text.WriteString("\n")
	if r.Body != nil {
		_, _ = io.Copy(&text, r.Body)
		_ = r.Body.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, text.String())
}

func (c *conversation) compile(settings json.RawMessage) (policy.Step, error) {
	if problems := c.entry.Check(settings); len(problems) > 0 {
		return policy.Step{}, errors.New(problems[0].String())
	}
	compiled, err := c.entry.Compile(settings)
	if err != nil || c.entry.Structural {
		return policy.Step{}, err
	}
	clients, err := policy.NewClients(c.clients)
	if err != nil {
		return policy.Step{}, err
	}
	for id, state := range c.denied {
		clients.Deny(id, state)
	}
	return compiled.Bind(policy.Env{
		Now: time.Now, Log: slog.New(slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		API: "default/orders", Binding: "default/under-test", Clients: clients,
		HTTP: &http.Client{Transport: c}, Shared: c.memory, Local: c.memory, Durable: c.memory,
		Expand: func(text string) (string, error) { return text, nil },
		Module: func(digest string) ([]byte, bool) { m, ok := c.modules[digest]; return m, ok },
		State: func(key string, make func() any) any {
			if c.states[key] == nil {
				c.states[key] = make()
			}
			return c.states[key]
		},
	})
}

func (c *conversation) refuseConfig(text string) {
	_, c.refusal = c.compile(c.json(text))
	if c.refusal == nil {
		c.t.Fatalf("these settings were accepted:\n%s", text)
	}
}

func (c *conversation) acceptConfig(text string) {
	c.t.Helper()
	settings := c.json(text)
	if _, err := c.compile(settings); err != nil {
		c.t.Fatalf("these settings were refused: %v\n%s", err, text)
	}
	c.accepted, c.warnings = true, nil
	if c.entry.Warn != nil {
		c.warnings = c.entry.Warn(settings)
	}
}

func (c *conversation) send(text string) {
	c.t.Helper()
	if c.last != nil || c.refusal != nil || c.accepted {
		c.t.Fatal("the send before this one has no want")
	}
	if c.chain == nil {
		step, err := c.compile(c.settings)
		if err != nil {
			c.t.Fatalf("settings: %v", err)
		}
		rt := &policy.Runtime{
			Now: time.Now, Decode: decode,
			Render:   func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
			Panicked: func(_ string, value any) { c.t.Errorf("panic: %v", value) },
		}
		links := []policy.Link{{Binding: "default/under-test", Policy: c.entry.Name, Step: step}}
		if status := c.behind; status != 0 {
			links = append(links, policy.Link{Binding: "default/behind", Policy: "behind", Step: policy.Step{
				Request: func(context.Context, *traffic.Exchange) policy.Verdict {
					return policy.Refuse(status, "Refused behind.", "the step behind refuses")
				},
			}})
		}
		if c.chain, err = policy.NewChain(rt, links); err != nil {
			c.t.Fatal(err)
		}
	}
	x, err := readExchange(text)
	if err != nil {
		c.t.Fatalf("reading the request: %v", err)
	}
	x.Auth = c.auth
	if c.tls != nil {
		x.Request.Scheme, x.Request.TLS = "https", c.tls
	}
	if c.entry.Outbound {
		x.Upstream = traffic.Upstream{Service: "default/orders-service", URI: "http://service.test:8080" + x.Request.Path, Path: x.Request.Path}
	}
	c.last = c.run(context.Background(), x)
}

// run does what a gateway does with one exchange.
func (c *conversation) run(ctx context.Context, x *traffic.Exchange) *result {
	res := &result{x: x}
	if n := c.chain.Tee(); n > 0 {
		if err := x.Request.Body.Load(n, nil, nil); err != nil {
			c.t.Fatal(err)
		}
	}
	run := c.chain.Begin()
	res.verdict = run.Request(ctx, x)
	if res.verdict.Stops() {
		run.Render(x, res.verdict)
	} else {
		sent := x.Request.Header.Clone()
		res.sent = &sent
		if body, _ := x.Request.Body.Forward(); body != nil {
			text, err := io.ReadAll(body)
			if err != nil {
				c.t.Fatal(err)
			}
			res.sentBody = string(text)
		}
		if err := readResponse(x, c.upstream); err != nil {
			c.t.Fatalf("reading the upstream section: %v", err)
		}
		c.stream = &stream{run: run, x: x}
	}
	run.Response(ctx, x)
	res.status = x.Response.Status
	if body, _ := x.Response.Body.Forward(); body != nil {
		text, err := io.ReadAll(body)
		if err != nil {
			c.t.Fatal(err)
		}
		res.body = string(text)
	}
	run.End(x, false)
	run.End(x, true)
	return res
}
