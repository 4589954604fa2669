package inventory

import (
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
)

// Judging holds operations against descriptions, a group at a time.
type Judging interface {
	// Group judges operations of one host and API, in their order.
	Group(ops []*discovery.Operation) []Judged
	// End gives what is described and was in no group.
	End() []Orphan
}

// Judged is how an operation stands to what is described.
type Judged struct {
	States []discovery.State
	// Described is where it is described; its File is empty where it is not.
	Described Place
	Drift     []discovery.Drift
}

// Place is a place in a description or project.
type Place struct {
	Name string `json:"name,omitempty"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Orphan is an operation that is described and was not called.
type Orphan struct {
	discovery.Key
	API        string
	Place      Place
	Deprecated bool
}

// Facts are what is known of an operation beyond its traffic.
type Facts struct {
	States   []discovery.State
	Policies []string
	Findings []finding.Finding
	Labels   []string
}

// Risk is how much an operation deserves attention.
type Risk struct {
	// Total is 0 to 100; Level is critical, high, medium or low.
	Total int
	Level string
	Items []RiskItem
	// Labels are the business flows that were concluded.
	Labels []string
}

// RiskItem is one addend of a risk.
type RiskItem struct {
	Name   string
	Points int
	Why    string
}

// Proposal is a policy that would lessen the risk of an operation.
type Proposal struct {
	Policy, Why string
	// Config are the settings of the policy as YAML, without indentation.
	Config string
	// Manifest is the resource as YAML.
	Manifest string
}

// Level is the word for a risk.
func Level(total int) string {
	switch {
	case total >= 80:
		return "critical"
	case total >= 60:
		return "high"
	case total >= 30:
		return "medium"
	}
	return "low"
}

// ID is the name of an operation in links.
func ID(k discovery.Key) string { return keep.ID(k) }
