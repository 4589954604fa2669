package scan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/encoding/tree"
)

func TestRuleMistakes(t *testing.T) {
	tests := []struct {
		from, to string
		line     int
		problem  string
	}{
		{"title:", "titel:", 2, `unknown field "titel"`},
		{"id: OWN-1", "id: OWN-2", 1, "must be the name of its file"},
		{"id: OWN-1", "id: own", 1, "capitals and numbers"},
		{"severity: high", "severity: awful", 3, "severity"},
		{"confidence: high", "confidence: sure", 4, "must be one of high, medium, low"},
		{"cwe: 295", "cwe: CWE-295", 5, "whole number"},
		{"cwe: 295", "owasp: {2023: API11}", 5, "API1 to API10"},
		{"cwe: 295", "controls: {iso: [1]}", 5, `unknown field "iso"`},
		{"cwe: 295", "mule: [5]", 5, "versions 3 and 4"},
		{"why: anybody can pose as the server", "why: ''", 6, "needs the text why"},
		{"tls:trust-store[@insecure = 'true']", "tls:trust-store[@insecure = ]", 9, "the selector is wrong"},
		{"tls:trust-store[@insecure = 'true']", "Moon:rock", 9, `prefix "Moon"`},
		{`at: "@insecure"`, `at: "1"`, 10, "must be a path"},
		{"{{name}}", "{{nam}}", 11, "may hold {{@attribute}}"},
		{"{{name}}", "{{name", 11, "may hold {{@attribute}}"},
		{`remove: "@insecure"`, `drop: "@insecure"`, 12, `unknown field "drop"`},
		{`, remove: "@insecure"`, "", 12, "needs one of remove, set"},
		{`remove: "@insecure"`, `insert: "<a>"`, 12, "no element"},
		{"match:", "check: nothing\nmatch:", 1, "exactly one of match, taint and check"},
		{"match:", "fix: nothing\nmatch:", 8, "no repair is named"},
		{"match:", "options: {a: 1}\nmatch:", 8, "only rules with check have options"},
		{"fixed:", "fixt:", 15, `unknown field "fixt"`},
		{"  - xml: <tls", "  - {}\n  - xml: <tls", 14, "either xml or files"},
		{"good:\n  - <tls:context name=\"a\"><tls:trust-store insecure=\"false\"/></tls:context>\n", "", 1, "at least one example that is good"},
	}
	for _, tt := range tests {
		text := strings.Replace(ruleText, tt.from, tt.to, 1)
		if text == ruleText {
			t.Errorf("%q is not in the rule", tt.from)
			continue
		}
		_, err := readRuleText("own/OWN-1.yaml", []byte(text), true)
		var wrong *tree.Error
		if !errors.As(err, &wrong) || wrong.Line != tt.line || !strings.Contains(wrong.Problem, tt.problem) {
			t.Errorf("%q: %v, want line %d: %s", tt.to, err, tt.line, tt.problem)
		}
	}
	t.Logf("%d mistakes", len(tests))
}

func TestOwnRules(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	own := strings.ReplaceAll(ruleText, "OWN-1", set.all[0].ID)
	if _, err := set.With(fstest.MapFS{set.all[0].ID + ".yaml": {Data: []byte(own)}}, "own"); err == nil || !strings.Contains(err.Error(), "already a rule") {
		t.Errorf("an id that is taken: %v", err)
	}
	if _, err := set.With(fstest.MapFS{}, "own"); err == nil || !strings.Contains(err.Error(), "own has no rule files") {
		t.Errorf("an empty folder: %v", err)
	}
	if problems := Check(context.Background(), ownRules(t)); len(problems) > 0 {
		t.Errorf("a right rule: %v", problems)
	}
	for _, tt := range []struct{ from, to, problem string }{
		{`<tls:context name="a"><tls:trust-store insecure="false"/></tls:context>`, insecure, "OWN-2.yaml:17: good example of OWN-2: there is a finding"},
		{`xml: <tls:context name="a"><tls:trust-store insecure="true"/>`, `xml: <tls:context name="a">`, "OWN-2.yaml:14: bad example of OWN-2: there are 0 findings, 1 are expected"},
		{"    fixed:", "    line: 2\n    fixed:", "the first finding is in line 1, expected in 2"},
		{"<tls:trust-store/></tls", "<tls:trust-store /></tls", "the repair makes of"},
		{`remove: "@insecure"`, `set: {"@insecure": "true"}`, "the finding of OWN-2 would still be there"},
		{`xml: <tls:context name="a">`, `xml: <tls:context>>>`, "OWN-2.yaml:14"},
	} {
		text := strings.Replace(strings.ReplaceAll(ruleText, "OWN-1", "OWN-2"), tt.from, tt.to, 1)
		problems := Check(context.Background(), ownRules(t, text))
		if len(problems) == 0 || !strings.Contains(problems[0], tt.problem) {
			t.Errorf("%q: %v, want %s", tt.to, problems, tt.problem)
		}
	}
}

func FuzzReadRule(f *testing.F) {
	f.Add(ruleText)
	f.Add("id: A-1\nbad: [{files: {a: b}}]")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := readRuleText("OWN-1.yaml", []byte(text), true); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if _, err := ReadSettings(SettingsFile, []byte(text)); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
