package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// ticking is a signer whose clock the test moves.
func ticking(t *testing.T, db *store.DB, dir string, now *time.Time, s Signing) *signer {
	t.Helper()
	l, err := Open(t.Context(), db, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(filepath.Join(dir, KeyFile), func() (bool, error) { return l.HasCheckpoints(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	s.Key, s.Head, s.Heads = key, filepath.Join(dir, HeadFile), filepath.Join(dir, "heads.jsonl")
	if err := l.Sign(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return &signer{Log: l, db: db, dir: dir, key: key}
}

func TestPruneLeavesWhatCanBeVerified(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := testTime
		s := ticking(t, db, t.TempDir(), &now, Signing{})
		daily := func(days int) {
			for i := 0; i < days; i += 5 {
				err := db.Write(t.Context(), func(tx *store.Tx) error {
					for range 5 {
						now = now.Add(day)
						if err := s.Record(t.Context(), tx, entry(now.Format(time.DateOnly))); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		daily(100)
		if _, err := s.Prune(t.Context(), 29*day); err == nil || !strings.Contains(err.Error(), "at least 30") {
			t.Errorf("29 days: %v", err)
		}
		// The clock stands at the moment of the last entry: 40 entries are younger, or as old.
		if n, err := s.Prune(t.Context(), 40*day); err != nil || n != 59 {
			t.Fatalf("pruned %d, %v", n, err)
		}
		r, err := s.VerifyBy(t.Context(), s.evidence(t, HeadFile, "heads.jsonl"))
		if err != nil || r.Pruned != 59 || r.First != 60 || r.Last != 101 || r.Dropped == 0 || r.Entries != 42 {
			t.Errorf("afterwards: %+v, %v", r, err)
		}
		last, err := s.List(t.Context(), Query{Action: LogPruned, Limit: 9})
		if err != nil || len(last) != 1 || last[0].Object != "entries 1 to 59" || last[0].Detail["entries"] != "59" {
			t.Errorf("it is recorded as %+v, %v", last, err)
		}
		if n, err := s.Prune(t.Context(), 40*day); err != nil || n != 0 {
			t.Errorf("pruned again: %d, %v", n, err)
		}
		daily(50)
		if n, err := s.Prune(t.Context(), 40*day); err != nil || n < 40 {
			t.Errorf("pruned later: %d, %v", n, err)
		}
		if _, err := s.VerifyBy(t.Context(), s.evidence(t, HeadFile, "heads.jsonl")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		// What remains is held as before.
		s.exec(t, "DELETE FROM audit_entries WHERE id = (SELECT MIN(id) FROM audit_entries)")
		if _, err := s.VerifyBy(t.Context(), s.evidence(t)); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("one more removed: %v", err)
		}
	})
}

// Nothing is removed that would hide something, and nobody can make a cut by hand.
func TestPruneRefuses(t *testing.T) {
	cases := []struct{ name, sql, want string }{
		{"a changed old entry", "UPDATE audit_entries SET operator = 'eve' WHERE id = 3", "entry 3 was changed"},
		{"a missing old entry", "DELETE FROM audit_entries WHERE id = 3", "entry 3 is missing"},
		{"a missing first entry", "DELETE FROM audit_entries WHERE id = 1", "entry 1 is missing"},
		{"a missing checkpoint", "DELETE FROM audit_checkpoints WHERE number > 2", "was made and is not in the log any more"},
	}
	for _, c := range cases {
		now := testTime
		s := ticking(t, storetest.Open(t), t.TempDir(), &now, Signing{})
		s.fill(t, 10)
		now = now.Add(50 * day)
		s.exec(t, c.sql)
		if n, err := s.Prune(t.Context(), 40*day); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), c.want) || n != 0 {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
	}
	l := openLog(t, storetest.Open(t))
	if _, err := l.Prune(t.Context(), 40*day); err == nil || !strings.Contains(err.Error(), "only a log with a key") {
		t.Errorf("without a key: %v", err)
	}
	t.Logf("%d refusals played", len(cases))
}

func TestRetentionIsNoted(t *testing.T) {
	l := openLog(t, storetest.Open(t))
	for _, step := range []struct {
		days         time.Duration
		entries      int
		before, now_ string
	}{
		{365, 0, "", ""}, {90, 1, "", `{"days":90}`}, {90, 1, "", `{"days":90}`}, {0, 2, `{"days":90}`, `{"days":0}`}, {365, 3, `{"days":0}`, `{"days":365}`},
	} {
		if err := l.NoteRetention(t.Context(), step.days*day); err != nil {
			t.Fatal(err)
		}
		list, err := l.List(t.Context(), Query{Action: RetentionChanged, Limit: 9})
		if err != nil || len(list) != step.entries || len(list) > 0 && (string(list[0].Before) != step.before || string(list[0].After) != step.now_) {
			t.Errorf("%d days: %+v, %v", step.days, list, err)
		}
	}
}

// Run signs when it ticks, and at once when there is much; what could not be sent is
// sent again.
func TestRun(t *testing.T) {
	now, sent, fail := testTime, make(chan Checkpoint, 100), true
	s := ticking(t, storetest.Open(t), t.TempDir(), &now, Signing{Every: 5, Retention: 60 * day, Send: func(_ context.Context, c Checkpoint) error {
		if c.Number > 1 && fail {
			fail = false
			return errors.New("the collector is away")
		}
		sent <- c
		return nil
	}})
	ctx, stop := context.WithCancel(t.Context())
	tick, told, ended := make(chan time.Time), make(chan error, 10), make(chan struct{})
	go func() { defer close(ended); s.Run(ctx, tick, func(err error) { told <- err }) }()
	take := func(number, entry int64) {
		t.Helper()
		if c := <-sent; c.Number != number || c.Entry != entry {
			t.Errorf("checkpoint %d of entry %d, want %d of %d", c.Number, c.Entry, number, entry)
		}
	}
	take(1, 0)
	record(t, s.Log, 2)
	tick <- now
	if err := <-told; !strings.Contains(err.Error(), "the collector is away") {
		t.Error(err)
	}
	tick <- now
	take(2, 2)
	record(t, s.Log, 3) // the fifth wakes it
	take(3, 5)
	tick <- now // nothing is new
	record(t, s.Log, 1)
	tick <- now
	take(4, 6)
	stop()
	<-ended
	heads, err := ReadHeads(filepath.Join(s.dir, "heads.jsonl"))
	if err != nil || len(heads) != 4 || heads[3].Source != "heads.jsonl:4" {
		t.Errorf("%d heads, %v", len(heads), err)
	}
	if _, err := s.VerifyBy(t.Context(), s.evidence(t, "heads.jsonl", HeadFile)); err != nil {
		t.Error(err)
	}
}

// A file of heads that a crash cut off, or that was away, is completed.
func TestHeadsAreCompleted(t *testing.T) {
	s := openSigner(t, storetest.Open(t), t.TempDir())
	s.fill(t, 3)
	path := filepath.Join(s.dir, "heads.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, len(text) / 3, len(text) - 20, len(text) - 1, len(text)} {
		if err := os.WriteFile(path, text[:left], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		heads, err := ReadHeads(path)
		var numbers []int64
		for _, w := range heads {
			numbers = append(numbers, w.Number)
		}
		if err != nil || !slices.Contains(numbers, 1) || !slices.Contains(numbers, 2) {
			t.Errorf("of %d bytes were made %v, %v", left, numbers, err)
		}
		if _, err := s.VerifyBy(t.Context(), s.evidence(t, "heads.jsonl")); err != nil {
			t.Errorf("of %d bytes: %v", left, err)
		}
	}
}

// Entries of the first format are verified as ever, among those of the second.
func TestFirstFormat(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		prev := genesis
		for id := int64(1); id <= 3; id++ {
			e := entry("old")
			k := Kept{Entry: Entry{Operator: "admin", Action: SignIn, Object: "operator admin", Outcome: Done}, ID: id, At: testTime, PrevHash: prev, detail: "{}", format: 1}
			k.Environment = e.Environment
			k.Hash = k.sum()
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), "INSERT INTO audit_entries (id, at, environment, operator, action, object, outcome, detail, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
					k.ID, k.At.UnixMilli(), k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail, k.PrevHash, k.Hash)
				if err == nil {
					_, err = tx.Exec(t.Context(), "INSERT INTO audit_head (one, id, hash) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET id = excluded.id, hash = excluded.hash", k.ID, k.Hash)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			prev = k.Hash
		}
		s := openSigner(t, db, t.TempDir())
		s.fill(t, 3)
		if r, err := s.VerifyBy(t.Context(), s.evidence(t, HeadFile)); err != nil || r.Entries != 6 || r.Signed != 6 {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, c := range []string{"via = 'link'", "session = 'x'", "address = '::1'", "before_value = '{}'", "after_value = '{}'", "format = 2"} {
			name, _, _ := strings.Cut(c, " ")
			was := "''"
			if name == "format" {
				was = "1"
			}
			s.exec(t, "UPDATE audit_entries SET "+c+" WHERE id = 2")
			if _, err := l.Verify(t.Context()); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "entry 2 was changed") {
				t.Errorf("%s: %v", c, err)
			}
			s.exec(t, "UPDATE audit_entries SET "+name+" = "+was+" WHERE id = 2")
		}
	})
}

// With the table read-only nothing is recorded, and what was to be recorded is undone.
func TestUnwritable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		readOnly(t, db)
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO audit_followers (name, id) VALUES ('x', 1)"); err != nil {
				return err
			}
			return l.Record(t.Context(), tx, entry("x"))
		})
		if !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "the audit log can't be written, so nothing was changed") || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("recorded: %v", err)
		}
		if at, err := l.Position(t.Context(), "x"); err != nil || at != 0 {
			t.Errorf("the change was kept: %d, %v", at, err)
		}
		if err := l.Record(t.Context(), nil, entry("x")); !errors.Is(err, ErrUnwritable) {
			t.Errorf("recorded alone: %v", err)
		}
	})
}

