package policy_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// The sketches show that the hard policies can be said with three hooks and the
// body contract. They are not the policies: they have no limits and no clock.

// cache answers on the way in and stores on the way out.
type cache struct {
	entries map[string]stored
}

type stored struct {
	status int
	fields []traffic.Field
	body   []byte
}

func (c *cache) link(b *bench) policy.Link {
	return policy.Link{Binding: "cache", Policy: "cache", Step: policy.Step{
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			// Later steps may change the path; the key is that of the request as
			// it came here.
			x.Carry(c, x.Request.Path)
			hit, ok := c.entries[x.Request.Path]
			if !ok {
				return policy.Go()
			}
			return policy.Reply(policy.Answer{Status: hit.status, Header: hit.fields, Body: hit.body}, "a hit")
		},
		Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			key, _ := x.Carried(c).(string)
			if x.Response.Local || x.Response.Body.Partial() {
				return policy.Go()
			}
			// The coded bytes are stored, for the header says how they are coded.
			c.entries[key] = stored{x.Response.Status, slices.Collect(x.Response.Header.All()), []byte(b.read(&x.Response.Body))}
			return policy.GoBecause("stored")
		},
		ResponseBody: partly(100),
		OnStream:     policy.SkipStream,
	}}
}

func TestSketchOfACache(t *testing.T) {
	b := newBench(t)
	c := &cache{entries: map[string]stored{}}
	rewrite := b.step("rewrite")
	rewrite.Step.Request = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		b.trace = append(b.trace, "request rewrite")
		x.Request.Path = "/elsewhere"
		return policy.Go()
	}
	chain := b.chain(b.step("before"), c.link(b), rewrite)
	coded := zipped("orders")
	service := answer(coded, traffic.Field{Name: "content-encoding", Value: "gzip"},
		traffic.Field{Name: "link", Value: "<a>"}, traffic.Field{Name: "link", Value: "<b>"})

	first := b.run(chain, newExchange(""), service)
	b.want("request before", "request rewrite", "service", "response rewrite", "response before", "end before", "end rewrite")
	b.trace = nil
	x := newExchange("")
	second := b.run(chain, x, service)
	b.want("request before", "response before", "end before")
	if first != coded || second != coded || x.Response.Header.Joined("link") != "<a>, <b>" || !x.Response.Local {
		t.Errorf("the hit is %q with %v", second, slices.Collect(x.Response.Header.All()))
	}
	if got := trail(x); got != "before request continued, cache request answered 200, before response continued" {
		t.Errorf("the trail of the hit is %s", got)
	}
	// What is longer than the limit passes and is not stored.
	long := newExchange("")
	long.Request.Path = "/long"
	if body := b.run(chain, long, answer(strings.Repeat("a", 101))); len(body) != 101 || len(c.entries) != 1 {
		t.Errorf("%d bytes passed, %d entries", len(body), len(c.entries))
	}
}

// breaker lets no more than limit exchanges be under way, and opens after three
// failures in a row.
type breaker struct {
	limit, under, failures int
}

func (c *breaker) link() policy.Link {
	return policy.Link{Binding: "breaker", Policy: "breaker", Step: policy.Step{
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if c.under >= c.limit || c.failures >= 3 {
				return policy.Refuse(http.StatusServiceUnavailable, "Service unavailable.", "the circuit is open")
			}
			c.under++
			x.Carry(c, true)
			return policy.Go()
		},
		// End is called too when the breaker itself refused; only what it
		// carried says that there is a place to give back.
		End: func(x *traffic.Exchange) {
			if x.Carried(c) == nil {
				return
			}
			c.under--
			if x.Response.Status >= 500 {
				c.failures++
			} else {
				c.failures = 0
			}
		},
	}}
}

func TestSketchOfABreaker(t *testing.T) {
	b := newBench(t)
	c := &breaker{limit: 1}
	chain := b.chain(c.link())
	failing := func(x *traffic.Exchange) {
		policy.Answer{Status: 502, Error: "Bad gateway."}.Write(x)
		// While this one is under way another is refused, and takes no place.
		if c.failures == 0 {
			other := newExchange("")
			b.run(chain, other, answer("ok"))
			if other.Response.Status != 503 || c.under != 1 {
				t.Errorf("a second exchange: %d, %d under way", other.Response.Status, c.under)
			}
		}
	}
	for range 3 {
		b.run(chain, newExchange(""), failing)
	}
	x := newExchange("")
	b.run(chain, x, answer("ok"))
	if x.Response.Status != 503 || c.under != 0 {
		t.Errorf("after three failures: %d, %d under way", x.Response.Status, c.under)
	}
}

// TestBreakerAndPanics holds that a place is given back when a later step
// panics.
func TestBreakerAndPanics(t *testing.T) {
	b := newBench(t)
	c := &breaker{limit: 1}
	bad := b.step("bad")
	bad.Step.Request = func(context.Context, *traffic.Exchange) policy.Verdict { panic("bad") }
	b.run(b.chain(c.link(), bad), newExchange(""), answer("ok"))
	if c.under != 0 || c.failures != 1 {
		t.Errorf("%d under way, %d failures", c.under, c.failures)
	}
}

