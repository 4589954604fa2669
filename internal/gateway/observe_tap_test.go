package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"

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
