package gateway

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/tap"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

var _ Observer = (*tap.Tap)(nil)

// pupil keeps what it is shown, as far as it is compared.
type pupil struct {
	mu   sync.Mutex
	seen []lesson
}

type lesson struct {
	method, path, query, api, service, request, response, field, media string
	status                                                             int
	sampled, attack, refused                                           bool
}

func (p *pupil) Observe(o *discovery.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := lesson{
		o.Method, o.Path, o.Query, o.API, o.Service, string(o.Request.Body), string(o.Response.Body), o.Request.Header.Joined("x-field"), "",
		o.Status, o.Sampled, o.Attack, o.Refused,
	}
	if o.Response.Header != nil {
		one.media = o.Response.Header.Get("content-type")
	}
	p.seen = append(p.seen, one)
}

// TestTap has the tap of discovery observe a gateway, with a step that changes what
// the service sees and a service that compresses.
func TestTap(t *testing.T) {
	p := &pupil{}
	watching := tap.New(tap.Options{Learner: p, Log: slog.New(slog.DiscardHandler)})
	step := policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		if x.Request.Method == http.MethodDelete {
			return policy.Refuse(http.StatusForbidden, "No.", "nobody deletes")
		}
		x.Request.Header.Set("x-field", "of a step")
		x.Request.RawQuery = ""
		return policy.Go()
	}}
	b := newBench(t, setup{
		options: func(o *Options) { o.Observer = watching }, steps: []policy.Step{step},
		service: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte(gzipped(`{"id":7}`)))
		},
	})
	if a := b.send("POST /orders?notify=yes HTTP/1.1\nHost: x\nX-Field: came\nContent-Type: application/json\nContent-Length: 7", `{"a":1}`); a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	if a := b.send("DELETE /orders/7 HTTP/1.1\nHost: x", ""); a.status != http.StatusForbidden {
		t.Fatalf("status %d", a.status)
	}
	if a := b.send("GET /%2e%2e/x HTTP/1.1\nHost: x", ""); a.status != http.StatusBadRequest {
		t.Fatalf("status %d", a.status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := b.g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	watching.Run(ctx)
	want := []lesson{
		{"POST", "/orders", "notify=yes", "default/api", "default/service", `{"a":1}`, `{"id":7}`, "came", "application/json", 200, true, false, false},
		{"DELETE", "/orders/7", "", "default/api", "", "", "", "", "", 403, false, false, true},
	}
	if len(p.seen) != len(want) {
		t.Fatalf("learned %+v", p.seen)
	}
	for i := range want {
		if p.seen[i] != want[i] {
			t.Errorf("learned\n%+v, not\n%+v", p.seen[i], want[i])
		}
	}
	if s := watching.Stats(); s != (tap.Stats{Observed: 2, Sampled: 1}) {
		t.Errorf("%+v", s)
	}
}

// nobody learns nothing.
type nobody struct{}

func (nobody) Observe(*discovery.Observation) {}

// BenchmarkObserver plays exchanges of 1 KB each way over one connection: without a tap,
// with one that counts nearly all, and with one that looks into all.
func BenchmarkObserver(b *testing.B) {
	for _, c := range []struct {
		name string
		full int
	}{{"none", 0}, {"counted", 1}, {"sampled", 1 << 30}} {
		b.Run(c.name, func(b *testing.B) {
			run := newBench(b, setup{options: func(o *Options) {
				o.Recorder = &forgetful{}
				if c.full == 0 {
					return
				}
				watching := tap.New(tap.Options{Learner: nobody{}, Log: slog.New(slog.DiscardHandler), FullSample: c.full, SampleEvery: 1 << 30})
				o.Observer = watching
				go watching.Run(b.Context())
			}})
			conn, body := run.dial(), strings.Repeat("x", 1000)
			reader := bufio.NewReader(conn)
			request := "POST /orders/7?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAccept: */*\r\nAuthorization: Bearer abc\r\nContent-Length: 1000\r\n\r\n" + body
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.WriteString(conn, request); err != nil {
					b.Fatal(err)
				}
				resp, err := http.ReadResponse(reader, nil)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); n != 1000 {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}

// forgetful is a recorder that keeps nothing.
type forgetful struct{}

func (forgetful) Count(*traffic.Exchange, *traffic.Ending) {}

func (forgetful) Wants(*traffic.Exchange) bool { return false }

func (forgetful) Keep(*traffic.Record) {}
