package traffic_test

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

func TestNormalisePath(t *testing.T) {
	cases := []struct{ raw, want, why string }{
		{"", "/", ""},
		{"/", "/", ""},
		{"/orders/7", "/orders/7", ""},
		{"/orders/", "/orders/", ""},
		{"//orders///7", "/orders/7", ""},
		{"/a/./b/../c", "/a/c", ""},
		{"/a/b/..", "/a/", ""},
		{"/a/.", "/a/", ""},
		{"/%61%2Db", "/a-b", ""},
		{"/%7euser", "/~user", ""},
		{"/caf%c3%a9", "/caf%C3%A9", ""},
		{"/café", "/caf%C3%A9", ""},
		{"/a;v=1", "/a;v=1", ""},
		{"/%2e%2e", "", "climbs"},
		{"/a/%2e%2E/../b", "", "climbs"},
		{"/..", "", "climbs"},
		{"/a/..;/b", "", "dot segment with parameters"},
		{"/a/.;v=1/b", "", "dot segment with parameters"},
		{"/a/%2e%2E;v=1", "", "dot segment with parameters"},
		{"/a/...;v=1", "/a/...;v=1", ""},
		{"orders", "", "begin with a slash"},
		{"/a%2fb", "", `encoded "/"`},
		{"/a%5Cb", "", `encoded "\\"`},
		{"/a%3bb", "", `encoded ";"`},
		{"/a%25b", "", `encoded "%"`},
		{"/a%23b", "", `encoded "#"`},
		{"/a%3fb", "", `encoded "?"`},
		{"/a%00b", "", "encoded control"},
		{"/a%7fb", "", "encoded control"},
		{`/a\b`, "", "backslash"},
		{"/a b", "", "control character or space"},
		{"/a\x01b", "", "control character"},
		{"/a%2", "", "cut percent"},
		{"/a%zz", "", "broken percent"},
	}
	for _, c := range cases {
		got, err := traffic.NormalisePath(c.raw)
		switch {
		case c.why == "" && (err != nil || got != c.want):
			t.Errorf("%q became %q (%v), want %q", c.raw, got, err, c.want)
		case c.why != "" && (!errors.Is(err, traffic.ErrPath) || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%q gave %q, %v; want a refusal with %q", c.raw, got, err, c.why)
		}
	}
	t.Logf("played %d paths", len(cases))
	if len(cases) < 25 {
		t.Fatal("too few paths")
	}
}

func TestNormalisePathOfAPlainPathAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = traffic.NormalisePath("/api/v1/orders/7") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is normal stays as it is, and holds nothing that two servers could read
// in two ways.
func FuzzNormalisePath(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b", "/%61", "//a/.//b/", "/%c3%a9", "/a%2fb", "/..;/x", "/é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := traffic.NormalisePath(raw)
		if err != nil {
			if normal != "" {
				t.Errorf("%q was refused and yet gave %q", raw, normal)
			}
			return
		}
		again, err := traffic.NormalisePath(normal)
		if err != nil || again != normal {
			t.Errorf("%q became %q and then %q (%v)", raw, normal, again, err)
		}
		upper := strings.ToUpper(normal)
		for _, bad := range []string{"//", "/../", "/./", `\`, "%00", "%2F", "%5C", "%25", "%3F", "%23", "%2E", "%41"} {
			if strings.Contains(upper+"/", bad) && !strings.HasSuffix(normal, "/") || strings.Contains(upper, bad) {
				t.Errorf("%q became %q, which holds %q", raw, normal, bad)
			}
		}
	})
}
