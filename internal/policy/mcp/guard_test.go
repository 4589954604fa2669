package mcp

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestGlob holds that a glob matches what the regular expression does in which
// every * is .*.
func TestGlob(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		played++
		pattern := rapid.StringMatching(`[ab*]{0,6}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "name")
		expression := regexp.MustCompile(`\A` + strings.ReplaceAll(pattern, "*", ".*") + `\z`)
		if got, want := newGlob(pattern).match(name), expression.MatchString(name); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, name, got, want)
		}
	})
	t.Logf("played %d names", played)
}

// TestName holds that a name that was put into a header is read as it was, and
// that the header holds nothing that could end it.
func TestName(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		played++
		name := rapid.String().Draw(t, "name")
		coded := encodeName(name)
		if decodeName(coded) != name || strings.ContainsAny(coded, "\r\n\x00") {
			t.Errorf("%q became %q, then %q", name, coded, decodeName(coded))
		}
	})
	if coded := encodeName("=?base64?QQ==?="); decodeName(coded) != "=?base64?QQ==?=" {
		t.Errorf("a name that looks coded became %q", coded)
	}
	t.Logf("played %d names", played)
}