// masking replaces what the client must not read.
func masking() policy.Link {
	return policy.Link{Binding: "mask", Policy: "mask", Step: policy.Step{
		Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			masked := bytes.ReplaceAll(x.Response.Body.Bytes(), []byte("4111"), []byte("****"))
			if bytes.Equal(masked, x.Response.Body.Bytes()) {
				return policy.Go()
			}
			if err := x.Response.Body.Replace(masked); err != nil {
				return policy.Fail(http.StatusBadGateway, "Bad gateway.", err.Error())
			}
			// The new content is plain, and no longer what the tag was given for.
			x.Response.Header.Del("content-encoding")
			x.Response.Header.Del("etag")
			return policy.GoBecause("masked")
		},
		ResponseBody: buffered(100),
	}}
}

func TestSketchOfMasking(t *testing.T) {
	fields := []traffic.Field{{Name: "content-encoding", Value: "gzip"}, {Name: "etag", Value: `"1"`}}
	b := newBench(t)
	outer := b.step("outer")
	outer.Step.ResponseBody = buffered(100)
	seen := ""
	outer.Step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		seen = string(x.Response.Body.Bytes())
		return policy.Go()
	}
	x := newExchange("")
	body := b.run(b.chain(outer, masking()), x, answer(zipped("card 4111"), fields...))
	if body != "card ****" || seen != body || x.Response.Header.Has("content-encoding") || x.Response.Header.Has("etag") {
		t.Errorf("the client reads %q with %v, the outer step %q", body, slices.Collect(x.Response.Header.All()), seen)
	}
	x = newExchange("")
	clean := zipped("no card")
	if body = b.run(b.chain(masking()), x, answer(clean, fields...)); body != clean || !x.Response.Header.Has("etag") {
		t.Error("a response without a card was changed")
	}
	x = newExchange("")
	body = b.run(b.chain(masking()), x, func(x *traffic.Exchange) {
		answer("data: 4111")(x)
		x.Response.Streaming = true
	})
	if x.Response.Status < 400 || strings.Contains(body, "4111") {
		t.Errorf("an event stream passed unmasked: %d %q", x.Response.Status, body)
	}
}

// TestReplaceOfAPart holds that a step that saw only the first part can't
// replace the whole.
func TestReplaceOfAPart(t *testing.T) {
	b := newBench(t)
	mask := masking()
	mask.Step.ResponseBody = partly(4)
	x := newExchange("")
	if body := b.run(b.chain(mask), x, answer("4111 1111")); x.Response.Status != 502 || strings.Contains(body, "1111") {
		t.Errorf("%d %q", x.Response.Status, body)
	}
}

// TestSketchOfStreamLogging holds that a logging step that reads bodies lets an
// event stream pass, that this is recorded, and that its end hook still sees
// what is known of the stream beside its content.
func TestSketchOfStreamLogging(t *testing.T) {
	b := newBench(t)
	var lines []string
	log := policy.Link{Binding: "log", Policy: "log", Step: policy.Step{
		Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			lines = append(lines, "body "+string(x.Response.Body.Bytes()))
			return policy.Go()
		},
		End: func(x *traffic.Exchange) {
			if x.Response.Streaming {
				lines = append(lines, fmt.Sprintf("stream %d", x.Response.Status))
			}
		},
		ResponseBody: partly(100),
		OnStream:     policy.SkipStream,
	}}
	x := newExchange("")
	body := b.run(b.chain(log), x, func(x *traffic.Exchange) {
		answer("data: 1\n\n")(x)
		x.Response.Streaming = true
	})
	if body != "data: 1\n\n" || x.Response.Body.Loaded() {
		t.Errorf("the client reads %q", body)
	}
	b.run(b.chain(log), newExchange(""), answer("plain"))
	if want := []string{"stream 200", "body plain"}; !slices.Equal(lines, want) {
		t.Errorf("logged %q", lines)
	}
	if want := []string{"log: streams are not inspected"}; !slices.Equal(x.NotInspected, want) {
		t.Errorf("not inspected: %q", x.NotInspected)
	}
}

// TestEveryChain holds for any chain, whatever its steps do: the response side
// runs in reverse for exactly the steps before the one that stopped, and each
// step whose request hook was called is ended once.
func TestEveryChain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		var links []policy.Link
		var want, ends []string
		stopped := false
		for i := range rapid.IntRange(0, 12).Draw(rt, "steps") {
			l := b.step(fmt.Sprint(i))
			kind := rapid.SampledFrom([]string{"go", "go", "go", "refuse", "panic", "unmatched"}).Draw(rt, "kind")
			switch kind {
			case "refuse":
				l = b.answers(l, policy.Refuse(403, "No.", "no"))
			case "panic":
				l.Step.Request = func(context.Context, *traffic.Exchange) policy.Verdict { panic("no") }
			case "unmatched":
				l.Match = func(*traffic.Exchange) bool { return false }
			}
			links = append(links, l)
			if stopped || kind == "unmatched" {
				continue
			}
			ends = append(ends, "end "+l.Binding)
			if kind == "go" {
				want = append([]string{"response " + l.Binding}, want...)
			} else {
				stopped = true
			}
		}
		b.run(b.chain(links...), newExchange(""), answer("ok"))
		var got []string
		for _, line := range b.trace {
			if strings.HasPrefix(line, "response") || strings.HasPrefix(line, "end") {
				got = append(got, line)
			}
		}
		if !slices.Equal(got, append(want, ends...)) {
			rt.Fatalf("happened %q, want %q", got, append(want, ends...))
		}
	})
}
