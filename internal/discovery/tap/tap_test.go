package tap

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// pupil keeps copies of what it is shown.
type pupil struct {
	mu    sync.Mutex
	seen  []discovery.Observation
	panic bool
}

func (p *pupil) Observe(o *discovery.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panic {
		panic(o.Path)
	}
	one := *o
	one.Request.Body, one.Response.Body = slices.Clone(o.Request.Body), slices.Clone(o.Response.Body)
	for _, m := range []*discovery.Message{&one.Request, &one.Response} {
		if m.Header != nil {
			h := m.Header.Clone()
			m.Header = &h
		}
	}
	p.seen = append(p.seen, one)
}

// nobody learns nothing.
type nobody struct{}

func (nobody) Observe(*discovery.Observation) {}

// ended is a context that is done.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func newTap(p Learner, change func(*Options)) *Tap {
	o := Options{Learner: p, Log: slog.New(slog.DiscardHandler), Slots: 64}
	if change != nil {
		change(&o)
	}
	return New(o)
}

var received = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func exchange(method, path string) *traffic.Exchange {
	x := &traffic.Exchange{Received: received, API: "default/shop", BasePath: "/shop"}
	x.Request = traffic.Request{Method: method, Path: path, Scheme: "https", Host: "api.example.com", Proto: "HTTP/1.1", RawQuery: "limit=5"}
	x.Request.Header = traffic.NewHeader(
		traffic.Field{Name: "accept", Value: "*/*"}, traffic.Field{Name: "authorization", Value: "Bearer abc"},
		traffic.Field{Name: "content-type", Value: "application/json"}, traffic.Field{Name: "user-agent", Value: "curl/8"},
		traffic.Field{Name: "x-request-id", Value: "0123456789"},
	)
	x.Request.Client = netip.MustParseAddr("203.0.113.9")
	x.Response.Status = http.StatusOK
	x.Response.Header = traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/json"})
	return x
}

// pass takes an exchange through a tap as a gateway does.
func pass(t *Tap, x *traffic.Exchange, request, response string, outcome traffic.Outcome) {
	if outcome == traffic.Served {
		in, out := t.Wants(x)
		show(&x.Request.Body, request, in)
		show(&x.Response.Body, response, out)
	}
	t.Observe(x, &traffic.Ending{Outcome: outcome, BytesIn: int64(len(request)), BytesOut: int64(len(response))})
}

func show(b *traffic.Body, text string, wanted int64) {
	if n := min(wanted, int64(len(text))); wanted > 0 {
		b.ShowCopy([]byte(text[:n]), n < int64(len(text)), nil)
	}
}

func TestObservation(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, nil)
	zipped, err := content.Encode("gzip", []byte(`{"id":7}`))
	if err != nil {
		t.Fatal(err)
	}
	x := exchange("POST", "/shop/orders")
	x.APILabels = map[string]string{"layer": "system"}
	x.Auth = traffic.Authentication{ClientID: "app", Principal: "ann"}
	x.Upstream.Service = "default/orders"
	x.Request.TLS = &traffic.TLS{Verified: true, Peer: []*x509.Certificate{{Subject: pkix.Name{CommonName: "partner"}}}}
	x.Response.Header.Set("content-encoding", "gzip")
	pass(tap, x, `{"a":1}`, string(zipped), traffic.Served)
	tap.Run(ended())
	o := p.seen[0]
	if string(o.Request.Body) != `{"a":1}` || string(o.Response.Body) != `{"id":7}` || o.Request.Partial || o.Response.Partial {
		t.Errorf("bodies %q and %q", o.Request.Body, o.Response.Body)
	}
	if o.Request.Header.Get("authorization") != "Bearer abc" || o.Response.Header.Get("content-type") != "application/json" {
		t.Error("the headers are not those of the exchange")
	}
	o.Request, o.Response = discovery.Message{}, discovery.Message{}
	want := discovery.Observation{
		Source: discovery.FromGateway, Time: received, Scheme: "https", Host: "api.example.com", Method: "POST",
		Path: "/shop/orders", Query: "limit=5", Proto: "HTTP/1.1", API: "default/shop", BasePath: "/shop",
		Service: "default/orders", Status: 200, Sampled: true,
		Caller: discovery.Caller{Address: netip.MustParseAddr("203.0.113.9"), ClientID: "app", Subject: "ann", Certificate: "CN=partner"},
	}
	labels := o.Labels
	o.Labels = nil
	if fmt.Sprintf("%+v", o) != fmt.Sprintf("%+v", want) || labels["layer"] != "system" {
		t.Errorf("observed\n%+v, not\n%+v", o, want)
	}
	if s := tap.Stats(); s != (Stats{Observed: 1, Sampled: 1}) {
		t.Errorf("%+v", s)
	}
}

