package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// both opens two empty databases of one kind.
func both(t *testing.T, kind string) store.Databases {
	t.Helper()
	if kind == "sqlite" {
		dir := t.TempDir()
		return store.Databases{
			Control: open(t, filepath.Join(dir, store.ControlFile), store.Options{}),
			Traffic: open(t, filepath.Join(dir, store.TrafficFile), store.Options{}),
		}
	}
	address, control := storetest.Schema(t)
	_, traffic := storetest.Schema(t)
	return store.Databases{Control: openSchema(t, address, control), Traffic: openSchema(t, address, traffic)}
}

const (
	kinds = `-- Every type; "quoted"; a semicolon; here.
CREATE TABLE kinds (
    id BIGINT NOT NULL PRIMARY KEY, -- a comment; with a semicolon
    n INTEGER, d DOUBLE PRECISION, yes BOOLEAN, name TEXT NOT NULL DEFAULT 'a;b', raw BYTEA
);
CREATE UNIQUE INDEX kinds_name ON kinds (name);
INSERT INTO kinds (id, name) VALUES (1, 'seed');`
	tree  = "CREATE TABLE tree (name TEXT NOT NULL PRIMARY KEY, parent TEXT REFERENCES tree (name) ON DELETE CASCADE);"
	later = "ALTER TABLE kinds ADD COLUMN later TEXT NOT NULL DEFAULT '';\nUPDATE kinds SET later = name;"
	child = "CREATE TABLE child (id BIGINT NOT NULL PRIMARY KEY, tree TEXT NOT NULL REFERENCES tree (name));\n\n-- +goose Down\nDROP TABLE child;"
)

// sown are two databases with something of everything.
func sown(t *testing.T, kind string) store.Databases {
	t.Helper()
	all := both(t, kind)
	migrate(t, all.Control, "tree", migrations(tree, child))
	migrate(t, all.Control, "kinds", migrations(kinds, later))
	migrate(t, all.Traffic, "traffic", migrations("CREATE TABLE records (at BIGINT NOT NULL, what TEXT NOT NULL);"))
	execute(t, all.Control, "INSERT INTO tree (name, parent) VALUES ('z', NULL)")
	execute(t, all.Control, "INSERT INTO tree (name, parent) VALUES ('a', 'z')")
	execute(t, all.Control, "INSERT INTO child (id, tree) VALUES (1, 'a')")
	for i, row := range [][]any{
		{int64(math.MaxInt64), math.MaxInt32, 0.1, true, "plain", []byte{0, 1, 255}},
		{int64(math.MinInt64), -1, -1e300, false, "odd < > & \u2028 \" \\ é", []byte{}},
		{7, nil, nil, nil, "", nil},
		{8, 0, 3.0, true, "[1] {\"database\":\"x\"}\nline", []byte("text")},
	} {
		execute(t, all.Control, "INSERT INTO kinds (id, n, d, yes, name, raw) VALUES (?, ?, ?, ?, ?, ?)", row...)
		execute(t, all.Traffic, "INSERT INTO records (at, what) VALUES (?, ?)", i, strings.Repeat("x", i*1000))
	}
	for i := range 450 { // more than a batch
		execute(t, all.Traffic, "INSERT INTO records (at, what) VALUES (?, ?)", 100+i, "r")
	}
	return all
}

func dump(t *testing.T, all store.Databases) []byte {
	t.Helper()
	var out bytes.Buffer
	summary, err := store.Dump(t.Context(), &out, all, "1.2.3", fixedNow())
	if err != nil {
		t.Fatal(err)
	}
	if summary.Tables != 4 || summary.Rows != 462 {
		t.Errorf("dumped %+v", summary)
	}
	return out.Bytes()
}

func knows(room string) int64 {
	return map[string]int64{"tree": 2, "kinds": 2, "traffic": 1}[room]
}

func TestDumpAndLoadOnEveryPairOfDatabases(t *testing.T) {
	for _, from := range []string{"sqlite", "postgres"} {
		t.Run(from, func(t *testing.T) {
			all := sown(t, from)
			text := dump(t, all)
			for _, to := range []string{"sqlite", "postgres"} {
				t.Run(to, func(t *testing.T) {
					fresh := both(t, to)
					summary, err := store.Load(t.Context(), bytes.NewReader(text), fresh, knows)
					if err != nil || summary.Rows != 462 || summary.Program != "1.2.3" {
						t.Fatalf("loaded %+v, %v", summary, err)
					}
					if again := dump(t, fresh); !bytes.Equal(again, text) {
						t.Errorf("it came back as\n%.3000s\nand was\n%.3000s", again, text)
					}
					// The tables are those of the migrations: rules hold, and the rooms go on.
					migrate(t, fresh.Control, "kinds", migrations(kinds, later, "ALTER TABLE kinds ADD COLUMN more TEXT;"))
					err = fresh.Control.Write(t.Context(), func(tx *store.Tx) error {
						_, err := tx.Exec(t.Context(), "INSERT INTO kinds (id, name) VALUES (99, 'plain')")
						return err
					})
					if !store.IsConflict(err) {
						t.Errorf("the unique index is gone: %v", err)
					}
					err = fresh.Control.Write(t.Context(), func(tx *store.Tx) error {
						_, err := tx.Exec(t.Context(), "INSERT INTO child (id, tree) VALUES (9, 'nobody')")
						return err
					})
					if err == nil {
						t.Error("the foreign key is gone")
					}
					execute(t, fresh.Control, "DELETE FROM child")
					execute(t, fresh.Control, "DELETE FROM tree WHERE name = 'z'")
					if n := count(t, fresh.Control.Read(), "SELECT count(*) FROM tree"); n != 0 {
						t.Error("ON DELETE CASCADE is gone")
					}
					_, err = store.Load(t.Context(), bytes.NewReader(text), fresh, knows)
					if !errors.Is(err, store.ErrFilled) {
						t.Errorf("loaded twice: %v", err)
					}
				})
			}
		})
	}
}

