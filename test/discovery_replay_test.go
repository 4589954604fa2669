package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/discoverytest"
	"farrier.dev/farrier/internal/discovery/tap"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// replay is a gateway with one API for each description, and who learns from it.
type replay struct {
	t        *testing.T
	docs     []discoverytest.Document
	services []*discoverytest.Upstream
	gate     *gateway.Gateway
	tap      *tap.Tap
	learner  *discovery.Learner
	clock    *monthClock
	stop     context.CancelFunc
	learned  chan struct{}
	clients  []*http.Client
	// refused are the exchanges of each API that the gateway answered by itself, as
	// for a path with an encoded slash: no service saw them, and they are no truth.
	refused []map[int]bool
}

// quiet keeps no records.
type quiet struct{}

func (quiet) Count(*traffic.Exchange, *traffic.Ending) {}
func (quiet) Wants(*traffic.Exchange) bool             { return false }
func (quiet) Keep(*traffic.Record)                     {}

// monthClock gives observations the time of the month that they were generated
// for: the gateway serves them at another, which nobody waits a month for.
type monthClock struct {
	to      *discovery.Learner
	mu      sync.Mutex
	now     time.Time
	pending map[string][]time.Time
}

func observed(method, host, path, query string) string {
	return method + " " + host + path + "?" + query
}

// expect tells the time of an exchange that is about to be sent.
func (c *monthClock) expect(e *discoverytest.Exchange) {
	path, query, _ := strings.Cut(e.Target, "?")
	if normal, err := traffic.NormalisePath(path); err == nil {
		path = normal
	}
	key := observed(e.Method, e.Host, path, query)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[key] = append(c.pending[key], e.Time)
}

// Observe implements tap.Learner.
func (c *monthClock) Observe(o *discovery.Observation) {
	key := observed(o.Method, o.Host, o.Path, o.Query)
	c.mu.Lock()
	if all := c.pending[key]; len(all) > 0 {
		if o.Time = all[0]; len(all) == 1 {
			delete(c.pending, key)
		} else {
			c.pending[key] = all[1:]
		}
	} else {
		o.Time = c.now
	}
	if o.Time.After(c.now) {
		c.now = o.Time
	}
	c.mu.Unlock()
	c.to.Observe(o)
}

