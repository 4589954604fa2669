package attackprotection_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/attackprotection"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, attackprotection.Policy(nil), 6) }

func bind(t *testing.T, settings string) policy.Step {
	t.Helper()
	compiled, err := attackprotection.Policy(nil).Compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{API: "default/orders", Binding: "default/shield"})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func request(t *testing.T, raw string) *traffic.Exchange {
	t.Helper()
	x, err := detect.ParseRequest([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

const attack = "GET /orders?id=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: api.example.com"

func TestWatchLeavesADecision(t *testing.T) {
	step := bind(t, `{"mode": "watch"}`)
	if step.Request != nil || !step.Background || step.RequestBody.Mode != policy.Teed || step.OnStream != policy.SkipStream {
		t.Errorf("a watching step may not delay or refuse: %+v", step)
	}
	x := request(t, attack)
	step.End(x)
	if len(x.Decisions) != 1 || len(x.Findings) == 0 {
		t.Fatalf("decisions %+v, findings %+v", x.Decisions, x.Findings)
	}
	d := x.Decisions[0]
	if d.Action != traffic.Watched || d.Binding != "default/shield" || d.Status != 403 || !strings.HasPrefix(d.Reason, "score ") ||
		!strings.Contains(d.Reason, "≥ 5: crs-942") || !strings.HasSuffix(d.Reason, " in query id") {
		t.Errorf("%+v", d)
	}
	harmless := request(t, "GET /orders?id=1 HTTP/1.1\nHost: api.example.com")
	step.End(harmless)
	if len(harmless.Decisions)+len(harmless.Findings) != 0 {
		t.Errorf("harmless: %+v %+v", harmless.Decisions, harmless.Findings)
	}
}

func TestNoVerdictRefuses(t *testing.T) {
	step := bind(t, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := step.Request(ctx, request(t, "GET / HTTP/1.1\nHost: api.example.com"))
	if v.Action != traffic.Failed || v.Answer.Status != 500 {
		t.Errorf("%+v", v)
	}
}

func TestLongBodies(t *testing.T) {
	if need := bind(t, `{}`).RequestBody; need.Partial || need.Limit != detect.DefaultBodyLimit {
		t.Errorf("a longer body must be refused: %+v", need)
	}
	x := request(t, "POST / HTTP/1.1\nHost: api.example.com\nContent-Type: text/plain\n\n"+strings.Repeat("word ", 4000))
	step := bind(t, `{"bodyLimit": 16384, "onLongBody": "partial"}`)
	if !step.RequestBody.Partial {
		t.Errorf("%+v", step.RequestBody)
	}
	if v := step.Request(t.Context(), x); v.Stops() {
		t.Errorf("%+v", v)
	}
	if len(x.NotInspected) != 1 || x.NotInspected[0] != "default/shield: body: only its first 16384 bytes" {
		t.Errorf("%v", x.NotInspected)
	}
}

func TestStreams(t *testing.T) {
	for settings, want := range map[string]policy.OnStream{
		`{}`: policy.InspectStream, `{"onStream": "refuse"}`: policy.RefuseStream, `{"onStream": "skip"}`: policy.SkipStream,
		`{"mode": "watch"}`: policy.SkipStream,
	} {
		if got := bind(t, settings).OnStream; got != want {
			t.Errorf("%s: %v, want %v", settings, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	step := bind(t, `{}`)
	x := request(t, "GET /live HTTP/1.1\nHost: api.example.com")
	for _, c := range []struct {
		text string
		kind policy.MessageKind
		stop bool
	}{
		{`{"type":"ping"}`, policy.TextMessage, false},
		{`{"q":"1' OR '1'='1"}`, policy.TextMessage, true},
		{"\x0a\x0e1' OR '1'='1'--", policy.GRPCMessage, true},
		{"\x0a\x05hello", policy.GRPCMessage, false},
	} {
		v := step.Message(t.Context(), x, policy.Message{FromClient: true, Kind: c.kind, Data: []byte(c.text)})
		if v.Stops() != c.stop {
			t.Errorf("%q: %+v", c.text, v)
		}
	}
	v := step.Message(t.Context(), x, policy.Message{FromClient: true, Kind: policy.TextMessage, Data: []byte("a"), Partial: true})
	if !v.Stops() || v.Answer.Status != 413 {
		t.Errorf("a message that is too long passes: %+v", v)
	}
}

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		settings, body string
		stop, watched  bool
	}{
		{`{"responses": "block"}`, `{"key":"-----BEGIN RSA PRIVATE KEY-----"}`, true, false},
		{`{"responses": "watch"}`, `{"key":"-----BEGIN RSA PRIVATE KEY-----"}`, false, true},
		{`{"responses": "block"}`, `{"id": 7}`, false, false},
	} {
		step := bind(t, c.settings)
		x := request(t, "GET /keys HTTP/1.1\nHost: api.example.com")
		x.Response.Status = 200
		x.Response.Body.SetSource(strings.NewReader(c.body), int64(len(c.body)))
		if err := x.Response.Body.Load(1<<20, nil, nil); err != nil {
			t.Fatal(err)
		}
		v := step.Response(t.Context(), x)
		if v.Stops() != c.stop || (len(x.Decisions) > 0) != c.watched || c.stop && v.Answer.Status != 502 {
			t.Errorf("%+v: %+v, decisions %+v", c, v, x.Decisions)
		}
	}
	if bind(t, `{}`).Response != nil {
		t.Error("responses are held back though nobody asked")
	}
}

func TestOff(t *testing.T) {
	if step := bind(t, `{"mode": "off"}`); step.Request != nil || step.End != nil || step.RequestBody.Mode != policy.NoBody {
		t.Errorf("%+v", step)
	}
}

func TestWarnings(t *testing.T) {
	warn := attackprotection.Policy(nil).Warn
	for _, c := range []struct {
		settings string
		want     int
	}{
		{`{}`, 0},
		{`{"exclusions": [{"rule": "942100", "place": "query q"}]}`, 0},
		{`{"exclusions": [{"rule": "942100"}]}`, 1},
		{`{"exclusions": [{"rule": "942100"}], "onStream": "skip"}`, 2},
		{`{"onLongBody": "partial"}`, 1},
		{`{"onExhausted": "pass"}`, 1},
		{`{"mode": "off"}`, 1},
		{`{"unknown": 1}`, 0},
	} {
		if got := warn(json.RawMessage(c.settings)); len(got) != c.want {
			t.Errorf("%s: %v, want %d", c.settings, got, c.want)
		}
	}
}