// readOnly lets nobody write entries: by a trigger that both databases have, for
// REVOKE does not hold for the owner of a table, who runs the tests.
func readOnly(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "CREATE TRIGGER audit_read_only BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'audit_entries is read-only'); END")
		return err
	})
	if err == nil {
		return
	}
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec(t.Context(), "CREATE FUNCTION audit_read_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''audit_entries is read-only''; END'"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "CREATE TRIGGER audit_read_only BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_read_only()")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := testTime
		l, err := Open(t.Context(), db, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range []Entry{
			{Environment: "", Operator: "ann", Action: SignIn, Object: "operator ann", Outcome: Done, Address: "192.0.2.1", Session: "s1"},
			{Environment: "blue", Operator: "ann", Action: PolicyApplied, Object: "api x", Outcome: Done, Detail: map[string]string{"policy": "Rate_Limit 100%"}},
			{Environment: "blue", Operator: "bob", Action: PolicyApplied, Object: "api y", Outcome: Refused, Session: "s2"},
			{Environment: "red", Operator: "ann", Action: AdoptionRemoved, Object: "api x", Outcome: Failed, After: json.RawMessage(`{"a":1}`)},
			{Environment: "red", Operator: "", Action: SignInFailed, Object: "sign-in", Outcome: Refused, Address: "192.0.2.1"},
		} {
			now = testTime.Add(time.Duration(i) * time.Hour)
			if err := l.Record(t.Context(), nil, e); err != nil {
				t.Fatal(err)
			}
		}
		cases := []struct {
			name string
			q    Query
			want string
		}{
			{"all", Query{}, "5 4 3 2 1"},
			{"operator", Query{Operator: "ann"}, "4 2 1"},
			{"action", Query{Action: PolicyApplied}, "3 2"},
			{"object", Query{Object: "api x"}, "4 2"},
			{"part of an object", Query{Object: "api"}, ""},
			{"environment", Query{Environment: "blue"}, "3 2"},
			{"environments", Query{Environments: []string{"red", ""}}, "5 4 1"},
			{"no environments", Query{Environments: []string{}}, ""},
			{"environment that is not among them", Query{Environment: "blue", Environments: []string{"red"}}, ""},
			{"outcome", Query{Outcome: Refused}, "5 3"},
			{"session", Query{Session: "s2"}, "3"},
			{"address", Query{Address: "192.0.2.1"}, "5 1"},
			{"since", Query{Since: testTime.Add(2 * time.Hour)}, "5 4 3"},
			{"until", Query{Until: testTime.Add(2 * time.Hour)}, "2 1"},
			{"between", Query{Since: testTime.Add(time.Hour), Until: testTime.Add(2 * time.Hour)}, "2"},
			{"text in detail", Query{Text: "rate_limit"}, "2"},
			{"text in address", Query{Text: "0.2.1"}, "5 1"},
			{"text in object, other case", Query{Text: "API X"}, "4 2"},
			{"percent is itself", Query{Text: "%"}, "2"},
			{"underscore is itself", Query{Text: "a_i"}, ""},
			{"backslash", Query{Text: `\`}, ""},
			{"quote", Query{Text: `'; DROP TABLE audit_entries; --`}, ""},
			{"before", Query{Before: 3}, "2 1"},
			{"after", Query{After: 3}, "5 4"},
			{"limit", Query{Limit: 2}, "5 4"},
			{"all of it", Query{Operator: "ann", Action: PolicyApplied, Object: "api x", Environment: "blue", Outcome: Done, Since: testTime, Until: now, Text: "limit", Before: 9}, "2"},
		}
		for _, c := range cases {
			if c.q.Limit == 0 {
				c.q.Limit = 100
			}
			list, err := l.List(t.Context(), c.q)
			if got := ids(list); err != nil || got != c.want {
				t.Errorf("%s: %s (%v), want %s", c.name, got, err, c.want)
			}
			var walked []Kept
			if c.q.Limit == 100 {
				c.q.Limit = 0
				err := l.Walk(t.Context(), c.q, func(k Kept) error { walked = append(walked, k); return nil })
				slices.Reverse(walked)
				if got := ids(walked); err != nil || got != c.want {
					t.Errorf("%s: walked %s (%v), want %s", c.name, got, err, c.want)
				}
			}
		}
		environments, err := l.Environments(t.Context())
		if err != nil || !slices.Equal(environments, []string{"", "blue", "red"}) {
			t.Errorf("environments %q, %v", environments, err)
		}
		if actions, err := l.Actions(t.Context()); err != nil || len(actions) != 4 {
			t.Errorf("actions %q, %v", actions, err)
		}
		if t.Logf("%d queries played", len(cases)); len(cases) < 20 {
			t.Error("too few queries were played")
		}
	})
}

