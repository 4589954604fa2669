package document

import (
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

const sample = "<?xml version=\"1.0\"?>\r\n<m:mule xmlns:m=\"urn:m\" xmlns=\"urn:d\">\r\n" +
	"  <!-- note -->\n  <db a=\"x &amp; &#10;y\" m:b='1'>a&lt;b\r\nc<![CDATA[<raw> & ]]></db>\n  <e/>\n</m:mule>\n"

// TestPositions: each character of a decoded value knows where it stands.
func TestPositions(t *testing.T) {
	d, err := Read("a.xml", []byte(sample), xmltext.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	db := d.Root.Child("urn:d", "db")
	if db == nil || !d.Root.Is("urn:m", "mule") || db.Parent != d.Root || d.Root.Prefix != "m" {
		t.Fatalf("%+v", d.Root)
	}
	a := db.Attr("a")
	if a.Value.Text != "x & \ny" || db.AttrIn("urn:m", "b").Value.Text != "1" || db.Attr("b") != nil {
		t.Errorf("%+v", db.Attrs)
	}
	for i, want := range []string{"x", " ", "&amp;", " ", "&#10;", "y", `"`} {
		at := a.Value.Offset(i)
		if got := sample[at : at+len(want)]; got != want {
			t.Errorf("byte %d stands at %q, want %q", i, got, want)
		}
	}
	if got := sample[a.Whole.Start:a.Whole.End]; got != `a="x &amp; &#10;y"` {
		t.Errorf("the attribute is %q", got)
	}
	text, plain := db.Children[0].(*Text)
	if !plain || text.CDATA || text.Value.Text != "a<b\nc" || sample[text.Value.Offset(1):text.Value.Offset(2)] != "&lt;" || sample[text.Value.Offset(4)] != 'c' {
		t.Errorf("%+v", text)
	}
	cdata := db.Content()
	if !cdata.CDATA || cdata.Value.Text != "<raw> & " || sample[cdata.Value.Offset(1):cdata.Value.Offset(4)] != "raw" {
		t.Errorf("%+v", cdata)
	}
	if got := sample[db.Whole.Start:db.Whole.End]; got[:3] != "<db" || got[len(got)-5:] != "</db>" {
		t.Errorf("the element is %q", got)
	}
	if line, column := d.Position(db.Tag.Start); line != 4 || column != 3 {
		t.Errorf("%d:%d", line, column)
	}
	if e := d.Root.Child("urn:d", "e"); !e.Empty || sample[e.Whole.Start:e.Whole.End] != "<e/>" {
		t.Errorf("%+v", e)
	}
}

// FuzzRead: whatever is read lies inside the document, and values that were
// written without references stand where they say.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`<a b="&#x41;&#13;&#10;c"/>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Read("f.xml", text, xmltext.DefaultLimits())
		if err != nil {
			return
		}
		check := func(v *Value) {
			last := v.Span.Start
			for i := range len(v.Text) + 1 {
				at := v.Offset(i)
				if at < last || at > v.Span.End || v.Span.End > len(text) {
					t.Fatalf("byte %d of %q stands at %d, the one before at %d, the value is %v", i, v.Text, at, last, v.Span)
				}
				last = at
				if i < len(v.Text) && v.Text[i] != text[at] && text[at] != '&' && text[at] != '\r' && v.Text[i] != ' ' && v.Text[i] < 0x80 {
					t.Fatalf("byte %d of %q stands at %q", i, v.Text, text[at:])
				}
			}
		}
		d.Root.Walk(func(e *Element) bool {
			if e.Whole.Start < 0 || e.Whole.End > len(text) || e.Whole.Len() < 3 || text[e.Whole.Start] != '<' || text[e.Whole.End-1] != '>' {
				t.Fatalf("%s spans %v", e.Name.Local, e.Whole)
			}
			for i := range e.Attrs {
				check(&e.Attrs[i].Value)
			}
			if c := e.Content(); c != nil {
				check(&c.Value)
			}
			return true
		})
	})
}
