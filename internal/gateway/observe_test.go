package gateway

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// sight is what an observer saw of one exchange.
type sight struct {
	method, path, query, field, request, response, contentType string
	requestMore, responseMore, requestCoded, responseCoded     bool
	status                                                     int
	outcome                                                    traffic.Outcome
}

// watcher is an observer that wants the same of all.
type watcher struct {
	request, response     int64
	panicsFirst, panicsAt bool

	mu    sync.Mutex
	asked int
	seen  []sight
}

func (w *watcher) Wants(*traffic.Exchange) (request, response int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.panicsFirst {
		panic("a password")
	}
	return w.request, w.response
}

func (w *watcher) Observe(x *traffic.Exchange, end *traffic.Ending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, sight{
		x.Request.Method, x.Request.Path, x.Request.RawQuery, x.Request.Header.Joined("x-field"),
		string(x.Request.Body.Bytes()), string(x.Response.Body.Bytes()), x.Response.Header.Get("content-type"),
		x.Request.Body.Partial(), x.Response.Body.Partial(), x.Request.Body.Coded(), x.Response.Body.Coded(),
		x.Response.Status, end.Outcome,
	})
	if w.panicsAt {
		panic("a password")
	}
}

// wait waits for n exchanges to be over.
func (w *watcher) wait(t *testing.T, n int) []sight {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		seen := w.seen
		w.mu.Unlock()
		if len(seen) >= n {
			return seen
		}
	}
	t.Fatalf("%d exchanges were not observed", n)
	return nil
}

func (w *watcher) setup(s setup) setup {
	more := s.options
	s.options = func(o *Options) {
		o.Observer = w
		if more != nil {
			more(o)
		}
	}
	return s
}

// TestObserverSees plays one exchange for each row and holds what is seen of it.
func TestObserverSees(t *testing.T) {
	json := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
	coded := gzipped("opened")
	reading := policy.Step{
		RequestBody:  policy.Need{Mode: policy.Buffered, Limit: 100},
		ResponseBody: policy.Need{Mode: policy.Buffered, Limit: 100},
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			x.Request.Header.Set("x-field", "of a step")
			x.Request.Header.Set("x-afterwards", "of a step")
			x.Request.RawQuery = ""
			return policy.Go()
		},
		Response: func(context.Context, *traffic.Exchange) policy.Verdict { return policy.Go() },
	}
	post := "POST /a?b=c HTTP/1.1\nHost: x\nX-Field: came\nContent-Length: 10"
	came := sight{method: "POST", path: "/a", query: "b=c", field: "came", status: 200, outcome: traffic.Served, contentType: "application/json"}
	with := func(change func(*sight)) sight { one := came; change(&one); return one }
	cases := []struct {
		name       string
		s          setup
		w          *watcher
		head, body string
		want       sight
	}{
		{"both", setup{service: json}, &watcher{request: 100, response: 100}, post, "0123456789", with(func(s *sight) {
			s.request, s.response, s.requestCoded, s.responseCoded = "0123456789", "0123456789", true, true
		})},
		{"first parts", setup{service: json}, &watcher{request: 4, response: 3}, post, "0123456789", with(func(s *sight) {
			s.request, s.response, s.requestCoded, s.responseCoded = "0123", "012", true, true
			s.requestMore, s.responseMore = true, true
		})},
		{"nothing wanted", setup{service: json}, &watcher{}, post, "0123456789", with(func(s *sight) { s.contentType = "" })},
		{"read by a step", setup{service: json, steps: []policy.Step{reading}}, &watcher{request: 4, response: 4}, post, "0123456789", with(func(s *sight) {
			s.request, s.response = "0123456789", "0123456789"
		})},
		{"opened by a step", setup{service: json, steps: []policy.Step{reading}}, &watcher{request: 4, response: 4}, post[:len(post)-2] + "30\nContent-Encoding: gzip", coded, with(func(s *sight) {
			s.request, s.response, s.responseCoded = "opened", coded, false
		})},
		{"refused", setup{service: json, steps: []policy.Step{refuses(policy.Refuse(http.StatusForbidden, "No.", "why"))}}, &watcher{request: 100, response: 100}, post, "0123456789", with(func(s *sight) {
			s.status, s.outcome, s.contentType = http.StatusForbidden, traffic.RefusedByPolicy, "application/json"
		})},
		{"without content", setup{service: json}, &watcher{request: 100, response: 100}, "GET /a HTTP/1.1\nHost: x", "", sight{
			method: "GET", path: "/a", status: 200, outcome: traffic.Served, contentType: "application/json",
		}},
		{"no room", setup{service: json, options: func(o *Options) { o.Limits.BufferedBytes = 5 }}, &watcher{request: 100, response: 100}, post, "0123456789", with(func(s *sight) {
			s.requestMore, s.responseMore, s.requestCoded, s.responseCoded = true, true, true, true
		})},
	}
	cases[4].head = strings.Replace(cases[4].head, "30", strconv.Itoa(len(coded)), 1)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.w.setup(c.s))
			answer := b.send(c.head, c.body)
			seen := c.w.wait(t, 1)
			if c.name == "refused" || c.name == "opened by a step" { // the answer's text is not the matter here
				seen[0].response, seen[0].responseCoded = c.want.response, c.want.responseCoded
			}
			if seen[0] != c.want {
				t.Errorf("seen\n%+v, not\n%+v", seen[0], c.want)
			}
			if asked := c.want.outcome == traffic.Served; answer.status != c.want.status || (c.w.asked == 1) != asked || len(seen) != 1 {
				t.Errorf("status %d, asked %d times, observed %d times", answer.status, c.w.asked, len(seen))
			}
			idle(t, b)
		})
	}
	t.Logf("%d cases", len(cases))
}

