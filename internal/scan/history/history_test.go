package history_test

import (
	"errors"
	"testing"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/history"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestNewestScan: of each project the newest scan is remembered, until it is
// forgotten.
func TestNewestScan(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h, err := history.Open(t.Context(), db, "test")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for i, s := range []history.Scan{
			{Project: "orders", Source: "orders.jar", At: at, Operator: "ann", Summary: finding.Summary{Critical: 2}},
			{Project: "billing", Source: "/src/billing", At: at, Operator: "system"},
			{Project: "orders", Source: "orders-2.jar", At: at.Add(time.Hour), Operator: "ben", Summary: finding.Summary{High: 1}},
		} {
			if err := h.Keep(t.Context(), s, []int{i}); err != nil {
				t.Fatal(err)
			}
		}
		var report []int
		s, err := h.Report(t.Context(), "orders", &report)
		if err != nil || s.Operator != "ben" || s.Summary != (finding.Summary{High: 1}) || !s.At.Equal(at.Add(time.Hour)) || len(report) != 1 || report[0] != 2 {
			t.Errorf("%+v %v, error %v", s, report, err)
		}
		if all, err := h.All(t.Context()); err != nil || len(all) != 2 || all[0].Project != "billing" {
			t.Errorf("%+v, error %v", all, err)
		}
		if err := h.Forget(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Report(t.Context(), "orders", &report); !errors.Is(err, history.ErrNotFound) {
			t.Errorf("forgotten, but %v", err)
		}
	})
}
