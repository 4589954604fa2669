package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

func openLog(t *testing.T, db *store.DB) *Log {
	t.Helper()
	l, err := Open(t.Context(), db, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func entry(object string) Entry {
	return Entry{
		Environment: "default", Operator: "admin", Action: RevisionPublished, Object: object, Outcome: Done,
		Detail: map[string]string{"digest": "abc", "apis": "3"},
	}
}

func record(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Record(t.Context(), nil, entry(fmt.Sprintf("revision %d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMigrationsArePortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestRecordAndList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		if err := l.Verify(t.Context()); err != nil {
			t.Errorf("an empty log: %v", err)
		}
		if id, hash, err := l.Head(t.Context()); err != nil || id != 0 || hash != genesis {
			t.Errorf("head of an empty log: %d %s %v", id, hash, err)
		}
		record(t, l, 5)
		all, err := l.List(t.Context(), 100, 0)
		if err != nil || len(all) != 5 {
			t.Fatalf("listed %d, %v", len(all), err)
		}
		first := all[4]
		if first.ID != 1 || !first.At.Equal(testTime) || first.Object != "revision 1" || first.Operator != "admin" ||
			first.Action != RevisionPublished || first.Outcome != Done || first.Environment != "default" ||
			first.Detail["digest"] != "abc" || first.PrevHash != genesis || all[3].PrevHash != first.Hash {
			t.Errorf("first entry is %+v", first)
		}
		page, err := l.List(t.Context(), 2, 4)
		if err != nil || len(page) != 2 || page[0].ID != 3 || page[1].ID != 2 {
			t.Errorf("page is %+v, %v", page, err)
		}
		if id, hash, err := l.Head(t.Context()); err != nil || id != 5 || hash != all[0].Hash {
			t.Errorf("head: %d %s %v", id, hash, err)
		}
		for _, limit := range []int{0, -1, 1001} {
			if _, err := l.List(t.Context(), limit, 0); err == nil {
				t.Errorf("limit %d was taken", limit)
			}
		}
		if err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		// Opened again, the chain goes on.
		record(t, openLog(t, db), 1)
		if err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRecordBelongsToItsTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		stop := errors.New("stop")
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			if err := l.Record(t.Context(), tx, entry("lost")); err != nil {
				t.Error(err)
			}
			return stop
		})
		if id, _, headErr := l.Head(t.Context()); !errors.Is(err, stop) || headErr != nil || id != 0 {
			t.Errorf("an undone write left entry %d (%v, %v)", id, err, headErr)
		}
	})
}

func TestRecordByManyAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 10 {
					if err := l.Record(t.Context(), nil, entry("x")); err != nil {
						t.Error(err)
					}
					if err := l.Verify(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if id, _, err := l.Head(t.Context()); err != nil || id != 100 {
			t.Errorf("head is %d, %v", id, err)
		}
	})
}

func TestRecordRefuses(t *testing.T) {
	cases := []struct {
		name   string
		change func(e *Entry)
		want   string
	}{
		{"unknown action", func(e *Entry) { e.Action = "sign-inn" }, "not in the list of actions"},
		{"no action", func(e *Entry) { e.Action = "" }, "not in the list of actions"},
		{"unknown outcome", func(e *Entry) { e.Outcome = "maybe" }, "not one of done"},
		{"long operator", func(e *Entry) { e.Operator = strings.Repeat("x", 257) }, "operator must be"},
		{"binary object", func(e *Entry) { e.Object = "\xff" }, "object must be"},
		{"NUL in environment", func(e *Entry) { e.Environment = "a\x00b" }, "environment must be"},
		{"long detail", func(e *Entry) { e.Detail["x"] = strings.Repeat("x", 9000) }, "longer than 8192"},
		{"binary detail", func(e *Entry) { e.Detail["x"] = "\xff" }, "not UTF-8"},
		{"password", func(e *Entry) { e.Detail["newPassword"] = "hunter2" }, "speaks of a secret"},
		{"token", func(e *Entry) { e.Detail["TOKEN"] = "hunter2" }, "speaks of a secret"},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		for _, c := range cases {
			e := entry("x")
			c.change(&e)
			err := l.Record(t.Context(), nil, e)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
		if id, _, err := l.Head(t.Context()); err != nil || id != 0 {
			t.Errorf("%d refused entries were kept (%v)", id, err)
		}
		t.Logf("%d refusals played", len(cases))
	})
}

