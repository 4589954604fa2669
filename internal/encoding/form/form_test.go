package form_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/form"
)

func TestPairs(t *testing.T) {
	type pair struct {
		at          int
		name, value string
		has         bool
	}
	cases := []struct {
		in   string
		want []pair
	}{
		{"", nil},
		{"&&&", nil},
		{"a=1", []pair{{0, "a", "1", true}}},
		{"a", []pair{{0, "a", "", false}}},
		{"a=", []pair{{0, "a", "", true}}},
		{"=1", []pair{{0, "", "1", true}}},
		{"=", []pair{{0, "", "", true}}},
		{"a=1&&b=2&", []pair{{0, "a", "1", true}, {5, "b", "2", true}}},
		{"a=1;b=2", []pair{{0, "a", "1;b=2", true}}},
		{"a=b=c", []pair{{0, "a", "b=c", true}}},
		{"a+b=%63+d%26", []pair{{0, "a b", "c d&", true}}},
		{"a=1&a=2", []pair{{0, "a", "1", true}, {4, "a", "2", true}}},
		{"%3d%26=x", []pair{{0, "=&", "x", true}}},
	}
	for _, c := range cases {
		var got []pair
		it := form.Pairs(c.in, form.DefaultMaxPairs)
		for it.Next() {
			p := it.Pair()
			name, _ := p.Name.Decode()
			value, _ := p.Value.Decode()
			got = append(got, pair{p.Offset, name, value, p.HasValue})
		}
		if it.Err() != nil || len(got) != len(c.want) {
			t.Errorf("%q: %v, %v, want %v", c.in, got, it.Err(), c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: pair %d is %v, want %v", c.in, i, got[i], c.want[i])
			}
		}
	}
	t.Logf("played %d texts", len(cases))
}

func TestFacts(t *testing.T) {
	cases := []struct {
		in, want string
		facts    form.Facts
	}{
		{"plain", "plain", form.Facts{}},
		{"é", "é", form.Facts{}},
		{"\uFFFD", "\uFFFD", form.Facts{}},
		{"%41", "A", form.Facts{Encoded: true}},
		{"%C3%a9", "é", form.Facts{Encoded: true}},
		{"+", " ", form.Facts{Encoded: true}},
		{"%4", "%4", form.Facts{BadEscape: true}},
		{"%", "%", form.Facts{BadEscape: true}},
		{"%zz%41", "%zzA", form.Facts{BadEscape: true, Encoded: true}},
		{"%u0041", "%u0041", form.Facts{BadEscape: true}},
		{"%2541", "%41", form.Facts{Encoded: true}},
		{"%00", "\x00", form.Facts{Encoded: true, NUL: true}},
		{"\x00", "\x00", form.Facts{NUL: true}},
		{"%ff", "\xff", form.Facts{Encoded: true, NotUTF8: true}},
		{"\xff", "\xff", form.Facts{NotUTF8: true}},
		{"a\xc3", "a\xc3", form.Facts{NotUTF8: true}},
		{"%C0%AF", "\xc0\xaf", form.Facts{Encoded: true, NotUTF8: true}},
		{"a;b", "a;b", form.Facts{Semicolon: true}},
		{"a;+", "a; ", form.Facts{Semicolon: true, Encoded: true}},
		{"%3b", ";", form.Facts{Encoded: true}},
	}
	for _, c := range cases {
		got, facts := form.Part[string]{Raw: c.in}.Decode()
		if got != c.want || facts != c.facts {
			t.Errorf("%q: %q %+v, want %q %+v", c.in, got, facts, c.want, c.facts)
		}
		bytes, facts := form.Part[[]byte]{Raw: []byte(c.in)}.Decode()
		if string(bytes) != c.want || facts != c.facts {
			t.Errorf("%q as bytes: %q %+v, want %q %+v", c.in, bytes, facts, c.want, c.facts)
		}
	}
	t.Logf("played %d parts", len(cases))
}

func TestMaxPairs(t *testing.T) {
	it := form.Pairs("a=1&b=2&&c=3", 2)
	n := 0
	for it.Next() {
		n++
	}
	var le *encoding.LimitError
	if err := it.Err(); n != 2 || !errors.As(err, &le) || le.Limit != "MaxPairs" || le.Max != 2 || le.Offset != 9 {
		t.Errorf("%d pairs, then %v", n, it.Err())
	}
	it = form.Pairs("a=1&b=2&&c=3", 3)
	for it.Next() {
		n++
	}
	if it.Err() != nil || n != 5 {
		t.Errorf("three pairs under a limit of three: %v", it.Err())
	}
	many := form.Pairs([]byte(strings.Repeat("a&", 5000)), encoding.Off)
	for n = 0; many.Next(); n++ {
		continue
	}
	if many.Err() != nil || n != 5000 {
		t.Errorf("5000 pairs without a limit: %d, %v", n, many.Err())
	}
}

func TestPlainPairsAllocateNothing(t *testing.T) {
	body := []byte("id=42&name=bob&note=é&flag")
	query := "q=" + strings.Repeat("x", 100) + "%41"
	if n := testing.AllocsPerRun(100, func() {
		it := form.Pairs(body, form.DefaultMaxPairs)
		for it.Next() {
			p := it.Pair()
			p.Name.Decode()
			p.Value.Decode()
		}
		q := form.Pairs(query, form.DefaultMaxPairs)
		for q.Next() {
			q.Pair()
		}
	}); n != 0 {
		t.Errorf("reading plain pairs allocates %v times, want 0", n)
	}
}

// FuzzPairs compares with net/url, which drops what we keep and mark: pairs
// with a bad escape or a plain semicolon.
func FuzzPairs(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a;b=1&c", "%zz=1&a=%4", "+=+&=&a=b=c", "%00=\xff&a=%C3%A9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := url.ParseQuery(text)
		got, dropped := url.Values{}, false
		end := 0
		it := form.Pairs(text, encoding.Off)
		for it.Next() {
			p := it.Pair()
			if p.Offset < end || !strings.HasPrefix(text[p.Offset:], p.Name.Raw) {
				t.Fatalf("%q: pair at %d is not %q", text, p.Offset, p.Name.Raw)
			}
			end = p.Offset + len(p.Name.Raw) + len(p.Value.Raw)
			name, nf := p.Name.Decode()
			value, vf := p.Value.Decode()
			if nf.BadEscape || vf.BadEscape || nf.Semicolon || vf.Semicolon {
				dropped = true
				continue
			}
			got.Add(name, value)
		}
		if dropped != (err != nil) && !errors.Is(err, errTooMany(err)) {
			t.Fatalf("%q: dropped %v, net/url says %v", text, dropped, err)
		}
		if err == nil || dropped {
			if got.Encode() != want.Encode() {
				t.Fatalf("%q: %v, want %v", text, got, want)
			}
		}
	})
}

// errTooMany is err when net/url refused the number of pairs, which it bounds.
func errTooMany(err error) error {
	if err != nil && strings.Contains(err.Error(), "number of URL query parameters exceeded limit") {
		return err
	}
	return errors.New("another")
}
