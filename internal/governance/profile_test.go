package governance_test

import (
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/spec"
)

const wholeProfile = `version: 1
name: public
status: draft
filter: {exposures: [public], tags: [pci, eu]}
rulesets:
  - https-enforcement
  - {name: ours.yaml, levels: {a: warning, b: off, c: critical}}
enforcement: refuse
schedule: 24h
waivers: [{rule: a, api: "shop/*", place: "#/paths", reason: agreed, expires: 2027-01-31}]
notify: {on: change, webhooks: [https://hooks.example.com/x]}
`

// TestReadProfile holds what a profile may say, and that each mistake is told
// with its line.
func TestReadProfile(t *testing.T) {
	p, err := governance.ReadProfile(&tree.Source{Name: "p.yaml", Text: []byte(wholeProfile)})
	if err != nil {
		t.Fatal(err)
	}
	if p.Active || !p.Refuse || p.Every != 24*time.Hour || len(p.Rulesets) != 2 || p.Rulesets[1].Levels["b"] != governance.LevelOff || p.Waivers[0].Reason != "agreed" {
		t.Errorf("read %+v", p)
	}
	cases := map[string]struct{ from, to, want string }{
		"version":        {"version: 1", "version: 2", "p.yaml:1: version must be 1"},
		"no name":        {"name: public", "description: x", "name is missing"},
		"unknown field":  {"status: draft", "state: draft", `p.yaml:3: unknown field "state"`},
		"status":         {"status: draft", "status: off course", "p.yaml:3: status must be active or draft"},
		"filter":         {"exposures: [public]", "exposure: [public]", `p.yaml:4: unknown field "exposure"`},
		"list":           {"tags: [pci, eu]", "tags: pci", "p.yaml:4: tags must be a list of texts"},
		"level":          {"a: warning", "a: loud", `p.yaml:7: level of a: "loud"`},
		"no rulesets":    {"  - https-enforcement\n  - {name: ours.yaml, levels: {a: warning, b: off, c: critical}}\n", "  []\n", "rulesets must list at least one"},
		"enforcement":    {"enforcement: refuse", "enforcement: block", "p.yaml:8: enforcement must be report or refuse"},
		"schedule":       {"schedule: 24h", "schedule: daily", "p.yaml:9: schedule must be a time"},
		"too often":      {"schedule: 24h", "schedule: 1s", "p.yaml:9: schedule must be a time of at least 1m"},
		"no reason":      {"reason: agreed, ", "", "reason is missing"},
		"blank reason":   {"reason: agreed", `reason: " "`, "a waiver needs a reason"},
		"endless waiver": {", expires: 2027-01-31", "", "expires is missing"},
		"no day":         {"2027-01-31", "soon", "expires must be a day"},
		"webhook":        {"https://hooks.example.com/x", "hooks.example.com", "p.yaml:11: a webhook must be a URL"},
		"notify":         {"on: change", "on: always", "p.yaml:11: on must be failure or change"},
	}
	for name, c := range cases {
		if !strings.Contains(wholeProfile, c.from) {
			t.Fatalf("%s: the profile does not hold %q", name, c.from)
		}
		_, err := governance.ReadProfile(&tree.Source{Name: "p.yaml", Text: []byte(strings.Replace(wholeProfile, c.from, c.to, 1))})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if t.Logf("%d mistakes", len(cases)); len(cases) < 15 {
		t.Error("too few played")
	}
}

// TestFilter holds which APIs a filter chooses.
func TestFilter(t *testing.T) {
	api := governance.Facts{
		Kind: "rest-api", Names: []string{"shop/orders"}, Tags: []string{"pci", "eu"}, Categories: []string{"sales"},
		Environment: "production", Status: "active", Layer: "experience", Exposure: "public", DataClass: "personal", Risk: "high", Owner: "blue",
	}
	cases := []struct {
		filter governance.Filter
		want   bool
	}{
		{governance.Filter{}, true},
		{governance.Filter{Kinds: []string{"soap-api"}}, false},
		{governance.Filter{Kinds: []string{"all"}}, true},
		{governance.Filter{Tags: []string{"pci"}}, true},
		{governance.Filter{Tags: []string{"pci", "us"}}, false},
		{governance.Filter{Categories: []string{"sales", "hr"}}, false},
		{governance.Filter{Layers: []string{"system", "experience"}}, true},
		{governance.Filter{Layers: []string{"system"}}, false},
		{governance.Filter{Exposures: []string{"public"}, Owners: []string{"red"}}, false},
		{governance.Filter{Exposures: []string{"public"}, Owners: []string{"red", "blue"}}, true},
		{governance.Filter{Environments: []string{"production"}, Status: []string{"active"}, DataClasses: []string{"personal"}, Risks: []string{"high"}}, true},
		{governance.Filter{Names: []string{"shop/*"}}, true},
		{governance.Filter{Names: []string{"bank/*"}}, false},
	}
	for i, c := range cases {
		if got := c.filter.Chooses(&api); got != c.want {
			t.Errorf("case %d: %+v: %v", i, c.filter, got)
		}
	}
	if t.Logf("%d filters", len(cases)); len(cases) < 12 {
		t.Error("too few played")
	}
}

// TestJudge holds what a profile makes of violations: levels, waivers until they
// end, and the status and score that follow.
func TestJudge(t *testing.T) {
	const rules = `rules:
  title-short: {given: $.info.title, severity: error, then: {function: length, functionOptions: {max: 3}}}
  no-summary: {given: $.info, severity: warn, then: {field: summary, function: truthy}}
`
	const description = "openapi: 3.1.0\ninfo:\n  title: Orders\n  version: '1'\npaths: {}\n"
	set, err := governance.LoadFile(spec.OneFile("ours.yaml", []byte(rules), spec.ProjectLimits{}), "ours.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.Read(&tree.Source{Name: "a.yaml", Text: []byte(description)}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc := &spec.Document{Language: spec.OpenAPI31, File: "a.yaml", Root: root, Project: spec.OneFile("a.yaml", []byte(description), spec.ProjectLimits{})}
	broken := *doc
	broken.Problems = []spec.Problem{{File: "a.yaml", Line: 2, Rule: "openapi-x", Message: "wrong"}}
	end := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	waived := &governance.Profile{Waivers: []governance.Waiver{{Rule: "title-short", Reason: "agreed", Expires: end}}}
	level := func(l governance.Level) *governance.Profile {
		return &governance.Profile{Rulesets: []governance.ProfileRuleset{{Name: "ours.yaml", Levels: map[string]governance.Level{"title-short": l, "no-summary": "off"}}}}
	}
	cases := map[string]struct {
		doc      *spec.Document
		profile  *governance.Profile
		now      time.Time
		status   governance.Status
		findings int
		worst    finding.Severity
	}{
		"as the rules say":           {doc, nil, end, governance.NonConformant, 2, finding.High},
		"waived":                     {doc, waived, end.Add(-time.Second), governance.Conformant, 1, finding.Medium},
		"the waiver has ended":       {doc, waived, end, governance.NonConformant, 2, finding.High},
		"a warning only":             {doc, level(governance.LevelWarning), end, governance.Conformant, 1, finding.Medium},
		"off":                        {doc, level(governance.LevelOff), end, governance.Conformant, 0, 0},
		"critical":                   {doc, level("critical"), end, governance.NonConformant, 1, finding.Critical},
		"an invalid description":     {&broken, level(governance.LevelOff), end, governance.NonConformant, 1, finding.High},
		"one without a tree":         {&spec.Document{Language: spec.GraphQL, File: "a.graphql"}, nil, end, governance.NotApplicable, 0, 0},
		"one that could not be read": {&spec.Document{File: "a.yaml", Problems: broken.Problems}, nil, end, governance.NonConformant, 1, finding.High},
	}
	for name, c := range cases {
		r := governance.Judge(t.Context(), governance.Target{Document: c.doc}, []*governance.Ruleset{set}, c.profile, c.now)
		found := r.Findings()
		worst := finding.Severity(0)
		for _, f := range found {
			worst = max(worst, f.Severity)
		}
		if r.Status != c.status || len(found) != c.findings || worst != c.worst {
			t.Errorf("%s: %s, %d findings, worst %d, errors %v", name, r.Status, len(found), worst, r.Errors)
		}
		if invalid := len(c.doc.Problems) > 0; invalid != (r.Score.Total == 0) {
			t.Errorf("%s: score %+v", name, r.Score)
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 9 {
		t.Error("too few played")
	}
}
