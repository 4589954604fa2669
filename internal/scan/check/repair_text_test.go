package check

import (
	"strings"
	"testing"
)

// TestValueFollows: values stand behind operators, not behind keywords of names.
func TestValueFollows(t *testing.T) {
	cases := map[string]bool{
		"SELECT * FROM t WHERE a = ":                 true,
		"SELECT * FROM t WHERE a LIKE ":              true,
		"SELECT * FROM t WHERE a IN (":               true,
		"SELECT * FROM t WHERE a IN (1, ":            true,
		"INSERT INTO t (a, b) VALUES (1, ":           true,
		"SELECT * FROM t WHERE a BETWEEN 1 AND ":     true,
		"SELECT * FROM t LIMIT ":                     true,
		"SELECT * FROM ":                             false,
		"SELECT * FROM t ORDER BY ":                  false,
		"SELECT * FROM t WHERE a = 1 AND ":           false,
		"INSERT INTO t (":                            false,
		"SELECT * FROM t WHERE ":                     false,
		"UPDATE t SET ":                              false,
		"SELECT * FROM t WHERE a IN (SELECT b FROM ": false,
	}
	for before, want := range cases {
		if got := valueFollows.MatchString(before); got != want {
			t.Errorf("%q: %v, want %v", before, got, want)
		}
	}
	t.Logf("%d texts", len(cases))
}

// TestBlanked: comments become blanks, all else and all places stay.
func TestBlanked(t *testing.T) {
	cases := []struct{ text, want string }{
		{"a // b\nc", "a     \nc"},
		{"a /* b\nc */ d", "a     \n     d"},
		{`x = "http://y" // z`, `x = "http://y"     `},
		{`x = 'it\'s // in' /* out */`, `x = 'it\'s // in'          `},
		{"a /* open", "a        "},
	}
	for _, c := range cases {
		if got := blanked(c.text, false); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
	if got := blanked("a # b\nc", true); got != "a    \nc" {
		t.Errorf("a comment of Python: %q", got)
	}
	t.Logf("%d programs", len(cases)+1)
}

// FuzzBlanked: no program makes it break, and every place stays where it is.
func FuzzBlanked(f *testing.F) {
	f.Add("a /* b */ 'c' // d", true)
	f.Add("/*/", false)
	f.Fuzz(func(t *testing.T, text string, hash bool) {
		got := blanked(text, hash)
		if len(got) != len(text) || strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}
