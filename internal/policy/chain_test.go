package policy_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// bench runs chains as an engine does, and remembers what happened.
type bench struct {
	t      *testing.T
	rt     policy.Runtime
	trace  []string
	panics []string
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.rt = policy.Runtime{
		Now:    func() time.Time { return time.Unix(0, 0) },
		Decode: gunzip,
		Render: func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
		Panicked: func(binding string, value any) {
			b.panics = append(b.panics, fmt.Sprintf("%s: %v", binding, value))
		},
	}
	return b
}

// step is a step that traces its hooks and lets everything pass.
func (b *bench) step(name string) policy.Link {
	return policy.Link{Binding: name, Policy: "traced", Step: policy.Step{
		Request: func(context.Context, *traffic.Exchange) policy.Verdict {
			b.trace = append(b.trace, "request "+name)
			return policy.Go()
		},
		Response: func(context.Context, *traffic.Exchange) policy.Verdict {
			b.trace = append(b.trace, "response "+name)
			return policy.Go()
		},
		End: func(*traffic.Exchange) { b.trace = append(b.trace, "end "+name) },
	}}
}

// answers makes a step answer on the way in.
func (b *bench) answers(l policy.Link, v policy.Verdict) policy.Link {
	l.Step.Request = func(context.Context, *traffic.Exchange) policy.Verdict {
		b.trace = append(b.trace, "request "+l.Binding)
		return v
	}
	return l
}

// upstream is what the service answers.
type upstream func(x *traffic.Exchange)

func answer(body string, fields ...traffic.Field) upstream {
	return func(x *traffic.Exchange) {
		x.Response.Status, x.Response.Header = 200, traffic.NewHeader(fields...)
		x.Response.Body.SetSource(strings.NewReader(body), int64(len(body)))
	}
}

