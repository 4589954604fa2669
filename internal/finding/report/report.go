// Package report writes findings for people, scripts and other programs: as
// text, JSON, SARIF, JUnit and HTML; and holds them against a baseline of
// findings that are known. It finds nothing, and knows no command.
package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Report is all that one run has to say.
type Report struct {
	Tool Tool
	// Made is when the run took place; the zero time is left out.
	Made time.Time
	// Findings are those that belong to none of Files. One that is equal to one of
	// a file is not told again.
	Findings []finding.Finding
	// Files are what was judged, in the order in which they are shown; nil where a
	// run judges no single files. Descriptions that share a fragment may share
	// findings: each shows them, and they are counted once.
	Files []File
	// Rules are described at most once each; a rule that isn't is described by
	// its first finding.
	Rules []RuleInfo
	// Flows are those that the ways of findings pass through, for diagrams.
	Flows []Flow
	// Baseline holds the findings that are known; nil for none.
	Baseline *Baseline
}

// Flow is a sequence of steps of a program, as a diagram shows it.
type Flow struct {
	// Name is that of the flow; File, Line and EndLine are where it stands.
	Name, File    string
	Line, EndLine int
	Nodes         []Node
}

// Node is one step of a flow.
type Node struct {
	// Label is what people know it by, as "db:select Find orders".
	Label string
	// Line and EndLine are the lines that it stands on; Depth is 0 for steps
	// directly in the flow and grows by one for each step that it lies in.
	Line, EndLine, Depth int
}

// Tool is the program that made a report.
type Tool struct {
	// Name is the command, as "farrier govern".
	Name    string
	Version string
	// Home is the address of its page, empty for none.
	Home string
}

// File is one judged file with all that is made of it.
type File struct {
	File     string
	Conforms bool
	Findings []finding.Finding
	// Status is the word for it, as "NonConformant"; empty where there is none
	// beside Conforms.
	Status string
	// Score is 0 to 100; nil for none.
	Score *int
	// Details are written to JSON as they are; nil for none.
	Details any
}

// RuleInfo is what people should know of a rule.
type RuleInfo struct {
	ID, Title string
	Severity  finding.Severity
	// Why tells what may happen, Mend what to do; plain text.
	Why, Mend string
	Taxonomy  finding.Taxonomy
	// Help is the address of a page that says more; empty for none. Only http and
	// https are written as links.
	Help string
}

// Format is a way to write a report.
type Format string

// The formats.
const (
	Text  Format = "text"
	JSON  Format = "json"
	SARIF Format = "sarif"
	JUnit Format = "junit"
	HTML  Format = "html"
)

// Formats lists the formats in the order in which people are told of them.
func Formats() []Format { return []Format{Text, JSON, SARIF, JUnit, HTML} }

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats() {
		if string(f) == name {
			return f, nil
		}
	}
	return "", fmt.Errorf("format %q: must be one of text, json, sarif, junit, html", name)
}

// Threshold is the mildest severity that makes a run fail. The zero value fails
// for any finding.
type Threshold uint8

// Never is the threshold that no finding reaches.
const Never = Threshold(finding.Critical) + 1

// ParseThreshold reads one of critical, high, medium, low, none.
func ParseThreshold(name string) (Threshold, error) {
	if name == "none" {
		return Never, nil
	}
	s, err := finding.ParseSeverity(name)
	if err != nil || s == finding.Info {
		return 0, fmt.Errorf("threshold %q: must be one of critical, high, medium, low, none", name)
	}
	return Threshold(s), nil
}

// Failed says whether one of the findings reaches the threshold.
func Failed(findings []finding.Finding, at Threshold) bool {
	return slices.ContainsFunc(findings, func(f finding.Finding) bool { return Threshold(f.Severity) >= at })
}

// All are the findings of the report and of its files, each once, with
// fingerprints.
func (r *Report) All() []finding.Finding {
	all := []finding.Finding{}
	seen := map[string]bool{}
	add := func(findings []finding.Finding) {
		for _, f := range marked(findings) {
			if key := identity(f); !seen[key] {
				seen[key] = true
				all = append(all, f)
			}
		}
	}
	for i := range r.Files {
		add(r.Files[i].Findings)
	}
	add(r.Findings)
	return all
}

// identity is equal for findings of which one tells as much as two.
func identity(f finding.Finding) string {
	return fmt.Sprintf("%s %d:%d %s %q", f.Fingerprint, f.Location.Line, f.Location.Column, f.Severity, f.Message)
}

