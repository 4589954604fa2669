package traffic

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func read(t *testing.T, b *Body) string {
	t.Helper()
	r, _ := b.Forward()
	if r == nil {
		return ""
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLoadAgain holds that a step with a higher limit sees what one before it
// did not, and that what goes on is whole either way.
func TestLoadAgain(t *testing.T) {
	budget := NewBudget(1 << 20)
	for name, length := range map[string]int64{"declared": 10, "unknown": -1} {
		var b Body
		b.SetSource(strings.NewReader("0123456789"), length)
		for _, c := range []struct {
			limit   int64
			sees    string
			partial bool
		}{
			{4, "0123", true},
			{2, "0123", true}, // a lower limit takes nothing away
			{7, "0123456", true},
			{10, "0123456789", false},
			{3, "0123456789", false},
		} {
			if err := b.Load(c.limit, budget, nil); err != nil {
				t.Fatal(err)
			}
			if got := string(b.Bytes()); got != c.sees || b.Partial() != c.partial {
				t.Errorf("%s, limit %d: %q, partial %v; want %q, %v", name, c.limit, got, b.Partial(), c.sees, c.partial)
			}
		}
		if got := read(t, &b); got != "0123456789" {
			t.Errorf("%s: %q goes on", name, got)
		}
		b.Release()
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes of the budget are lost", budget.Used())
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct {
		body  string
		limit int64
		err   error
	}{
		{"0123456789", 10, nil},
		{"0123456789", 9, ErrTooLong},
		{"", 0, nil},
		{"0", 0, ErrTooLong},
	} {
		var b Body
		b.SetSource(strings.NewReader(c.body), -1)
		b.Bound(c.limit)
		if err := b.Load(100, nil, nil); !errors.Is(err, c.err) {
			t.Errorf("loading %q bound to %d: %v, want %v", c.body, c.limit, err, c.err)
		}
		b = Body{}
		b.SetSource(strings.NewReader(c.body), -1)
		b.Bound(c.limit)
		r, _ := b.Forward()
		if _, err := io.ReadAll(r); !errors.Is(err, c.err) {
			t.Errorf("streaming %q bound to %d: %v, want %v", c.body, c.limit, err, c.err)
		}
	}
	var b Body
	b.SetSource(strings.NewReader("0123456789"), -1)
	if err := b.Load(4, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.Bound(9) // what was read counts
	r, _ := b.Forward()
	if _, err := io.ReadAll(r); !errors.Is(err, ErrTooLong) {
		t.Errorf("the rest of a partial body: %v", err)
	}
}

func TestCodedView(t *testing.T) {
	open := func([]byte, int64) ([]byte, bool, error) { return []byte("opened"), false, nil }
	fail := func([]byte, int64) ([]byte, bool, error) { return nil, false, errors.New("no") }
	cases := []struct {
		name string
		make func(b *Body)
		want bool
	}{
		{"untouched", func(b *Body) { b.SetSource(strings.NewReader("coded"), 5) }, false},
		{"opened", func(b *Body) { b.SetSource(strings.NewReader("coded"), 5); _ = b.Load(10, nil, open) }, false},
		{"not to be opened", func(b *Body) { b.SetSource(strings.NewReader("coded"), 5); _ = b.Load(10, nil, fail) }, true},
		{"replaced", func(b *Body) { b.Put([]byte("coded")); _ = b.Replace([]byte("plain")) }, false},
		{"put", func(b *Body) { b.Put([]byte("coded")) }, true},
		{"copied", func(b *Body) { b.ShowCopy([]byte("coded"), false, nil) }, true},
	}
	for _, c := range cases {
		var b Body
		c.make(&b)
		if b.Coded() != c.want {
			t.Errorf("%s: %t, not %t", c.name, b.Coded(), c.want)
		}
	}
	t.Logf("%d cases", len(cases))
}
