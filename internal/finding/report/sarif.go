package report

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// root is the name that stands for the folder that relative addresses begin at.
const root = "%SRCROOT%"

func writeSARIF(w io.Writer, r *Report) error {
	all := r.All()
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: r.Tool.Name, Version: r.Tool.Version, InformationURI: link(r.Tool.Home), Rules: []sarifRule{}}},
		BaseIDs:    map[string]sarifArtifact{root: {Description: &sarifMessage{"The folder in which the program was started."}}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	index, rules := map[string]int{}, r.rules(all)
	for i, rule := range rules {
		index[rule.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(rule))
	}
	for i := range all {
		at := index[all[i].Rule]
		result := sarifResultOf(&all[i], rules[at].Mend)
		result.RuleIndex = at
		switch {
		case all[i].Suppressed != "":
			result.Suppressions = []sarifSuppression{{"inSource", "accepted", all[i].Suppressed}}
		case r.Baseline.Knows(all[i]):
			result.Suppressions = []sarifSuppression{{"external", "accepted", "known to the baseline"}}
		}
		run.Results = append(run.Results, result)
	}
	return encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifRuleOf(rule RuleInfo) sarifRule {
	out := sarifRule{
		ID: rule.ID, Short: message(rule.Title), Full: message(rule.Why), HelpURI: link(rule.Help),
		Configuration: sarifLevel{level(rule.Severity)}, Properties: sarifRuleBag{Severity: rule.Severity, Tags: tags(rule.Taxonomy)},
	}
	if rule.Severity < finding.Info || rule.Severity > finding.Critical {
		out.Properties.Severity = finding.Info
	}
	help := rule.Why
	if rule.Mend != "" {
		help = strings.TrimSpace(help + "\n\nHow to mend it: " + rule.Mend)
	}
	out.Help = message(help)
	if len(out.Properties.Tags) > 0 {
		out.Properties.SecuritySeverity = securitySeverity(rule.Severity)
	}
	return out
}

func message(text string) *sarifMessage {
	if text == "" {
		return nil
	}
	return &sarifMessage{unlinked(text)}
}

// unlinked is a text in which nothing is a link, as SARIF (3.11.6) would read
// one.
func unlinked(text string) string {
	if !strings.Contains(text, "](") {
		return text
	}
	return strings.NewReplacer("[", `\[`, "]", `\]`).Replace(text)
}

// sarifResultOf makes a result; what the rule says of mending it need not say.
func sarifResultOf(f *finding.Finding, mend string) sarifResult {
	text := f.Message
	if text == "" {
		text = f.Title
	}
	if f.Fix != "" && f.Fix != mend {
		text += "\n" + f.Fix
	}
	result := sarifResult{
		RuleID: f.Rule, Level: level(f.Severity), Message: sarifMessage{unlinked(text)},
		Fingerprints: map[string]string{"farrier/v1": f.Fingerprint},
		Properties:   sarifResultBag{Severity: f.Severity, Confidence: f.Confidence, SafeFix: f.Repair != nil && f.Repair.Safe},
	}
	if at := sarifLocationOf(f.Location, f.Excerpt); at.Physical != nil || at.Logical != nil {
		result.Locations = []sarifLocation{at}
	}
	if len(f.Way) > 0 {
		result.CodeFlows = []sarifCodeFlow{{[]sarifThreadFlow{{sarifSteps(f.Way)}}}}
	}
	if f.Repair != nil && len(f.Repair.Edits) > 0 {
		result.Fixes = []sarifFix{sarifFixOf(f.Repair)}
	}
	return result
}

func sarifSteps(way []finding.Step) []sarifStep {
	out := make([]sarifStep, len(way))
	for i, s := range way {
		out[i].Location = sarifLocationOf(s.Location, s.Excerpt)
		out[i].Location.Message = message(s.Message)
	}
	return out
}

// sarifFixOf lists the edits of a repair by file, in their order.
func sarifFixOf(r *finding.Repair) sarifFix {
	fix := sarifFix{Description: sarifMessage{unlinked(r.Title)}}
	at := map[string]int{}
	for _, e := range r.Edits {
		i, known := at[e.File]
		if !known {
			i = len(fix.Changes)
			at[e.File] = i
			fix.Changes = append(fix.Changes, sarifChange{Artifact: artifact(e.File)})
		}
		replacement := sarifReplacement{Deleted: sarifRegion{
			StartLine: e.Start.Line, StartColumn: e.Start.Column, EndLine: e.End.Line, EndColumn: e.End.Column,
		}}
		if e.Text != "" {
			replacement.Inserted = &sarifMessage{e.Text}
		}
		fix.Changes[i].Replacements = append(fix.Changes[i].Replacements, replacement)
	}
	return fix
}

func sarifLocationOf(l finding.Location, excerpt string) (at sarifLocation) {
	if l.File != "" {
		at.Physical = &sarifPhysical{Artifact: artifact(l.File)}
		if l.Line > 0 {
			region := &sarifRegion{StartLine: l.Line, StartColumn: max(l.Column, 0)}
			if l.EndLine > 0 && l.Column > 0 {
				region.EndLine, region.EndColumn = l.EndLine, l.EndColumn
			}
			at.Physical.Region = region
			if excerpt != "" {
				at.Physical.Context = &sarifRegion{StartLine: l.Line, EndLine: region.EndLine, Snippet: &sarifMessage{excerpt}}
			}
		}
	}
	if name := where(l); name != "" {
		at.Logical = []sarifLogical{{name}}
	}
	return at
}

// artifact is the address of a file: relative to the root, or absolute as the
// file's name is.
func artifact(file string) sarifArtifact {
	file = filepath.ToSlash(file)
	if strings.HasPrefix(file, "/") {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: file}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: strings.TrimPrefix(file, "./")}).String(), BaseID: root}
}

func level(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "error"
	case finding.Medium:
		return "warning"
	case finding.Low, finding.Info:
	}
	return "note"
}

// securitySeverity is in the middle of what GitHub takes for the severity.
func securitySeverity(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "9.5"
	case finding.High:
		return "8.0"
	case finding.Medium:
		return "5.5"
	case finding.Low:
		return "2.5"
	case finding.Info:
	}
	return "0.1"
}

// tags are those by which GitHub finds security rules; none where a rule is in
// no list.
func tags(t finding.Taxonomy) []string {
	var out []string
	if t.CWE != 0 {
		out = append(out, fmt.Sprintf("external/cwe/cwe-%d", t.CWE))
	}
	if t.OWASP2019 != "" {
		out = append(out, "owasp-api-2019/"+t.OWASP2019)
	}
	if t.OWASP2023 != "" {
		out = append(out, "owasp-api-2023/"+t.OWASP2023)
	}
	for _, standard := range slices.Sorted(maps.Keys(t.Controls)) {
		for _, control := range t.Controls[standard] {
			out = append(out, standard+"/"+control)
		}
	}
	if out == nil {
		return nil
	}
	return append([]string{"security"}, out...)
}

// link is an address of the web, empty where it is anything else.
func link(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}
