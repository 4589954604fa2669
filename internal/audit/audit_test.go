package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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
		Via: "password", Session: "s-1", Address: "192.0.2.7",
		Detail: map[string]string{"digest": "abc", "apis": "3"},
		Before: json.RawMessage(`{"port":8080}`), After: json.RawMessage(`{"port":8081,"key":"` + Hashed("k") + `"}`),
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
		if _, err := l.Verify(t.Context()); err != nil {
			t.Errorf("an empty log: %v", err)
		}
		if id, hash, err := l.Head(t.Context()); err != nil || id != 0 || hash != genesis {
			t.Errorf("head of an empty log: %d %s %v", id, hash, err)
		}
		record(t, l, 5)
		all, err := l.List(t.Context(), Query{Limit: 100})
		if err != nil || len(all) != 5 {
			t.Fatalf("listed %d, %v", len(all), err)
		}
		first := all[4]
		if first.ID != 1 || !first.At.Equal(testTime) || first.Object != "revision 1" || first.Operator != "admin" ||
			first.Action != RevisionPublished || first.Outcome != Done || first.Environment != "default" ||
			first.Via != "password" || first.Session != "s-1" || first.Address != "192.0.2.7" || string(first.Before) != `{"port":8080}` ||
			!strings.HasPrefix(string(first.After), `{"key":"hashed:`) || strings.Contains(string(first.After), "unkeyed") ||
			first.Detail["digest"] != "abc" || first.PrevHash != genesis || all[3].PrevHash != first.Hash {
			t.Errorf("first entry is %+v", first)
		}
		page, err := l.List(t.Context(), Query{Limit: 2, Before: 4})
		if err != nil || len(page) != 2 || page[0].ID != 3 || page[1].ID != 2 {
			t.Errorf("page is %+v, %v", page, err)
		}
		if id, hash, err := l.Head(t.Context()); err != nil || id != 5 || hash != all[0].Hash {
			t.Errorf("head: %d %s %v", id, hash, err)
		}
		for _, limit := range []int{0, -1, 1001} {
			if _, err := l.List(t.Context(), Query{Limit: limit}); err == nil {
				t.Errorf("limit %d was taken", limit)
			}
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		// Opened again, the chain goes on.
		record(t, openLog(t, db), 1)
		if _, err := l.Verify(t.Context()); err != nil {
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
					if _, err := l.Verify(t.Context()); err != nil {
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
		{"long via", func(e *Entry) { e.Via = strings.Repeat("x", 257) }, "via must be"},
		{"long session", func(e *Entry) { e.Session = strings.Repeat("x", 257) }, "session must be"},
		{"binary address", func(e *Entry) { e.Address = "\xff" }, "address must be"},
		{"before is no object", func(e *Entry) { e.Before = json.RawMessage(`["hunter2"]`) }, "before is not a JSON object"},
		{"after is no JSON", func(e *Entry) { e.After = json.RawMessage(`{"hunter2`) }, "after is not a JSON object"},
		{"two objects", func(e *Entry) { e.After = json.RawMessage(`{} {}`) }, "more than one"},
		{"secret before", func(e *Entry) { e.Before = json.RawMessage(`{"a":[{"clientSecret":"hunter2"}]}`) }, "before.a.clientSecret: its name speaks of a secret"},
		{"secret number after", func(e *Entry) { e.After = json.RawMessage(`{"password":1234}`) }, "after.password: its name speaks of a secret"},
		{"secret below a secret", func(e *Entry) { e.After = json.RawMessage(`{"credentials":{"user":["hunter2"]}}`) }, "after.credentials.user: its name speaks of a secret"},
		{"not really hashed", func(e *Entry) { e.After = json.RawMessage(`{"password":"hashed:hunter2"}`) }, "after.password: its name speaks of a secret"},
		{"too deep", func(e *Entry) { e.After = json.RawMessage(strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80)) }, "nested deeper than 64"},
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

// The hash must not change between versions: logs outlive programs.
func TestHashIsStable(t *testing.T) {
	detail, err := json.Marshal(entry("").Detail)
	if err != nil {
		t.Fatal(err)
	}
	k := Kept{Entry: entry("revision 1"), ID: 1, At: testTime, PrevHash: genesis, detail: string(detail), format: 1}
	if got, want := k.sum(), "9a0a03b49e755e861b0ca85aadfb168afdacc74274eb7eb98a8fc4fe61f14b27"; got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
	k.format, k.Via, k.Session, k.Address, k.before, k.after = 2, "password", "s1", "192.0.2.7", `{"a":1}`, `{"a":2}`
	if got, want := k.sum(), "c1e5388a16d9cdebeb0bbf3907bee7076fbe22c55b4fe220edbef66c18160b59"; got != want {
		t.Errorf("hash of format 2 is %s, want %s", got, want)
	}
}

// What speaks of a secret without being one is kept, and so is what stands for one.
func TestValuesThatAreKept(t *testing.T) {
	key := strings.Repeat("a", 64)
	cases := []struct{ name, given, want string }{
		{"about a secret", `{"passwordSetAt":"2026","secretGroup":"payments","tokenLifetime":60}`, `{"passwordSetAt":"2026","secretGroup":"payments","tokenLifetime":60}`},
		{"whether there is one", `{"password":true,"secret":null,"token":""}`, `{"password":true,"secret":null,"token":""}`},
		{"a mask and a reference", `{"password":"••••••••","secret":"${secret:g/n}","token":"$TOKEN"}`, `{"password":"••••••••","secret":"${secret:g/n}","token":"$TOKEN"}`},
		{"sorted, once", `{"b":1,"a":{"d":2,"c":3},"b":4}`, `{"a":{"c":3,"d":2},"b":4}`},
		{"a great number", `{"n":123456789012345678901234567890}`, `{"n":123456789012345678901234567890}`},
		{"null", `null`, ``},
		{"a path", `{"spec.config.clientSecret":"hunter2"}`, `{"spec.config.clientSecret":"hashed:` + key + `"}`},
		{"hashed", `{"secret":"` + Hashed("hunter2") + `"}`, `{"secret":"hashed:` + key + `"}`},
		{"large", `{"text":"` + strings.Repeat("x", 40_000) + `"}`, `{"digest":"sha256:` + key + `","note":"too large for the audit log: 40011 bytes"}`},
		{"too large to be looked at", strings.Repeat("x", 2<<20), `{"digest":"sha256:` + key + `","note":"too large for the audit log: 2097152 bytes"}`},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := openLog(t, db)
		for _, c := range cases {
			e := entry("x")
			e.Before, e.After = nil, json.RawMessage(c.given)
			if err := l.Record(t.Context(), nil, e); err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			list, err := l.List(t.Context(), Query{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			got := hexes.ReplaceAllString(string(list[0].After), key)
			if got != c.want {
				t.Errorf("%s: kept as %.200s, want %s", c.name, got, c.want)
			}
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		t.Logf("%d values played", len(cases))
	})
}

var hexes = regexp.MustCompile(`[0-9a-f]{64}`)

// The hash of a secret is the same under the same key, other under another one, and
// never that which anybody could compute.
func TestHashedNeedsTheKey(t *testing.T) {
	dir := t.TempDir()
	hash := func(s *signer) string {
		e := entry("x")
		e.Before, e.After, e.Detail = nil, json.RawMessage(`{"pin":"`+Hashed("1234")+`"}`), map[string]string{"secret": Hashed("1234")}
		if err := s.Record(t.Context(), nil, e); err != nil {
			t.Fatal(err)
		}
		list, err := s.List(t.Context(), Query{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(list[0].After), list[0].Detail["secret"]) {
			t.Errorf("%s and %s of one secret", list[0].After, list[0].Detail["secret"])
		}
		return list[0].Detail["secret"]
	}
	s := openSigner(t, storetest.Open(t), dir)
	first, again := hash(s), hash(s)
	other := hash(openSigner(t, storetest.Open(t), t.TempDir()))
	if first != again || first == other || strings.Contains(first, strings.TrimPrefix(Hashed("1234"), unkeyedPrefix)) || !strings.HasPrefix(first, "hashed:") {
		t.Errorf("hashes %s, %s, and with another key %s", first, again, other)
	}
}
