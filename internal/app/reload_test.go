package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/publish"
)

// quota is larger than what any test asks for, so that what is left tells how
// many requests were counted.
const quota = 1_000_000

// revised is revision n of the manifests: n stands in two policies, so that half
// of a revision would show; the service, the routes and the ports change now and
// then; the settings of the limits never do.
func revised(n int) string {
	service := "127.0.0.1:9001"
	if n/7%2 == 1 {
		service = "127.0.0.1:9002"
	}
	text := fmt.Sprintf(`
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: changing}
spec:
  address: http://0.0.0.0:8081/api
  services:
    echo:
      address: http://%s
      routes: [{config: {destinationPath: /v%d}}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: limit}
spec:
  targetRef: {name: changing}
  policyRef: {name: rate-limiting-flex}
  order: 10
  config: {rateLimits: [{maximumRequests: %d, timePeriodInMilliseconds: 86400000}], exposeHeaders: true}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: spikes}
spec:
  targetRef: {name: changing}
  policyRef: {name: spike-control-flex}
  order: 15
  config: {maximumRequests: %d, timePeriodInMilliseconds: 86400000, delayTimeInMillis: 1, delayAttempts: 0}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: first}
spec:
  targetRef: {name: changing}
  policyRef: {name: header-injection-flex}
  order: 20
  config: {outboundHeaders: [{key: x-first, value: "%d"}]}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: second}
spec:
  targetRef: {name: changing}
  policyRef: {name: header-injection-flex}
  order: 30
  config: {outboundHeaders: [{key: x-second, value: "%d"}]}
`, service, n, quota, 2*quota, n, n)
	if n%5 == 4 { // a port that comes and goes
		text += `---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: passing}
spec:
  address: http://0.0.0.0:8082
  services: {echo: {address: "http://127.0.0.1:9001"}}
`
	}
	return text
}

