package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/monitor/capture"
	"farrier.dev/farrier/internal/secret"
)

var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

// loaded are the rules, which take a second to compile.
var loaded = sync.OnceValues(func() (*detect.Rules, error) { return detect.LoadRules(1) })

// played captures raw requests, "!" before those that were refused, and replays
// them.
func played(t *testing.T, o detect.Options, since time.Duration, requests ...string) (*Report, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), capture.Folder)
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	rules, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	before, err := rules.Engine(detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := capture.Open(capture.Options{
		Dir: dir, Sealer: ring, Now: func() time.Time { return noon }, PerOperationHour: 1000, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range requests {
		raw, refused := strings.CutPrefix(raw, "!")
		x, err := detect.ParseRequest([]byte(raw + "\nHost: api.example.com\n\n"))
		if err != nil {
			t.Fatal(err)
		}
		x.ID, x.API, x.Received = fmt.Sprintf("%026d", i), "default/orders", noon
		x.Findings = before.Judge(t.Context(), x, detect.Lessons{}).Findings
		store.Capture(x, refused)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	engine, err := rules.Engine(o)
	if err != nil {
		t.Fatal(err)
	}
	return Run(t.Context(), Options{Dir: dir, Opener: ring, Engine: engine, Since: since, Now: func() time.Time { return noon.Add(time.Hour) }})
}

const (
	attack   = "GET /orders?id=1%27%20OR%20%271%27=%271 HTTP/1.1"
	harmless = "GET /orders?id=1&view=debug HTTP/1.1"
	hidden   = "GET /orders?password=1%27%20OR%20%271%27=%271 HTTP/1.1"
)

func TestChanges(t *testing.T) {
	patch := []detect.Patch{{Name: "debug", Place: "query view", Match: "debug", Mode: "block"}}
	exclusion := []detect.Exclusion{{Rule: "900000-999999", Place: "query id"}, {Rule: "attack-sqli", Place: "query id"}}
	expired := []detect.Patch{{Name: "debug", Place: "query view", Mode: "block", Expires: noon.Add(time.Minute).Format(time.RFC3339)}}
	all := []string{harmless, harmless, "!" + attack, attack, "!" + hidden, "!" + harmless}
	for _, c := range []struct {
		name string
		o    detect.Options
		want Changes
	}{
		{"as it was", detect.Options{}, Changes{WouldRefuse: 2, StillRefused: 1, NewlyRefused: 1, WouldPass: 1, Undecided: 1}},
		{"a patch", detect.Options{Patches: patch}, Changes{WouldRefuse: 5, StillRefused: 2, NewlyRefused: 3, Undecided: 1}},
		{"a patch that is over", detect.Options{Patches: expired}, Changes{WouldRefuse: 2, StillRefused: 1, NewlyRefused: 1, WouldPass: 1, Undecided: 1}},
		{"an exclusion", detect.Options{Exclusions: exclusion}, Changes{WouldPass: 2, Undecided: 1}},
		{"a threshold", detect.Options{Threshold: 1000}, Changes{WouldPass: 2, Undecided: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := played(t, c.o, time.Hour, all...)
			if err != nil {
				t.Fatal(err)
			}
			if r.Changes != c.want {
				t.Errorf("%+v\nwant %+v", r.Changes, c.want)
			}
			if r.OfRefused != (Sample{3, 3}) || r.OfPassed != (Sample{3, 3}) || r.Sample != (Sample{6, 6}) {
				t.Errorf("%+v", r)
			}
			if len(r.Operations) != 1 || r.Operations[0].Changes != c.want || r.Operations[0].Sample != r.Sample {
				t.Errorf("%+v", r.Operations)
			}
			if int64(len(r.Examples)) != c.want.NewlyRefused+c.want.WouldPass {
				t.Errorf("%+v", r.Examples)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := r.Text(&b); err != nil {
				t.Fatal(err)
			}
			for _, value := range []string{"view", "OR '1'", "OR%20", "redacted"} {
				if strings.Contains(string(text)+b.String(), value) {
					t.Errorf("the report quotes %q", value)
				}
			}
		})
	}
}

func TestExamplesAreBounded(t *testing.T) {
	var requests []string
	for range 3 * MaxExamples {
		requests = append(requests, attack, "!"+harmless)
	}
	r, err := played(t, detect.Options{}, time.Hour, requests...)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Examples) != MaxExamples || r.NewlyRefused != 3*MaxExamples || r.Examples[0].Record != fmt.Sprintf("%026d", len(requests)-2) {
		t.Errorf("%d examples of %d: %+v", len(r.Examples), r.NewlyRefused, r.Examples[0])
	}
	if len(r.Rules) == 0 || r.Rules[0].NewlyRefused != 3*MaxExamples {
		t.Errorf("%+v", r.Rules)
	}
}

func TestSinceIsByHours(t *testing.T) {
	for since, want := range map[time.Duration]int64{20 * time.Minute: 0, 30 * time.Minute: 0, 31 * time.Minute: 1, time.Hour: 1} {
		r, err := played(t, detect.Options{}, since, harmless)
		if err != nil {
			t.Fatal(err)
		}
		if r.Sampled != want || r.Seen != want {
			t.Errorf("since %v: %+v, want %d", since, r.Sample, want)
		}
	}
}

func TestReplayEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rules, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := rules.Engine(detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{ctx: ctx, o: Options{Engine: engine, Now: time.Now}, operations: map[[2]string]*OperationCount{}, rules: map[string]*RuleCount{}}
	if err := r.judge(&capture.Request{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
