package app

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/diff"
	"farrier.dev/farrier/internal/spec/languages"
)

// Diff tells what a new version of a description changes for those who call the
// API. What breaks callers or opens the API is of high severity, what harms
// nobody is info. It returns the exit code.
func Diff(older, newer, root string, o ReportOptions, out io.Writer) (int, error) {
	if err := o.open(); err != nil {
		return ExitBroken, err
	}
	before, err := describedIn(older, root)
	if err != nil {
		return ExitBroken, err
	}
	after, err := describedIn(newer, root)
	if err != nil {
		return ExitBroken, err
	}
	rep := &report.Report{Tool: report.Tool{Name: "farrier diff"}}
	for _, c := range diff.Compare(before.Description, after.Description) {
		rep.Findings = append(rep.Findings, changeFinding(&c, filepath.Dir(older), filepath.Dir(newer)))
	}
	return o.write(rep, out)
}

// describedIn reads a description that must be valid.
func describedIn(name, root string) (*spec.Document, error) {
	found, err := describe(name, root)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: holds %d descriptions; name one of them", name, len(found))
	}
	project, err := found[0].open(spec.ProjectLimits{Document: tree.Options{Lenient: true}})
	if err != nil {
		return nil, err
	}
	doc := languages.Read(project, found[0].main)
	for i := range doc.Problems {
		if p := &doc.Problems[i]; !p.Warning {
			return nil, fmt.Errorf("%s:%d: the description is invalid: %s; farrier govern --ruleset none tells all", found[0].shown(p.File), p.Line, p.Message)
		}
	}
	if doc.Description == nil {
		return nil, errors.New(name + ": descriptions in this language have no operations that could be compared")
	}
	return doc, nil
}

func changeFinding(c *diff.Change, older, newer string) finding.Finding {
	f := finding.Finding{Rule: string(c.Kind), Message: c.Message, Severity: finding.Info, Title: "A harmless change"}
	switch c.Class {
	case diff.Breaking:
		f.Severity, f.Title = finding.High, "A change that breaks callers"
	case diff.Security:
		f.Severity, f.Title = finding.High, "A change that opens the API"
	case diff.Harmless:
	}
	at, dir := c.New, newer
	if at.Line == 0 {
		at, dir = c.Old, older
	}
	f.Location = finding.Location{Line: at.Line, Operation: c.Operation, Place: c.Place}
	if at.File != "" {
		f.Location.File = filepath.Join(dir, at.File)
	}
	f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	return f
}
