package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/policy"
)

// The conversations of examples/*/*.txtar, each beside the manifest that it is
// about, are played through a real gateway: every request on a connection of
// its own, with a service behind it that answers "PORT METHOD TARGET". They
// begin with a sentence that says what they show. Sections:
//
//	-- send [PORT] --               a raw HTTP request to a port of the manifests (8081);
//	                                Host and Content-Length are added where they are missing
//	-- send PORT tls [WHO] [1.1] -- the same over TLS: WHO is client (a certificate that the
//	                                manifests trust), stranger (one that they do not) or absent;
//	                                1.1 speaks no later version of TLS
//	-- upstream --                  what the service answers from here on, a raw HTTP response
//	-- refuse-config --             settings of the policy that must not be valid; its want is a
//	                                part of the message
//	-- want --                      what must come of it
//
// Lines of want, after "pass" (a service read the request), "refuse STATUS" (none
// did, and the client reads an error), "answer STATUS" (none did, and the client
// reads no error) or "closed" (the gateway ended the connection):
//
//	status: 200             the client reads this status
//	name: value             the client reads this header; the name in lower case
//	!name                   the client reads no such header
//	body: text              the client reads exactly this body ({id} stands for the correlation id)
//	body~ text              the client reads a body with this in it
//	upstream target: /path  the service reads this path and query
//	upstream name: value    the service reads this header
//	upstream !name          the service reads no such header
//	upstream body: text     the service reads exactly this body
//	log~ text               the gateway logged a line with this in it
//
// Every answer must carry a correlation id, and every error in JSON the same one.

// conversation is one file being played.
type conversation struct {
	t       *testing.T
	run     *running
	entry   *policy.Entry
	log     int // where the log of the last send begins
	last    *reply
	refusal error
	// passes and refusals count what was wanted and came.
	passes, refusals int
}

// reply is what came of a send.
type reply struct {
	err    error
	status int
	header http.Header
	body   string
	seen   *seen
}

func (c *conversation) play(archive *txtar.Archive) {
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		c.t.Fatal("a conversation begins with a sentence that says what it shows")
	}
	c.run.services.answerWith("")
	for _, section := range archive.Files {
		name, rest, _ := strings.Cut(section.Name, " ")
		text := string(section.Data)
		switch name {
		case "send":
			c.unanswered()
			c.send(strings.Fields(rest), text)
		case "upstream":
			c.run.services.answerWith(text)
		case "refuse-config":
			c.unanswered()
			c.refuseConfig(text)
		case "want":
			c.want(strings.TrimSpace(text))
		default:
			c.t.Fatalf("unknown section %q", section.Name)
		}
	}
	c.unanswered()
}

func (c *conversation) unanswered() {
	c.t.Helper()
	if c.last != nil || c.refusal != nil {
		c.t.Fatal("the section before this one has no want")
	}
}

func (c *conversation) refuseConfig(text string) {
	c.t.Helper()
	var settings any
	if err := yaml.Unmarshal([]byte(text), &settings); err != nil {
		c.t.Fatal(err)
	}
	raw := mustJSON(c.t, settings)
	if problems := c.entry.Check(raw); len(problems) > 0 {
		c.refusal = fmt.Errorf("%s", problems[0].String())
	} else if _, c.refusal = c.entry.Compile(raw); c.refusal == nil {
		c.t.Fatalf("these settings are valid:\n%s", text)
	}
}

func (c *conversation) send(how []string, text string) {
	c.t.Helper()
	port := "8081"
	if len(how) > 0 {
		port, how = how[0], how[1:]
	}
	c.run.services.take()
	c.log = len(c.run.log.String())
	conn, err := dial(c.run.at(port), how)
	if err == nil {
		defer func() { _ = conn.Close() }()
		c.last = exchange(conn, rawRequest(c.t, text))
	} else {
		c.last = &reply{err: err}
	}
	c.last.seen = c.run.services.take()
}

