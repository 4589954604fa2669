package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// signer opens a log that signs after each call of checkpoint.
type signer struct {
	*Log
	db  *store.DB
	dir string
	key *Key
}

func openSigner(t testing.TB, db *store.DB, dir string) *signer {
	t.Helper()
	l, err := Open(context.Background(), db, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(filepath.Join(dir, KeyFile), func() (bool, error) { return l.HasCheckpoints(context.Background()) })
	if err != nil {
		t.Fatal(err)
	}
	s := Signing{Key: key, Head: filepath.Join(dir, HeadFile), Heads: filepath.Join(dir, "heads.jsonl"), Every: 4}
	if err := l.Sign(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return &signer{Log: l, db: db, dir: dir, key: key}
}

// fill records entries with a checkpoint after every third.
func (s *signer) fill(t testing.TB, n int) {
	t.Helper()
	ctx := context.Background()
	for i := 0; i < n; i += 3 {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			for j := i; j < min(i+3, n); j++ {
				if err := s.Record(ctx, tx, entry(fmt.Sprintf("revision %d", j+1))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if i+3 <= n {
			if err := s.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (s *signer) exec(t testing.TB, statements ...string) {
	t.Helper()
	err := s.db.Write(context.Background(), func(tx *store.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(context.Background(), sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rewrite changes entries from one on and computes all hashes anew, as who may write
// the database can.
func (s *signer) rewrite(t testing.TB, from int64, change func(k *Kept)) {
	t.Helper()
	ctx := context.Background()
	list, err := s.List(ctx, Query{Limit: ListLimit})
	if err != nil {
		t.Fatal(err)
	}
	prev := genesis
	for i := len(list) - 1; i >= 0; i-- {
		k := list[i]
		if k.ID == from {
			change(&k)
		}
		k.PrevHash = prev
		k.Hash = k.sum()
		prev = k.Hash
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE audit_entries SET operator = ?, prev_hash = ?, hash = ? WHERE id = ?", k.Operator, k.PrevHash, k.Hash, k.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.exec(t, "UPDATE audit_head SET hash = '"+prev+"'")
}

// evidence is what a verifier from outside has: the key, audit.head and the heads.
func (s *signer) evidence(t testing.TB, names ...string) Evidence {
	t.Helper()
	e := Evidence{Key: &s.key.Public}
	for _, name := range names {
		list, err := ReadHeads(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		e.Witnesses = append(e.Witnesses, list...)
	}
	return e
}

// signAnew signs all checkpoints with another key, as of the entries that there are.
func (s *signer) signAnew(t testing.TB, key *Key) {
	t.Helper()
	ctx := context.Background()
	list, err := checkpoints(ctx, s.db.Read(), "ORDER BY number")
	if err != nil {
		t.Fatal(err)
	}
	before := genesis
	for i := range list {
		c := &list[i]
		if c.Entry > 0 {
			if err := s.db.Read().QueryRow(ctx, "SELECT hash FROM audit_entries WHERE id = ?", c.Entry).Scan(&c.Hash); err != nil {
				t.Fatal(err)
			}
		}
		c.Previous = before
		key.sign(c)
		before = c.digest()
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE audit_checkpoints SET hash = ?, previous = ?, key_id = ?, signature = ? WHERE number = ?", c.Hash, c.Previous, c.Key, c.Signature, c.Number)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func set(column, to string) string {
	return "UPDATE audit_entries SET " + column + " = " + to + " WHERE id = 5"
}

// tampering is what somebody does to ten entries with the checkpoints 1 (of none), 2
// (of entry 3), 3 (of entry 6) and 4 (of entry 9).
func tampering() []struct{ name, sql, want string } {
	other := "INSERT INTO audit_entries (id, at, environment, operator, action, object, outcome, detail, prev_hash, hash, format, via, session, address, before_value, after_value) " +
		"SELECT %s, at, environment, operator, action, object, outcome, detail, %s, hash, format, via, session, address, before_value, after_value FROM audit_entries WHERE id = %d"
	return []struct{ name, sql, want string }{
		{"at", set("at", "at + 1"), "entry 5 was changed"},
		{"environment", set("environment", "'x'"), "entry 5 was changed"},
		{"operator", set("operator", "'eve'"), "entry 5 was changed"},
		{"action", set("action", "'sign-in'"), "entry 5 was changed"},
		{"object", set("object", "'x'"), "entry 5 was changed"},
		{"outcome", set("outcome", "'refused'"), "entry 5 was changed"},
		{"detail", set("detail", "'{}'"), "entry 5 was changed"},
		{"via", set("via", "'link'"), "entry 5 was changed"},
		{"session", set("session", "''"), "entry 5 was changed"},
		{"address", set("address", "'127.0.0.1'"), "entry 5 was changed"},
		{"before", set("before_value", "'{}'"), "entry 5 was changed"},
		{"after", set("after_value", "''"), "entry 5 was changed"},
		{"before and after exchanged", set("before_value = after_value, after_value", "before_value"), "entry 5 was changed"},
		{"format 1", set("format", "1"), "entry 5 was changed"},
		{"format 3", set("format", "3"), "entry 5 was changed"},
		{"letters moved", set("environment = 'defaul', operator", "'tadmin'"), "entry 5 was changed"},
		{"letters moved between the new columns", set("via = 'passwor', session", "'ds-1'"), "entry 5 was changed"},
		{"hash", set("hash", "prev_hash"), "entry 5 was changed"},
		{"link", set("prev_hash", "hash"), "entry 5 does not follow entry 4"},
		{"first removed", "DELETE FROM audit_entries WHERE id = 1", "entry 1 is missing"},
		{"one removed", "DELETE FROM audit_entries WHERE id = 5", "entry 5 is missing"},
		{"removed and renumbered", "DELETE FROM audit_entries WHERE id = 5; UPDATE audit_entries SET id = id - 1 WHERE id > 5", "entry 5 does not follow entry 4"},
		{"reordered", "UPDATE audit_entries SET id = 99 WHERE id = 5; UPDATE audit_entries SET id = 5 WHERE id = 6; UPDATE audit_entries SET id = 6 WHERE id = 99", "entry 5 does not follow entry 4"},
		{"end cut off", "DELETE FROM audit_entries WHERE id >= 8", "entry 8 is missing; checkpoint 4 says that the log went on to entry 9"},
		{"last cut off", "DELETE FROM audit_entries WHERE id = 10", "entry 10 is missing; the log ended with entry 10"},
		{
			"end cut off with the head", "DELETE FROM audit_entries WHERE id >= 8; UPDATE audit_head SET id = 7, hash = (SELECT hash FROM audit_entries WHERE id = 7)",
			"entry 8 is missing; checkpoint 4 says that the log went on to entry 9",
		},
		{"emptied", "DELETE FROM audit_entries", "entry 1 is missing"},
		{"emptied with the head", "DELETE FROM audit_entries; DELETE FROM audit_head", "entry 1 is missing"},
		{"head removed", "DELETE FROM audit_head", "entry 1 was slipped in"},
		{"head changed", "UPDATE audit_head SET hash = 'x'", "entry 10 is not the one"},
		{"slipped in before the first", fmt.Sprintf(other, "0", "prev_hash", 1), "entry 0 was slipped in"},
		{"slipped in at the end", fmt.Sprintf(other, "11", "hash", 10), "entry 11 was changed"},
		{"all checkpoints removed", "DELETE FROM audit_checkpoints", "has no checkpoint"},
		{"first checkpoint removed", "DELETE FROM audit_checkpoints WHERE number = 1", "checkpoint 1 is missing"},
		{"a checkpoint removed", "DELETE FROM audit_checkpoints WHERE number = 3", "checkpoint 3 is missing"},
		{"checkpoint of another entry", "UPDATE audit_checkpoints SET entry = 5, hash = (SELECT hash FROM audit_entries WHERE id = 5) WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint of another time", "UPDATE audit_checkpoints SET at = at + 1 WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint of another kind", "UPDATE audit_checkpoints SET kind = 'cut', kept = 3 WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint of no kind", "UPDATE audit_checkpoints SET kind = 'x' WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint with another link", "UPDATE audit_checkpoints SET previous = hash WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint that keeps others", "UPDATE audit_checkpoints SET kept = 1 WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"signature of another checkpoint", "UPDATE audit_checkpoints SET signature = (SELECT signature FROM audit_checkpoints WHERE number = 2) WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"no signature", "UPDATE audit_checkpoints SET signature = '' WHERE number = 3", "checkpoint 3 was changed or forged"},
		{"checkpoint of another key", "UPDATE audit_checkpoints SET key_id = 'abc' WHERE number = 3", "checkpoint 3 is signed with the key \"abc\""},
		{"checkpoint repeated", "INSERT INTO audit_checkpoints SELECT 5, kind, entry, hash, kept, at, previous, key_id, signature FROM audit_checkpoints WHERE number = 4", "checkpoint 5 was changed or forged"},
		{"pruned by hand", "DELETE FROM audit_entries WHERE id <= 4; DELETE FROM audit_checkpoints WHERE number <= 2", "checkpoint 1 is missing"},
	}
}

func TestVerifySaysWhatBreaks(t *testing.T) {
	played := 0
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		openLog(t, db)
		for _, c := range tampering() {
			t.Run(c.name, func(t *testing.T) {
				(&signer{db: db}).exec(t, "DELETE FROM audit_entries", "DELETE FROM audit_head", "DELETE FROM audit_checkpoints")
				s := openSigner(t, db, t.TempDir())
				s.fill(t, 10)
				if r, err := s.VerifyBy(t.Context(), s.evidence(t, HeadFile, "heads.jsonl")); err != nil || r.Entries != 10 || r.Checkpoints != 4 || r.Signed != 9 || r.Witnesses != 5 {
					t.Fatalf("before: %+v, %v", r, err)
				}
				s.exec(t, strings.Split(c.sql, "; ")...)
				played++
				if _, err := s.VerifyBy(t.Context(), s.evidence(t)); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		}
	})
	if t.Logf("%d kinds of tampering played", played); played < 45 {
		t.Error("too few kinds of tampering were played")
	}
}

// Who can write the database, but does not have the key, can not hide anything that
// was signed.
func TestRewriteIsFound(t *testing.T) {
	eve := func(k *Kept) { k.Operator = "eve" }
	cases := []struct {
		name    string
		do      func(t *testing.T, s *signer)
		outside []string
		want    string
	}{
		{"a signed entry and all hashes", func(t *testing.T, s *signer) { s.rewrite(t, 5, eve) }, nil, "entry 6 is not the one that checkpoint 3 was made of: the log was rewritten"},
		{"all of it", func(t *testing.T, s *signer) { s.rewrite(t, 1, eve) }, nil, "entry 3 is not the one that checkpoint 2 was made of"},
		{"all of it without checkpoints", func(t *testing.T, s *signer) {
			s.rewrite(t, 1, eve)
			s.exec(t, "DELETE FROM audit_checkpoints")
		}, nil, "has no checkpoint"},
		{"all of it, signed with another key", func(t *testing.T, s *signer) {
			s.rewrite(t, 1, eve)
			s.signAnew(t, newKey(make([]byte, 32)))
		}, nil, "checkpoint 1 is signed with the key"},
		{"all of it, signed with another key of the same id", func(t *testing.T, s *signer) {
			s.rewrite(t, 1, eve)
			key := newKey(make([]byte, 32))
			key.id = s.key.id
			s.signAnew(t, key)
		}, nil, "checkpoint 1 was changed or forged"},
		{"put back, seen by audit.head", func(t *testing.T, s *signer) {
			s.exec(t, "DELETE FROM audit_checkpoints WHERE number > 3", "DELETE FROM audit_entries WHERE id > 6",
				"UPDATE audit_head SET id = 6, hash = (SELECT hash FROM audit_entries WHERE id = 6)")
		}, []string{HeadFile}, "audit.head:1 knows checkpoint 4 of entry 9, which is not in the log any more"},
		{"put back, seen by the heads", func(t *testing.T, s *signer) {
			s.exec(t, "DELETE FROM audit_checkpoints WHERE number > 3", "DELETE FROM audit_entries WHERE id > 6",
				"UPDATE audit_head SET id = 6, hash = (SELECT hash FROM audit_entries WHERE id = 6)")
		}, []string{"heads.jsonl"}, "heads.jsonl:4 knows checkpoint 4 of entry 9"},
		{"with the key and the head, seen by the heads", func(t *testing.T, s *signer) {
			s.rewrite(t, 5, eve)
			s.signAnew(t, s.key)
		}, []string{"heads.jsonl"}, "heads.jsonl:3 knows another checkpoint 3 than the log"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				s := openSigner(t, db, t.TempDir())
				s.fill(t, 10)
				c.do(t, s)
				if _, err := s.VerifyBy(t.Context(), s.evidence(t, c.outside...)); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				// The process itself signs nothing on top of it, and neither does the next one.
				had, err := checkpoints(t.Context(), db.Read(), "")
				if err != nil {
					t.Fatal(err)
				}
				if c.name != "with the key and the head, seen by the heads" {
					_ = s.Record(t.Context(), nil, entry("later"))
				}
				if err := s.Checkpoint(t.Context()); !errors.Is(err, ErrTampered) {
					t.Errorf("the process went on signing: %v", err)
				}
				again, err := Open(t.Context(), db, func() time.Time { return testTime })
				if err != nil {
					t.Fatal(err)
				}
				if err := again.Sign(t.Context(), Signing{Key: s.key, Head: filepath.Join(s.dir, HeadFile)}); !errors.Is(err, ErrTampered) {
					t.Errorf("the next process signed: %v", err)
				}
				if now, err := checkpoints(t.Context(), db.Read(), ""); err != nil || len(now) != len(had) {
					t.Errorf("%d checkpoints became %d (%v)", len(had), len(now), err)
				}
			})
		})
	}
	t.Logf("%d rewrites played", len(cases))
}

// What documentation says is not found without a witness is not found: it must not
// promise more, nor less.
func TestWhatOnlyAWitnessFinds(t *testing.T) {
	s := openSigner(t, storetest.Open(t), t.TempDir())
	s.fill(t, 10)
	s.exec(t, "DELETE FROM audit_checkpoints WHERE number > 3", "DELETE FROM audit_entries WHERE id > 6",
		"UPDATE audit_head SET id = 6, hash = (SELECT hash FROM audit_entries WHERE id = 6)")
	if _, err := s.VerifyBy(t.Context(), s.evidence(t)); err != nil {
		t.Errorf("a log that was put back, without a witness: %v", err)
	}
}

// Any single change of any value of any row is found.
func TestAnyMutationIsFound(t *testing.T) {
	played := 0
	texts := []string{"environment", "operator", "action", "object", "outcome", "detail", "prev_hash", "hash", "via", "session", "address", "before_value", "after_value"}
	s := openSigner(t, storetest.Open(t), t.TempDir())
	s.fill(t, 12)
	ctx := t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.Int64Range(1, 12).Draw(rt, "id")
		column := rapid.SampledFrom(append([]string{"at", "format", "id"}, texts...)).Draw(rt, "column")
		table, key := "audit_entries", "id"
		var was any
		read := func(to any) {
			if err := s.db.Read().QueryRow(ctx, "SELECT "+column+" FROM "+table+" WHERE "+key+" = ?", id).Scan(to); err != nil {
				rt.Fatal(err)
			}
		}
		write := func(value any, at int64) error {
			return s.db.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE "+table+" SET "+column+" = ? WHERE "+key+" = ?", value, at)
				return err
			})
		}
		at := id
		if column == "at" || column == "format" || column == "id" {
			var n int64
			read(&n)
			was = n
			other := rapid.Int64Range(-5, 20).Filter(func(d int64) bool { return d != 0 && (column != "id" || n+d > 12 || n+d < 1) }).Draw(rt, "by")
			if err := write(n+other, id); err != nil {
				rt.Fatal(err)
			}
			if column == "id" {
				at = n + other
			}
		} else {
			var text string
			read(&text)
			was = text
			if err := write(mutated(rt, text), id); err != nil {
				rt.Fatal(err)
			}
		}
		played++
		if _, err := s.VerifyBy(ctx, s.evidence(t)); !errors.Is(err, ErrTampered) {
			rt.Errorf("a changed %s of entry %d: %v", column, id, err)
		}
		if err := write(was, at); err != nil {
			rt.Fatal(err)
		}
		if played%50 == 0 {
			if _, err := s.VerifyBy(ctx, s.evidence(t)); err != nil {
				rt.Fatal("it was not mended: ", err)
			}
		}
	})
	if t.Logf("%d mutations played", played); played < 100 {
		t.Error("too few mutations were played")
	}
}

// mutated changes one place of a text.
func mutated(rt *rapid.T, text string) string {
	runes := []rune(text)
	letter := rapid.RuneFrom([]rune("abcxyz0189 {}\":,")).Draw(rt, "letter")
	at := rapid.IntRange(0, len(runes)).Draw(rt, "at")
	if at < len(runes) && rapid.Bool().Draw(rt, "removed") {
		return string(runes[:at]) + string(runes[at+1:])
	}
	return string(runes[:at]) + string(letter) + string(runes[at:])
}

func TestKeyFile(t *testing.T) {
	fresh := func() (bool, error) { return false, nil }
	dir := t.TempDir()
	path := filepath.Join(dir, KeyFile)
	key, err := OpenKey(path, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if again, err := OpenKey(path, fresh); err != nil || again.ID() != key.ID() {
		t.Errorf("opened again: %v, %v", again, err)
	}
	for _, name := range []string{path, path + PublicEnding} {
		if public, err := ReadPublic(name); err != nil || public.ID() != key.ID() {
			t.Errorf("public half of %s: %v", filepath.Base(name), err)
		}
	}
	if text := fmt.Sprintf("%v %#v %s", key, key, key); strings.Contains(text, base64.StdEncoding.EncodeToString(key.private.Seed())) || !strings.Contains(text, key.ID()) {
		t.Errorf("printed as %s", text)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		change func(path string) error
		signed bool
		is     error
		want   string
	}{
		{"missing, with checkpoints", os.Remove, true, ErrKeyMissing, "no second key is made"},
		{"readable by others", func(p string) error { return os.Chmod(p, 0o644) }, true, ErrKeyFile, "chmod 600"},
		{"empty", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, ErrKeyFile, "restore it"},
		{"cut off", func(p string) error { return os.WriteFile(p, good[:len(good)-9], 0o600) }, true, ErrKeyFile, "bytes of base64"},
		{"another id", func(p string) error {
			return os.WriteFile(p, []byte(strings.Replace(string(good), key.ID(), strings.Repeat("0", 16), 1)), 0o600)
		}, true, ErrKeyFile, "does not belong to the id"},
	}
	for _, c := range cases {
		dir := t.TempDir()
		path := filepath.Join(dir, KeyFile)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.change(path); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKey(path, func() (bool, error) { return c.signed, nil })
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	t.Logf("%d key files refused", len(cases))
}
