package scan

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
)

func TestReadSettings(t *testing.T) {
	s, err := ReadSettings(SettingsFile, []byte(`version: 1
profile: security
fail-on: high
exclude: ["src/main/mule/legacy/**"]
rules:
  OWN-1: {severity: low, options: {most: 5}}
  OWN-2: off
sources:
  - {elements: [sockets:listener], sets: [payload], label: client}
cleaners:
  - {function: "modules::sql::quote", kind: [sql, soql]}
sinks:
  - {rule: OWN-1, into: [db:select], argument: db:sql, kind: sql, message: data}
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Profile != ProfileSecurity || s.FailOn != finding.High || !s.FailOnSet || len(s.origins) != 1 || len(s.cleaners) != 1 || len(s.sinks) != 1 {
		t.Errorf("settings are %+v", s)
	}
	if set := s.rule("OWN-1"); set.severity != finding.Low || set.options["most"] != "5" || !s.rule("OWN-2").off {
		t.Errorf("rules are %+v", s.rules)
	}
	if err := s.Check(ownRules(t)); err == nil || !strings.Contains(err.Error(), `farrier-scan.yaml:7: there is no rule "OWN-2"`) {
		t.Errorf("an unknown rule: %v", err)
	}
}

func TestSettingsMistakes(t *testing.T) {
	tests := []struct {
		text    string
		line    int
		problem string
	}{
		{"profile: all", 1, "version must be 1"},
		{"version: 2", 1, "version must be 1"},
		{"version: 1\nprofil: all", 2, `unknown field "profil"`},
		{"version: 1\nprofile: some", 2, "must be one of all, security"},
		{"version: 1\nfail-on: bad", 2, "fail-on must be one of"},
		{"version: 1\nrules:\n  A-1: maybe", 3, "must be off, on, a severity"},
		{"version: 1\nrules:\n  A-1: {sev: low}", 3, `unknown field "sev"`},
		{"version: 1\nrules: [A-1]", 2, "rules must be an object"},
		{"version: 1\nexclude: ['[']", 2, "is no glob"},
		{"version: 1\nrule-files: ../x", 2, "inside the project"},
		{"version: 1\nsources: [{elements: [X:y], sets: [payload]}]", 2, "known prefix"},
		{"version: 1\nsources: [{elements: [db:select], label: client}]", 2, "needs elements and sets"},
		{"version: 1\nsources: [{elements: [db:select], sets: [payload], label: moon}]", 2, "must be one of client"},
		{"version: 1\ncleaners: [{function: f, kind: [sqll]}]", 2, "must be one of sql"},
		{"version: 1\ncleaners: [{kind: [sql]}]", 2, "either function or elements"},
		{"version: 1\nsinks: [{function: f, kind: sql, message: x}]", 2, "needs the rule"},
	}
	for _, tt := range tests {
		_, err := ReadSettings(SettingsFile, []byte(tt.text))
		var wrong *tree.Error
		if !errors.As(err, &wrong) || wrong.Line != tt.line || !strings.Contains(wrong.Problem, tt.problem) {
			t.Errorf("%q: %v, want line %d: %s", tt.text, err, tt.line, tt.problem)
		}
	}
	t.Logf("%d mistakes", len(tests))
}

// TestSettingsHold holds that what settings say is done.
func TestSettingsHold(t *testing.T) {
	tests := []struct {
		settings string
		want     string
	}{
		{"version: 1", "high"},
		{"version: 1\nrules: {OWN-1: off}", ""},
		{"version: 1\nrules: {OWN-1: low}", "low"},
		{"version: 1\nprofile: strict", "high"},
		{"version: 1\nprofile: taint", ""},
		{"version: 1\nprofile: taint\nrules: {OWN-1: on}", "high"},
		{"version: 1\nexclude: [src/main/**]", ""},
		{"version: 1\nexclude: ['**/app.xml']", ""},
		{"version: 1\nexclude: [app.xml]", "high"},
		{"version: 1\nnonsense: 1", "high"},
	}
	for _, tt := range tests {
		files := appOf(insecure)
		files[SettingsFile] = tt.settings
		r := scanned(t, Options{}, shops{files})
		got := ""
		for _, f := range r.Findings {
			got += f.Severity.String()
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.settings, got, tt.want)
		}
		if wrong := strings.Contains(tt.settings, "nonsense"); wrong != (len(r.Problems) == 1 && r.Problems[0].Line == 2) {
			t.Errorf("%q: problems are %+v", tt.settings, r.Problems)
		}
	}
	files := appOf(insecure)
	files[SettingsFile] = "version: 1\nrule-files: scan-rules\nfail-on: medium"
	files["scan-rules/OWN-3.yaml"] = strings.ReplaceAll(ruleText, "OWN-1", "OWN-3")
	r := scanned(t, Options{}, shops{files})
	if len(r.Findings) != 2 || r.Findings[1].Rule != "OWN-3" || r.FailOn != finding.Medium || !r.FailOnSet {
		t.Errorf("own rules of the project: %+v %+v", r.Findings, r.Problems)
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		glob, name string
		want       bool
	}{
		{"a/**", "a/b/c", true},
		{"a/**", "a", true},
		{"**/c", "a/b/c", true},
		{"**/c", "c", true},
		{"a/*/c", "a/b/c", true},
		{"a/*", "a/b/c", false},
		{"**/**/**/**/**/x", strings.Repeat("a/", 40) + "b", false},
	} {
		if got := fits(tt.glob, tt.name); got != tt.want {
			t.Errorf("%s fits %s: %v", tt.glob, tt.name, got)
		}
	}
}
