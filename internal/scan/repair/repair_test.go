package repair_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/scan/repair"
)

func read(t *testing.T, text string) *document.Document {
	t.Helper()
	d, err := document.Read("a.xml", []byte(text), xmltext.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEdits(t *testing.T) {
	b := func(d *document.Document) *document.Element { return d.Root.Child("", "b") }
	tests := []struct {
		name, before, after string
		edit                func(d *document.Document) repair.Edit
	}{
		{"a value", `<a><b x="1" y='2'/></a>`, `<a><b x="&lt;&quot;&amp;&#10;" y='2'/></a>`, func(d *document.Document) repair.Edit { return repair.SetAttribute(b(d), "x", "<\"&\n") }},
		{"a value in single quotes", `<a><b y='2'/></a>`, `<a><b y='"&apos;'/></a>`, func(d *document.Document) repair.Edit { return repair.SetAttribute(b(d), "y", `"'`) }},
		{"a new attribute", `<a><b x="1" /></a>`, `<a><b x="1" z="3" /></a>`, func(d *document.Document) repair.Edit { return repair.SetAttribute(b(d), "z", "3") }},
		{"a first attribute", `<a><b/></a>`, `<a><b z="3"/></a>`, func(d *document.Document) repair.Edit { return repair.SetAttribute(b(d), "z", "3") }},
		{"attributes in lines", "<a><b x='1'\n  y='2'>t</b></a>", "<a><b x='1'\n  y='2'\n  z=\"3\">t</b></a>", func(d *document.Document) repair.Edit { return repair.SetAttribute(b(d), "z", "3") }},
		{"an attribute out", "<a><b x='1'\n  y='2'>t</b></a>", "<a><b x='1'>t</b></a>", func(d *document.Document) repair.Edit { return repair.RemoveAttribute(b(d), b(d).Attr("y")) }},
		{"an element out", "<a>\n\t<c/>\n\t<b>t</b>  \n\t<d/>\n</a>", "<a>\n\t<c/>\n\t<d/>\n</a>", func(d *document.Document) repair.Edit { return repair.RemoveElement(b(d)) }},
		{"an element out of a line", "<a>\n\t<c/> <b/> <d/>\n</a>", "<a>\n\t<c/>  <d/>\n</a>", func(d *document.Document) repair.Edit { return repair.RemoveElement(b(d)) }},
		{"into an empty element", "<a>\n  <b x='1' />\n</a>", "<a>\n  <b x='1'>\n    <n/>\n  </b>\n</a>", func(d *document.Document) repair.Edit { return repair.Insert(b(d), "<n/>") }},
		{"into an element in lines", "<a>\n  <b>\n    <c/>\n  </b>\n</a>", "<a>\n  <b>\n    <n/>\n    <c/>\n  </b>\n</a>", func(d *document.Document) repair.Edit { return repair.Insert(b(d), "<n/>") }},
		{"into an element in one line", "<a>\n  <b><c/></b>\n</a>", "<a>\n  <b>\n    <n/>\n  <c/></b>\n</a>", func(d *document.Document) repair.Edit { return repair.Insert(b(d), "<n/>") }},
		{"text", "<a><b>one<c/></b></a>", "<a><b>1 &lt; 2<c/></b></a>", func(d *document.Document) repair.Edit { e, _ := repair.SetText(b(d), "1 < 2"); return e }},
		{"text in CDATA", "<a><b><![CDATA[one]]></b></a>", "<a><b><![CDATA[1 < ]]]]><![CDATA[> 2]]></b></a>", func(d *document.Document) repair.Edit { e, _ := repair.SetText(b(d), "1 < ]]> 2"); return e }},
	}
	for _, tt := range tests {
		d := read(t, tt.before)
		after, err := repair.Apply(d.Text, repair.Set{tt.edit(d)})
		if err != nil || string(after) != tt.after {
			t.Errorf("%s: %v\n%s, want\n%s", tt.name, err, after, tt.after)
			continue
		}
		if err := repair.Readable("a.xml", d.Text, after); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, ok := repair.SetText(read(t, "<a/>").Root, "x"); ok {
		t.Error("a text is set where there is none")
	}
	t.Logf("%d edits", len(tests))
}

func TestApply(t *testing.T) {
	got, err := repair.Apply([]byte("0123456789"), repair.Set{{8, 9, "h"}, {2, 4, "b"}, {4, 4, "c"}, {4, 4, "d"}, {10, 10, "."}})
	if err != nil || string(got) != "01bcd4567h9." {
		t.Errorf("%s %v", got, err)
	}
	if _, err := repair.Apply([]byte("0123"), repair.Set{{0, 2, ""}, {1, 3, ""}}); !errors.Is(err, repair.ErrOverlap) {
		t.Errorf("overlapping edits: %v", err)
	}
	for _, e := range []repair.Edit{{-1, 0, ""}, {2, 1, ""}, {0, 5, ""}} {
		if _, err := repair.Apply([]byte("0123"), repair.Set{e}); err == nil {
			t.Errorf("%+v is applied", e)
		}
	}
}

func TestReadable(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		wrong               bool
	}{
		{"a.xml", "<a/>", "<a>", true},
		{"a.xml", "<a>", "<a>", false}, // it was broken before
		{"a.json", "{}", "{", true},
		{"a.yaml", "a: 1", "a: 1\n b: 2", true},
		{"a.dwl", "1 + 1", "1 + (", true},
		{"a.properties", "a=1", "whatever", false},
	} {
		if err := repair.Readable(tt.name, []byte(tt.before), []byte(tt.after)); (err != nil) != tt.wrong {
			t.Errorf("%s %s: %v", tt.name, tt.after, err)
		}
	}
}

// TestNothingElseChanges holds that what stands outside of the spans stays as it is.
func TestNothingElseChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringN(0, 60, -1).Draw(t, "text"))
		var set repair.Set
		for at := 0; at <= len(text) && rapid.Bool().Draw(t, "more"); {
			start := rapid.IntRange(at, len(text)).Draw(t, "start")
			end := rapid.IntRange(start, len(text)).Draw(t, "end")
			set = append(set, repair.Edit{Start: start, End: end, Text: strings.Repeat("#", rapid.IntRange(0, 3).Draw(t, "length"))})
			at = end + 1
		}
		after, err := repair.Apply(text, set)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		at := 0
		for _, e := range set {
			want = append(append(want, text[at:e.Start]...), e.Text...)
			at = e.End
		}
		if want = append(want, text[at:]...); !bytes.Equal(after, want) {
			t.Fatalf("%q, want %q", after, want)
		}
	})
}

