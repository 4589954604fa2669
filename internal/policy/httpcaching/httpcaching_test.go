package httpcaching

import (
	"bytes"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

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