// replace writes a manifest beside the old one and puts it in its place.
func (r *running) replace(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(r.manifests, name)
	next := filepath.Join(r.manifests, "."+name+".next")
	if err := os.WriteFile(next, []byte(r.place(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// waitPublishing waits until the state of publishing is as wanted. What it waits
// for is written to the log first or at the same time, so that the log wakes it.
func (r *running) waitPublishing(wanted func(publish.Status) bool) bool {
	late := time.After(patience)
	for {
		r.log.mu.Lock()
		written := r.log.written
		r.log.mu.Unlock()
		if wanted(r.ready.Publishing()) {
			return true
		}
		select {
		case <-written:
		case <-time.After(5 * time.Millisecond):
		case <-late:
			return false
		}
	}
}

// caller sends the same request again and again and holds what it reads.
type caller struct {
	address string
	// keepAlive is how many requests go over one connection.
	keepAlive int
	counts    *counts
}

// counts are what all callers saw together.
type counts struct {
	asked, answered, newConnections atomic.Int64
	revisions                       sync.Map
	mu                              sync.Mutex
	failures                        []string
	failed                          atomic.Int64
}

func (c *counts) fail(format string, args ...any) {
	c.failed.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) < 10 {
		c.failures = append(c.failures, fmt.Sprintf(format, args...))
	}
}

// call goes on until the total has been asked for and done is closed.
func (c *caller) call(total int64, done <-chan struct{}) {
	for {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			c.counts.fail("connecting: %v", err)
			return
		}
		c.counts.newConnections.Add(1)
		more := c.connection(conn, total, done)
		_ = conn.Close()
		if !more {
			return
		}
	}
}

func (c *caller) connection(conn net.Conn, total int64, done <-chan struct{}) (more bool) {
	_ = conn.SetDeadline(time.Now().Add(3 * patience))
	from := bufio.NewReaderSize(conn, 4<<10)
	request := []byte("GET /api/orders HTTP/1.1\r\nHost: gateway.example\r\n\r\n")
	for range c.keepAlive {
		if c.counts.asked.Add(1) > total {
			select {
			case <-done:
				c.counts.asked.Add(-1)
				return false
			default:
			}
		}
		if _, err := conn.Write(request); err != nil {
			c.counts.fail("sending: %v", err)
			return true
		}
		a, err := readAnswer(from)
		if err != nil {
			c.counts.fail("reading: %v", err)
			return true
		}
		c.counts.answered.Add(1)
		path := "GET /v" + a.first + "/orders"
		if a.status != "200" || a.first == "" || a.first != a.second || !strings.HasSuffix(a.body, path) {
			c.counts.fail("%+v", a)
			return true
		}
		c.counts.revisions.LoadOrStore(a.first, true)
		if a.closes {
			return true
		}
	}
	return true
}

// answerRead is what matters of an answer; reading it must be cheap.
type answerRead struct {
	status, first, second, remaining, body string
	closes                                 bool
}

func readAnswer(from *bufio.Reader) (answerRead, error) {
	var a answerRead
	length := 0
	for first := true; ; first = false {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if first {
			if len(line) < 12 {
				return a, fmt.Errorf("status line %q", line)
			}
			a.status = string(line[9:12])
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(bytes.ToLower(name)) {
		case "content-length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return a, err
			}
		case "x-first":
			a.first = string(value)
		case "x-second":
			a.second = string(value)
		case "x-ratelimit-remaining":
			a.remaining = string(value)
		case "connection":
			a.closes = string(value) == "close"
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(from, body)
	a.body = string(body)
	return a, err
}

// TestReload publishes 100 revisions while 200,000 requests are answered (20,000
// under the race detector and with -short): none may fail, none may see half of a
// revision, and the limit counts on as if nothing had happened.
func TestReload(t *testing.T) {
	total, revisions := int64(200_000), 100
	if raced || testing.Short() {
		total = 20_000
		t.Logf("a short run of %d requests: the race detector is on, or -short is given", total)
	}
	run := serve(t, startServices(t, nil), one(revised(0)))
	began := time.Now()
	seen, done := &counts{}, make(chan struct{})
	var callers sync.WaitGroup
	for i := range 10 {
		c := &caller{address: run.at("8081"), keepAlive: 5000, counts: seen}
		if i >= 8 {
			c.keepAlive = 1 + i%2 // nearly every request on a new connection
		}
		callers.Go(func() { c.call(total, done) })
	}
	for n := 1; n <= revisions; n++ {
		// The revisions spread over the requests.
		for seen.asked.Load() < total*int64(n-1)/int64(revisions) && seen.failed.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		run.replace(t, "manifest.yaml", revised(n))
		if !run.waitPublishing(func(s publish.Status) bool { return s.Serving.Number == uint64(n+1) }) {
			t.Errorf("revision %d was not published: %+v", n, run.ready.Publishing().Refused)
			break
		}
	}
	close(done)
	callers.Wait()
	different := 0
	seen.revisions.Range(func(any, any) bool { different++; return true })
	t.Logf("%d requests on %d connections, %d revisions of which %d were seen, %d failures, %v",
		seen.answered.Load(), seen.newConnections.Load(), revisions, different, seen.failed.Load(), time.Since(began).Round(time.Millisecond))
	if seen.failed.Load() > 0 {
		t.Errorf("failures, the first ones:\n%s", strings.Join(seen.failures, "\n"))
	}
	if seen.answered.Load() < total || different < revisions*3/4 {
		t.Error("that proves too little")
	}
	got := run.get(t, "8081", "GET /api/orders HTTP/1.1")
	left, _ := strconv.ParseInt(got.header.Get("X-Ratelimit-Remaining"), 10, 64)
	if want := quota - seen.answered.Load() - 1; left != want {
		t.Errorf("the limit has %d requests left, want %d: it forgot some over a revision", left, want)
	}
}

// TestHalfWrittenManifests writes manifests in place, in two halves: the half is
// refused and told, what served goes on serving, and the whole is published.
func TestHalfWrittenManifests(t *testing.T) {
	run := serve(t, startServices(t, nil), one(revised(0)))
	path := filepath.Join(run.manifests, "manifest.yaml")
	rounds, published := 20, uint64(1)
	for n := 1; n <= rounds; n++ {
		text := run.place(revised(n))
		cut := badCut(t, text, n)
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text[:cut]); err != nil {
			t.Fatal(err)
		}
		refusedFor := func(s publish.Status) bool {
			return s.Refused != nil && len(s.Refused.Problems) > 0 && s.Refused.Problems[0].File == path
		}
		if !run.waitPublishing(refusedFor) {
			t.Fatalf("round %d: nothing was refused for\n%s", n, text[:cut])
		}
		if s := run.ready.Publishing(); s.Serving.Number != published || s.Refused.Problems[0].Line < 1 {
			t.Errorf("round %d: revision %d serves, want %d; refused for %s", n, s.Serving.Number, published, s.Refused.Problems[0].Text())
		}
		wantRevision(t, run, n-1)
		if _, err := file.WriteString(text[cut:]); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		published++
		if !run.waitPublishing(func(s publish.Status) bool { return s.Serving.Number == published && s.Refused == nil }) {
			t.Fatalf("round %d: the whole was not published: %+v", n, run.ready.Publishing().Refused)
		}
		wantRevision(t, run, n)
	}
	if !strings.Contains(run.log.String(), "a change of the manifests is refused; what served goes on serving") {
		t.Error("the log does not tell of it")
	}
	got := run.get(t, "8081", "GET /api/orders HTTP/1.1")
	if left := got.header.Get("X-Ratelimit-Remaining"); left != strconv.Itoa(quota-2*rounds-1) {
		t.Errorf("the limit has %s requests left behind %d", left, 2*rounds+1)
	}
	t.Logf("%d manifests in two halves, %d revisions", rounds, published)
}

func wantRevision(t *testing.T, run *running, n int) {
	t.Helper()
	got := run.get(t, "8081", "GET /api/orders HTTP/1.1")
	want := strconv.Itoa(n)
	if got.header.Get("X-First") != want || got.header.Get("X-Second") != want || !strings.Contains(got.body, "/v"+want+"/orders") {
		t.Errorf("%d %v %s, want revision %d", got.status, got.header, got.body, n)
	}
}

// badCut is a place at which the text breaks off so that it can't be taken for a
// whole; a file that ends between two documents can't be told from a whole one.
func badCut(t *testing.T, text string, n int) int {
	t.Helper()
	for cut := len(text) * (1 + n%17) / 18; cut > 0; cut-- {
		if !buildable(t, text[:cut]) {
			return cut
		}
	}
	t.Fatal("every beginning of the manifest is a manifest")
	return 0
}

// TestInPlaceWrites rewrites manifests in place, again and again with no regard
// for who reads: every answer shows a whole revision, and the last one stays.
func TestInPlaceWrites(t *testing.T) {
	run := serve(t, startServices(t, nil), one(revised(0)))
	path := filepath.Join(run.manifests, "manifest.yaml")
	seen, done := &counts{}, make(chan struct{})
	var callers sync.WaitGroup
	for range 2 {
		c := &caller{address: run.at("8081"), keepAlive: 100, counts: seen}
		callers.Go(func() { c.call(1000, done) })
	}
	const writes = 200
	for n := 1; n <= writes; n++ {
		if err := os.WriteFile(path, []byte(run.place(revised(n))), 0o600); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 { // now and then the watcher is given the time to see it
			run.waitPublishing(func(s publish.Status) bool { return strings.HasSuffix(destination(s), fmt.Sprintf("/v%d", n)) })
		}
	}
	ok := run.waitPublishing(func(s publish.Status) bool {
		return strings.HasSuffix(destination(s), fmt.Sprintf("/v%d", writes)) && s.Refused == nil
	})
	close(done)
	callers.Wait()
	if !ok {
		t.Errorf("the last write was not published: %+v", run.ready.Publishing())
	}
	if seen.failed.Load() > 0 {
		t.Errorf("%d failures, the first ones:\n%s", seen.failed.Load(), strings.Join(seen.failures, "\n"))
	}
	t.Logf("%d writes in place, %d requests, revision %d", writes, seen.answered.Load(), run.ready.Publishing().Serving.Number)
}

func destination(s publish.Status) string {
	if len(s.Serving.APIs) == 0 {
		return "no API"
	}
	return s.Serving.APIs[0].Routes[0].Targets[0].DestinationPath
}
