package policytest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

func (c *conversation) want(text string) {
	c.t.Helper()
	if c.refusal != nil {
		if !strings.Contains(c.refusal.Error(), text) {
			c.t.Errorf("the settings were refused with %q, want %q in it", c.refusal, text)
		}
		c.refusal = nil
		return
	}
	lines := strings.Split(text, "\n")
	if c.accepted {
		c.wantAccepted(lines)
		return
	}
	if c.last == nil {
		c.t.Fatal("want without a send")
	}
	c.wantOutcome(strings.Fields(lines[0]))
	for _, line := range lines[1:] {
		c.wantLine(strings.TrimSpace(line))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.calls = nil, nil
	c.log.Reset()
}

// logged is what a policy logged, also in the background.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String is all that was logged since Reset.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Reset forgets it.
func (l *logged) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (c *conversation) wantAccepted(lines []string) {
	c.t.Helper()
	c.accepted = false
	if lines[0] != "accepted" {
		c.t.Fatalf("unknown outcome %q: accepted", lines[0])
	}
	for _, line := range lines[1:] {
		part, warned := strings.CutPrefix(line, "warn~ ")
		switch {
		case warned:
			c.contains("the warnings are", strings.Join(c.warnings, "\n"), part)
		case line == "!warn" && len(c.warnings) > 0:
			c.t.Errorf("warnings %q, want none", c.warnings)
		case line != "!warn":
			c.t.Fatalf("unknown expectation %q", line)
		}
	}
}

func (c *conversation) wantOutcome(words []string) {
	c.t.Helper()
	actions := map[string]traffic.Action{
		"pass": traffic.Continued, "refuse": traffic.Refused, "fail": traffic.Failed, "answer": traffic.Answered,
	}
	want, ok := actions[words[0]]
	if !ok {
		c.t.Fatalf("unknown outcome %q: pass, refuse, fail or answer", words[0])
	}
	v := c.last.verdict
	if (want == traffic.Continued) == v.Stops() || want != traffic.Continued && v.Action != want {
		c.t.Fatalf("got %v %d (%s), want %s", v.Action, v.Answer.Status, v.Reason, strings.Join(words, " "))
	}
	if want == traffic.Continued {
		return
	}
	if len(words) != 2 {
		c.t.Fatalf("%s without a status", words[0])
	}
	if status, _ := strconv.Atoi(words[1]); c.last.status != status {
		c.t.Errorf("status %d (%s), want %d", c.last.status, v.Reason, status)
	}
}

func (c *conversation) wantLine(line string) {
	c.t.Helper()
	res := c.last
	target, where := &res.x.Response.Header, "the client reads"
	body := res.body
	if rest, ok := strings.CutPrefix(line, "upstream "); ok {
		if res.sent == nil {
			c.t.Errorf("nothing went upstream, want %q", line)
			return
		}
		target, where, body, line = res.sent, "upstream reads", res.sentBody, rest
	}
	if name, ok := strings.CutPrefix(line, "!"); ok {
		if target.Has(name) {
			c.t.Errorf("%s %s: %s, want none", where, name, target.Joined(name))
		}
		return
	}
	if part, ok := strings.CutPrefix(line, "body~ "); ok {
		c.contains(where+" a body", body, part)
		return
	}
	if c.wantFacts(line) {
		return
	}
	name, value, ok := strings.Cut(line, ":")
	value = strings.ReplaceAll(strings.TrimSpace(value), "{id}", res.x.ID)
	switch {
	case !ok || name != strings.ToLower(name):
		c.t.Fatalf("unknown expectation %q", line)
	case name == "body":
		if strings.TrimSpace(body) != value {
			c.t.Errorf("%s body %q, want %q", where, body, value)
		}
	case target.Joined(name) != value:
		c.t.Errorf("%s %s: %q, want %q", where, name, target.Joined(name), value)
	}
}

// wantFacts checks what is known of the exchange beyond its messages.
func (c *conversation) wantFacts(line string) bool {
	c.t.Helper()
	x := c.last.x
	kind, value, ok := strings.Cut(line, " ")
	if !ok {
		return false
	}
	switch kind {
	case "status:":
		if strconv.Itoa(c.last.status) != value {
			c.t.Errorf("status %d, want %s", c.last.status, value)
		}
	case "client:":
		if x.Auth.ClientID != value {
			c.t.Errorf("client %q, want %q", x.Auth.ClientID, value)
		}
	case "principal:":
		if x.Auth.Principal != value {
			c.t.Errorf("principal %q, want %q", x.Auth.Principal, value)
		}
	case "reason~":
		var reasons []string
		for _, d := range x.Decisions {
			reasons = append(reasons, d.Reason)
		}
		c.contains("the reasons are", strings.Join(reasons, "\n"), value)
	case "finding:":
		var rules []string
		for _, f := range x.Findings {
			rules = append(rules, f.Rule)
		}
		c.contains("the findings are", strings.Join(rules, "\n"), value)
	case "log~":
		c.contains("the log is", c.log.String(), value)
	case "no-log~":
		if strings.Contains(c.log.String(), value) {
			c.t.Errorf("the log is %q, want no %q in it", c.log.String(), value)
		}
	case "called~":
		c.contains("the policy's own calls are", strings.Join(c.calls, "\n"), value)
	case "calls:":
		if strconv.Itoa(len(c.calls)) != value {
			c.t.Errorf("%d calls of the policy itself, want %s:\n%s", len(c.calls), value, strings.Join(c.calls, "\n"))
		}
	case "not-inspected~":
		c.contains("not inspected is", strings.Join(x.NotInspected, "\n"), value)
	default:
		return false
	}
	return true
}

func (c *conversation) contains(what, text, part string) {
	c.t.Helper()
	if !strings.Contains(text, part) {
		c.t.Errorf("%s %q, want %q in it", what, text, part)
	}
}

// readExchange makes the exchange of a raw request; the peer is 192.0.2.7.
func readExchange(text string) (*traffic.Exchange, error) {
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	parts := strings.Fields(lines[0])
	if len(parts) != 3 {
		return nil, fmt.Errorf("request line %q", lines[0])
	}
	now := time.Now()
	x := &traffic.Exchange{ID: traffic.NewID(now), Received: now, API: "default/orders"}
	req := &x.Request
	path, query, _ := strings.Cut(parts[1], "?")
	normal, err := traffic.NormalisePath(path)
	if err != nil {
		return nil, err
	}
	req.Method, req.RawTarget, req.Path, req.RawQuery, req.Proto = parts[0], parts[1], normal, query, parts[2]
	x.SubPath, req.Scheme, req.Host = normal, "http", "api.test"
	req.Remote, req.Local = netip.MustParseAddrPort("192.0.2.7:40000"), netip.MustParseAddrPort("192.0.2.1:8081")
	req.Client = req.Remote.Addr()
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header line %q", line)
		}
		req.Header.Add(traffic.LowerName(name), strings.TrimSpace(value))
	}
	body = strings.TrimSuffix(body, "\n")
	if req.Header.Get("content-encoding") == "gzip" {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = io.WriteString(w, body)
		_ = w.Close()
		body = packed.String()
	}
	if body != "" {
		req.Body.SetSource(strings.NewReader(body), int64(len(body)))
	}
	req.Streaming = req.Header.Has("upgrade")
	return x, nil
}

func readResponse(x *traffic.Exchange, text string) error {
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	raw := strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	x.Response.Status = resp.StatusCode
	for name, values := range resp.Header {
		for _, v := range values {
			x.Response.Header.Add(traffic.LowerName(name), v)
		}
	}
	body = strings.TrimSuffix(body, "\n")
	x.Response.Body.SetSource(strings.NewReader(body), int64(len(body)))
	x.Response.Streaming = strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	return nil
}

// decode knows gzip, which is enough to show that steps see decoded content.
func decode(encoding string, coded []byte, limit int64) ([]byte, bool, error) {
	if encoding != "gzip" {
		return nil, false, fmt.Errorf("content coding %q is unknown", encoding)
	}
	r, err := gzip.NewReader(bytes.NewReader(coded))
	if err != nil {
		return nil, false, fmt.Errorf("reading gzip: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, false, fmt.Errorf("reading gzip: %w", err)
	}
	if int64(len(text)) > limit {
		return text[:limit], true, nil
	}
	return text, false, nil
}
