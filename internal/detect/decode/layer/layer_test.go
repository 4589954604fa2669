package layer_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

// opened is a part and who found it.
type opened struct {
	by layer.Decoder
	layer.Part
}

func open(text string, set layer.Set) []opened {
	var out []opened
	layer.Open(text, set, new(layer.Scratch), func(d layer.Decoder, p layer.Part) bool {
		p.Text = strings.Clone(p.Text)
		out = append(out, opened{d, p})
		return true
	})
	return out
}

func openAs(d layer.Decoder, text string) []opened {
	var out []opened
	layer.OpenAs(d, text, new(layer.Scratch), func(d layer.Decoder, p layer.Part) bool {
		out = append(out, opened{d, p})
		return true
	})
	return out
}

func finds(parts []opened, by layer.Decoder, want string) bool {
	for _, p := range parts {
		if p.by == by && strings.Contains(p.Text, want) {
			return true
		}
	}
	return false
}

// table is what one decoder must open, and into what, and what it must leave.
type table struct {
	by    layer.Decoder
	opens [][2]string
	not   []string
}

func (tab table) play(t *testing.T) {
	t.Helper()
	t.Run(tab.by.String(), func(t *testing.T) {
		for _, c := range tab.opens {
			if parts := open(c[0], layer.All); !finds(parts, tab.by, c[1]) {
				t.Errorf("%q: %q is not among %+v", c[0], c[1], parts)
			}
		}
		for _, text := range tab.not {
			for _, p := range open(text, layer.SetOf(tab.by)) {
				t.Errorf("%q: opened by %s as %q (%s)", text, p.by, p.Text, p.Name)
			}
		}
		t.Logf("%d texts open, %d do not", len(tab.opens), len(tab.not))
		if len(tab.opens) < 15 || len(tab.not) < 15 {
			t.Error("the table is too short")
		}
	})
}

func TestNames(t *testing.T) {
	seen := 0
	for d := range layer.Decoder(32) {
		if !layer.All.Has(d) {
			continue
		}
		got, ok := layer.Parse(d.String())
		if !ok || got != d {
			t.Errorf("%d is called %q, which is %d", d, d, got)
		}
		seen++
	}
	if seen != 24 {
		t.Errorf("%d decoders, not 23", seen)
	}
	if _, ok := layer.Parse("rot13"); ok {
		t.Error("rot13 is no decoder")
	}
	if layer.Default.Has(layer.Protobuf) || !layer.Default.Has(layer.CSV) || layer.All.Without(layer.CSV).Has(layer.CSV) {
		t.Error("sets")
	}
}

func TestVisitEnds(t *testing.T) {
	text := "a,b\n%63,&lt;d\n"
	for stop := 1; stop <= 5; stop++ {
		calls := 0
		layer.Open(text, layer.Default, new(layer.Scratch), func(layer.Decoder, layer.Part) bool {
			calls++
			return calls < stop
		})
		if calls != stop {
			t.Errorf("%d calls, not %d", calls, stop)
		}
	}
}

// One Scratch serves calls within calls.
func TestNestedCalls(t *testing.T) {
	var s layer.Scratch
	var leaves []string
	var dig func(d layer.Decoder, p layer.Part) bool
	dig = func(_ layer.Decoder, p layer.Part) bool {
		leaves = append(leaves, p.Text)
		layer.Open(p.Text, layer.Default, &s, dig)
		return true
	}
	// script as percent in entities in Base64 in percent.
	layer.Open("%4a%6dx0OyUyNTMzQ3NjcmlwdCUzRQ==", layer.Default, &s, dig)
	want := []string{"Jmx0OyUyNTMzQ3NjcmlwdCUzRQ==", "&lt;%2533Cscript%3E", "&lt;%33Cscript>", "&lt;3Cscript>"}
	for _, w := range want {
		found := false
		for _, l := range leaves {
			found = found || l == w
		}
		if !found {
			t.Errorf("%q is not among %q", w, leaves)
		}
	}
}

func TestLimits(t *testing.T) {
	cases := []struct {
		name  string
		s     layer.Scratch
		text  string
		cut   layer.Set
		parts int
	}{
		{"within", layer.Scratch{Bytes: 6, Parts: 6}, "a,b\nc,d\ne,f", 0, 6},
		{"parts", layer.Scratch{Parts: 5}, "a,b\nc,d\ne,f", layer.SetOf(layer.CSV), 5},
		{"bytes", layer.Scratch{Bytes: 5}, "a,b\nc,d\ne,f", layer.SetOf(layer.CSV), 5},
		{"middle", layer.Scratch{Bytes: 3}, "%3cscript%3e", layer.SetOf(layer.Percent), 1},
		{"exact", layer.Scratch{Bytes: 8}, "%3cscript%3e", 0, 1},
	}
	for _, c := range cases {
		bytes, parts := 0, 0
		cut := layer.Open(c.text, layer.Default, &c.s, func(_ layer.Decoder, p layer.Part) bool {
			bytes += len(p.Text)
			parts++
			return true
		})
		if cut != c.cut || parts != c.parts || c.s.Bytes > 0 && bytes > c.s.Bytes {
			t.Errorf("%s: cut %b, %d parts, %d bytes", c.name, cut, parts, bytes)
		}
	}
}
