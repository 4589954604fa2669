package dosprotection

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// TestMemoryIsBounded holds that a flood of sources makes nobody forget whom it
// punishes.
func TestMemoryIsBounded(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"wafErrors":{"window1":{"action":"block-forever","threshold":2}}}`))
	if err != nil {
		t.Fatal(err)
	}
	by := &compiled.(*escalation).groups[waf]
	s := newSources(1000)
	bad := netip.MustParseAddr("192.0.2.7")
	for range 3 {
		s.count(bad, waf, by, began)
	}
	for i := range 100_000 {
		s.count(address(i), waf, by, began.Add(time.Duration(i)*time.Millisecond))
	}
	if len(s.all) > 1000 {
		t.Errorf("%d sources are remembered", len(s.all))
	}
	if s.admit(bad, began.Add(time.Hour)) != blocked {
		t.Error("a blocked source was forgotten")
	}
}

// TestEscalation plays a source that errs again and again: slowed down in the
// first window, blocked for the second, then for ever.
func TestEscalation(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"window1TimePeriod": 60, "qosErrors": {
		"window1": {"action": "shape-interval", "threshold": 3, "rate": 1},
		"window2": {"action": "block-interval", "threshold": 8, "numberOfPrecedingWindows": 5},
		"window3": {"action": "block-forever", "threshold": 12, "numberOfPrecedingWindows": 2}}}`))
	if err != nil {
		t.Fatal(err)
	}
	by := &compiled.(*escalation).groups[qos]
	s, who, now := newSources(100), address(1), began
	played := 0
	play := func(errors int, begun string, then verdict) {
		t.Helper()
		played++
		got := ""
		for range errors {
			if what := s.count(who, qos, by, now); what != "" {
				got = what
			}
		}
		if got != begun {
			t.Errorf("step %d: %q began, want %q", played, got, begun)
		}
		if v := s.admit(who, now); v != then {
			t.Errorf("step %d: met with %d, want %d", played, v, then)
		}
	}
	play(3, "", free)
	play(1, "slowed down", shaped)
	now = now.Add(2 * time.Second)
	play(0, "", free) // one request a second
	play(0, "", shaped)
	now = now.Add(time.Minute)
	play(0, "", free)
	play(3, "", free)
	now = now.Add(time.Minute)
	play(2, "blocked", blocked) // nine errors in five minutes
	now = now.Add(6 * time.Minute)
	play(3, "", free)
	play(1, "blocked", blocked) // thirteen in ten minutes
	now = now.Add(1000 * time.Hour)
	play(0, "", blocked)
	t.Logf("played %d steps", played)
}

func TestSourceIsANetworkOfIPv6(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1:2:3")
	if source(a) != source(b) {
		t.Error("two addresses of one /64 are two sources")
	}
	if source(netip.MustParseAddr("::ffff:192.0.2.7")) != netip.MustParseAddr("192.0.2.7") {
		t.Error("a mapped address is another source")
	}
}

func TestGroups(t *testing.T) {
	refusal := func(policy string, action traffic.Action) *traffic.Exchange {
		return &traffic.Exchange{Decisions: []traffic.Decision{
			{Policy: "cors-flex", Side: "request", Action: traffic.Continued}, {Policy: policy, Side: "request", Action: action},
		}}
	}
	for name, c := range map[string]struct {
		x     *traffic.Exchange
		group int
		is    bool
	}{
		"waf":            {refusal("attack-protection", traffic.Refused), waf, true},
		"authentication": {refusal("jwt-validation-flex", traffic.Refused), authentication, true},
		"content":        {refusal("json-threat-protection-flex", traffic.Refused), content, true},
		"failed":         {refusal("jwt-validation-flex", traffic.Failed), 0, false},
		"watched":        {refusal("attack-protection", traffic.Watched), 0, false},
		"own":            {refusal("dos-protection", traffic.Refused), 0, false},
		"routing":        {&traffic.Exchange{Response: traffic.Response{Local: true, Status: 404}}, routing, true},
		"service's 404":  {&traffic.Exchange{Response: traffic.Response{Status: 404}, Upstream: traffic.Upstream{Service: "s"}}, 0, false},
	} {
		if group, is := groupOf(c.x); group != c.group || is != c.is {
			t.Errorf("%s: %d %v, want %d %v", name, group, is, c.group, c.is)
		}
	}
}

// TestWhoseError holds that a source answers only for what it did.
func TestWhoseError(t *testing.T) {
	refused := func(by string) []traffic.Decision {
		return []traffic.Decision{{Policy: by, Side: "request", Action: traffic.Refused}}
	}
	for _, c := range []struct {
		name      string
		status    int
		decisions []traffic.Decision
		group     int
		is        bool
	}{
		{"no route", 404, nil, routing, true},
		{"a kept 404", 404, []traffic.Decision{{Policy: "http-caching-flex", Side: "request", Action: traffic.Answered}}, 0, false},
		{"a body that was cut off", 413, nil, protocol, true},
		{"a service that is down", 502, nil, 0, false},
		{"a service at rest", 503, refused("circuit-breaker-flex"), 0, false},
		{"an API that is closed", 403, refused("access-block"), 0, false},
		{"a wrong key", 401, refused("api-key"), authentication, true},
		{"an attack", 403, refused("attack-protection"), waf, true},
		{"anything else", 400, refused("soap-validation"), content, true},
	} {
		x := &traffic.Exchange{Decisions: c.decisions, Response: traffic.Response{Status: c.status, Local: true}}
		if group, is := groupOf(x); is != c.is || is && group != c.group {
			t.Errorf("%s: group %d, %v", c.name, group, is)
		}
	}
}

// TestLengthOfWindows holds that a window that is not set is as long as its default.
func TestLengthOfWindows(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"window1TimePeriod": 10, "wafErrors": {"window3": {"action": "block-interval"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := compiled.(*escalation); !ok || e.groups[waf][2].length != 250*time.Second {
		t.Errorf("compiled to %+v", compiled)
	}
}
