package posture_test

import (
	"context"
	"testing"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestRenew holds that what an engine finds no more is mended, that it opens
// again, and that other APIs and suppressions are left alone.
func TestRenew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		p, err := posture.New(t.Context(), posture.Options{DB: db, Control: db, Environment: "test", Gateway: "g", Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		at := func(place string) finding.Finding {
			return finding.Finding{Rule: "unbounded", Severity: finding.Medium, Title: "t", Message: "m", Location: finding.Location{Place: place}}
		}
		renew := func(api string, found ...finding.Finding) {
			t.Helper()
			now = now.Add(time.Hour)
			if err := p.Renew(context.WithoutCancel(t.Context()), "governance", api, found); err != nil {
				t.Fatal(err)
			}
		}
		states := func() string {
			t.Helper()
			items, _, err := p.List(t.Context(), posture.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]posture.State{}
			for _, i := range items {
				got[i.Location.API+i.Location.Place] = i.State
			}
			return string(got["a/x#/1"]) + " " + string(got["a/x#/2"]) + " " + string(got["a/y#/1"])
		}
		for _, c := range []struct {
			api   string
			found []finding.Finding
			want  string
		}{
			{"a/x", []finding.Finding{at("#/1"), at("#/2")}, "open open "},
			{"a/y", []finding.Finding{at("#/1")}, "open open open"},
			{"a/x", []finding.Finding{at("#/2")}, "mended open open"},
			{"a/x", nil, "mended mended open"},
			{"a/x", []finding.Finding{at("#/1")}, "open mended open"},
		} {
			renew(c.api, c.found...)
			if got := states(); got != c.want {
				t.Errorf("after %d findings of %s: %q, want %q", len(c.found), c.api, got, c.want)
			}
		}
		if c, err := p.Counts(t.Context()); err != nil || c.Open.Medium != 2 {
			t.Errorf("counts %+v, error %v: what is mended counts", c, err)
		}
	})
}
