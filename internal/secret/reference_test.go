package secret

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var testEnvironment = Expander{Lookup: func(name string) (string, bool) {
	v, ok := map[string]string{
		"HOST": "orders.internal", "_x1": "under", "EMPTY": "", "QUOTED": `a"b\c<`, "AGAIN": "$HOST", "BAD": "\xff",
	}[name]
	return v, ok
}}

func TestExpand(t *testing.T) {
	cases := []struct{ in, want, err string }{
		{"plain", "plain", ""},
		{"", "", ""},
		{"$HOST", "orders.internal", ""},
		{"${HOST}", "orders.internal", ""},
		{"$_x1", "under", ""},
		{"$EMPTY", "", ""},
		{"$AGAIN", "$HOST", ""},
		{"$$HOST", "$HOST", ""},
		{"$${HOST}", "${HOST}", ""},
		{"$$", "$", ""},
		{"$$$", "$$", ""},
		{"cost $5", "cost $5", ""},
		{"$5", "$5", ""},
		{"$1abc", "$1abc", ""},
		{"$", "$", ""},
		{"${}", "${}", ""},
		{"${HOST", "${HOST", ""},
		{"$HOST}", "$HOST}", ""},
		{"${HOST}x", "${HOST}x", ""},
		{"$HOST-x", "$HOST-x", ""},
		{"$HOST\n", "$HOST\n", ""},
		{" $HOST", " $HOST", ""},
		{"a$$b", "a$$b", ""},
		{"$MISSING", "", "MISSING is not set"},
		{"${MISSING}", "", "MISSING is not set"},
		{"$BAD", "", "BAD is not valid UTF-8"},
	}
	for _, c := range cases {
		got, err := testEnvironment.Expand(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Expand(%q) error %v, want %q", c.in, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("Expand(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	t.Logf("%d values expanded", len(cases))

	_, err := testEnvironment.Expand("$MISSING")
	var missing *MissingError
	if !errors.As(err, &missing) || missing.Name != "MISSING" {
		t.Errorf("error %v is not a MissingError for MISSING", err)
	}
	if _, err := (Expander{}).Expand("$HOST"); err == nil || !strings.Contains(err.Error(), "not allowed here") {
		t.Errorf("the zero expander answered %v", err)
	}
}

func TestEnvironReadsTheProcess(t *testing.T) {
	t.Setenv("TEST_REFERENCE_OF_FARRIER", "found")
	if _, err := Environ().Expand("$FARRIER_MASTER_KEY"); err == nil || !strings.Contains(err.Error(), "settings of Farrier itself") {
		t.Errorf("a setting of Farrier itself: %v", err)
	}
	if got, err := Environ().Expand("$TEST_REFERENCE_OF_FARRIER"); err != nil || got != "found" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestExpandJSON(t *testing.T) {
	cases := []struct {
		in, want string
		errs     []string
	}{
		{`{"a": "$HOST", "n": 1.50, "big": 12345678901234567890}`, `{"a": "orders.internal", "n": 1.50, "big": 12345678901234567890}`, nil},
		{`{"$HOST":"x"}`, `{"$HOST":"x"}`, nil},
		{`{"a":{"b":["x","${HOST}",{"c":"$$HOST"}]},"z":"$_x1"}`, `{"a":{"b":["x","orders.internal",{"c":"$HOST"}]},"z":"under"}`, nil},
		{`"$HOST"`, `"orders.internal"`, nil},
		{` [ "\u0024HOST" , null,true ] `, ` [ "orders.internal" , null,true ] `, nil},
		{`{"a":"$QUOTED"}`, `{"a":"a\"b\\c\u003c"}`, nil},
		{`{"a":[],"b":{},"c":"$HOST"}`, `{"a":[],"b":{},"c":"orders.internal"}`, nil},
		{`{"a":{"b":["x","$NOPE"]},"c":"$NADA","d":"$HOST"}`, "", []string{"a.b[1]: environment variable NOPE", "c: environment variable NADA"}},
		{`[[],["$NOPE"]]`, "", []string{"[1][0]: environment variable NOPE"}},
		{`"$NOPE"`, "", []string{"the value: environment variable NOPE"}},
		{`{"a":}`, "", []string{"not valid JSON"}},
	}
	for _, c := range cases {
		got, err := testEnvironment.ExpandJSON(json.RawMessage(c.in))
		for _, want := range c.errs {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", c.in, err, want)
			}
		}
		if c.errs == nil && (err != nil || string(got) != c.want) {
			t.Errorf("%s\n got %s, %v\nwant %s", c.in, got, err, c.want)
		}
	}
	t.Logf("%d documents expanded", len(cases))
}

func FuzzExpandJSON(f *testing.F) {
	f.Add(`{"a":{"b":["x","${HOST}",{"c":"$$HOST"}]},"z":"$_x1"}`)
	f.Add(`["\"$HOST\"", "\u0024HOST", {"":"$AGAIN"}, [[["$HOST"]]]]`)
	f.Fuzz(func(t *testing.T, in string) {
		got, err := testEnvironment.ExpandJSON(json.RawMessage(in))
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%q became invalid: %q", in, got)
		}
		var tree any
		if err := json.Unmarshal([]byte(in), &tree); err != nil {
			return
		}
		want, err := json.Marshal(expandTree(t, tree))
		if err != nil {
			t.Fatal(err)
		}
		var back any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		have, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != string(want) {
			t.Fatalf("%q became %s, want %s", in, have, want)
		}
	})
}

// expandTree is the obvious way to do the same, as an oracle.
func expandTree(t *testing.T, v any) any {
	switch v := v.(type) {
	case string:
		s, err := testEnvironment.Expand(v)
		if err != nil {
			// A duplicate key hides a value from the streaming walk or from the map; both refuse it.
			t.Skip("unreachable reference")
		}
		return s
	case []any:
		for i := range v {
			v[i] = expandTree(t, v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = expandTree(t, v[k])
		}
	}
	return v
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ ref, want, err string }{
		{"env:HOST", "orders.internal", ""},
		{"env:MISSING", "", "MISSING is not set"},
		{"env:not a name", "", "must name an environment variable"},
		{"file:" + write("one", "s3cret\n"), "s3cret", ""},
		{"file:" + write("crlf", "s3cret\r\n"), "s3cret", ""},
		{"file:" + write("lines", "a\nb\n\n"), "a\nb\n", ""},
		{"file:" + write("empty", "\n"), "", "is empty"},
		{"file:" + write("long", strings.Repeat("x", fileLimit+1)), "", "longer than 65536 bytes"},
		{"file:" + write("binary", "\xff\xfe"), "", "not valid UTF-8"},
		{"file:relative", "", "absolute path"},
		{"file:" + filepath.Join(dir, "absent"), "", "no such file"},
		{"file:" + dir, "", "not a regular file"},
		{"file:" + pipe, "", "not a regular file"},
		{"vault:kv/orders#password", "", "no Vault is set up"},
		{"hunter2:hunter3", "", "not a reference"},
		{"", "", "not a reference"},
	}
	for _, c := range cases {
		got, err := testEnvironment.Resolve(c.ref)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Resolve(%q) error %v, want %q", c.ref, err, c.err)
			} else if strings.Contains(err.Error(), "hunter") {
				t.Errorf("Resolve(%q) repeats what may be a secret: %v", c.ref, err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("Resolve(%q) = %q, %v; want %q", c.ref, got, err, c.want)
		}
	}
	t.Logf("%d references resolved", len(cases))
}