// idle waits for all buffers to be given back.
func idle(t *testing.T, b *bench) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); b.g.Stats().Buffered != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d bytes stay buffered", b.g.Stats().Buffered)
		}
	}
}

// TestObserverDelaysNoStream holds that events come one by one while they are copied,
// and that no more than was wanted is kept.
func TestObserverDelaysNoStream(t *testing.T) {
	w := watcher{request: 100, response: 12}
	next := make(chan struct{})
	b := newBench(t, w.setup(setup{service: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-next:
			_, _ = io.WriteString(w, "data: 2\n\n")
		case <-r.Context().Done():
		}
	}}))
	resp, err := http.Get("http://" + b.host + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Fatalf("%q, %v", first, err)
	}
	close(next)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(rest) != "data: 2\n\n" {
		t.Fatalf("%q, %v", rest, err)
	}
	if s := w.wait(t, 1)[0]; s.response != "data: 1\n\ndat" || !s.responseMore || s.contentType != "text/event-stream" {
		t.Errorf("%+v", s)
	}
	idle(t, b)
}

// TestObserverSeesUpgrades holds that a WebSocket is observed when it is over, with its head.
func TestObserverSeesUpgrades(t *testing.T) {
	w := watcher{request: 100, response: 100}
	b := newBench(t, w.setup(setup{service: switching}))
	conn := b.dial()
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping"); err != nil {
		t.Fatal(err)
	}
	if got := make([]byte, 20); true {
		if _, err := io.ReadFull(conn, got); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 101 ") {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = conn.Close()
	if s := w.wait(t, 1)[0]; s.status != http.StatusSwitchingProtocols || s.request != "" || s.response != "" {
		t.Errorf("%+v", s)
	}
}

// TestObserverPanics holds that a panic in the observer hurts no exchange and tells no secret.
func TestObserverPanics(t *testing.T) {
	for _, w := range []*watcher{{panicsFirst: true}, {request: 10, response: 10, panicsAt: true}} {
		b := newBench(t, w.setup(setup{}))
		for range 3 {
			if a := b.send("POST /a HTTP/1.1\nHost: x\nContent-Length: 4", "body"); a.status != http.StatusOK || a.body != "body" {
				t.Errorf("status %d, %q", a.status, a.body)
			}
		}
		w.wait(t, 3)
		idle(t, b)
		if text := b.log.String(); !strings.Contains(text, "observer") || strings.Contains(text, "password") {
			t.Errorf("the log says %q", text)
		}
	}
}

// TestObserverSeesBrokenAnswers holds that an answer that is cut off is observed, once, as a part.
func TestObserverSeesBrokenAnswers(t *testing.T) {
	w := watcher{request: 100, response: 100}
	b := newBench(t, w.setup(setup{service: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}}))
	resp, err := http.Get("http://" + b.host + "/a")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("the client took the part for the whole")
	}
	s := w.wait(t, 1)[0]
	if s.outcome != traffic.Errored || s.response != "half" || !s.responseMore {
		t.Errorf("%+v", s)
	}
	idle(t, b)
}
