package report

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// What Farrier uses of SARIF 2.1.0 (OASIS, 2020). The names are the standard's.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool                `json:"tool"`
	BaseIDs    map[string]sarifArtifact `json:"originalUriBaseIds"`
	ColumnKind string                   `json:"columnKind"`
	Results    []sarifResult            `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri,omitempty"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID            string        `json:"id"`
	Short         *sarifMessage `json:"shortDescription,omitempty"`
	Full          *sarifMessage `json:"fullDescription,omitempty"`
	Help          *sarifMessage `json:"help,omitempty"`
	HelpURI       string        `json:"helpUri,omitempty"`
	Configuration sarifLevel    `json:"defaultConfiguration"`
	Properties    sarifRuleBag  `json:"properties"`
}

type sarifRuleBag struct {
	Severity finding.Severity `json:"severity"`
	// SecuritySeverity is what GitHub makes its severities of.
	SecuritySeverity string   `json:"security-severity,omitempty"`
	Tags             []string `json:"tags,omitempty"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifMessage       `json:"message"`
	Locations    []sarifLocation    `json:"locations,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   sarifResultBag     `json:"properties"`
}

type sarifResultBag struct {
	Severity finding.Severity `json:"severity"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI         string        `json:"uri,omitempty"`
	BaseID      string        `json:"uriBaseId,omitempty"`
	Description *sarifMessage `json:"description,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

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
		if r.Baseline.Knows(all[i]) {
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
		Fingerprints: map[string]string{"farrier/v1": f.Fingerprint}, Properties: sarifResultBag{f.Severity},
	}
	var at sarifLocation
	if f.Location.File != "" {
		at.Physical = &sarifPhysical{Artifact: artifact(f.Location.File)}
		if f.Location.Line > 0 {
			at.Physical.Region = &sarifRegion{f.Location.Line, max(f.Location.Column, 0)}
		}
	}
	if name := where(f.Location); name != "" {
		at.Logical = []sarifLogical{{name}}
	}
	if at.Physical != nil || at.Logical != nil {
		result.Locations = []sarifLocation{at}
	}
	return result
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
