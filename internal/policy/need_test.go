package policy_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// TestNeeds holds how steps meet bodies that are too long or can't be decoded:
// protecting ones refuse, those that do their best are left out, which is
// recorded, and those that do not look at a body see the exchange all the same.
func TestNeeds(t *testing.T) {
	buffered := policy.Need{Mode: policy.Buffered, Limit: 4}
	with := func(change func(*policy.Need)) policy.Need {
		n := buffered
		change(&n)
		return n
	}
	best := with(func(n *policy.Need) { n.BestEffort = true })
	first := with(func(n *policy.Need) { n.BestEffort, n.Partial = true, true })
	never := with(func(n *policy.Need) { n.When = func(*traffic.Exchange) bool { return false } })
	for _, c := range []struct {
		name     string
		need     policy.Need
		body     string
		encoding string
		status   int  // of a refusal
		ran      bool // the hook of the step
		noted    bool
	}{
		{name: "short", need: buffered, body: "abcd", ran: true},
		{name: "long", need: buffered, body: "abcde", status: 413},
		{name: "broken", need: buffered, body: "abc", encoding: "gzip", status: 400},
		{name: "best effort, short", need: best, body: "abcd", ran: true},
		{name: "best effort, long", need: best, body: "abcde", noted: true},
		{name: "best effort, broken", need: best, body: "abc", encoding: "gzip", noted: true},
		{name: "best effort on the first part", need: first, body: "abcde", ran: true},
		{name: "not looked at, long", need: never, body: "abcde", ran: true},
		{name: "not looked at, broken", need: never, body: "abc", encoding: "gzip", ran: true},
	} {
		b := newBench(t)
		l := b.step("step")
		l.Step.RequestBody = c.need
		x := newExchange(c.body)
		if c.encoding != "" {
			x.Request.Header.Set("content-encoding", c.encoding)
		}
		b.run(b.chain(l), x, answer("ok"))
		ran := strings.Contains(strings.Join(b.trace, " "), "request step")
		if ran != c.ran || (len(x.NotInspected) > 0) != c.noted {
			t.Errorf("%s: ran %v, not inspected %q", c.name, ran, x.NotInspected)
		}
		if refused := x.Response.Local; refused != (c.status > 0) || refused && x.Response.Status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, x.Response.Status, c.status)
		}

		b = newBench(t)
		l = b.step("step")
		l.Step.ResponseBody = c.need
		x = newExchange("")
		var fields []traffic.Field
		if c.encoding != "" {
			fields = append(fields, traffic.Field{Name: "content-encoding", Value: c.encoding})
		}
		got := b.run(b.chain(l), x, answer(c.body, fields...))
		ran = strings.Contains(strings.Join(b.trace, " "), "response step")
		if ran != c.ran || (len(x.NotInspected) > 0) != c.noted {
			t.Errorf("response, %s: ran %v, not inspected %q", c.name, ran, x.NotInspected)
		}
		if failed := c.status > 0; failed && x.Response.Status != 502 || !failed && got != c.body {
			t.Errorf("response, %s: status %d, body %q", c.name, x.Response.Status, got)
		}
	}
}

// TestLaterStepSeesMore holds that a step with a higher limit, also one of
// another chain, is not bound to what an earlier one asked for.
func TestLaterStepSeesMore(t *testing.T) {
	b := newBench(t)
	small, large := b.step("small"), b.step("large")
	small.Step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: 4, Partial: true}
	large.Step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: 10}
	x := newExchange("0123456789")
	inbound, outbound := b.chain(small).Begin(), b.chain(large).Begin()
	if v := inbound.Request(t.Context(), x); v.Stops() {
		t.Fatal(v.Reason)
	}
	if v := outbound.Request(t.Context(), x); v.Stops() {
		t.Fatal(v.Reason)
	}
	if got := string(x.Request.Body.Bytes()); got != "0123456789" {
		t.Errorf("the outbound step sees %q", got)
	}
}
