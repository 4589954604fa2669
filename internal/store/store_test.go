package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

func fixedNow() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC) }

func open(t *testing.T, path string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *store.DB, query string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func count(t *testing.T, r store.Reader, query string, args ...any) int {
	t.Helper()
	var n int
	if err := r.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestOpenSettings(t *testing.T) {
	for _, c := range []struct {
		name        string
		options     store.Options
		synchronous int
	}{
		{store.ControlFile, store.Options{}, 2},
		{store.TrafficFile, store.Options{Disposable: true, Now: fixedNow, Readers: 2}, 1},
		{"odd name? #100%25 é.db", store.Options{}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			db := open(t, path, c.options)
			execute(t, db, "CREATE TABLE a (b INTEGER)")
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				var journal string
				if err := tx.QueryRow(t.Context(), "PRAGMA journal_mode").Scan(&journal); err != nil || journal != "wal" {
					t.Errorf("journal mode %q, %v", journal, err)
				}
				for pragma, want := range map[string]int{"synchronous": c.synchronous, "foreign_keys": 1, "busy_timeout": 5000, "trusted_schema": 0} {
					if got := count(t, tx.Reader, "PRAGMA "+pragma); got != want {
						t.Errorf("%s is %d, want %d", pragma, got, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := count(t, db.Read(), "PRAGMA query_only"); got != 1 {
				t.Error("the readers may write")
			}
			for _, part := range []string{"", "-wal", "-shm"} {
				info, err := os.Stat(path + part)
				if err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v; want mode 0600", part, info, err)
				}
			}
			if err := db.Ping(t.Context()); err != nil || db.Replaced() != nil {
				t.Errorf("ping %v, replaced %v", err, db.Replaced())
			}
		})
	}
	if _, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "x"), store.Options{Disposable: true}); err == nil {
		t.Error("a disposable database without a clock was opened")
	}
	if _, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "absent", "x"), store.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened in a folder that is not there: %v", err)
	}
}

func TestWriteAndRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		execute(t, db, "CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, raw BYTEA, yes BOOLEAN, d DOUBLE PRECISION)")
		raw := []byte{0, 1, 0xff, '1'}
		execute(t, db, "INSERT INTO a (id, name, raw, yes, d) VALUES (?, ?, ?, ?, ?)", int64(1)<<62, "one", raw, true, 0.1)

		var (
			id   int64
			back []byte
			yes  bool
			d    float64
		)
		row := db.Read().QueryRow(t.Context(), "SELECT id, raw, yes, d FROM a WHERE name = ?", "one")
		if err := row.Scan(&id, &back, &yes, &d); err != nil || id != 1<<62 || !bytes.Equal(back, raw) || !yes || d != 0.1 {
			t.Errorf("read %d %x %v %v, %v", id, back, yes, d, err)
		}
		if err := db.Read().QueryRow(t.Context(), "SELECT id FROM a WHERE id = 0").Scan(&id); !errors.Is(err, store.ErrNoRows) {
			t.Errorf("no row gave %v", err)
		}

		stop := errors.New("stop")
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			n, err := tx.Exec(t.Context(), "UPDATE a SET name = 'two'")
			if err != nil || n != 1 {
				t.Errorf("changed %d rows, %v", n, err)
			}
			if count(t, tx.Reader, "SELECT count(*) FROM a WHERE name = 'two'") != 1 {
				t.Error("the transaction does not see itself")
			}
			if count(t, db.Read(), "SELECT count(*) FROM a WHERE name = 'two'") != 0 {
				t.Error("a reader sees what is not committed")
			}
			return stop
		})
		if !errors.Is(err, stop) || count(t, db.Read(), "SELECT count(*) FROM a WHERE name = 'one'") != 1 {
			t.Errorf("an error did not roll back: %v", err)
		}

		func() {
			defer func() { _ = recover() }()
			_ = db.Write(t.Context(), func(tx *store.Tx) error {
				_, _ = tx.Exec(t.Context(), "DELETE FROM a")
				panic("oops")
			})
		}()
		execute(t, db, "INSERT INTO a (id, name) VALUES (?, ?)", 2, "two") // the writer is free again
		if n := count(t, db.Read(), "SELECT count(*) FROM a"); n != 2 {
			t.Errorf("after a panic there are %d rows, want 2", n)
		}

		for _, conflict := range []string{"INSERT INTO a (id, name) VALUES (2, 'x')", "INSERT INTO a (id, name) VALUES (3, 'two')"} {
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), conflict)
				return err
			})
			if !store.IsConflict(err) {
				t.Errorf("%s: %v is not a conflict", conflict, err)
			}
		}
		if store.IsConflict(stop) || store.IsConflict(nil) {
			t.Error("anything is a conflict")
		}

		rows, err := db.Read().Query(t.Context(), "DELETE FROM a RETURNING id")
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "-", ""), "readonly") {
			t.Errorf("a reader wrote: %v", err)
		}
	})
}

