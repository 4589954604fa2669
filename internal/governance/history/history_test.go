package history_test

import (
	"testing"
	"time"

	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestCourse holds that changes are remembered, and what stays the same once a
// day.
func TestCourse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		h, err := history.Open(t.Context(), db, "test", func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		first := now
		keep := func(after time.Duration, status governance.Status, score int) *history.Standing {
			t.Helper()
			now = first.Add(after)
			before, err := h.Keep(t.Context(), history.Standing{API: "default/orders", Profile: "p", Judged: now, Status: status, Score: score}, []string{"a report"})
			if err != nil {
				t.Fatal(err)
			}
			return before
		}
		if before := keep(0, governance.NonConformant, 40); before != nil {
			t.Errorf("before the first there was %v", before)
		}
		if before := keep(time.Hour, governance.NonConformant, 40); before == nil || before.Score != 40 {
			t.Errorf("before the second there was %v", before)
		}
		keep(2*time.Hour, governance.Conformant, 90)
		keep(25*time.Hour, governance.Conformant, 90)
		keep(27*time.Hour, governance.Conformant, 90)
		course, err := h.Course(t.Context(), "default/orders", first)
		if err != nil || len(course) != 3 {
			t.Fatalf("course %v, error %v; want 3: the first, the change and the next day", course, err)
		}
		if course[1].Status != governance.Conformant || course[1].Judged != first.Add(2*time.Hour) {
			t.Errorf("the change is %v", course[1])
		}
		var report []string
		if s, err := h.Report(t.Context(), "default/orders", "p", &report); err != nil || s.Score != 90 || len(report) != 1 {
			t.Errorf("report %v %v, error %v", s, report, err)
		}
		if err := h.Forget(t.Context(), "default/orders", "p"); err != nil {
			t.Fatal(err)
		}
		if all, err := h.Standings(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("standings after forgetting: %v, error %v", all, err)
		}
		if course, _ := h.Course(t.Context(), "", first); len(course) != 3 {
			t.Errorf("the course is gone: %v", course)
		}
	})
}
