package jsontext_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// corpus finds a folder of the test corpora beside the repository.
func corpus(t testing.TB, name string) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	found := filepath.Join(dir, "..", "shared", "corpora", name)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("skipped: the corpus %s is not beside the repository", name)
	}
	return found
}

func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus(t, "json-test-suite"), "test_parsing", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	played, right := map[byte]int{}, map[byte]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		err = jsontext.Valid(data, jsontext.NoLimits())
		kind := filepath.Base(file)[0]
		played[kind]++
		switch {
		case kind == 'y' && err != nil:
			t.Errorf("%s: refused: %v", filepath.Base(file), err)
		case kind == 'n' && err == nil:
			t.Errorf("%s: accepted", filepath.Base(file))
		case kind == 'i' && err != nil:
		default:
			right[kind]++
		}
	}
	if played['y'] < 95 || played['n'] < 188 {
		t.Errorf("played %d y_ and %d n_ files, want 95 and 188", played['y'], played['n'])
	}
	t.Logf("y_: %d of %d accepted; n_: %d of %d refused; i_: %d of %d accepted",
		right['y'], played['y'], right['n'], played['n'], right['i'], played['i'])
}

func TestRefusals(t *testing.T) {
	unique := jsontext.NoLimits()
	unique.UniqueNames = true
	limits := func(change func(*jsontext.Limits)) jsontext.Limits {
		l := jsontext.NoLimits()
		change(&l)
		return l
	}
	none := jsontext.NoLimits()
	cases := []struct {
		in     string
		lim    jsontext.Limits
		reason error
		limit  string
		at     int
	}{
		{in: ``, lim: none, reason: jsontext.ErrEnd, at: 0},
		{in: `[1`, lim: none, reason: jsontext.ErrEnd, at: 2},
		{in: `{"a`, lim: none, reason: jsontext.ErrEnd, at: 3},
		{in: `tru`, lim: none, reason: jsontext.ErrEnd, at: 3},
		{in: `[1,]`, lim: none, reason: jsontext.ErrCharacter, at: 3},
		{in: `{"a":1,}`, lim: none, reason: jsontext.ErrCharacter, at: 7},
		{in: `{"a" 1}`, lim: none, reason: jsontext.ErrCharacter, at: 5},
		{in: `[1}`, lim: none, reason: jsontext.ErrCharacter, at: 2},
		{in: `[01]`, lim: none, reason: jsontext.ErrCharacter, at: 2},
		{in: `[1.]`, lim: none, reason: jsontext.ErrNumber, at: 3},
		{in: `[1e]`, lim: none, reason: jsontext.ErrNumber, at: 3},
		{in: `"\x"`, lim: none, reason: jsontext.ErrEscape, at: 1},
		{in: `"\ud800"`, lim: none, reason: jsontext.ErrSurrogate, at: 1},
		{in: `"\udc00\ud800"`, lim: none, reason: jsontext.ErrSurrogate, at: 1},
		{in: "\"a\x01\"", lim: none, reason: jsontext.ErrControl, at: 2},
		{in: "\"a\xff\"", lim: none, reason: jsontext.ErrUTF8, at: 2},
		{in: "\"\xed\xa0\x80\"", lim: none, reason: jsontext.ErrUTF8, at: 1},
		{in: "\xef\xbb\xbf{}", lim: none, reason: jsontext.ErrBOM, at: 0},
		{in: `{} x`, lim: none, reason: jsontext.ErrTrailing, at: 3},
		{in: `{"a":1,"b":2,"a":3}`, lim: unique, reason: jsontext.ErrDuplicate, at: 13},
		{in: `{"a":1,"\u0061":3}`, lim: unique, reason: jsontext.ErrDuplicate, at: 7},
		{in: `[{"a":{"a":1}},{"a":1,"a":2}]`, lim: unique, reason: jsontext.ErrDuplicate, at: 22},
		{in: `[[[]]]`, lim: limits(func(l *jsontext.Limits) { l.MaxDepth = 2 }), limit: "MaxDepth", at: 2},
		{in: `[1,2,3]`, lim: limits(func(l *jsontext.Limits) { l.MaxElements = 2 }), limit: "MaxElements", at: 5},
		{in: `{"a":1,"b":2}`, lim: limits(func(l *jsontext.Limits) { l.MaxEntries = 1 }), limit: "MaxEntries", at: 7},
		{in: `{"abc":1}`, lim: limits(func(l *jsontext.Limits) { l.MaxNameLength = 2 }), limit: "MaxNameLength", at: 4},
		{in: `["abc"]`, lim: limits(func(l *jsontext.Limits) { l.MaxStringLength = 2 }), limit: "MaxStringLength", at: 4},
		{in: `["é\ud83d\ude00\n"]`, lim: limits(func(l *jsontext.Limits) { l.MaxStringLength = 2 }), limit: "MaxStringLength", at: 16},
		{in: `[1,2]`, lim: limits(func(l *jsontext.Limits) { l.MaxTokens = 3 }), limit: "MaxTokens", at: 4},
		{in: `1`, lim: jsontext.Limits{}, limit: "MaxTokens", at: 0},
	}
	for _, c := range cases {
		err := jsontext.Valid([]byte(c.in), c.lim)
		if c.limit != "" {
			var le *encoding.LimitError
			if !errors.As(err, &le) || le.Limit != c.limit || le.Offset != c.at || encoding.Exceeded(err) != c.limit {
				t.Errorf("%s: %v, want %s at %d", c.in, err, c.limit, c.at)
			}
			continue
		}
		var se *encoding.SyntaxError
		if !errors.As(err, &se) || !errors.Is(err, c.reason) || se.Offset != c.at {
			t.Errorf("%s: %v, want %v at %d", c.in, err, c.reason, c.at)
		}
	}
	t.Logf("played %d refusals", len(cases))
}