// Now is the latest time that was observed.
func (c *monthClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func newReplay(t *testing.T, docs []discoverytest.Document) *replay {
	t.Helper()
	r := &replay{t: t, docs: docs, clock: &monthClock{pending: map[string][]time.Time{}}, learned: make(chan struct{})}
	detector, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.learner, err = discovery.New(discovery.Options{Now: r.clock.Now, Detector: detector}); err != nil {
		t.Fatal(err)
	}
	r.clock.to = r.learner
	log := slog.New(slog.DiscardHandler)
	r.tap = tap.New(tap.Options{Learner: r.clock, Log: log})
	o := gateway.Options{Now: time.Now, Log: log, Recorder: quiet{}, Observer: r.tap, Environment: "test", Name: "truth", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	o.Limits.Lag = time.Hour // a busy machine must not shed requests
	if r.gate, err = gateway.New(o); err != nil {
		t.Fatal(err)
	}
	rev := &revision.Revision{Number: 1}
	for i := range docs {
		up := discoverytest.NewUpstream()
		server := httptest.NewServer(up)
		t.Cleanup(server.Close)
		r.services = append(r.services, up)
		service, base := revision.Name{Namespace: "default", Name: fmt.Sprint("service-", i)}, docs[i].Traffic.Base()
		rev.Services = append(rev.Services, revision.Service{Name: service, Address: server.URL})
		rev.APIs = append(rev.APIs, revision.API{
			Name: revision.Name{Namespace: "default", Name: fmt.Sprint("api-", i)}, Scheme: "http", Host: apiAddress(i), BasePath: base,
			Routes:   []revision.Route{{Targets: []revision.Target{{Service: service, DestinationPath: base}}}},
			Policies: []revision.Binding{{Name: revision.Name{Namespace: "default", Name: fmt.Sprint("protection-", i)}, Policy: "attack-protection", Settings: []byte(`{"mode":"watch"}`)}},
		})
	}
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := router.Compile(rev, router.Options{Catalogue: all, Expand: func(s string) (string, error) { return s, nil }, Runtime: r.gate.Runtime(), Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.gate.Load(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { defer close(r.learned); r.tap.Run(ctx) }()
	for range docs {
		r.refused = append(r.refused, map[int]bool{})
		r.clients = append(r.clients, &http.Client{
			Timeout:       time.Minute,
			Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 2},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		})
	}
	return r
}

// apiAddress is an address of its own for each API: two may not share a base path
// and an address.
func apiAddress(i int) string { return "127.0.7." + strconv.Itoa(1+i) }

// play sends what is to be learned from, all APIs together in the order of time.
func (r *replay) play() int {
	played := 0
	for i, e := range merged(r.docs) {
		for r.tap.Stats().Waiting > 1500 {
			time.Sleep(time.Millisecond) // a client that is faster than the learner would teach less
		}
		r.send(i, &e)
		played++
	}
	return played
}

// merged are the exchanges of all documents in the order of time, each with the
// number of its document.
func merged(docs []discoverytest.Document) iter.Seq2[int, discoverytest.Exchange] {
	return func(yield func(int, discoverytest.Exchange) bool) {
		done := make(chan struct{})
		defer close(done)
		heads := make([]*discoverytest.Exchange, len(docs))
		next := make([]chan discoverytest.Exchange, len(docs))
		for i := range docs {
			next[i] = make(chan discoverytest.Exchange, 64)
			go func() {
				defer close(next[i])
				for e := range docs[i].Traffic.Learning() {
					select {
					case next[i] <- e:
					case <-done:
						return
					}
				}
			}()
		}
		pull := func(i int) {
			if e, ok := <-next[i]; ok {
				heads[i] = &e
			} else {
				heads[i] = nil
			}
		}
		for i := range docs {
			pull(i)
		}
		for {
			first := -1
			for i, e := range heads {
				if e != nil && (first < 0 || e.Time.Before(heads[first].Time)) {
					first = i
				}
			}
			if first < 0 || !yield(first, *heads[first]) {
				return
			}
			pull(first)
		}
	}
}

func (r *replay) send(i int, e *discoverytest.Exchange) {
	expected := *e
	path, query, has := strings.Cut(e.Target, "?")
	if normal, err := traffic.NormalisePath(path); err == nil {
		if expected.Target = normal; has {
			expected.Target += "?" + query
		}
	}
	r.services[i].Expect(&expected)
	r.clock.expect(e)
	request, err := http.NewRequestWithContext(r.t.Context(), e.Method, "http://"+r.gate.Addresses()[apiAddress(i)+":0"].String()+"/", bytes.NewReader(e.Body))
	if err != nil {
		r.t.Fatal(err)
	}
	// What a client wrote is sent as it is.
	request.URL.Opaque = e.Target
	if strings.HasPrefix(e.Target, "//") {
		request.URL.Opaque = "//" + request.URL.Host + e.Target
	}
	request.Host, request.Header = e.Host, e.Header.Clone()
	request.Header.Set("X-Forwarded-For", e.Client.String())
	answer, err := r.clients[i].Do(request)
	if err != nil {
		r.t.Fatalf("%s %s: %v", e.Method, e.Target, err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != e.Status {
		r.refused[i][e.Index] = true
	}
}

// end stops everything and gives what was learned.
func (r *replay) end() *discovery.Inventory {
	for _, c := range r.clients {
		c.CloseIdleConnections()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = r.gate.Shutdown(ctx)
	r.stop()
	<-r.learned
	if s := r.tap.Stats(); s.Dropped > 0 || s.Panicked > 0 {
		r.t.Errorf("the tap: %+v", s)
	}
	inventory, err := r.learner.Inventory()
	if err != nil {
		r.t.Fatal(err)
	}
	return inventory
}