func TestWriteWaitsForItsTurnOrContext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		execute(t, db, "CREATE TABLE a (n BIGINT NOT NULL)")
		execute(t, db, "INSERT INTO a VALUES (0)")
		const writers, each = 8, 25
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					err := db.Write(t.Context(), func(tx *store.Tx) error {
						n := count(t, tx.Reader, "SELECT n FROM a")
						_, err := tx.Exec(t.Context(), "UPDATE a SET n = ?", n+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := count(t, db.Read(), "SELECT n FROM a"); n != writers*each {
			t.Errorf("counted %d, want %d", n, writers*each)
		}
		err := db.Write(t.Context(), func(*store.Tx) error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			return db.Write(ctx, func(*store.Tx) error { return nil })
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write inside a write: %v", err)
		}
	})
}

// fill makes a database of some pages with an index and returns its bytes.
func fill(t *testing.T, path string, o store.Options) []byte {
	t.Helper()
	db := open(t, path, o)
	execute(t, db, "CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY, name TEXT)")
	for i := range 200 {
		execute(t, db, "INSERT INTO a VALUES (?, ?)", i, strings.Repeat("x", 100))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDamage(t *testing.T) {
	damages := map[string]func(text []byte) []byte{
		"not a database": func([]byte) []byte { return []byte(strings.Repeat("this is no database ", 100)) },
		"cut off":        func(text []byte) []byte { return text[:len(text)/2] },
		"overwritten": func(text []byte) []byte {
			copy(text[4096:], bytes.Repeat([]byte{0xa5}, 3*4096))
			return text
		},
		"header zeroed": func(text []byte) []byte {
			copy(text, make([]byte, 100))
			return text
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()

			control := filepath.Join(dir, store.ControlFile)
			bad := damage(fill(t, control, store.Options{}))
			if err := os.WriteFile(control, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(t.Context(), control, store.Options{}); !errors.Is(err, store.ErrBroken) {
				t.Errorf("control: %v, want ErrBroken", err)
			}
			if left, err := os.ReadFile(control); err != nil || !bytes.Equal(left, bad) {
				t.Errorf("the damaged control database was changed (%v)", err)
			}

			traffic := filepath.Join(dir, store.TrafficFile)
			o := store.Options{Disposable: true, Now: fixedNow}
			bad = damage(fill(t, traffic, o))
			if err := os.WriteFile(traffic, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			db := open(t, traffic, o)
			replaced := db.Replaced()
			if replaced == nil || replaced.Reason == nil || replaced.MovedTo != traffic+".broken-20260304T050607.008Z" {
				t.Fatalf("replacement is %+v", replaced)
			}
			if moved, err := os.ReadFile(replaced.MovedTo); err != nil || !bytes.Equal(moved, bad) {
				t.Errorf("the damaged file was not kept (%v)", err)
			}
			execute(t, db, "CREATE TABLE a (id BIGINT)")

			// A second one at the same moment replaces no evidence.
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(traffic, []byte(strings.Repeat("broken again ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(t.Context(), traffic, o); !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), "exists already") {
				t.Errorf("replaced the first: %v", err)
			}
		})
	}
	t.Logf("%d damages played", len(damages))
}
