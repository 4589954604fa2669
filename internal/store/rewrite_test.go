package store

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

func TestNumbered(t *testing.T) {
	cases := []struct{ in, want string }{
		{"SELECT 1", "SELECT 1"},
		{"SELECT a FROM b WHERE c = ? AND d IN (?, ?)", "SELECT a FROM b WHERE c = $1 AND d IN ($2, $3)"},
		{"SELECT '?', ?", "SELECT '?', $1"},
		{"SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"},
		{`SELECT "odd?" FROM b WHERE c = ?`, `SELECT "odd?" FROM b WHERE c = $1`},
		{"SELECT ? -- really?\n, ?", "SELECT $1 -- really?\n, $2"},
		{"SELECT ? /* ? */ - ? / ?", "SELECT $1 /* ? */ - $2 / $3"},
		{"SELECT 'open ?", "SELECT 'open ?"},
		{"SELECT ? /*", "SELECT $1 /*"},
		{"-- ?", "-- ?"},
		{"", ""},
		{strings.Repeat("?,", 11), "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,"},
	}
	var r rewriter
	for range 2 { // the second time from memory
		for _, c := range cases {
			if got := r.statement(c.in); got != c.want {
				t.Errorf("%q became %q, want %q", c.in, got, c.want)
			}
		}
	}
	for i := range rewrites + 10 {
		r.statement("SELECT " + strings.Repeat("1", i))
	}
	if n := r.count.Load(); n > rewrites+1 {
		t.Errorf("%d statements are remembered", n)
	}
	t.Logf("%d statements played", len(cases))
}

func FuzzPieces(f *testing.F) {
	for _, seed := range []string{"SELECT '?' -- a\n ?", `"`, "/*/ ? */", "a-b/c", "--", "';'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var whole strings.Builder
		for text := range pieces(query) {
			if text == "" {
				t.Fatal("an empty piece")
			}
			whole.WriteString(text)
		}
		if whole.String() != query {
			t.Fatalf("the pieces make %q", whole.String())
		}
		numbered(query)
		statements(query)
	})
}

func TestCleaned(t *testing.T) {
	type named string
	in := []any{"a", "a\x00b", named("\xff"), []byte{0xff, 0}, 1, nil, "é"}
	out := cleaned(in)
	want := []any{"a", "a\uFFFDb", "\uFFFD"}
	for i := range want {
		if out[i] != want[i] {
			t.Errorf("%d is %q, want %q", i, out[i], want[i])
		}
	}
	if in[1] != "a\x00b" || len(out) != len(in) || !utf8.ValidString(out[6].(string)) {
		t.Error("the arguments of the caller were changed")
	}
	if same := []any{"a"}; &cleaned(same)[0] != &same[0] {
		t.Error("clean arguments were copied")
	}
}

func TestCollated(t *testing.T) {
	in := "-- TEXT stays\nCREATE TABLE a (b TEXT NOT NULL DEFAULT 'TEXT', c text, texts BIGINT, \"TEXT\" INTEGER);\nSELECT CAST(b AS TEXT);"
	want := "-- TEXT stays\nCREATE TABLE a (b TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT', c text COLLATE \"C\", texts BIGINT, \"TEXT\" INTEGER);\nSELECT CAST(b AS TEXT);"
	got, err := fs.ReadFile(collated{fstest.MapFS{"a.sql": {Data: []byte(in)}}}, "a.sql")
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	names, err := fs.Glob(collated{fstest.MapFS{"a.sql": {}, "b.txt": {}}}, "*.sql")
	if err != nil || len(names) != 1 {
		t.Errorf("files %v, %v", names, err)
	}
}

func TestAddressIsNotRepeated(t *testing.T) {
	const password = "hunter2-%41"
	cases := []string{
		"postgres://farrier:hunter2-%41@host:notaport/db",
		"postgres://farrier:hunter2-%zz@host/db",
		"mysql://farrier:hunter2-%41@host/db",
		"postgres://farrier:hunter2-%41@host/db?sslmode=sometimes",
		"postgres://farrier@host/db?password=hunter2-A&sslmode=sometimes",
		"postgres://farrier@host/db?sslpassword=hunter2-A&sslcert=/nowhere&sslkey=/nowhere",
		"host=db password=hunter2-A",
		"postgres:hunter2-A",
	}
	for _, address := range cases {
		_, err := postgresConfig(address)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s gave %v", strings.ReplaceAll(address, password, "…"), err)
		}
		_, err = OpenPostgres(t.Context(), address, ControlSchema, Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("opening gave %v", err)
		}
	}
	_, err := OpenPostgres(t.Context(), "postgres://farrier:hunter2@127.0.0.1:1/db", ControlSchema, Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("nobody listens: %v", err)
	}
	for _, schema := range []string{"", "A", "a b", "pg_toast", "a;drop", strings.Repeat("a", 60)} {
		if _, err := OpenPostgres(t.Context(), "postgres://127.0.0.1:1/db", schema, Options{}); err == nil || !strings.Contains(err.Error(), "short lower-case word") {
			t.Errorf("schema %q: %v", schema, err)
		}
	}
	t.Logf("%d addresses played", len(cases))
}

func TestTLSUnlessLocal(t *testing.T) {
	for address, secured := range map[string]bool{
		"postgres://a@db.example.com/x":                 true,
		"postgres://a@10.0.0.1/x":                       true,
		"postgres://a@db.example.com/x?sslmode=disable": false,
		"postgres://a@localhost/x":                      false,
		"postgres://a@127.0.0.1/x":                      false,
		"postgres://a@[::1]/x":                          false,
		"postgres:///x?host=/run/postgresql&user=a":     false,
	} {
		config, err := postgresConfig(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := config.TLSConfig != nil && !config.TLSConfig.InsecureSkipVerify
		for _, f := range config.Fallbacks {
			got = got && f.TLSConfig != nil
		}
		if got != secured {
			t.Errorf("%s: secured is %v", address, got)
		}
	}
}