// chain makes a chain of links, run as often as wanted.
func (b *bench) chain(links ...policy.Link) *policy.Chain {
	b.t.Helper()
	c, err := policy.NewChain(&b.rt, links)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// run takes an exchange through a chain and gives the body that the client reads.
func (b *bench) run(c *policy.Chain, x *traffic.Exchange, service upstream) string {
	b.t.Helper()
	run := c.Begin()
	if v := run.Request(b.t.Context(), x); v.Stops() {
		run.Render(x, v)
	} else {
		b.trace = append(b.trace, "service")
		service(x)
	}
	run.Response(b.t.Context(), x)
	body := b.read(&x.Response.Body)
	run.End(x, false)
	run.End(x, true)
	x.Request.Body.Release()
	x.Response.Body.Release()
	return body
}

func (b *bench) read(body *traffic.Body) string {
	b.t.Helper()
	r, _ := body.Forward()
	if r == nil {
		return ""
	}
	text, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bench) want(trace ...string) {
	b.t.Helper()
	if !slices.Equal(b.trace, trace) {
		b.t.Errorf("happened %q\n    want %q", b.trace, trace)
	}
}

func newExchange(body string) *traffic.Exchange {
	x := &traffic.Exchange{ID: "test-id"}
	x.Request.Method, x.Request.Path = "POST", "/orders"
	if body != "" {
		x.Request.Body.SetSource(strings.NewReader(body), int64(len(body)))
	}
	return x
}

func gunzip(encoding string, coded []byte, limit int64) ([]byte, bool, error) {
	if encoding != "gzip" {
		return nil, false, errors.New("unknown coding")
	}
	r, err := gzip.NewReader(bytes.NewReader(coded))
	if err != nil {
		return nil, false, err
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return text, true, nil // only the beginning was read
	}
	if err != nil {
		return nil, false, err
	}
	if int64(len(text)) > 100*int64(len(coded)) {
		return nil, false, fmt.Errorf("reading gzip: %w", policy.ErrTooLarge)
	}
	return text[:min(int64(len(text)), limit)], int64(len(text)) > limit, nil
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func buffered(limit int64) policy.Need { return policy.Need{Mode: policy.Buffered, Limit: limit} }

func partly(limit int64) policy.Need {
	return policy.Need{Mode: policy.Buffered, Limit: limit, Partial: true}
}

// statuses are the decisions of a trail in short.
func trail(x *traffic.Exchange) string {
	var parts []string
	for _, d := range x.Decisions {
		part := d.Binding + " " + d.Side + " " + d.Action.String()
		if d.Status != 0 {
			part += fmt.Sprintf(" %d", d.Status)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestHooksRunInOrder(t *testing.T) {
	b := newBench(t)
	x := newExchange("")
	b.run(b.chain(b.step("a"), b.step("b"), b.step("c")), x, answer("ok"))
	b.want("request a", "request b", "request c", "service", "response c", "response b", "response a", "end a", "end b", "end c")
	if got := trail(x); got != "a request continued, b request continued, c request continued, c response continued, b response continued, a response continued" {
		t.Errorf("the trail is %s", got)
	}
}

func TestMissingHooksAreLeftOut(t *testing.T) {
	b := newBench(t)
	onlyOut, onlyEnd := b.step("out"), b.step("end")
	onlyOut.Step.Request, onlyOut.Step.End = nil, nil
	onlyEnd.Step.Request, onlyEnd.Step.Response = nil, nil
	b.run(b.chain(onlyOut, onlyEnd), newExchange(""), answer("ok"))
	b.want("service", "response out", "end end")
}

func TestUnmatchedStepsDoNotRun(t *testing.T) {
	b := newBench(t)
	other := b.step("other")
	other.Match = func(x *traffic.Exchange) bool { return x.Request.Path == "/other" }
	other.Step.RequestBody = buffered(1)
	x := newExchange("hello")
	b.run(b.chain(b.step("a"), other), x, answer("ok"))
	b.want("request a", "service", "response a", "end a")
	if got := trail(x); strings.Contains(got, "other") {
		t.Errorf("the trail is %s", got)
	}
}

// TestEarlyAnswers holds that the response side runs for exactly the steps
// whose request side let the exchange go on, and that the end hook of the step
// that answered is called too.
func TestEarlyAnswers(t *testing.T) {
	for _, c := range []struct {
		verdict policy.Verdict
		status  int
		body    string
	}{
		{policy.Refuse(403, "No.", "because"), 403, `{"error":"No.","correlationId":"test-id"}`},
		{policy.Fail(500, "Internal error.", "broken"), 500, `{"error":"Internal error.","correlationId":"test-id"}`},
		{policy.Reply(policy.Answer{Status: 200, Body: []byte("cached")}, "a hit"), 200, "cached"},
	} {
		b := newBench(t)
		x := newExchange("")
		body := b.run(b.chain(b.step("a"), b.answers(b.step("b"), c.verdict), b.step("c")), x, answer("ok"))
		b.want("request a", "request b", "response a", "end a", "end b")
		if x.Response.Status != c.status || body != c.body || !x.Response.Local {
			t.Errorf("%v: status %d, body %s, local %v", c.verdict.Action, x.Response.Status, body, x.Response.Local)
		}
	}
}

func TestResponseHookReplaces(t *testing.T) {
	b := newBench(t)
	judge, outer := b.step("judge"), b.step("outer")
	judge.Step.Response = func(context.Context, *traffic.Exchange) policy.Verdict {
		return policy.Refuse(502, "Bad gateway.", "the response is hostile")
	}
	seen := 0
	outer.Step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		seen = x.Response.Status
		return policy.Go()
	}
	x := newExchange("")
	body := b.run(b.chain(outer, judge), x, answer("secret", traffic.Field{Name: "x-secret", Value: "1"}))
	if seen != 502 || x.Response.Status != 502 || strings.Contains(body, "secret") || x.Response.Header.Has("x-secret") {
		t.Errorf("the outer step saw %d, the client %d %s", seen, x.Response.Status, body)
	}
}

func TestPanics(t *testing.T) {
	const inner = "index out of range: password=hunter2"
	for _, side := range []string{"request", "response", "end"} {
		b := newBench(t)
		bad := b.step("bad")
		hook := func(context.Context, *traffic.Exchange) policy.Verdict { panic(inner) }
		switch side {
		case "request":
			bad.Step.Request = hook
		case "response":
			bad.Step.Response = hook
		case "end":
			bad.Step.End = func(*traffic.Exchange) { panic(inner) }
		}
		x := newExchange("")
		body := b.run(b.chain(b.step("a"), bad), x, answer("ok"))
		if want := []string{"bad: " + inner}; !slices.Equal(b.panics, want) {
			t.Errorf("%s: told of the panics %q", side, b.panics)
		}
		wantStatus := map[string]int{"request": 500, "response": 500, "end": 200}[side]
		if x.Response.Status != wantStatus || strings.Contains(body+trail(x), "hunter2") {
			t.Errorf("%s: status %d, body %s", side, x.Response.Status, body)
		}
		for _, d := range x.Decisions {
			if strings.Contains(d.Reason, "hunter2") {
				t.Errorf("%s: the reason is %s", side, d.Reason)
			}
		}
		if !slices.Contains(b.trace, "end a") {
			t.Errorf("%s: the end hook of the other step was not called", side)
		}
	}
}

func TestStatusOutOfRange(t *testing.T) {
	for _, status := range []int{0, 101, 199, 600, -1} {
		b := newBench(t)
		x := newExchange("")
		body := b.run(b.chain(b.answers(b.step("a"), policy.Refuse(status, "Odd.", "odd"))), x, answer("ok"))
		if x.Response.Status != 500 || strings.Contains(body, "Odd") {
			t.Errorf("%d: the client reads %d %s", status, x.Response.Status, body)
		}
	}
}

func TestTooManySteps(t *testing.T) {
	b := newBench(t)
	links := make([]policy.Link, 65)
	if _, err := policy.NewChain(&b.rt, links); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Errorf("65 steps: %v", err)
	}
	if _, err := policy.NewChain(&b.rt, links[:64]); err != nil {
		t.Errorf("64 steps: %v", err)
	}
}

// TestBodyIsReadLate holds that the body is read once, just before the first
// step that needs it, up to the largest limit of all.
func TestBodyIsReadLate(t *testing.T) {
	b := newBench(t)
	early, first, second := b.step("early"), b.step("first"), b.step("second")
	loaded := map[string]bool{}
	for _, l := range []*policy.Link{&early, &first, &second} {
		l.Step.Request = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			loaded[l.Binding] = x.Request.Body.Loaded()
			return policy.Go()
		}
	}
	first.Step.RequestBody, second.Step.RequestBody = buffered(10), buffered(20)
	x := newExchange("0123456789")
	b.run(b.chain(early, first, second), x, func(x *traffic.Exchange) {
		if got := b.read(&x.Request.Body); got != "0123456789" {
			t.Errorf("the service reads %q", got)
		}
		answer("ok")(x)
	})
	if loaded["early"] || !loaded["first"] || !loaded["second"] {
		t.Errorf("loaded: %v", loaded)
	}
}

func TestRefusedBeforeTheBodyIsRead(t *testing.T) {
	b := newBench(t)
	needs := b.step("needs")
	needs.Step.RequestBody = buffered(10)
	x := newExchange("")
	x.Request.Body.SetSource(unreadable{errors.New("touched")}, 5)
	b.run(b.chain(b.answers(b.step("a"), policy.Refuse(401, "Who?", "unknown")), needs), x, answer("ok"))
	b.want("request a", "end a")
}

type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }

type timeout struct{ error }

func (timeout) Timeout() bool { return true }

// TestBodyLimits plays what becomes of a body that a step needs.
func TestBodyLimits(t *testing.T) {
	coded := func(x *traffic.Exchange) { x.Request.Header.Set("content-encoding", "gzip") }
	cases := []struct {
		name   string
		need   policy.Need
		body   string
		change func(*traffic.Exchange)
		status int
		seen   string
	}{
		{"just fits", buffered(5), "hello", nil, 200, "hello"},
		{"one too long", buffered(4), "hello", nil, 413, ""},
		{"partial", partly(4), "hello", nil, 200, "hell (partial)"},
		{"empty", buffered(4), "", nil, 200, ""},
		{"coded fits", buffered(100), zipped("hello"), coded, 200, "hello"},
		{"coded grows", buffered(100), zipped(strings.Repeat("ab ", 50)), coded, 413, ""},
		{"coded grows, partial", partly(100), zipped(strings.Repeat("ab ", 50)), coded, 200, strings.Repeat("ab ", 50)[:100] + " (partial)"},
		{"a bomb", buffered(1 << 20), zipped(strings.Repeat("a", 1<<20)), coded, 413, ""},
		{"not what it says", buffered(100), "hello", coded, 400, ""},
		{"unknown coding", buffered(100), "hello", func(x *traffic.Exchange) { x.Request.Header.Set("content-encoding", "br") }, 400, ""},
		{"cut off", buffered(100), "", func(x *traffic.Exchange) {
			x.Request.Body.SetSource(unreadable{io.ErrUnexpectedEOF}, 5)
		}, 400, ""},
		{"too slow", buffered(100), "", func(x *traffic.Exchange) {
			x.Request.Body.SetSource(unreadable{timeout{errors.New("deadline")}}, 5)
		}, 408, ""},
	}
	for _, c := range cases {
		b := newBench(t)
		l := b.step("needs")
		l.Step.RequestBody = c.need
		seen := ""
		l.Step.Request = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			seen = string(x.Request.Body.Bytes())
			if x.Request.Body.Partial() {
				seen += " (partial)"
			}
			return policy.Go()
		}
		x := newExchange(c.body)
		if c.change != nil {
			c.change(x)
		}
		b.run(b.chain(l), x, func(x *traffic.Exchange) {
			if got := b.read(&x.Request.Body); got != c.body {
				t.Errorf("%s: the service reads %q, want the bytes as received, %q", c.name, got, c.body)
			}
			answer("ok")(x)
		})
		if x.Response.Status != c.status || seen != c.seen {
			t.Errorf("%s: status %d, want %d; the step saw %q, want %q", c.name, x.Response.Status, c.status, seen, c.seen)
		}
		if ended := slices.Contains(b.trace, "end needs"); ended != (c.status == 200) {
			t.Errorf("%s: the end hook was called: %v", c.name, ended)
		}
	}
	t.Logf("played %d bodies", len(cases))
}