func ids(list []Kept) string {
	var all []string
	for _, k := range list {
		all = append(all, fmt.Sprint(k.ID))
	}
	return strings.Join(all, " ")
}

// Walk reads page by page, as many as are asked for.
func TestWalkPages(t *testing.T) {
	l := openLog(t, storetest.Open(t))
	err := l.db.Write(t.Context(), func(tx *store.Tx) error {
		for range walkPage*2 + 3 {
			if err := l.Record(t.Context(), tx, entry("x")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for _, limit := range []int{0, 1, walkPage, walkPage + 1, walkPage*2 + 3, 5000} {
		n, last := 0, int64(0)
		err := l.Walk(t.Context(), Query{Limit: limit}, func(k Kept) error {
			if n++; k.ID != last+1 {
				return stop
			}
			last = k.ID
			return nil
		})
		want := walkPage*2 + 3
		if limit > 0 {
			want = min(want, limit)
		}
		if err != nil || n != want {
			t.Errorf("of limit %d came %d (%v)", limit, n, err)
		}
	}
	if err := l.Walk(t.Context(), Query{}, func(Kept) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
}

func FuzzHeads(f *testing.F) {
	f.Add("")
	f.Add(`{"number":1,"kind":"head","entry":0,"hash":"x","at":"2026-03-04T05:06:07Z","previous":"y","key":"k","signature":"s"}` + "\n{\"numb")
	f.Add("[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseHeads(strings.NewReader(text), "f")
		if err != nil && list != nil {
			t.Error("heads and an error")
		}
		for _, w := range list {
			if w.Number < 1 || !strings.HasPrefix(w.Source, "f:") {
				t.Errorf("%+v", w)
			}
		}
	})
}
