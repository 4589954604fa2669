package scan

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/check"
	"farrier.dev/farrier/internal/scan/repair"
)

// TestApart holds that edits do not write again what is secret, and still make what
// they were to make.
func TestApart(t *testing.T) {
	const text = `<a>SELECT password = 'hunter-2024', x = '<b key="Kt7vremo2"/>'</a>`
	known := strings.Index(text, "Kt7vremo2")
	secrets := []document.Span{{Start: known, End: known + len("Kt7vremo2")}}
	whole := document.Span{Start: 3, End: len(text) - 4}
	for _, tt := range []struct {
		text  string
		parts int
	}{
		{"nothing of it", 1},
		{"SELECT password = 'hunter-2024', x = :p", 2},
		{"Kt7vremo2", 2},
		{"b Kt7vremo2 hunter password = 'hunter-2024'", 2}, // the other order: one of them is written again
		{strings.Repeat("Kt7vremo2 ", 3), 2},
	} {
		f := &mule.File{Text: []byte(text)}
		parts := apart(check.Edit{File: f, Span: whole, Text: tt.text}, secrets)
		var edits repair.Set
		for _, p := range parts {
			edits = append(edits, repair.Edit{Start: p.Span.Start, End: p.Span.End, Text: p.Text})
		}
		got, err := repair.Apply(f.Text, edits)
		if want := "<a>" + tt.text + "</a>"; err != nil || string(got) != want || len(parts) != tt.parts {
			t.Errorf("%q: %d parts make %s, %v", tt.text, len(parts), got, err)
		}
	}
}