// marked gives findings that all have a fingerprint.
func marked(findings []finding.Finding) []finding.Finding {
	out := slices.Clone(findings)
	for i := range out {
		if out[i].Fingerprint == "" {
			out[i].Fingerprint = finding.Fingerprint(out[i].Rule, out[i].Location)
		}
	}
	return out
}

// New are the findings that count: neither does the baseline know them nor does
// their source say why they are to be let pass.
func (r *Report) New() []finding.Finding {
	return slices.DeleteFunc(r.All(), func(f finding.Finding) bool { return f.Suppressed != "" || r.Baseline.Knows(f) })
}

// let counts the findings that do not count, by why they don't.
func (r *Report) let() (known, suppressed int) {
	for _, f := range r.All() {
		switch {
		case f.Suppressed != "":
			suppressed++
		case r.Baseline.Knows(f):
			known++
		}
	}
	return known, suppressed
}

// Failed says whether a finding that the baseline does not know reaches the
// threshold.
func (r *Report) Failed(at Threshold) bool { return Failed(r.New(), at) }

// Stale are the entries of the baseline that were not found again. Where Files
// says what was judged, entries of other files are not stale: nobody looked.
func (r *Report) Stale() []Entry {
	if r.Baseline == nil {
		return nil
	}
	all := r.All()
	found, looked := map[string]bool{}, map[string]bool{"": true}
	for i := range r.Files {
		looked[r.Files[i].File] = true
	}
	for i := range all {
		found[all[i].Fingerprint] = true
		looked[all[i].Location.File] = true
	}
	var stale []Entry
	for _, e := range r.Baseline.entries {
		if !found[e.Fingerprint] && (r.Files == nil || looked[e.File]) {
			stale = append(stale, e)
		}
	}
	return stale
}

// rules describes every rule that was given or has a finding, those given
// first.
func (r *Report) rules(all []finding.Finding) []RuleInfo {
	var out []RuleInfo
	seen := map[string]bool{}
	for _, rule := range r.Rules {
		if !seen[rule.ID] {
			seen[rule.ID] = true
			out = append(out, rule)
		}
	}
	for i := range all {
		if f := &all[i]; !seen[f.Rule] {
			seen[f.Rule] = true
			out = append(out, RuleInfo{ID: f.Rule, Title: f.Title, Severity: f.Severity, Taxonomy: f.Taxonomy})
		}
	}
	return out
}

// group is what one judged file has.
type group struct {
	*File
	// judged tells that the file is one of Files.
	judged   bool
	findings []finding.Finding
}

// groups are the findings by file: those of Files, each of them whole, then the
// others by the file or API that they were seen in.
func (r *Report) groups() []group {
	var out []group
	seen, at := map[string]bool{}, map[string]int{}
	for i := range r.Files {
		at[r.Files[i].File] = len(out)
		g := group{&r.Files[i], true, nil}
		own := map[string]bool{}
		for _, f := range marked(g.Findings) {
			if key := identity(f); !own[key] {
				own[key], seen[key] = true, true
				g.findings = append(g.findings, f)
			}
		}
		out = append(out, g)
	}
	for _, f := range marked(r.Findings) {
		if seen[identity(f)] {
			continue
		}
		seen[identity(f)] = true
		name := cmp.Or(f.Location.File, f.Location.API)
		i, known := at[name]
		if !known {
			i = len(out)
			at[name] = i
			out = append(out, group{File: &File{File: name}})
		}
		out[i].findings = append(out[i].findings, f)
	}
	return out
}

// Write writes a report in a format. A finding without a severity is an error,
// and then nothing is written.
func Write(w io.Writer, format Format, r *Report) error {
	return write(w, format, r, false)
}

// WriteTerminal writes a report as text with colours.
func WriteTerminal(w io.Writer, r *Report) error {
	return write(w, Text, r, true)
}

func write(w io.Writer, format Format, r *Report, colours bool) error {
	for _, f := range r.All() {
		if f.Severity < finding.Info || f.Severity > finding.Critical {
			return fmt.Errorf("writing the report: a finding of the rule %q has no severity", f.Rule)
		}
	}
	b := bufio.NewWriter(w)
	var err error
	switch format {
	case Text:
		writeText(b, r, colours)
	case JSON:
		err = writeJSON(b, r)
	case SARIF:
		err = writeSARIF(b, r)
	case JUnit:
		err = writeJUnit(b, r)
	case HTML:
		err = writeHTML(b, r)
	default:
		err = fmt.Errorf("the format %q is not one of %v", format, Formats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// where is the place of a finding beside its file, as people read it; empty for
// none.
func where(at finding.Location) string {
	var parts []string
	for _, part := range [...]string{at.API, at.Operation, at.Place} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}
