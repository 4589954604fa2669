package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // for the page and its style
	"encoding/base64"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// page is what page.html shows; its texts are visible already.
type page struct {
	Style     template.CSS
	StyleHash string
	Line      string
	Tool      string
	Version   string
	Made      string
	Total     int
	Noun      string
	Known     int
	// Suppressed is how many findings the source gives a reason for.
	Suppressed int
	Counts     []count
	// Table lists the groups before they are shown, Judged and Scored say which
	// columns it has.
	Table, Judged, Scored bool
	Groups                []pageGroup
	Stale                 []Entry
}

type pageGroup struct {
	Anchor, Name, Verdict, Score string
	Judged, Conforms             bool
	Count                        int
	Rules                        []pageRule
}

// pageRule is a rule with all that it says of one file.
type pageRule struct {
	RuleInfo
	Tags string
	Seen []pageFinding
}

type pageFinding struct {
	Message, At, Excerpt, Fix string
	Confidence                finding.Confidence
	Known                     bool
	// Suppressed is the reason that the source gives.
	Suppressed string
	Way        []pageStep
	Diagrams   []diagram
	// Mark is the severity where it is another than the rule's.
	Mark string
}

// pageStep is one stop on the way of data.
type pageStep struct{ At, Message, Excerpt string }

// writeHTML writes one page that loads nothing and runs nothing.
func writeHTML(w io.Writer, r *Report) error {
	tmpl, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return tmpl.Execute(w, r.page())
}

func (r *Report) page() page {
	all, fresh := r.All(), r.New()
	hash := sha256.Sum256([]byte(pageStyle))
	p := page{
		Style:     template.CSS(pageStyle), //nolint:gosec // it is our own file
		StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(hash[:]),
		Line:      r.line(), Tool: visible(r.Tool.Name), Version: visible(r.Tool.Version),
		Total: len(fresh), Noun: plural(len(fresh), "finding"),
		Counts: counts(finding.Summarise(fresh)),
	}
	p.Known, p.Suppressed = r.let()
	if !r.Made.IsZero() {
		p.Made = r.Made.UTC().Format(time.RFC1123)
	}
	rules := map[string]RuleInfo{}
	for _, rule := range r.rules(all) {
		rules[rule.ID] = rule
	}
	for i, g := range r.groups() {
		p.Groups = append(p.Groups, r.pageGroup(i, g, rules))
		p.Judged = p.Judged || g.judged
		p.Scored = p.Scored || g.Score != nil
	}
	p.Table = len(p.Groups) > 1
	for _, e := range r.Stale() {
		p.Stale = append(p.Stale, Entry{Rule: visible(e.Rule), Where: visible(strings.TrimSpace(e.File + " " + e.Where))})
	}
	return p
}

func (r *Report) pageGroup(number int, g group, rules map[string]RuleInfo) pageGroup {
	out := pageGroup{
		Anchor: "file-" + strconv.Itoa(number+1), Name: visible(g.File.File), Judged: g.judged, Conforms: g.Conforms,
		Verdict: visible(g.Status), Count: len(g.findings),
	}
	if out.Name == "" {
		out.Name = "Findings of no file"
	}
	if g.Score != nil {
		out.Score = strconv.Itoa(*g.Score)
	}
	if out.Verdict == "" {
		out.Verdict = "does not conform"
		if g.Conforms {
			out.Verdict = "conforms"
		}
	}
	// The worst rules come first; findings of a rule stay in the order of lines.
	sorted := slices.Clone(g.findings)
	slices.SortStableFunc(sorted, byLine)
	at := map[string]int{}
	for _, f := range sorted {
		i, known := at[f.Rule]
		if !known {
			i = len(out.Rules)
			at[f.Rule] = i
			out.Rules = append(out.Rules, pageRuleOf(rules[f.Rule], f))
		}
		out.Rules[i].Seen = append(out.Rules[i].Seen, r.pageFinding(f, out.Rules[i].RuleInfo))
	}
	slices.SortStableFunc(out.Rules, func(a, b pageRule) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.ID, b.ID))
	})
	return out
}

// pageRuleOf shows a rule with the severity that its first finding has: a
// profile may have changed it.
func pageRuleOf(rule RuleInfo, f finding.Finding) pageRule {
	if rule.Title == "" {
		rule.Title = cmp.Or(f.Title, rule.ID)
	}
	if rule.Taxonomy.Empty() {
		rule.Taxonomy = f.Taxonomy
	}
	var tags []string
	for _, tag := range [...]struct{ list, entry string }{
		{"OWASP API Security 2023 ", rule.Taxonomy.OWASP2023}, {"2019 ", rule.Taxonomy.OWASP2019},
	} {
		if tag.entry != "" {
			tags = append(tags, tag.list+visible(tag.entry))
		}
	}
	if rule.Taxonomy.CWE != 0 {
		tags = append(tags, "CWE-"+strconv.Itoa(rule.Taxonomy.CWE))
	}
	names := finding.Standards()
	for _, standard := range slices.Sorted(maps.Keys(rule.Taxonomy.Controls)) {
		tags = append(tags, visible(cmp.Or(names[standard], standard)+" "+strings.Join(rule.Taxonomy.Controls[standard], ", ")))
	}
	return pageRule{
		RuleInfo: RuleInfo{
			ID: visible(rule.ID), Title: visible(rule.Title), Severity: f.Severity,
			Why: visible(rule.Why), Mend: visible(rule.Mend), Help: link(rule.Help),
		},
		Tags: strings.Join(tags, "; "),
	}
}

func (r *Report) pageFinding(f finding.Finding, rule RuleInfo) pageFinding {
	out := pageFinding{
		Message: visible(f.Message), Excerpt: visible(f.Excerpt), Fix: visible(f.Fix), Known: r.Baseline.Knows(f),
		At: strings.TrimSpace(strings.TrimSuffix(position(f.Location), ": ") + " " + visible(where(f.Location))),
	}
	if out.Fix == rule.Mend {
		out.Fix = "" // it stands above
	}
	out.Confidence, out.Suppressed = f.Confidence, visible(f.Suppressed)
	if f.Confidence == finding.HighConfidence {
		out.Confidence = "" // nothing to warn of
	}
	for _, s := range f.Way {
		out.Way = append(out.Way, pageStep{strings.TrimSuffix(position(s.Location), ": "), visible(s.Message), visible(s.Excerpt)})
	}
	out.Diagrams = r.diagrams(f.Way)
	if f.Severity != rule.Severity {
		out.Mark = f.Severity.String()
	}
	return out
}
