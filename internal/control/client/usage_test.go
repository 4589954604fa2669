package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/store/storetest"
)

// counts are figures that a test says.
type counts struct {
	calls func(since time.Time, step time.Duration) []client.Calls
	spent []client.Spent
}

func (c *counts) Calls(_ context.Context, environment, name, _ string, since time.Time, step time.Duration) ([]client.Calls, error) {
	if environment != "default" || name != api {
		return nil, errors.New("asked of another API")
	}
	return c.calls(since, step), nil
}

func (c *counts) Spent(_ context.Context, _, _, _ string, limits []client.Limit) ([]client.Spent, error) {
	return c.spent[:min(len(c.spent), len(limits))], nil
}

// TestUsage tells what is used of a contract to those who may see its application, by
// counters where there are some and else by series.
func TestUsage(t *testing.T) {
	db := storetest.Open(t)
	w, figures := newWorld(t, db), &counts{}
	ctx := t.Context()
	counting, err := client.Open(ctx, client.Options{
		DB: db, Tree: tree{}, Audit: w.audit, Now: func() time.Time { return w.now }, Counts: figures,
		Published: func(context.Context, control.Principal, string, string) error { return nil },
	})
	w.must(err)
	limits := []client.Limit{
		{Visible: true, MaximumRequests: 10, TimePeriodInMilliseconds: 1000},
		{Visible: true, MaximumRequests: 100, TimePeriodInMilliseconds: 3_600_000},
		{MaximumRequests: 1000, TimePeriodInMilliseconds: 86_400_000},
	}
	gold, err := w.CreateTier(ctx, owner, "default", api, client.TierDraft{Name: "Gold", Limits: limits})
	w.must(err)
	app := w.app(developer, "Shoes")
	c := w.ask(developer, app, gold)
	usage := func(p control.Principal) *client.Usage {
		t.Helper()
		list, err := counting.Usage(ctx, p, "team", app.ID)
		w.must(err)
		if len(list) != 1 || list[0].Contract.ID != c.ID {
			t.Fatalf("%s reads %+v", p.Operator, list)
		}
		return &list[0]
	}
	if u := usage(developer); len(u.Windows) != 0 || len(u.Days) != 0 || u.Warn {
		t.Errorf("a pending contract: %+v", u)
	}
	c, err = w.Decide(ctx, owner, "default", c.ID, c.Version, client.Approve, "")
	w.must(err)

	figures.calls = func(since time.Time, step time.Duration) []client.Calls {
		if step == 24*time.Hour {
			if want := time.Date(2026, 2, 23, 0, 0, 0, 0, time.UTC); !since.Equal(want) {
				t.Errorf("the days begin at %s", since)
			}
			return []client.Calls{{At: since, Requests: 70, Refused: 7}, {At: since.AddDate(0, 0, 1), Requests: 30, Refused: 3}}
		}
		if step != time.Minute || w.now.Sub(since) != time.Hour {
			t.Errorf("a window of an hour is read from %s by %s", since, step)
		}
		return []client.Calls{{Requests: 90, Refused: 11}, {Requests: 3, Refused: 3}}
	}
	u := usage(developer)
	if u.Requests != 100 || u.Refused != 10 || len(u.Days) != 2 || u.Warn || len(u.Windows) != 2 {
		t.Fatalf("by series: %+v", u)
	}
	if u.Windows[0].Known || u.Windows[1].By != client.BySeries || u.Windows[1].Used != 79 || u.Windows[1].Percent() != 79 {
		t.Errorf("by series: %+v", u.Windows)
	}
	figures.calls = func(time.Time, time.Duration) []client.Calls { return []client.Calls{{Requests: 80}} }
	if u = usage(developer); !u.Warn || !u.Windows[1].Warn {
		t.Errorf("80 of 100 are no warning: %+v", u)
	}
	figures.spent = []client.Spent{{Used: 7, Reset: 300 * time.Millisecond}, {Used: 79, Reset: time.Minute}, {Used: 800, Reset: time.Hour}}
	u = usage(developer)
	if u.Warn || u.Windows[0].By != client.ByCounter || u.Windows[0].Used != 7 || !u.Windows[1].Resets.Equal(w.now.Add(time.Minute)) {
		t.Errorf("by counters: %+v", u)
	}
	for i := range figures.spent {
		figures.spent[i].Shared = true
	}
	// Who decides about contracts sees the limit that developers do not.
	if u = usage(owner); len(u.Windows) != 3 || u.Windows[2].By != client.ByCounterTogether || !u.Windows[2].Warn || !u.Warn {
		t.Errorf("the owner of the API: %+v", u)
	}
	for _, p := range []control.Principal{stranger, somebody("dirk", access.RoleDeveloper, "root/team"), somebody("dora", access.RoleDeveloper, "root/other")} {
		if _, err := counting.Usage(ctx, p, "team", app.ID); !errors.Is(err, control.ErrNotFound) && !errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s reads the usage of others: %v", p.Operator, err)
		}
	}
	_, err = w.Decide(ctx, owner, "default", c.ID, c.Version, client.Revoke, "")
	w.must(err)
	if u = usage(developer); len(u.Windows) != 2 || u.Windows[0].Known || len(u.Days) != 0 {
		t.Errorf("a revoked contract: %+v", u)
	}
}
