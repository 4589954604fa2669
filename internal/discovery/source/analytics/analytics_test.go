package analytics

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/discovery"
)

func TestRecognises(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"Timestamp,API ID,Resource Path,Verb", true},
		{`"Resource Path","Verb","Client IP"`, true},
		{`{"resourcePath":"/a","verb":"GET","apiId":1}`, true},
		{"Resource Path,Verb", false},
		{"API ID,Verb", false},
		{`{"path":"/a","method":"GET"}`, false},
		{"", false},
	}
	for _, test := range tests {
		if got := Recognises(test.text); got != test.want {
			t.Errorf("%s: %v", test.text, got)
		}
	}
	t.Logf("%d headers", len(tests))
}

func FuzzParse(f *testing.F) {
	f.Add("Timestamp,API ID,Resource Path,Verb,Status Code\n1795348800,7,/a,GET,200")
	f.Add(`{"resourcePath":"/a","verb":"GET","apiId":1,"timestamp":"2026-11-22T12:00:00Z"}`)
	f.Fuzz(func(_ *testing.T, text string) {
		var p Parser
		for line := range strings.SplitSeq(text, "\n") {
			var o discovery.Observation
			_ = p.Parse(line, &o)
		}
		_ = Recognises(text)
	})
}