// TestLimitsAreInclusive holds that a limit is the largest value allowed.
func TestLimitsAreInclusive(t *testing.T) {
	lim := jsontext.Limits{MaxDepth: 2, MaxEntries: 2, MaxElements: 2, MaxNameLength: 2, MaxStringLength: 2, MaxTokens: 10, UniqueNames: true}
	if err := jsontext.Valid([]byte(`{"ab":["é\u00e9",1],"b":"\ud83d\ude00x"}`), lim); err != nil {
		t.Error(err)
	}
}

func TestWalk(t *testing.T) {
	doc := ` {"items":[{"note":"a"},{"note":"\u0062"}, 7, [] ],"a/b~c":{"":true},"x\"y":null} `
	var got []string
	err := jsontext.Walk([]byte(doc), jsontext.DefaultLimits(), func(p jsontext.Path, tok jsontext.Token) error {
		if tok.IsScalar() {
			got = append(got, fmt.Sprintf("%s %s=%s", p, p.Name(), tok.Text()))
		}
		if !strings.HasPrefix(doc[tok.Offset:], string(tok.Raw)) {
			t.Errorf("token at %d is not %s", tok.Offset, tok.Raw)
		}
		return nil
	})
	want := []string{
		"/items/0/note note=a", "/items/1/note note=b", "/items/2 items=7", "/a~1b~0c/ =true", `/x"y x"y=null`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	stop := errors.New("stop")
	if err := jsontext.Walk([]byte(doc), jsontext.DefaultLimits(), func(jsontext.Path, jsontext.Token) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Walk gave %v, want the visitor's error", err)
	}
}

func TestDeepDocuments(t *testing.T) {
	for _, open := range []string{"[", `{"a":`, `[{"a":`} {
		deep := []byte(strings.Repeat(open, 10_000))
		began := time.Now()
		err := jsontext.Valid(deep, jsontext.DefaultLimits())
		if encoding.Exceeded(err) != "MaxDepth" {
			t.Errorf("10,000 deep: %v, want MaxDepth", err)
		}
		t.Logf("10,000 deep: refused after %v", time.Since(began))
	}
	n := 200_000
	if err := jsontext.Valid([]byte(strings.Repeat("[", n)+strings.Repeat("]", n)), jsontext.NoLimits()); err != nil {
		t.Errorf("200,000 deep without limits: %v", err)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	doc := []byte(`{"id":42,"items":[{"sku":"x-1","qty":-1.5e3,"ok":true},{"sku":"é","none":null}],"name":"Bob"}`)
	lim := jsontext.DefaultLimits()
	if n := testing.AllocsPerRun(100, func() {
		if err := jsontext.Valid(doc, lim); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("Valid allocates %v times, want 0", n)
	}
	lim.UniqueNames = true
	var s jsontext.Scanner
	path := make([]byte, 0, 64)
	visit := func(p jsontext.Path, tok jsontext.Token) error {
		path = p.Append(path[:0])
		_ = tok.Text()
		return nil
	}
	if n := testing.AllocsPerRun(100, func() {
		s.Reset(doc, lim)
		if err := s.Walk(visit); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("a walk with a used scanner, unique names and paths allocates %v times, want 0", n)
	}
}

// TestUniqueNamesOfManyObjects puts a hundred thousand names into one object and
// the same name into each of many open ones.
func TestUniqueNamesOfManyObjects(t *testing.T) {
	lim := jsontext.NoLimits()
	lim.UniqueNames = true
	var b strings.Builder
	b.WriteByte('{')
	for i := range 100_000 {
		fmt.Fprintf(&b, "%q:0,", fmt.Sprint("name", i))
	}
	for _, c := range []struct {
		doc    string
		reason error
	}{
		{b.String() + `"last":0}`, nil},
		{b.String() + `"name7":0}`, jsontext.ErrDuplicate},
		{strings.Repeat(`{"a":`, 100_000) + "0" + strings.Repeat("}", 100_000), nil},
		{strings.Repeat(`{"\u0061":`, 1000) + "0" + strings.Repeat("}", 999) + `,"a":0}`, jsontext.ErrDuplicate},
	} {
		if err := jsontext.Valid([]byte(c.doc), lim); !errors.Is(err, c.reason) {
			t.Errorf("%.20s… of %d bytes: %v, want %v", c.doc, len(c.doc), err, c.reason)
		}
	}
}

// TestUniqueNamesAgainstMaps compares with a map per object, also across resets.
func TestUniqueNamesAgainstMaps(t *testing.T) {
	lim := jsontext.NoLimits()
	lim.UniqueNames = true
	var s jsontext.Scanner
	rapid.Check(t, func(t *rapid.T) {
		var doc strings.Builder
		twice := false
		var object func(depth int)
		object = func(depth int) {
			seen := map[string]bool{}
			doc.WriteByte('{')
			for i := range rapid.IntRange(0, 12).Draw(t, "n") {
				name := fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "name"))
				twice = twice || seen[name]
				seen[name] = true
				if i > 0 {
					doc.WriteByte(',')
				}
				fmt.Fprintf(&doc, "%q:", name)
				if depth < 3 && rapid.Bool().Draw(t, "nest") {
					object(depth + 1)
				} else {
					doc.WriteByte('1')
				}
			}
			doc.WriteByte('}')
		}
		object(0)
		s.Reset([]byte(doc.String()), lim)
		err := s.Walk(func(jsontext.Path, jsontext.Token) error { return nil })
		if errors.Is(err, jsontext.ErrDuplicate) != twice || err != nil && !twice {
			t.Fatalf("%s: %v, want duplicate %v", doc.String(), err, twice)
		}
	})
}

func TestAppendQuote(t *testing.T) {
	for _, in := range []string{"", "a\"b\\c\n\r\t\x00\x1f<&>é😀", "bad \xff"} {
		quoted := jsontext.AppendQuote(nil, in)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != strings.ToValidUTF8(in, "\uFFFD") {
			t.Errorf("AppendQuote(%q) = %s: %q, %v", in, quoted, back, err)
		}
		if err := jsontext.Valid(quoted, jsontext.NoLimits()); err != nil {
			t.Errorf("AppendQuote(%q) = %s: %v", in, quoted, err)
		}
	}
}

// FuzzScanner compares with encoding/json. We refuse, and it accepts: invalid
// UTF-8 and escapes of half a surrogate pair. It refuses, and we accept: depths
// over 10,000. Everything else is equal, the texts of strings included.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00",true,null]}`, `[`, `"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`, ` 0 `, `-`, `[1,]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := jsontext.NewScanner(data, jsontext.NoLimits())
		end, deep := 0, 0
		var err error
		for {
			var tok jsontext.Token
			if tok, err = s.Next(); err != nil {
				break
			}
			deep = max(deep, s.Depth())
			if tok.Offset < end || string(data[tok.Offset:tok.Offset+len(tok.Raw)]) != string(tok.Raw) {
				t.Fatalf("token %q at %d is not where it says", tok.Raw, tok.Offset)
			}
			end = tok.Offset + len(tok.Raw)
			if tok.Kind == jsontext.String || tok.Kind == jsontext.Name {
				var want string
				if jerr := json.Unmarshal(tok.Raw, &want); jerr != nil || want != string(tok.Text()) || tok.Chars != utf8.RuneCountInString(want) {
					t.Fatalf("text of %s is %q (%d), want %q: %v", tok.Raw, tok.Text(), tok.Chars, want, jerr)
				}
			}
		}
		ours := errors.Is(err, io.EOF)
		stricter := errors.Is(err, jsontext.ErrSurrogate) || errors.Is(err, jsontext.ErrUTF8)
		if theirs := json.Valid(data); ours != theirs && !stricter && deep <= 10_000 {
			t.Fatalf("%q: %v, encoding/json says %v", data, err, theirs)
		}
		unique := jsontext.NoLimits()
		unique.UniqueNames = true
		if uerr := jsontext.Valid(data, unique); (uerr == nil) != ours && !errors.Is(uerr, jsontext.ErrDuplicate) {
			t.Fatalf("%q: %v with unique names, %v without", data, uerr, err)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	doc := []byte("[" + strings.Repeat(`{"id":42,"items":[{"sku":"x-1","qty":-1.5e3,"ok":true}],"name":"Bob the builder of houses"},`, 100) + "0]")
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if err := jsontext.Valid(doc, jsontext.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