func TestOverlap(t *testing.T) {
	insert, other, change := repair.Edit{Start: 2, End: 2, Text: "a"}, repair.Edit{Start: 2, End: 2, Text: "b"}, repair.Edit{Start: 1, End: 4, Text: "c"}
	for _, tt := range []struct {
		name string
		a, b repair.Edit
		want bool
	}{
		{"a.xml", insert, other, false},
		{"a.json", insert, other, true},
		{"a.json", insert, insert, false},
		{"a.json", repair.Edit{Text: `, "a"`}, repair.Edit{Text: `, "b"`}, false},
		{"a.xml", insert, change, true},
		{"a.xml", change, change, false},
		{"a.xml", change, repair.Edit{Start: 1, End: 4, Text: "d"}, true},
		{"a.xml", change, repair.Edit{Start: 4, End: 5}, false},
		{"a.xml", change, repair.Edit{Start: 1, End: 1}, true},
	} {
		for range 2 {
			if got := repair.Overlap(tt.name, repair.Set{tt.a}, repair.Set{tt.b}); got != tt.want {
				t.Errorf("%s: %v and %v overlap: %v", tt.name, tt.a, tt.b, got)
			}
			tt.a, tt.b = tt.b, tt.a
		}
	}
	if got := repair.Merge(repair.Set{insert}, repair.Set{insert, other}); len(got) != 2 {
		t.Errorf("merged %v", got)
	}
}
