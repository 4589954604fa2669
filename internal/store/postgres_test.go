package store_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

func openSchema(t *testing.T, address, schema string) *store.DB {
	t.Helper()
	db, err := store.OpenPostgres(t.Context(), address, schema, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Several processes are several DBs of one schema.
func TestWritesOfManyProcessesAreOneAfterTheOther(t *testing.T) {
	address, schema := storetest.Schema(t)
	const processes, each = 4, 30
	var start, done sync.WaitGroup
	start.Add(1)
	for range processes {
		done.Go(func() {
			start.Wait()
			db, err := store.OpenPostgres(t.Context(), address, schema, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			// All make the same tables at once.
			for _, room := range []string{"alpha", "beta"} {
				files := migrations("CREATE TABLE " + room + " (n BIGINT NOT NULL PRIMARY KEY, name TEXT);")
				if err := db.Migrate(t.Context(), room, files); err != nil {
					t.Error(err)
					return
				}
			}
			for range each {
				err := db.Write(t.Context(), func(tx *store.Tx) error {
					n := count(t, tx.Reader, "SELECT coalesce(max(n), 0) FROM alpha")
					_, err := tx.Exec(t.Context(), "INSERT INTO alpha (n) VALUES (?)", n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	start.Done()
	done.Wait()
	db := openSchema(t, address, schema)
	if n := count(t, db.Read(), "SELECT max(n) FROM alpha"); n != processes*each {
		t.Errorf("counted to %d, want %d", n, processes*each)
	}
	if n := count(t, db.Read(), "SELECT count(*) FROM alpha_migrations"); n != 2 {
		t.Errorf("the room was migrated %d times", n-1)
	}
}

func TestNewerOnPostgres(t *testing.T) {
	address, schema := storetest.Schema(t)
	db := openSchema(t, address, schema)
	migrate(t, db, "alpha", migrations(one, two))
	err := openSchema(t, address, schema).Migrate(t.Context(), "alpha", migrations(one))
	if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "its version is 2, this program knows versions up to 1") {
		t.Errorf("newer database: %v", err)
	}
	err = db.Migrate(t.Context(), "beta", migrations("CREATE TABLE b (id BIGINT);\nINSERT INTO nowhere VALUES (1);"))
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a migration that fails: %v", err)
	}
	if n := count(t, db.Read(), "SELECT count(*) FROM pg_tables WHERE schemaname = ? AND tablename = 'b'", schema); n != 0 {
		t.Error("half of the failed migration stayed")
	}
}

func TestSchemasAreApart(t *testing.T) {
	address, schema := storetest.Schema(t)
	_, other := storetest.Schema(t)
	a, b := openSchema(t, address, schema), openSchema(t, address, other)
	for _, db := range []*store.DB{a, b} {
		execute(t, db, "CREATE TABLE a (n BIGINT)")
	}
	execute(t, a, "INSERT INTO a VALUES (1)")
	// A write in one does not wait for the other.
	err := a.Write(t.Context(), func(*store.Tx) error {
		execute(t, b, "INSERT INTO a VALUES (1)")
		return nil
	})
	if err != nil || count(t, b.Read(), "SELECT count(*) FROM a") != 1 {
		t.Errorf("the other schema: %v", err)
	}
}

func TestTextIsCleanAndSortsByBytes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, "alpha", migrations("CREATE TABLE a (n BIGINT NOT NULL, name TEXT NOT NULL);"))
		for i, name := range []string{"b", "B", "a", "é", "_", "bad \xff\x00 bytes"} {
			execute(t, db, "INSERT INTO a (n, name) VALUES (?, ?)", i, name)
		}
		if n := count(t, db.Read(), "SELECT n FROM a WHERE name = ?", "bad \xff\x00 bytes"); n != 5 {
			t.Errorf("what came in odd is found as %d", n)
		}
		rows, err := db.Read().Query(t.Context(), "SELECT name FROM a WHERE n < 5 ORDER BY name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got string
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				t.Fatal(err)
			}
			got += one
		}
		if rows.Err() != nil || got != "B_abé" {
			t.Errorf("sorted %s, %v", got, rows.Err())
		}
	})
}

func TestServerThatComesBack(t *testing.T) {
	server := programtest.OwnPostgres(t)
	db := openSchema(t, server.URL("postgres"), store.ControlSchema)
	execute(t, db, "CREATE TABLE a (n BIGINT NOT NULL)")
	execute(t, db, "INSERT INTO a VALUES (1)")
	if n := count(t, db.Read(), "SELECT count(*) FROM a"); n != 1 {
		t.Fatal(n)
	}
	server.Stop()
	err := db.Write(t.Context(), func(*store.Tx) error { return errors.New("there is no server") })
	if err == nil || strings.Contains(err.Error(), "there is no") {
		t.Errorf("a write without a server: %v", err)
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a server that is gone answers")
	}
	server.Start(t)
	execute(t, db, "INSERT INTO a VALUES (2)")
	if n := count(t, db.Read(), "SELECT count(*) FROM a"); n != 2 {
		t.Errorf("after the restart there are %d rows", n)
	}
	// Restarted between two statements: the connections look whole, and are not.
	server.Stop()
	server.Start(t)
	execute(t, db, "INSERT INTO a VALUES (3)")
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		server.Stop()
		server.Start(t)
		_, err := tx.Exec(t.Context(), "INSERT INTO a VALUES (4)")
		return err
	}); err == nil {
		t.Error("a transaction outlived the server")
	}
	execute(t, db, "INSERT INTO a VALUES (5)")
	if n := count(t, db.Read(), "SELECT count(*) FROM a"); n != 4 {
		t.Errorf("in the end there are %d rows", n)
	}
}

func TestOneLeads(t *testing.T) {
	server := programtest.OwnPostgres(t)
	const processes = 3
	var leading, worst, terms atomic.Int64
	took := make(chan int, 100)
	var running sync.WaitGroup
	stops := make([]context.CancelFunc, processes)
	for i := range processes {
		db := openSchema(t, server.URL("postgres"), store.ControlSchema)
		ctx, stop := context.WithCancel(t.Context())
		stops[i] = stop
		running.Go(func() {
			err := db.Lead(ctx, "schedules", func(ctx context.Context) error {
				if n := leading.Add(1); n > worst.Load() {
					worst.Store(n)
				}
				terms.Add(1)
				took <- i
				<-ctx.Done()
				leading.Add(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	begun := time.Now()
	first := <-took
	stops[first]()
	second := <-took
	if second == first {
		t.Errorf("process %d leads again after it ended", first)
	}
	// The server goes and comes: leadership is lost, and taken again.
	server.Stop()
	server.Start(t)
	third := <-took
	t.Logf("processes %d, %d, %d led within %s", first, second, third, time.Since(begun).Round(time.Millisecond))
	for _, stop := range stops {
		stop()
	}
	running.Wait()
	if worst.Load() != 1 || leading.Load() != 0 {
		t.Errorf("%d led at once", worst.Load())
	}
}

func TestLeadEndsWithItsFunction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		oops := errors.New("oops")
		for i := range 3 {
			if err := db.Lead(t.Context(), "once", func(context.Context) error { return oops }); !errors.Is(err, oops) {
				t.Errorf("time %s: %v", strconv.Itoa(i), err)
			}
		}
	})
}

func TestAgree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		oops := errors.New("oops")
		for _, c := range []struct {
			have, answer, want string
			refuse             error
		}{
			{"", "", "", oops},
			{"", "first", "first", nil},
			{"first", "first", "first", nil},
			{"first", "second", "", oops},
			{"first", "third", "third", nil},
			{"third", "third", "third", nil},
		} {
			got, err := db.Agree(t.Context(), "word", func(have string) (string, error) {
				if have != c.have {
					t.Errorf("told %q, want %q", have, c.have)
				}
				return c.answer, c.refuse
			})
			if !errors.Is(err, c.refuse) || got != c.want {
				t.Errorf("agreed on %q, %v; want %q", got, err, c.want)
			}
		}
	})
}