func TestVerifySaysWhichEntryBreaks(t *testing.T) {
	cases := []struct{ name, sql, want string }{
		{"at changed", "UPDATE audit_entries SET at = at + 1 WHERE id = 3", "entry 3 was changed"},
		{"environment changed", "UPDATE audit_entries SET environment = 'x' WHERE id = 3", "entry 3 was changed"},
		{"operator changed", "UPDATE audit_entries SET operator = 'eve' WHERE id = 3", "entry 3 was changed"},
		{"action changed", "UPDATE audit_entries SET action = 'sign-in' WHERE id = 3", "entry 3 was changed"},
		{"object changed", "UPDATE audit_entries SET object = 'x' WHERE id = 3", "entry 3 was changed"},
		{"outcome changed", "UPDATE audit_entries SET outcome = 'refused' WHERE id = 3", "entry 3 was changed"},
		{"detail changed", "UPDATE audit_entries SET detail = '{}' WHERE id = 3", "entry 3 was changed"},
		{"letters moved", "UPDATE audit_entries SET environment = 'defaul', operator = 'tadmin' WHERE id = 3", "entry 3 was changed"},
		{"hash changed", "UPDATE audit_entries SET hash = prev_hash WHERE id = 3", "entry 3 was changed"},
		{"link changed", "UPDATE audit_entries SET prev_hash = hash WHERE id = 3", "entry 3 does not follow entry 2"},
		{"first removed", "DELETE FROM audit_entries WHERE id = 1", "entry 1 is missing"},
		{"one removed", "DELETE FROM audit_entries WHERE id = 3", "entry 3 is missing"},
		{"end cut off", "DELETE FROM audit_entries WHERE id >= 4", "entry 4 is missing; the log ended with entry 5"},
		{"emptied", "DELETE FROM audit_entries", "entry 1 is missing; the log ended with entry 5"},
		{"head removed", "DELETE FROM audit_head", "entry 1 was slipped in; the log ended with entry 0"},
		{"head changed", "UPDATE audit_head SET hash = 'x'", "entry 5 is not the one"},
		{
			"slipped in before the first",
			"INSERT INTO audit_entries SELECT 0, at, environment, operator, action, object, outcome, detail, prev_hash, hash FROM audit_entries WHERE id = 1",
			"entry 0 was slipped in",
		},
		{
			"slipped in at the end",
			"INSERT INTO audit_entries SELECT 6, at, environment, operator, action, object, outcome, detail, hash, hash FROM audit_entries WHERE id = 5",
			"entry 6 was changed",
		},
	}
	played := 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				l := openLog(t, db)
				record(t, l, 5)
				err := db.Write(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), c.sql)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				played++
				if err := l.Verify(t.Context()); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
	t.Logf("%d kinds of tampering played", played)
	if played < 15 {
		t.Errorf("only %d kinds of tampering were played", played)
	}
}

// The hash must not change between versions: logs outlive programs.
func TestHashIsStable(t *testing.T) {
	detail, err := json.Marshal(entry("").Detail)
	if err != nil {
		t.Fatal(err)
	}
	k := Kept{Entry: entry("revision 1"), ID: 1, At: testTime, PrevHash: genesis, detail: string(detail)}
	if got, want := k.sum(), "9a0a03b49e755e861b0ca85aadfb168afdacc74274eb7eb98a8fc4fe61f14b27"; got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
}