// TestWhatTeaches holds which exchanges are looked into. All are handed on.
func TestWhatTeaches(t *testing.T) {
	found := func(severity finding.Severity, place string) func(*traffic.Exchange) {
		return func(x *traffic.Exchange) {
			x.Findings = []finding.Finding{{Severity: severity, Location: finding.Location{Place: place}}}
		}
	}
	none := func(*traffic.Exchange) {}
	cases := []struct {
		name                              string
		change                            func(*traffic.Exchange)
		outcome                           traffic.Outcome
		sampled, attack, refused, content bool
	}{
		{"ordinary", none, traffic.Served, true, false, false, true},
		{"attack", found(finding.High, "query id"), traffic.Served, false, true, false, false},
		{"attack, refused", found(finding.High, "query id"), traffic.RefusedByPolicy, false, true, true, false},
		{"complaint that counts with others only", found(finding.Low, "header accept"), traffic.Served, true, false, false, true},
		{"finding in the answer", found(finding.High, "response json /a"), traffic.Served, true, false, false, true},
		{"refused by a policy", none, traffic.RefusedByPolicy, false, false, true, false},
		{"refused by the gateway", none, traffic.RefusedByGateway, false, false, true, false},
		{"answered here", func(x *traffic.Exchange) { x.Response.Local = true }, traffic.AnsweredLocally, false, false, false, false},
	}
	for _, c := range cases {
		p := &pupil{}
		tap := newTap(p, nil)
		x := exchange("POST", "/a")
		c.change(x)
		pass(tap, x, "in", "out", c.outcome)
		tap.Run(ended())
		o := p.seen[0]
		if o.Sampled != c.sampled || o.Attack != c.attack || o.Refused != c.refused || (len(o.Request.Body) > 0) != c.content || o.Local != x.Response.Local {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
	// Watch mode finds attacks when all has been copied already.
	p := &pupil{}
	tap := newTap(p, nil)
	x := exchange("POST", "/a")
	in, _ := tap.Wants(x)
	show(&x.Request.Body, "attack", in)
	found(finding.Critical, "body json /a")(x)
	tap.Observe(x, &traffic.Ending{Outcome: traffic.Served})
	tap.Run(ended())
	if o := p.seen[0]; o.Sampled || !o.Attack || len(o.Request.Body) > 0 || o.Response.Header != nil {
		t.Errorf("found late: %+v", o)
	}
	t.Logf("%d cases", len(cases)+1)
}

func TestSampling(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, func(o *Options) { o.Slots, o.FullSample, o.SampleEvery = 4000, 20, 10 })
	for i := range 1000 {
		pass(tap, exchange("GET", fmt.Sprintf("/shop/orders/%d/lines", i)), "", "", traffic.Served)
		if i < 20 {
			pass(tap, exchange("GET", "/shop/customers"), "", "", traffic.Served)
		}
	}
	tap.Run(ended())
	orders, customers := 0, 0
	for i := range p.seen {
		switch o := &p.seen[i]; {
		case !o.Sampled:
		case strings.HasSuffix(o.Path, "lines"):
			orders++
		default:
			customers++
		}
	}
	if len(p.seen) != 1020 || orders != 20+98 || customers != 20 {
		t.Errorf("%d seen, %d and %d looked into", len(p.seen), orders, customers)
	}
}

func TestShapes(t *testing.T) {
	c := newCounters()
	same := [][2]string{
		{"/orders/1", "/orders/22"},
		{"/orders/7f3e8a10-0000-4000-8000-000000000000", "/orders/abcdefab-cdef-abcd-efab-cdefabcdefab"},
		{"/x/" + strings.Repeat("a", 50), "/x/" + strings.Repeat("z", 90)},
	}
	apart := [][2]string{
		{"/orders/list", "/orders/find"},
		{"/orders/1", "/orders"},
		{"/orders/1", "/orders/1/lines"},
		{"/a/b", "/b/a"},
		{"/ab/c", "/a/bc"},
		{"/face", "/cafe"}, // words may be short and of such letters
	}
	for _, pair := range same {
		if c.shape("a", "GET", pair[0]) != c.shape("a", "GET", pair[1]) {
			t.Errorf("%q are apart", pair)
		}
	}
	for _, pair := range apart {
		if c.shape("a", "GET", pair[0]) == c.shape("a", "GET", pair[1]) {
			t.Errorf("%q are the same", pair)
		}
	}
	if c.shape("a", "GET", "/x") == c.shape("b", "GET", "/x") || c.shape("a", "GET", "/x") == c.shape("a", "PUT", "/x") {
		t.Error("API and method do not count")
	}
	for _, odd := range []string{"", "*", "x", "//", strings.Repeat("/a", 5000)} {
		_ = c.shape("a", "GET", odd) // must end
	}
	t.Logf("%d pairs", len(same)+len(apart))
}

// TestNamedByContent holds that the operation of an exchange can be told by its
// content even where it is not looked into.
func TestNamedByContent(t *testing.T) {
	cases := []struct {
		method, path, media, accept string
		want                        bool
	}{
		{"POST", "/graphql", "application/json", "", true},
		{"POST", "/v1/graphql", "application/graphql", "", true},
		{"POST", "/mcp", "application/json", "", true},
		{"POST", "/tools", "application/json; charset=utf-8", "application/json, text/event-stream", true},
		{"POST", "/soap", "text/xml; charset=utf-8", "", true},
		{"POST", "/soap", "application/soap+xml", "", true},
		{"POST", "/orders", "application/json", "application/json", false},
		{"GET", "/graphql", "application/json", "", false},
		{"POST", "/soap", "application/xml", "", false},
	}
	for _, c := range cases {
		p := &pupil{}
		tap := newTap(p, func(o *Options) { o.FullSample, o.SampleEvery = 1, 1000 })
		for range 2 {
			x := exchange(c.method, c.path)
			x.Request.Header.Set("content-type", c.media)
			x.Request.Header.Set("accept", c.accept)
			pass(tap, x, strings.Repeat("q", 20_000), "answer", traffic.Served)
		}
		tap.Run(ended())
		o := p.seen[1]
		if o.Sampled || (len(o.Request.Body) == maxNaming && o.Request.Partial) != c.want || (len(o.Request.Body) > 0) != c.want || len(o.Response.Body) > 0 {
			t.Errorf("%+v: %d bytes of the request", c, len(o.Request.Body))
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestFullQueueDrops holds that nothing waits for the learner, and that all of what
// was queued is learned in the end.
func TestFullQueueDrops(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, nil)
	for range 74 {
		pass(tap, exchange("GET", "/a"), "", "", traffic.Served)
	}
	if s := tap.Stats(); s.Dropped != 10 || s.Waiting != 64 || s.Held == 0 {
		t.Errorf("%+v", s)
	}
	tap.Run(ended())
	pass(tap, exchange("GET", "/a"), "", "", traffic.Served) // too late
	if s := tap.Stats(); len(p.seen) != 64 || s != (Stats{Observed: 64, Sampled: 64, Dropped: 10}) {
		t.Errorf("%d learned, %+v", len(p.seen), s)
	}
}

// TestBytesAreBounded holds that large exchanges find less room than small ones.
func TestBytesAreBounded(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, func(o *Options) { o.Bytes = 300 << 10 })
	long := strings.Repeat("x", 1<<20)
	for range 5 {
		pass(tap, exchange("POST", "/a"), long, long, traffic.Served)
	}
	if s := tap.Stats(); s.Waiting != 2 || s.Dropped != 3 || s.Held > 300<<10 {
		t.Errorf("%+v", s)
	}
	x := exchange("POST", "/a")
	x.Request.Header.Set("x-long", long)
	pass(tap, x, "", "", traffic.Served)
	tap.Run(ended())
	if s := tap.Stats(); s.Dropped != 4 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
	for _, o := range p.seen {
		if len(o.Request.Body) != maxRequest || len(o.Request.Body)+len(o.Response.Body) != maxBodies || !o.Request.Partial || !o.Response.Partial {
			t.Errorf("%d and %d bytes", len(o.Request.Body), len(o.Response.Body))
		}
	}
}

func TestBodiesThatCannotBeOpened(t *testing.T) {
	bomb, err := content.Encode("gzip", bytes.Repeat([]byte{'0'}, 10<<20))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ coding, body string }{{"gzip", "no gzip"}, {"secret", "x"}, {"gzip", string(bomb)}}
	for _, c := range cases {
		p := &pupil{}
		tap := newTap(p, nil)
		x := exchange("POST", "/a")
		x.Request.Header.Set("content-encoding", c.coding)
		pass(tap, x, c.body, "", traffic.Served)
		tap.Run(ended())
		o, s := p.seen[0], tap.Stats()
		if len(c.body) < 100 && (len(o.Request.Body) > 0 || !o.Request.Unseen || s.Unread != 1) || len(o.Request.Body) > discovery.MaxBody {
			t.Errorf("%s: %d bytes, %+v", c.coding, len(o.Request.Body), s)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestLearnerPanics(t *testing.T) {
	var text bytes.Buffer
	p := &pupil{panic: true}
	tap := newTap(p, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	for range 3 {
		pass(tap, exchange("GET", "/secret"), "", "", traffic.Served)
	}
	tap.Run(ended())
	if s := tap.Stats(); s.Panicked != 3 || s.Held != 0 || len(tap.free) != 64 || strings.Contains(text.String(), "/secret") || text.Len() == 0 {
		t.Errorf("%+v, %q", s, text.String())
	}
}

// TestRunEnds holds that workers end, and learn while exchanges come.
func TestRunEnds(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, func(o *Options) { o.Workers, o.Slots = 2, 5000 })
	ctx, cancel := context.WithCancel(t.Context())
	var run, all sync.WaitGroup
	run.Go(func() { tap.Run(ctx) })
	for range 4 {
		all.Go(func() {
			for range 1000 {
				pass(tap, exchange("POST", "/a"), "in", "out", traffic.Served)
			}
		})
	}
	all.Wait()
	cancel()
	run.Wait()
	if s := tap.Stats(); len(p.seen) != 4000 || s.Dropped != 0 || s.Held != 0 || s.Observed != 4000 {
		t.Errorf("%d learned, %+v", len(p.seen), s)
	}
	for _, o := range p.seen {
		if o.Sampled && (string(o.Request.Body) != "in" || string(o.Response.Body) != "out") {
			t.Fatalf("bodies %q and %q", o.Request.Body, o.Response.Body)
		}
	}
}

// TestInventedShapes holds that who invents paths makes nothing grow, and that the
// table recovers.
func TestInventedShapes(t *testing.T) {
	tap := newTap(nobody{}, nil)
	name := []byte("/shop/aaaaaaa")
	x := exchange("GET", "")
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const invented = 300_000
	for i := range invented {
		for at, n := len(name)-1, i; at > 5; at, n = at-1, n/26 {
			name[at] = 'g' + byte(n%20)
		}
		x.Request.Path = string(name)
		tap.Wants(x)
		tap.Observe(x, &traffic.Ending{Outcome: traffic.Served})
		tap.learn(<-tap.queue)
	}
	if grown := int64(heap()) - int64(before); grown > 256<<10 {
		t.Errorf("%d bytes more for %d invented paths", grown, invented)
	}
	crowd := 0
	for i := range tap.counts.cells[0] {
		if tap.counts.cells[0][i].Load() > 50 {
			crowd++
		}
	}
	if crowd > width/100 {
		t.Errorf("%d cells of %d are crowded", crowd, width)
	}
}

// paths are n paths of different operations.
func paths(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "/shop/v1/" + letters(i) + "/items/" + letters(i*7) + "/123456"
	}
	return list
}

func letters(n int) string {
	return string([]byte{'g' + byte(n%20), 'g' + byte(n/20%20), 'g' + byte(n/400%20), 'g' + byte(n/8000%20), 'z'})
}

func TestAllocations(t *testing.T) {
	for _, operations := range []int{1, 50_000} {
		for _, full := range []int{1, 1 << 30} { // hardly any or all are looked into
			tap := newTap(nobody{}, func(o *Options) { o.FullSample, o.SampleEvery = full, 1<<30 })
			list := paths(operations)
			x := exchange("POST", "")
			body := make([]byte, 2000)
			end := &traffic.Ending{Outcome: traffic.Served, BytesIn: 2000, BytesOut: 2000}
			i := 0
			one := func() {
				x.Request.Path = list[i%len(list)]
				i++
				in, out := tap.Wants(x)
				if in > 0 {
					x.Request.Body.ShowCopy(body, false, nil)
				}
				if out > 0 {
					x.Response.Body.ShowCopy(body, false, nil)
				}
				tap.Observe(x, end)
				tap.learn(<-tap.queue)
			}
			for range 2000 {
				one()
			}
			if n := testing.AllocsPerRun(20_000, one); n > 0 {
				t.Errorf("%d operations, first %d looked into: %.2f allocations an exchange", operations, full, n)
			}
		}
	}
}

func BenchmarkTap(b *testing.B) {
	for _, c := range []struct {
		name              string
		operations, bytes int
		sampled           bool
	}{
		{"counted/operations=1", 1, 2000, false},
		{"counted/operations=50000", 50_000, 2000, false},
		{"sampled/operations=1/bytes=2x1000", 1, 1000, true},
		{"sampled/operations=50000/bytes=2x1000", 50_000, 1000, true},
		{"sampled/operations=50000/bytes=2x10000", 50_000, 10_000, true},
		{"sampled/operations=50000/bytes=2x60000", 50_000, 60_000, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			full := 1
			if c.sampled {
				full = 1 << 30
			}
			const batch = 128
			tap := newTap(nobody{}, func(o *Options) { o.FullSample, o.SampleEvery, o.Slots = full, 1<<30, batch })
			list, body := paths(c.operations), make([]byte, c.bytes)
			end := &traffic.Ending{Outcome: traffic.Served}
			exchanges := make([]*traffic.Exchange, batch)
			for i := range exchanges {
				exchanges[i] = exchange("POST", "")
				exchanges[i].Request.Body.ShowCopy(body, false, nil)
				exchanges[i].Response.Body.ShowCopy(body, false, nil)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				x := exchanges[n%batch]
				x.Request.Path = list[n%len(list)]
				tap.Wants(x)
				tap.Observe(x, end)
				if n++; n%batch == 0 {
					b.StopTimer() // what the workers do is not on the way of the request
					tap.drain()
					b.StartTimer()
				}
			}
			if s := tap.Stats(); s.Dropped > 0 {
				b.Fatalf("%+v", s)
			}
		})
	}
}
