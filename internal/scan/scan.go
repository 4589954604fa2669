// Package scan finds weaknesses in Mule projects, running nothing: it reads rules,
// asks them of every project, follows data by package taint, and gives findings
// with their ways and repairs. What is suppressed in the source, or set by a
// project file, is honoured here.
package scan

import (
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/advisory"
)

// Options say how to scan. The zero value asks every rule that is not experimental.
type Options struct {
	// Rules are those to ask; nil stands for those built in.
	Rules *Rules
	// Settings are those of a project file that holds for all projects; nil for
	// none. A project that has its own file is judged by it.
	Settings *Settings
	// Profile replaces that of all settings; empty for none. Where settings name none
	// either, it is ProfileAll.
	Profile Profile
	// Only are the rules to ask, whatever the settings say; empty for all.
	Only []string
	// Experimental also asks the rules that rest on names not yet checked against a
	// schema.
	Experimental bool
	// Tests also judges what only tests use.
	Tests bool
	// Workers is how many projects are judged at once; 0 stands for 2.
	Workers int
	// Now is the time that ages are counted from; the zero time switches rules off
	// that need it.
	Now time.Time
	// Advisories are the known weaknesses of libraries and runtimes; nil stands for
	// those built in.
	Advisories *advisory.Database
	// Progress, if not nil, is called after each project, by one goroutine at a time.
	Progress func(done, all int, project string)
	// Flows keeps the flows of projects with findings, for diagrams.
	Flows bool
	// Keep, if not nil, gets each project with its findings before it is dropped, by
	// one goroutine at a time.
	Keep func(i int, p *mule.Project, findings []finding.Finding)

	// mended repairs a project before it is dropped.
	mended func(p *plan, project *mule.Project, findings []finding.Finding) error
}

// Report is what a scan found.
type Report struct {
	// Findings are those of all projects, in the order of projects, files and lines.
	// Those suppressed in the source are among them, with their reason.
	Findings []finding.Finding
	Projects []ProjectSummary
	// Problems are files that could not be read, and projects that could not be
	// judged.
	Problems []Problem
	// Rules describe the rules that were asked, in the order of their ids.
	Rules []RuleInfo
	// FailOn is the mildest severity that fails a run, as the settings say it; 0
	// where it is none; FailOnSet says that they say it.
	FailOn    finding.Severity
	FailOnSet bool
}

// Problem is what could not be read or judged.
type Problem struct {
	File         string
	Line, Column int
	Message      string
	// Grave says that a whole project was not judged, or not as its project file says.
	Grave bool
}

// ProjectSummary is what there is to say of one project as such.
type ProjectSummary struct {
	Name, Dir string
	Kind      mule.Kind
	Major     int
	// Runtime is the version of the runtime that it is made for, empty where nothing
	// says it.
	Runtime string
	Profile Profile
	// Files is the number of files that were read, Flows that of flows.
	Files, Flows int
	// Counts are the findings that are not suppressed; Suppressed is the number of
	// the others.
	Counts     finding.Summary
	Suppressed int
	// Exhausted says that a bound was met while data was followed, so that something
	// may be missing.
	Exhausted bool
	// APIs are what the project serves, for joining findings with the APIs that are
	// known.
	APIs []ServedAPI
	// Diagrams are the flows that findings lie in, when Options.Flows is set.
	Diagrams []Diagram
}

// ServedAPI is an API as the code of a project names it.
type ServedAPI struct {
	// ID is the apiId of autodiscovery, with placeholders replaced where one value is
	// known; empty for none.
	ID string
	// Flow is the flow that serves it, BasePath the path of its listener.
	Flow, BasePath string
	// File is the description that APIkit reads, empty for none.
	File string
	// Operations are the methods and paths of its flows, as "GET /orders/{id}".
	Operations []string
}

// Diagram is one flow as a diagram shows it.
type Diagram struct {
	Name, File    string
	Line, EndLine int
	Nodes         []Node
}

// Node is one message processor of a flow.
type Node struct {
	Label                string
	Line, EndLine, Depth int
}

// RuleInfo is what people should know of a rule.
type RuleInfo struct {
	ID, Title    string
	Severity     finding.Severity
	Confidence   finding.Confidence
	Experimental bool
	// Majors are the major versions of Mule that it looks at.
	Majors []int
	// Why tells what may happen, Mend what to do; plain text.
	Why, Mend string
	Taxonomy  finding.Taxonomy
	// Own says that it comes from a folder of the user.
	Own bool
	// Bad and Good are its examples.
	Bad, Good []string
}
