// Package check holds what rules ask that a selector can't: functions in Go, each
// named in rule files as "check: name". They judge one project and report places.
package check

import (
	"context"
	"time"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/taint"
)

// Context is what a check may look at. It is used by one goroutine.
type Context struct {
	context.Context //nolint:containedctx // it is that of one check, which it does not outlive
	Project         *mule.Project
	// Taint is what the analysis of data found, for all rules.
	Taint *taint.Result
	// Options are those of the rule, as its file or the project's profile set them.
	Options map[string]string
	// Advisories are the known weaknesses; nil stands for the embedded table. Now is
	// the time that ages are counted from; the zero time switches off what needs it.
	Advisories *advisory.Database
	Now        time.Time
	// Memory is that of the project, so that checks share what they found out; nil for
	// none.
	Memory *Memory

	report func(Report)
}

// Func is a check.
type Func func(c *Context)

// Report is one place that a rule complains of.
type Report struct {
	taint.Place
	// Message is what is wrong here.
	Message string
	// Detail tells places of one rule in one element apart, as "@password".
	Detail string
	Way    []taint.Step
	// Hits are the data that it is about, of all sources; nil where none was followed.
	Hits []*taint.Hit
	// Severity and Confidence replace those of the rule where they are set.
	Severity   finding.Severity
	Confidence finding.Confidence
	Repair     *Repair
	// Also are other elements that have the weakness by the same cause: rules that give
	// way to this one say nothing there.
	Also []*document.Element

	// secret is the part of the place that must not be shown; all of it where there is
	// none.
	secret document.Span
}

// Repair is a way to mend a report, in bytes of files of the project.
type Repair struct {
	Title string
	Safe  bool
	Edits []Edit
}

// Edit puts Text in the place of a span; an empty span inserts.
type Edit struct {
	File *mule.File
	Span document.Span
	Text string
}

// New makes the context for one rule.
func New(ctx context.Context, p *mule.Project, t *taint.Result, options map[string]string, report func(Report)) *Context {
	return &Context{Context: ctx, Project: p, Taint: t, Options: options, report: report}
}

// Report complains of a place.
func (c *Context) Report(r Report) { c.report(r) }

// Element is the place of an element: its start tag.
func (c *Context) Element(f *mule.XMLFile, e *document.Element) taint.Place {
	return taint.Place{File: f.File, Span: e.Tag, Element: e}
}

// Attribute is the place of an attribute, or of the start tag where there is none.
func (c *Context) Attribute(f *mule.XMLFile, e *document.Element, name string) taint.Place {
	if a := e.Attr(name); a != nil {
		return taint.Place{File: f.File, Span: a.Whole, Element: e}
	}
	return c.Element(f, e)
}
