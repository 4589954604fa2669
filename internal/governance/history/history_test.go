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
		if course, _ := h.Course(t.Context(), "default/orders", first); len(course) != 3 {
			t.Errorf("the course is gone: %v", course)
		}
	})
}

// TestDays holds how all stood day by day: what changes within a day counts once, and
// who asks for later days learns how it was before.
func TestDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		h, err := history.Open(t.Context(), db, "test", func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		keep := func(api string, status governance.Status, score int) {
			t.Helper()
			if _, err := h.Keep(t.Context(), history.Standing{API: api, Profile: "p", Judged: now, Status: status, Score: score}, nil); err != nil {
				t.Fatal(err)
			}
			if err := h.SumUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		days := func(n int) []history.Sum {
			t.Helper()
			sums, err := h.Days(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			return sums
		}
		if sums := days(30); len(sums) != 0 {
			t.Errorf("before anything was judged: %v", sums)
		}
		keep("default/orders", governance.NonConformant, 40)
		keep("default/orders", governance.Conformant, 90)
		keep("default/other", governance.NotApplicable, 0)
		now = now.AddDate(0, 0, 3)
		keep("default/invoices", governance.Failed, 10)
		sums := days(30)
		if len(sums) != 2 || sums[0].APIs[governance.Conformant] != 1 || sums[0].APIs[governance.NonConformant] != 0 || sums[0].Score != 90 || sums[1].Score != 50 || sums[1].APIs[governance.Failed] != 1 {
			t.Errorf("the days: %+v", sums)
		}
		if sums := days(2); len(sums) != 2 || sums[0].Day.Day() != 1 {
			t.Errorf("the day before those that are asked for: %+v", sums)
		}
	})
}
