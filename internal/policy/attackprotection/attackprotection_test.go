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

func TestConversations(t *testing.T) { policytest.Play(t, attackprotection.Policy(), 3) }

func bind(t *testing.T, settings string) policy.Step {
	t.Helper()
	compiled, err := attackprotection.Policy().Compile(json.RawMessage(settings))
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

func TestLongBodyIsNoted(t *testing.T) {
	x := request(t, "POST / HTTP/1.1\nHost: api.example.com\nContent-Type: text/plain\n\n"+strings.Repeat("word ", 4000))
	if v := bind(t, `{}`).Request(t.Context(), x); v.Stops() {
		t.Errorf("%+v", v)
	}
	if len(x.NotInspected) != 1 || x.NotInspected[0] != "default/shield: body: only its first 16384 bytes" {
		t.Errorf("%v", x.NotInspected)
	}
}

func TestStreams(t *testing.T) {
	if bind(t, `{}`).OnStream != policy.RefuseStream || bind(t, `{"onStream": "skip"}`).OnStream != policy.SkipStream {
		t.Error("streams must be refused unless the setting says skip")
	}
}

func TestWarnings(t *testing.T) {
	warn := attackprotection.Policy().Warn
	for _, c := range []struct {
		settings string
		want     int
	}{
		{`{}`, 0},
		{`{"exclusions": [{"rule": "942100", "place": "query q"}]}`, 0},
		{`{"exclusions": [{"rule": "942100"}]}`, 1},
		{`{"exclusions": [{"rule": "942100"}], "onStream": "skip"}`, 2},
		{`{"unknown": 1}`, 0},
	} {
		if got := warn(json.RawMessage(c.settings)); len(got) != c.want {
			t.Errorf("%s: %v, want %d", c.settings, got, c.want)
		}
	}
}
