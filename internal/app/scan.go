package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/sbom"
)

// ScanOptions say how Mule projects are scanned.
type ScanOptions struct {
	// Settings is a project file for projects that have none of their own; empty for
	// none. Rules is a folder of further rules.
	Settings, Rules string
	// Profile is a choice of rules by their kind, empty for all; Only are the rules to
	// ask, empty for all.
	Profile string
	Only    []string
	// Experimental also asks rules that were not yet held against a schema.
	Experimental bool
	// Since is a revision of Git: only findings in lines that differ from it count.
	Since string
	// OSV is a file or folder of further advisories.
	OSV string
	// SBOM is a file to write the bill of materials to.
	SBOM string
	// Govern also judges the descriptions of the projects' APIs.
	Govern bool
	// Mend is MendNothing, MendSafely or MendSuggest.
	Mend   string
	Output ReportOptions
	// FailOnGiven says that Output.FailOn was asked for; otherwise project files
	// decide.
	FailOnGiven bool
	// Progress takes a line that is written over as the scan goes on; nil for none.
	Progress io.Writer
	// Now is the time that advisories and support of the runtime are judged by.
	Now time.Time
}

// The values of ScanOptions.Mend.
const (
	MendNothing = ""
	MendSafely  = "safe"
	MendSuggest = "suggest"
)

// Scan scans Mule projects in folders and archives. It returns the exit code.
func Scan(ctx context.Context, paths []string, o ScanOptions, out io.Writer) (int, error) {
	s := &scanning{o: o}
	if err := s.load(ctx, paths); err != nil {
		return ExitBroken, err
	}
	workspace, err := mule.Find(ctx, paths, mule.Limits{})
	if err != nil {
		return ExitBroken, err
	}
	defer func() { _ = workspace.Close() }()
	if workspace.Len() == 0 {
		s.told(workspace.Problems())
		return ExitBroken, fmt.Errorf("no Mule project in %s: one has pom.xml or mule-artifact.json, and flows in src/main/mule or src/main/app", quoted(paths))
	}
	if o.Mend != MendNothing {
		return s.mend(ctx, workspace, out)
	}
	rep, err := s.run(ctx, workspace)
	if err != nil {
		return ExitBroken, err
	}
	s.told(workspace.Problems())
	s.problems(rep.Problems)
	if s.bill != nil {
		if err := writeFile(o.SBOM, s.bill.Write); err != nil {
			return ExitBroken, err
		}
	}
	if o.Govern {
		if err := s.govern(ctx, rep); err != nil {
			return ExitBroken, err
		}
	}
	code, err := s.tell(rep, out)
	if err == nil && slices.ContainsFunc(rep.Problems, grave) {
		return ExitBroken, nil
	}
	return code, err
}

// grave says whether a problem makes what was found doubtful: it was told, and the
// run fails.
func grave(p scan.Problem) bool { return p.Grave }

// scanning is one run.
type scanning struct {
	o       ScanOptions
	options scan.Options
	changed changes
	bill    *sbom.Bill
}

// load reads all that a run needs beside the projects.
func (s *scanning) load(ctx context.Context, paths []string) error {
	if err := s.alone(); err != nil {
		return err
	}
	err := s.o.Output.open()
	if err != nil {
		return err
	}
	s.options = scan.Options{Only: s.o.Only, Experimental: s.o.Experimental, Now: s.o.Now, Flows: true, Progress: s.progress()}
	if s.o.Rules == "" {
		s.options.Rules, err = scan.BuiltinBrief()
	} else {
		s.options.Rules, err = ScanRules(ctx, s.o.Rules)
	}
	if err != nil {
		return err
	}
	if s.o.Profile != "" {
		if s.options.Profile, err = scan.ParseProfile(s.o.Profile); err != nil {
			return fmt.Errorf("--profile: %w", err)
		}
	}
	if s.o.Settings != "" {
		text, err := os.ReadFile(s.o.Settings)
		if err != nil {
			return fmt.Errorf("reading the project file: %w", err)
		}
		if s.options.Settings, err = scan.ReadSettings(s.o.Settings, text); err != nil {
			return err
		}
	}
	if s.o.Since != "" {
		if s.changed, err = changedSince(ctx, s.o.Since, paths); err != nil {
			return err
		}
	}
	if s.options.Advisories, err = advisory.Builtin(); err != nil {
		return err
	}
	if s.o.OSV != "" {
		more, problems, err := advisory.ReadOSV(ctx, s.o.OSV)
		if err != nil {
			return fmt.Errorf("--osv: %w", err)
		}
		for _, p := range problems {
			warn("%v", p)
		}
		s.options.Advisories = s.options.Advisories.With(more)
	}
	if s.o.SBOM != "" {
		s.bill = sbom.New(version(), s.o.Now)
		s.options.Keep = func(_ int, p *mule.Project, _ []finding.Finding) { s.bill.Add(p) }
	}
	return nil
}