// dial connects as the words behind a send say.
func dial(address string, how []string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if len(how) == 0 {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	config := &tls.Config{RootCAs: pki.pool, ServerName: "localhost"}
	for _, word := range how[1:] {
		switch word {
		case "client":
			config.Certificates = []tls.Certificate{pki.client}
		case "stranger":
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pki.stranger, nil }
		case "1.1":
			config.MinVersion, config.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		default:
			return nil, fmt.Errorf("unknown word %q behind send", word)
		}
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
}

// exchange sends one request and reads the answer to it.
func exchange(conn net.Conn, request []byte) *reply {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(request); err != nil {
		return &reply{err: err}
	}
	method, _, _ := strings.Cut(string(request), " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return &reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return &reply{err: err, status: resp.StatusCode, header: resp.Header, body: string(body)}
}

// rawRequest is the request of a send section as it goes out.
func rawRequest(t testing.TB, text string) []byte {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	has := func(name string) bool {
		return slices.ContainsFunc(lines[1:], func(line string) bool {
			return strings.HasPrefix(strings.ToLower(line), name+":")
		})
	}
	if !has("host") {
		lines = append(lines, "Host: gateway.example")
	}
	if body != "" && !has("content-length") && !has("transfer-encoding") {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

func (c *conversation) want(text string) {
	c.t.Helper()
	if c.refusal != nil {
		if !strings.Contains(c.refusal.Error(), text) {
			c.t.Errorf("the settings were refused with %q, want %q in it", c.refusal, text)
		}
		c.refusal, c.refusals = nil, c.refusals+1
		return
	}
	if c.last == nil {
		c.t.Fatal("want without a send")
	}
	lines := strings.Split(text, "\n")
	c.wantOutcome(strings.Fields(lines[0]))
	for _, line := range lines[1:] {
		c.wantLine(strings.TrimSpace(line))
	}
	c.last = nil
}

func (c *conversation) wantOutcome(words []string) {
	c.t.Helper()
	got := c.last
	if words[0] == "closed" {
		c.refusals++
		if got.err == nil || !closedConnection(got.err) {
			c.t.Fatalf("status %d, error %v; want a closed connection", got.status, got.err)
		}
		return
	}
	if got.err != nil {
		c.t.Fatal(got.err)
	}
	wantCorrelation(c.t, got)
	reached, status := got.seen != nil, 0
	if len(words) > 1 {
		status, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "pass":
		c.passes++
		if !reached {
			c.t.Fatalf("no service read it; the client read %d %s", got.status, got.body)
		}
		return
	case "refuse":
		c.refusals++
		if got.status < 400 {
			c.t.Errorf("status %d is no error", got.status)
		}
	case "answer":
		c.refusals++
	default:
		c.t.Fatalf("unknown outcome %q: pass, refuse, answer or closed", words[0])
	}
	if reached {
		c.t.Errorf("a service read it: %+v", got.seen)
	}
	if got.status != status {
		c.t.Errorf("status %d, want %d; body %s", got.status, status, got.body)
	}
}

// wantCorrelation holds that an answer can be found again.
func wantCorrelation(t testing.TB, r *reply) {
	t.Helper()
	id := r.header.Get("X-Correlation-Id")
	if len(id) < 16 {
		t.Errorf("the correlation id is %q", id)
	}
	if strings.Contains(r.body, `"correlationId":`) && !strings.Contains(r.body, `"correlationId":"`+id+`"`) {
		t.Errorf("the body %s names another correlation id than the header, %s", r.body, id)
	}
}

func (c *conversation) wantLine(line string) {
	c.t.Helper()
	got := c.last
	if part, ok := strings.CutPrefix(line, "log~ "); ok {
		if _, found := c.run.log.waitFor(part, c.log); !found {
			c.t.Errorf("the log never said %q", part)
		}
		return
	}
	header, body, where := got.header, got.body, "the client reads"
	if rest, ok := strings.CutPrefix(line, "upstream "); ok {
		if got.seen == nil {
			c.t.Errorf("nothing went upstream, want %q", line)
			return
		}
		header, body, where, line = got.seen.header, got.seen.body, "the service reads", rest
	}
	if name, ok := strings.CutPrefix(line, "!"); ok {
		if values := header.Values(name); len(values) > 0 {
			c.t.Errorf("%s %s: %v, want none", where, name, values)
		}
		return
	}
	id := got.header.Get("X-Correlation-Id")
	if part, ok := strings.CutPrefix(line, "body~ "); ok {
		if part = strings.ReplaceAll(part, "{id}", id); !strings.Contains(body, part) {
			c.t.Errorf("%s the body %q, want %q in it", where, body, part)
		}
		return
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || name != strings.ToLower(name) {
		c.t.Fatalf("unknown expectation %q", line)
	}
	value = strings.ReplaceAll(strings.TrimSpace(value), "{id}", id)
	has := strings.Join(header.Values(name), ", ")
	switch {
	case name == "body":
		has = strings.TrimSpace(body)
	case name == "status":
		has = strconv.Itoa(got.status)
	case name == "target" && got.seen != nil && where == "the service reads":
		has = got.seen.target
	case name == "host" && got.seen != nil && where == "the service reads":
		has = got.seen.host
	}
	if has != value {
		c.t.Errorf("%s %s: %q, want %q", where, name, has, value)
	}
}
