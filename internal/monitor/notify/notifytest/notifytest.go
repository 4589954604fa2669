// Package notifytest holds what tests of channels have in common: a message, events,
// a way out that reaches this machine, and a receiver that speaks HTTP.
package notifytest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Noon is the time by which tests go.
var Noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Secret stands for credentials; nothing may show it.
const Secret = "s3cr3t-Hunter2-pa55"

// Env reaches this machine only.
func Env() notify.Env {
	return notify.NewEnv(notify.Guard{Networks: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}, func() time.Time { return Noon })
}

// Message tells of an alert, with what breaks formats in its texts.
func Message() notify.Message {
	return notify.Message{
		Key: "k1-1", Incident: "k1", Severity: "Critical", At: Noon, Environment: "production", Rule: "Many errors", Kind: "response-code",
		Title: "Alerting: Many <errors> & \"more\"|=\\ (default/orders)", Text: "Rule: answers 5xx above 10.\ndefault/orders: 120\n<script>*_`",
		Targets: []notify.Target{{Name: "default/orders", Value: 120}, {Name: "default/bills", Value: 12, Text: "12 of 40"}},
		Link:    "https://console.example/alerts",
	}
}

// Resolved ends what Message tells.
func Resolved() notify.Message {
	m := Message()
	m.Key, m.Resolved, m.Title = "k1-2", true, "Resolved: Many errors"
	return m
}

// Events are two entries of streams.
func Events() []notify.Event {
	return []notify.Event{
		{ID: "audit-7", At: Noon, Stream: "audit", Name: "policy-changed", Severity: 4, Text: "policy changed", Environment: "production", Actor: "ada", Address: "192.0.2.7", Object: "policy a|b=c\\d", Outcome: "done", Fields: map[string]string{"field": "line 1\nline 2"}},
		{ID: "finding-9", At: Noon.Add(time.Second), Stream: "findings", Name: "crs-942100", Severity: 9, Text: "SQL injection ü", Object: "default/orders", Outcome: "open"},
	}
}

// Open opens a channel of a kind.
func Open(t testing.TB, k notify.Kind, s notify.Settings) notify.Channel {
	t.Helper()
	checked, err := k.Check(s)
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Open(checked, Env())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Request is what a receiver was sent.
type Request struct {
	Path   string
	Header http.Header
	Body   string
}

// Receiver is an HTTP server that keeps what it is sent and answers as told.
type Receiver struct {
	URL string

	mu       sync.Mutex
	requests []Request
	status   int
	answer   string
}

// Receive starts a receiver.
func Receive(t testing.TB, status int, answer string) *Receiver {
	t.Helper()
	r := &Receiver{status: status, answer: answer}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests = append(r.requests, Request{q.URL.Path, q.Header, string(body)})
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, r.answer)
	}))
	t.Cleanup(s.Close)
	r.URL = s.URL
	return r
}

// Answer changes what is answered from now on.
func (r *Receiver) Answer(status int, answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.answer = status, answer
}

// Taken gives what was received, and forgets it.
func (r *Receiver) Taken() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.requests
	r.requests = nil
	return taken
}

// Failures plays what receivers of HTTP do wrong: no error may hold the secret or the
// answer, and only those that will not change are permanent.
func Failures(t *testing.T, r *Receiver, c notify.Channel) {
	t.Helper()
	for status, permanent := range map[int]bool{400: true, 401: false, 404: true, 429: false, 500: false, 503: false, 302: true} {
		r.Answer(status, "you sent "+Secret)
		err := c.Send(context.Background(), Message())
		if err == nil {
			t.Errorf("%d was taken for success", status)
			continue
		}
		if is := strings.Contains(err.Error(), notify.ErrPermanent.Error()); is != permanent {
			t.Errorf("%d: permanent %v: %v", status, is, err)
		}
		if strings.Contains(err.Error(), Secret) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%d: the error tells too much: %v", status, err)
		}
	}
	r.Taken()
}