// TestLimitsAreEachSteps holds that a step refuses by its own limit though
// another one made more be read.
func TestLimitsAreEachSteps(t *testing.T) {
	b := newBench(t)
	small, large := b.step("small"), b.step("large")
	small.Step.RequestBody, large.Step.RequestBody = buffered(4), buffered(100)
	x := newExchange("hello")
	b.run(b.chain(large, small), x, answer("ok"))
	if got := trail(x); got != "large request continued, small request refused 413, large response continued" {
		t.Errorf("the trail is %s", got)
	}
}

func TestBudget(t *testing.T) {
	b := newBench(t)
	b.rt.Budget = traffic.NewBudget(64)
	in, out := b.step("in"), b.step("out")
	in.Step.RequestBody, out.Step.ResponseBody = buffered(1000), buffered(1000)
	long := strings.Repeat("a", 100)

	x := newExchange(long)
	body := b.run(b.chain(in), x, answer("ok"))
	if x.Response.Status != 503 || !strings.Contains(body, "Service overloaded.") {
		t.Errorf("a request beyond the budget: %d %s", x.Response.Status, body)
	}
	x = newExchange("")
	b.run(b.chain(out), x, answer(long))
	if x.Response.Status != 503 {
		t.Errorf("a response beyond the budget: %d", x.Response.Status)
	}
	x = newExchange("short")
	b.run(b.chain(in), x, answer("ok"))
	if x.Response.Status != 200 {
		t.Errorf("a request within the budget: %d", x.Response.Status)
	}
	if used := b.rt.Budget.Used(); used != 0 {
		t.Errorf("%d bytes were not given back", used)
	}
}