// ScanRules are the rules that are built in, and those of a folder where one is
// named, whose examples are played: a rule finds the bad ones and passes by the good.
func ScanRules(ctx context.Context, folder string) (*scan.Rules, error) {
	rules, err := scan.Builtin()
	if err != nil || folder == "" {
		return rules, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("--rules: %w", err)
	}
	defer func() { _ = root.Close() }()
	if rules, err = rules.With(root.FS(), filepath.ToSlash(folder)); err != nil {
		return nil, fmt.Errorf("--rules: %w", err)
	}
	if wrong := scan.Check(ctx, rules); len(wrong) > 0 {
		return nil, fmt.Errorf("--rules: %s", strings.Join(wrong, "\n"))
	}
	return rules, nil
}

func (s *scanning) run(ctx context.Context, workspace *mule.Workspace) (*scan.Report, error) {
	rep, err := scan.Run(ctx, workspace, s.options)
	if s.o.Progress != nil {
		_, _ = fmt.Fprint(s.o.Progress, "\r\x1b[K")
	}
	if err != nil {
		return nil, err
	}
	if s.changed != nil {
		rep.Findings = slices.DeleteFunc(rep.Findings, func(f finding.Finding) bool { return !s.changed.touches(&f) })
	}
	return rep, nil
}

// progress writes a bar, where somebody is there to see it.
func (s *scanning) progress() func(done, all int, project string) {
	if s.o.Progress == nil {
		return nil
	}
	return func(done, all int, project string) {
		const width = 24
		filled := width * done / max(all, 1)
		bar := make([]byte, width)
		for i := range bar {
			bar[i] = ' '
			if i < filled {
				bar[i] = '='
			}
		}
		_, _ = fmt.Fprintf(s.o.Progress, "\r\x1b[K[%s] %d of %d %.40q", bar, done, all, project)
	}
}

func (s *scanning) told(problems []mule.Problem) {
	for _, p := range problems {
		s.problems([]scan.Problem{{File: p.File, Line: p.Line, Column: p.Column, Message: p.Message}})
	}
}

// warn tells people of something beside the report. Names of files are those of
// strangers, so nothing in them may steer a terminal.
func warn(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "farrier: %s\n", report.Visible(fmt.Sprintf(format, args...)))
}

func (s *scanning) problems(problems []scan.Problem) {
	for _, p := range problems {
		at := p.File
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, p.Line)
		}
		if p.Column > 0 {
			at = fmt.Sprintf("%s:%d", at, p.Column)
		}
		warn("%s: %s", at, p.Message)
	}
}

// tell writes the report.
func (s *scanning) tell(rep *scan.Report, out io.Writer) (int, error) {
	written := &report.Report{Tool: report.Tool{Name: "farrier scan"}, Findings: rep.Findings}
	for i := range rep.Rules {
		r := &rep.Rules[i]
		written.Rules = append(written.Rules, report.RuleInfo{ID: r.ID, Title: r.Title, Severity: r.Severity, Why: r.Why, Mend: r.Mend, Taxonomy: r.Taxonomy})
	}
	for i := range rep.Projects {
		p := &rep.Projects[i]
		if p.Exhausted {
			warn("%s: the data was not followed to its end, for there is too much of it; something may be missing", p.Dir)
		}
		for _, d := range p.Diagrams {
			flow := report.Flow{Name: d.Name, File: d.File, Line: d.Line, EndLine: d.EndLine}
			for _, n := range d.Nodes {
				flow.Nodes = append(flow.Nodes, report.Node(n))
			}
			written.Flows = append(written.Flows, flow)
		}
	}
	output := s.o.Output
	if !s.o.FailOnGiven && rep.FailOnSet {
		output.threshold = report.Never
		if rep.FailOn != 0 {
			output.threshold = report.Threshold(rep.FailOn)
		}
	}
	return output.write(written, out)
}

func quoted(paths []string) string {
	if len(paths) == 1 {
		return paths[0]
	}
	return fmt.Sprintf("%d places", len(paths))
}
