package httpcaching

import (
	"bytes"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 5) }

func TestOldestGivesWay(t *testing.T) {
	o := newOrder(2)
	for i, c := range []struct{ key, gone string }{{"a", ""}, {"b", ""}, {"a", ""}, {"c", "a"}, {"a", "b"}, {"d", "c"}} {
		gone := ""
		if list := o.add(c.key); len(list) > 0 {
			gone = list[0]
		}
		if gone != c.gone {
			t.Errorf("step %d: %q gave way, want %q", i, gone, c.gone)
		}
	}
}

// TestWhatAStepBehindChanged holds that a response is not kept when it varies by
// what a step behind the cache set, and that content that a step replaced is not
// kept under the coding and the tag of what it was.
func TestWhatAStepBehindChanged(t *testing.T) {
	b := &cache{cacher: &cacher{Settings: Settings{TTL: 60}}, now: func() time.Time { return time.Unix(1, 0) }}
	x := &traffic.Exchange{Response: traffic.Response{Status: 200, Header: traffic.NewHeader(traffic.Field{Name: "vary", Value: "x-user"})}}
	asked := &asking{header: x.Request.Header.Clone()}
	if e, _ := b.entryOf(x, asked); e == nil {
		t.Error("what does not change is not kept")
	}
	x.Request.Header.Set("x-user", "anna")
	if e, _ := b.entryOf(x, asked); e != nil {
		t.Error("the response to anna is kept for everybody")
	}
	x.Request.Header.Reset()
	x.Auth.Principal = "anna"
	if e, _ := b.entryOf(x, asked); e != nil {
		t.Error("the response to whom a step behind identified is kept for everybody")
	}
	x.Auth.Principal = ""
	x.Response.Header = traffic.NewHeader(traffic.Field{Name: "content-encoding", Value: "gzip"}, traffic.Field{Name: "etag", Value: `"1"`})
	if err := x.Response.Body.Replace([]byte("clear")); err != nil {
		t.Fatal(err)
	}
	if e, _ := b.entryOf(x, asked); e == nil || e.etag() != "" || !e.fits(x) {
		t.Errorf("changed content is kept as %+v", e)
	}
}

func TestReads(t *testing.T) {
	for _, c := range []struct {
		accepted, codings string
		want              bool
	}{
		{"", "", true},
		{"", "identity", true},
		{"", "gzip", false},
		{"gzip", "gzip", true},
		{"br, GZIP;q=0.5", "gzip", true},
		{"gzip;q=0", "gzip", false},
		{"gzip;q=0.0", "gzip", false},
		{"x-gzipped", "gzip", false},
		{"gzip", "gzip, br", false},
		{"gzip, br", "br, gzip", true},
	} {
		if got := reads(c.accepted, c.codings); got != c.want {
			t.Errorf("%q reads %q: %v", c.accepted, c.codings, got)
		}
	}
}

// FuzzDecode holds that what is read back is what was written, and that damaged
// entries are refused without harm.
func FuzzDecode(f *testing.F) {
	good, err := (&entry{Status: 200, Header: []traffic.Field{{Name: "etag", Value: `"1"`}}, Stored: time.Unix(1, 0), body: []byte("x")}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decode(text)
		if err != nil {
			return
		}
		again, err := e.encode()
		if err != nil {
			return // a time that JSON can't hold
		}
		twice, err := decode(again)
		if err != nil || !bytes.Equal(twice.body, e.body) || twice.Status != e.Status {
			t.Errorf("%v: read back as %+v", err, twice)
		}
	})
}