func TestStreams(t *testing.T) {
	for _, c := range []struct {
		name        string
		onStream    policy.OnStream
		in, out     bool
		status      int
		notInspects int
		trace       []string
	}{
		{"request refused", policy.RefuseStream, true, false, 403, 0, nil},
		{"request skipped", policy.SkipStream, true, false, 200, 1, []string{"service"}},
		{"response refused", policy.RefuseStream, false, true, 403, 0, []string{"request step", "service", "end step"}},
		{"response skipped", policy.SkipStream, false, true, 200, 1, []string{"request step", "service", "end step"}},
	} {
		b := newBench(t)
		l := b.step("step")
		l.Step.OnStream = c.onStream
		if c.in {
			l.Step.RequestBody = buffered(10)
		} else {
			l.Step.ResponseBody = buffered(10)
		}
		x := newExchange("")
		x.Request.Streaming = c.in
		b.run(b.chain(l), x, func(x *traffic.Exchange) {
			answer("data: 1\n\n")(x)
			x.Response.Streaming = c.out
		})
		if x.Response.Status != c.status || len(x.NotInspected) != c.notInspects {
			t.Errorf("%s: status %d, not inspected %q", c.name, x.Response.Status, x.NotInspected)
		}
		b.want(c.trace...)
	}
}