// sealed puts the right checksum on a dump that was changed on purpose.
func sealed(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	before := bytes.Join(lines[:len(lines)-2], nil)
	end := lines[len(lines)-2]
	at := bytes.Index(end, []byte(`"sha256":"`)) + len(`"sha256":"`)
	sum := sha256.Sum256(before)
	return fmt.Appendf(nil, "%s%s%s\"}\n", before, end[:at], hex.EncodeToString(sum[:]))
}

func TestLoadRefusesAndLeavesNothing(t *testing.T) {
	text := dump(t, sown(t, "sqlite"))
	change := func(old, new string) []byte {
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the dump lacks %s", old)
		}
		return bytes.Replace(text, []byte(old), []byte(new), 1)
	}
	cases := []struct {
		name string
		text []byte
		is   error
		want string
	}{
		{"nothing", nil, store.ErrDump, "no backup"},
		{"something else", []byte(strings.Repeat("SQLite format 3\x00", 10)), store.ErrDump, "no backup"},
		{"cut off in a row", text[:len(text)-300], store.ErrDump, "cut off"},
		{"without its end", text[:bytes.LastIndex(text[:len(text)-1], []byte("\n"))+1], store.ErrDump, "cut off"},
		{"a changed value", change(`"plain"`, `"other"`), store.ErrDump, "checksum"},
		{"a changed header", change(`"program":"1.2.3"`, `"program":"1.2.4"`), store.ErrDump, "checksum"},
		{"something behind it", append(bytes.Clone(text), 'x'), store.ErrDump, "something follows"},
		{"a row too few", sealed(change("[100,\"r\"]\n", "")), store.ErrDump, "ends after 461 rows"},
		{"a row too wide", sealed(change(`[100,"r"]`, `[100,"r",1]`)), store.ErrDump, "3 values for 2 columns"},
		{"a wrong type", sealed(change(`[100,"r"]`, `["r","r"]`)), store.ErrDump, "column at"},
		{"an unknown table", sealed(change(`"table":"records"`, `"table":"nowhere"`)), store.ErrDump, "no room has a table"},
		{"an unknown column", sealed(change(`{"name":"what"`, `{"name":"where"`)), store.ErrDump, "has no column"},
		{"a table of the store", sealed(change(`"table":"records"`, `"table":"traffic_migrations"`)), store.ErrDump, "no room has a table"},
		{"an unknown database", sealed(change(`{"database":"traffic","table"`, `{"database":"other","table"`)), store.ErrDump, "speaks of a database"},
		{"a script that reads files", sealed(change(`CREATE TABLE records (at`, `CREATE TABLE stolen AS SELECT pg_read_file('/etc/passwd'); CREATE TABLE records (at`)), store.ErrDump, "it would run"},
		{"a script that runs programs", sealed(change(`CREATE TABLE records (at`, `COPY x FROM PROGRAM 'id'; CREATE TABLE records (at`)), store.ErrDump, "it would run"},
		{"a script that opens files", sealed(change(`CREATE TABLE records (at`, `ATTACH '/etc/passwd' AS x; CREATE TABLE records (at`)), store.ErrDump, "it would run"},
		{"a foreign key that points nowhere", sealed(change(`[1,"a"]`, `[1,"b"]`)), nil, ""},
		{"a newer room", change(`"room":"kinds","version":2`, `"room":"kinds","version":3`), store.ErrNewer, "kinds have version 3, this program knows versions up to 2"},
		{"an unknown room", change(`"room":"kinds"`, `"room":"kinder"`), store.ErrNewer, "this program knows versions up to 0"},
		{"a newer format", change(`"format":1`, `"format":2`), store.ErrNewer, "format 2"},
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			fresh := both(t, kind)
			for _, c := range cases {
				_, err := store.Load(t.Context(), bytes.NewReader(c.text), fresh, knows)
				if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %q", c.name, err, c.want)
				}
			}
			if _, err := store.Load(t.Context(), bytes.NewReader(text), fresh, knows); err != nil {
				t.Errorf("after all refusals: %v", err)
			}
		})
	}
	t.Logf("%d refusals played on each", len(cases))
}

func TestDumpIsOneMoment(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			all := sown(t, kind)
			var out bytes.Buffer
			// While it is written, rows come and go.
			busy := writerFunc(func(p []byte) (int, error) {
				execute(t, all.Control, "DELETE FROM child")
				execute(t, all.Traffic, "DELETE FROM records")
				return out.Write(p)
			})
			for i := range 300 {
				execute(t, all.Control, "INSERT INTO kinds (id, name) VALUES (?, ?)", 1000+i, fmt.Sprint(i)+strings.Repeat("n", 1000))
			}
			summary, err := store.Dump(t.Context(), busy, all, "dev", fixedNow())
			if err != nil || summary.Rows != 762 {
				t.Errorf("dumped %+v, %v; want 762 rows", summary, err)
			}
			if n := count(t, all.Traffic.Read(), "SELECT count(*) FROM records"); n != 0 {
				t.Error("nothing was deleted meanwhile")
			}
			if _, err := store.Load(t.Context(), &out, both(t, "sqlite"), knows); err != nil {
				t.Error(err)
			}
		})
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
