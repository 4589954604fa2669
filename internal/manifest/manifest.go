// Package manifest reads declarative resources of gateway.mulesoft.com from
// YAML, checks them strictly and builds the revision they ask for. It knows
// policies only through the catalogue that is handed in, and it serves nothing.
//
// What the original format leaves open is decided here and documented at the
// declaration that does it: the order of inline and standalone policies at
// [Build], the keys of a Contract at the type contract.
package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/revision"
)

// Severity says whether a problem keeps a revision from being built.
type Severity uint8

// The severities. The zero value is an error, so that a forgotten one refuses.
const (
	Error Severity = iota
	Warning
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one thing wrong with the manifests, and how to mend it.
type Problem struct {
	Severity Severity `json:"severity"`
	// File is the path as it was given or found; Line and Column count from 1.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"`
	// Field is the path of the field as "spec.rules[0].path". It is empty only
	// where the file could not be read as YAML.
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Text is "file:line: severity: field: message".
func (p Problem) Text() string {
	if p.Field == "" {
		return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Severity, p.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s: %s", p.File, p.Line, p.Severity, p.Field, p.Message)
}

// HasErrors says whether one of the problems is an error.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// maxProblems bounds what one reading complains of.
const maxProblems = 1000

// problems collects; the zero value is empty.
type problems struct {
	list []Problem
	// more is the first problem that found no room.
	more *Problem
}

func (p *problems) add(severity Severity, at position, field, format string, args ...any) {
	problem := Problem{
		Severity: severity, File: at.file, Line: max(at.line, 1), Column: at.column,
		Field: oneLine(field, 200), Message: oneLine(fmt.Sprintf(format, args...), 600),
	}
	if len(p.list) < maxProblems {
		p.list = append(p.list, problem)
		return
	}
	if p.more == nil || p.more.Severity == Warning && severity == Error {
		problem.Message += "; there are more problems than are shown"
		p.more = &problem
	}
}

// oneLine makes text that came out of a file fit for a line of a terminal.
func oneLine(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return '?'
		}
		return r
	}, text)
}

func (p *problems) errorf(at position, field, format string, args ...any) {
	p.add(Error, at, field, format, args...)
}

func (p *problems) warnf(at position, field, format string, args ...any) {
	p.add(Warning, at, field, format, args...)
}

// sorted lists all problems once, by file, line and column.
func (p *problems) sorted() []Problem {
	list := slices.Clone(p.list)
	if p.more != nil {
		list = append(list, *p.more)
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Field, b.Field), strings.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(list)
}

// FieldProblem is one thing wrong with the settings of a policy.
type FieldProblem struct {
	// Path leads to the field: object keys and array indices, outermost first.
	// Without it the message may begin with one, as "fields[0].path: …".
	Path    []string
	Message string
	// Known are the settings that there are in the place of an unknown one.
	Known []string
}

// Policy is what the builder must know of a policy in the catalogue.
type Policy struct {
	// Name is the policy's name in the catalogue, as "rate-limiting-flex".
	Name string
	// Phase decides between standalone bindings of equal order, lower first.
	Phase int
	// Outbound policies bind to services, all others to APIs.
	Outbound bool
	// Structural policies (route, route-weighted, tls, tls-outbound) shape the
	// revision itself.
	Structural bool
	// Identifies says that the policy establishes who calls; Meters says that it
	// counts requests.
	Identifies, Meters bool
	// First makes every binding run before all others (CORS).
	First bool
	// Describes says that the files of a description that the setting specFile names
	// go into the settings specArchive and specMain.
	Describes bool
	// Check lists what is wrong with settings whose references are resolved; nil
	// accepts everything.
	Check func(settings json.RawMessage) []FieldProblem
	// Resolve replaces the references in settings; nil replaces every string by
	// what expand makes of it.
	Resolve func(settings json.RawMessage, expand func(string) (string, error)) (json.RawMessage, error)
	// Warn names what is valid but unwise in settings whose references are
	// resolved; nil for nothing.
	Warn func(settings json.RawMessage) []string
}

// Catalogue finds policies.
type Catalogue interface {
	// Find is the policy of this name, under any of the names it goes by.
	Find(name string) (Policy, bool)
	// Names are the names of all policies, for suggestions.
	Names() []string
}

// DefaultPublicLabel marks an API that needs no identifying policy when its
// value is "true".
const DefaultPublicLabel = "farrier/public"

// Options are the choices of whoever builds.
type Options struct {
	// RequireAuthentication refuses an API without a policy that identifies the
	// caller of every request, unless it is labelled public.
	RequireAuthentication bool
	// PublicLabel is the label of public APIs; empty means DefaultPublicLabel.
	PublicLabel string
	// Expand gives the value of a string in which $NAME or ${NAME} stands for a
	// variable, and all other strings as they are. Nil refuses every reference.
	Expand func(string) (string, error)
	// Elsewhere says that other processes will serve the revision: a variable that is
	// not set here may be set there. Settings that hold one are not checked until then.
	Elsewhere bool
}

// Set is what was read from manifests. It is not altered after loading.
type Set struct {
	apis           []*apiInstance
	services       []*service
	bindings       []*binding
	configurations []*configuration
	extensions     []*extension
	secrets        []*header
	contracts      []*contract

	problems problems
	// unsure says that a resource could not be read, so that nothing may be
	// called missing.
	unsure bool
	// inMemory are the names of manifests that lie on no disk: files that they name
	// are not read.
	inMemory map[string]bool
}

// Problems are those found while reading, sorted by file and line. Build
// returns them again, with its own.
func (s *Set) Problems() []Problem { return s.problems.sorted() }

// Resource names one resource of a set.
type Resource struct {
	Kind   string
	Name   revision.Name
	Labels map[string]string
	Source revision.Source
}

// Resources lists what was read, by kind and in the order of the files.
func (s *Set) Resources() []Resource {
	var list []Resource
	add := func(h *header) {
		list = append(list, Resource{Kind: h.kind, Name: h.name, Labels: h.labels, Source: h.at.source()})
	}
	for _, r := range s.apis {
		add(&r.header)
	}
	for _, r := range s.services {
		add(&r.header)
	}
	for _, r := range s.bindings {
		add(&r.header)
	}
	for _, r := range s.configurations {
		add(&r.header)
	}
	for _, r := range s.extensions {
		add(&r.header)
	}
	for _, r := range s.secrets {
		add(r)
	}
	for _, r := range s.contracts {
		add(&r.header)
	}
	return list
}