// TestStreamsWithoutBodySteps holds that a step that needs no body runs on
// streams as on everything else.
func TestStreamsWithoutBodySteps(t *testing.T) {
	b := newBench(t)
	x := newExchange("")
	x.Request.Streaming = true
	b.run(b.chain(b.step("a")), x, answer("ok"))
	b.want("request a", "service", "response a", "end a")
}

func TestResponseBodies(t *testing.T) {
	for _, c := range []struct {
		name   string
		need   policy.Need
		body   string
		coding string
		status int
		seen   string
	}{
		{"fits", buffered(5), "hello", "", 200, "hello"},
		{"too long", buffered(4), "hello", "", 502, ""},
		{"partial", partly(4), "hello", "", 200, "hell"},
		{"coded", buffered(100), zipped("hello"), "gzip", 200, "hello"},
		{"coded too long", buffered(20), zipped("hello"), "gzip", 502, ""},
		{"unknown coding", buffered(100), "hello", "br", 502, ""},
	} {
		b := newBench(t)
		l := b.step("needs")
		l.Step.ResponseBody = c.need
		seen := ""
		l.Step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			seen = string(x.Response.Body.Bytes())
			return policy.Go()
		}
		x := newExchange("")
		var fields []traffic.Field
		if c.coding != "" {
			fields = []traffic.Field{{Name: "content-encoding", Value: c.coding}}
		}
		body := b.run(b.chain(l), x, answer(c.body, fields...))
		if x.Response.Status != c.status || seen != c.seen {
			t.Errorf("%s: status %d, want %d; seen %q, want %q", c.name, x.Response.Status, c.status, seen, c.seen)
		}
		if c.status == 200 && body != c.body {
			t.Errorf("%s: the client reads %q, want the bytes as sent", c.name, body)
		}
	}
}

// TestBackground holds that end hooks for the pool run only there, and that
// what found no room is recorded.
func TestBackground(t *testing.T) {
	b := newBench(t)
	now, later := b.step("now"), b.step("later")
	later.Step.Background = true
	x := newExchange("")
	run := b.chain(now, later).Begin()
	run.Request(t.Context(), x)
	if !run.Background() {
		t.Error("no end hook wants the pool")
	}
	b.trace = nil
	run.End(x, false)
	b.want("end now")
	run.Uninspected(x, "the pool was full")
	if want := []string{"later: the pool was full"}; !slices.Equal(x.NotInspected, want) {
		t.Errorf("not inspected: %q", x.NotInspected)
	}
	run.End(x, true)
	b.want("end now", "end later")
}

func TestAnswerWrites(t *testing.T) {
	x := newExchange("")
	x.Response.Header.Set("x-upstream", "1")
	policy.Answer{Status: 429, Error: "Too Many Requests", Header: []traffic.Field{
		{Name: "retry-after", Value: "1"},
		{Name: "content-type", Value: "application/problem+json"},
		{Name: "set-cookie", Value: "a=1"},
		{Name: "set-cookie", Value: "b=2"},
	}}.Write(x)
	h := &x.Response.Header
	if h.Has("x-upstream") || h.Joined("content-type") != "application/problem+json" || h.Get("retry-after") != "1" {
		t.Errorf("the header is %v", slices.Collect(h.All()))
	}
	if h.Joined("set-cookie") != "a=1, b=2" {
		t.Errorf("the cookies are %q", h.Joined("set-cookie"))
	}
	if x.Response.Status != http.StatusTooManyRequests || !x.Response.Local {
		t.Errorf("status %d, local %v", x.Response.Status, x.Response.Local)
	}
}

// TestTeedStepSeesTheBeginningOfAStream holds that a client does not escape a
// step of watch mode by calling its request a stream.
func TestTeedStepSeesTheBeginningOfAStream(t *testing.T) {
	b := newBench(t)
	l := b.step("a")
	l.Step.RequestBody = policy.Need{Mode: policy.Teed, Limit: 10}
	l.Step.OnStream = policy.SkipStream
	x := newExchange("")
	x.Request.Streaming = true
	b.run(b.chain(l), x, answer("ok"))
	b.want("request a", "service", "response a", "end a")
	if len(x.NotInspected) != 1 || !strings.Contains(x.NotInspected[0], "the beginning only") {
		t.Errorf("not inspected: %q", x.NotInspected)
	}
}
