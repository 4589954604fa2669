package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/traffic"
)

// fake answers as a monitor does and counts what it is asked.
type fake struct {
	asked  int
	trail  monitor.Trail
	kept   monitor.Retention
	failed error
}

func (f *fake) APIOverview(context.Context, string, time.Time, time.Duration) (monitor.Overview, error) {
	f.asked++
	return monitor.Overview{Step: time.Duration(f.asked)}, f.failed
}

func (f *fake) Refusals(context.Context, monitor.Filter) (monitor.Page, error) {
	f.asked++
	return monitor.Page{}, f.failed
}

func (f *fake) Lookup(context.Context, string) (monitor.Trail, monitor.Retention, error) {
	f.asked++
	return f.trail, f.kept, f.failed
}

func (f *fake) Recent(int) []monitor.Refusal {
	f.asked++
	return nil
}

var admin = control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}

func newService(t *testing.T, f *fake, now func() time.Time) *exchange.Service {
	t.Helper()
	policies, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := exchange.New(exchange.Options{Where: access.Scope{Group: access.Root, Environment: "default"}, Monitor: f, Catalogue: policies, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNobodyElseLearnsAnything(t *testing.T) {
	f := &fake{}
	s := newService(t, f, time.Now)
	played := 0
	for name, who := range map[string]control.Principal{
		"nobody": {}, "another role": {Operator: "admin", Roles: []access.Role{access.RoleSecretsAdmin}},
		"a password has to be set": {Operator: "admin", Roles: admin.Roles, Unfinished: access.MustSetPassword},
	} {
		for call, err := range map[string]error{
			"overview": second(s.Overview(t.Context(), who, "", exchange.Ranges()[0])),
			"refusals": second(s.Refusals(t.Context(), who, exchange.Filter{})),
			"trail":    second(s.Trail(t.Context(), who, traffic.NewID(time.Now()))),
			"recent":   second(s.Recent(who, 1)),
		} {
			played++
			if !errors.Is(err, control.ErrForbidden) {
				t.Errorf("%s for %s: %v", call, name, err)
			}
		}
	}
	if f.asked != 0 {
		t.Errorf("the monitor was asked %d times", f.asked)
	}
	if t.Logf("%d calls", played); played < 12 {
		t.Error("too few calls played")
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnOverviewIsAskedForOnceInAWhile(t *testing.T) {
	f := &fake{}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newService(t, f, func() time.Time { return now })
	ask := func(r exchange.Range) {
		t.Helper()
		if _, err := s.Overview(t.Context(), admin, "", r); err != nil {
			t.Fatal(err)
		}
	}
	ranges := exchange.Ranges()
	for i, step := range []struct {
		wait time.Duration
		span exchange.Range
		want int
	}{
		{0, ranges[1], 1},
		{time.Second, ranges[1], 1},
		{0, ranges[3], 2},
		{time.Second, ranges[1], 3},
		{25 * time.Second, ranges[3], 3},
		{10 * time.Second, ranges[3], 4},
		{-time.Hour, ranges[3], 5},
	} {
		now = now.Add(step.wait)
		if ask(step.span); f.asked != step.want {
			t.Fatalf("step %d: asked %d times, want %d", i, f.asked, step.want)
		}
	}
	f.failed = errors.New("no store")
	now = now.Add(time.Minute)
	if _, err := s.Overview(t.Context(), admin, "", ranges[0]); !errors.Is(err, f.failed) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestTheDecisiveStepIsTheLastThatAnswered(t *testing.T) {
	step := func(policy string, action traffic.Action) traffic.Decision {
		return traffic.Decision{Policy: policy, Action: action}
	}
	cases := map[string]struct {
		steps []traffic.Decision
		want  int
	}{
		"a refusal":                      {[]traffic.Decision{step("cors-flex", traffic.Continued), step("rate-limiting-flex", traffic.Refused)}, 1},
		"the response side runs after":   {[]traffic.Decision{step("rate-limiting-flex", traffic.Refused), step("cors-flex", traffic.Continued)}, 0},
		"watched only":                   {[]traffic.Decision{step("cors-flex", traffic.Watched)}, -1},
		"nothing ran":                    {nil, -1},
		"a failure":                      {[]traffic.Decision{step("cors-flex", traffic.Failed)}, 0},
		"a refusal fails on the way out": {[]traffic.Decision{step("a", traffic.Refused), step("b", traffic.Failed)}, 1},
		"an answer without objection":    {[]traffic.Decision{step("cors-flex", traffic.Answered)}, 0},
	}
	for name, c := range cases {
		id := traffic.NewID(time.Now())
		f := &fake{kept: monitor.Kept, trail: monitor.Trail{Whole: true, Record: traffic.Record{ID: id, Decisions: c.steps}}}
		trail, err := newService(t, f, time.Now).Trail(t.Context(), admin, id)
		if err != nil || !trail.Kept || len(trail.Steps) != len(c.steps) {
			t.Fatalf("%s: %+v, %v", name, trail, err)
		}
		for i, s := range trail.Steps {
			if s.Decisive != (i == c.want) {
				t.Errorf("%s: step %d decisive %v", name, i, s.Decisive)
			}
		}
	}
	if t.Logf("%d trails", len(cases)); len(cases) < 7 {
		t.Error("too few trails played")
	}
}
