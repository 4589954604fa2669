package scan

import (
	"strings"
	"testing"
)

func TestSuppressions(t *testing.T) {
	store := `<tls:trust-store insecure="true"/>`
	tests := []struct {
		name, text string
		// want are rules, in the order of lines, with "-" before those suppressed.
		want string
	}{
		{"before the element", "<tls:context>\n<!-- farrier:ignore OWN-1 it is pinned -->\n" + store + "</tls:context>", "-OWN-1"},
		{"before the element above", "<!-- farrier:ignore OWN-1 it is pinned -->\n<tls:context>" + store + "</tls:context>", "-OWN-1"},
		{"first inside the tag", "<tls:context> <!-- farrier:ignore OWN-1 it is pinned -->\n<tls:key-store/>" + store + "</tls:context>", "-OWN-1"},
		{"on several lines", "<tls:context>\n<!--\nfarrier:ignore OWN-1\n  it is pinned\n-->\n" + store + "</tls:context>", "-OWN-1"},
		{"several rules", "<tls:context>\n<!-- farrier:ignore OWN-2, OWN-1: it is pinned -->\n" + store + "</tls:context>", "MS-SUP-02 -OWN-1"},
		{"behind the element", "<tls:context>\n" + store + "<!-- farrier:ignore OWN-1 it is pinned -->\n</tls:context>", "-OWN-1"},
		{"last", "<tls:context>\n" + store + "\n<!-- farrier:ignore OWN-1 it is pinned -->\n</tls:context>", "OWN-1 MS-SUP-03"},
		{"before the next but one", "<tls:context>\n<!-- farrier:ignore OWN-1 it is pinned --><tls:key-store/>\n" + store + "</tls:context>", "MS-SUP-03 OWN-1"},
		{"without reason", "<tls:context>\n<!-- farrier:ignore OWN-1 -->\n" + store + "</tls:context>", "MS-SUP-01 OWN-1"},
		{"with signs as reason", "<tls:context>\n<!-- farrier:ignore OWN-1 - : -->\n" + store + "</tls:context>", "MS-SUP-01 OWN-1"},
		{"unknown rule", "<tls:context>\n<!-- farrier:ignore OWN-9 it is pinned -->\n" + store + "</tls:context>", "MS-SUP-02 OWN-1"},
		{"no rule", "<tls:context>\n<!-- farrier:ignore it is pinned -->\n" + store + "</tls:context>", "MS-SUP-02 OWN-1"},
		{"nothing to suppress", "<!-- farrier:ignore OWN-1 it is pinned -->\n<flow name='a'/>", "MS-SUP-03"},
		{"another word", "<!-- farrier:ignored OWN-1 it is pinned -->\n<tls:context>" + store + "</tls:context>", "OWN-1"},
	}
	for _, tt := range tests {
		r := scanned(t, Options{}, shops{appOf(tt.text)})
		var got []string
		for _, f := range r.Findings {
			id := f.Rule
			if f.Suppressed != "" {
				id = "-" + id
				if f.Suppressed != "it is pinned" {
					t.Errorf("%s: the reason is %q", tt.name, f.Suppressed)
				}
			}
			got = append(got, id)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
		if n := strings.Count(tt.want, "-OWN"); r.Projects[0].Suppressed != n {
			t.Errorf("%s: %d are counted as suppressed", tt.name, r.Projects[0].Suppressed)
		}
	}
	t.Logf("%d suppressions", len(tests))
}

// TestSuppressionsInLines holds that comments in other languages count for their
// line and the next.
func TestSuppressionsInLines(t *testing.T) {
	code := strings.NewReplacer("match:", "taint:", "  - select: tls:trust-store[@insecure = 'true']\n    at: \"@insecure\"\n", "  - into: [db:select]\n    argument: db:sql\n    kind: sql\n",
		"    fix: {safe: true, title: remove it, remove: \"@insecure\"}\n", "", "OWN-1", "OWN-2").Replace(ruleText)
	app := func(comment string) string {
		return "<flow name=\"a\"><http:listener path=\"/a\"/><db:select><db:sql><![CDATA[#[" + comment + "\n\"SELECT \" ++ payload.a]]]></db:sql></db:select></flow>"
	}
	for _, tt := range []struct{ comment, want string }{
		{"", ""},
		{"// farrier:ignore OWN-2 checked by the caller", "checked by the caller"},
		{"/* farrier:ignore OWN-2 checked by the caller */", "checked by the caller"},
	} {
		r := scanned(t, Options{Rules: ownRules(t, code)}, shops{appOf(app(tt.comment))})
		found := false
		for _, f := range r.Findings {
			if f.Rule == "OWN-2" {
				found = true
				if f.Suppressed != tt.want {
					t.Errorf("%q: suppressed %q, want %q", tt.comment, f.Suppressed, tt.want)
				}
			}
		}
		if !found {
			t.Errorf("%q: no finding", tt.comment)
		}
	}
	x := suppression{}
	x.read("MS-INJ-01, MS-INJ-02 because we know")
	if len(x.rules) != 2 || x.reason != "because we know" {
		t.Errorf("read %+v", x)
	}
}
