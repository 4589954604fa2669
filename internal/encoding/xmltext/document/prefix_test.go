package document

import (
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

func TestPrefixFor(t *testing.T) {
	d, err := Read("a.xml", []byte(`<a xmlns="urn:d" xmlns:x="urn:x"
	xmlns:y = 'urn:y' v=" xmlns:z='urn:z'"><x:b xmlns:x="urn:other" w="1" xmlns:q="urn:x"><c/></x:b><e xmlns:x="urn:n"/></a>`), xmltext.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	b := d.Root.Elements()[0]
	tests := []struct {
		at            *Element
		space, prefix string
		ok            bool
	}{
		{d.Root, "urn:d", "", true},
		{d.Root, "urn:x", "x", true},
		{d.Root, "urn:y", "y", true},
		{d.Root, "urn:z", "", false},
		{b, "urn:x", "q", true},
		{b.Elements()[0], "urn:other", "x", true},
		{b.Elements()[0], "urn:y", "y", true},
		{d.Root.Elements()[1], "urn:x", "", false},
	}
	for _, tt := range tests {
		if prefix, ok := tt.at.PrefixFor(tt.space); prefix != tt.prefix || ok != tt.ok {
			t.Errorf("%s in %s is %q, %v", tt.space, tt.at.Name.Local, prefix, ok)
		}
	}
	t.Logf("%d prefixes", len(tests))
}
