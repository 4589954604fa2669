package classify_test

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/classify"
)

func TestFindPersonal(t *testing.T) {
	played := 0
	for text, want := range map[string]string{
		"write to ann@example.com.":                    "email:ann@example.com",
		"my ssn is 078-05-1120":                        "ssn:078-05-1120",
		"my ssn is 078 05 1120.":                       "ssn:078 05 1120",
		"000-05-1120 666 05 1120 078 05 11201":         "",
		"card 4111 1111 1111 1111, thanks":             "card:4111 1111 1111 1111",
		"card 4111 1111 1111 1112, thanks":             "",
		"password=4111111111111111":                    "card:4111111111111111",
		"call +44 20 7946 0958 now":                    "phone:+44 20 7946 0958",
		"call (555) 234-5678 or 555-234-5678":          "phone:(555) 234-5678 phone:555-234-5678",
		"call 555.234.5678":                            "phone:555.234.5678",
		"555-234-56789 155-234-5678 555-134-5678":      "",
		"2026-11-22 10:24:14 order 5552345678":         "",
		"a@b.example,078-05-1120":                      "email:a@b.example ssn:078-05-1120",
		"nothing to see: 42 (forty-two), 3.14, 1-2-3.": "",
	} {
		played++
		var got []string
		for _, m := range classify.FindPersonal(text, classify.Personal()) {
			got = append(got, fmt.Sprintf("%s:%s", m.Class, text[m.Start:m.End]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if found := classify.FindPersonal("ann@example.com 078-05-1120", []classify.Class{classify.Card}); len(found) > 0 {
		t.Errorf("found %v, only cards were wanted", found)
	}
	t.Logf("played %d texts", played)
}

// FuzzFindPersonal holds that matches lie in the text, in order, without
// overlaps.
func FuzzFindPersonal(f *testing.F) {
	f.Add("ann@example.com (555) 234-5678 078 05 1120 4111111111111111")
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, m := range classify.FindPersonal(text, classify.Personal()) {
			if m.Start < end || m.End <= m.Start || m.End > len(text) {
				t.Fatalf("%q: %v", text, m)
			}
			end = m.End
		}
	})
}
