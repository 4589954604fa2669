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
	// End gives what is to be said of all; edges are calls between services.
	End(edges []discovery.Edge) Ended
}

// Ended is what is to be said when all groups were judged.
type Ended struct {
	// Orphans are described and were in no group.
	Orphans []Orphan
	Notes   []Note
	// Findings are what somebody should mend.
	Findings []finding.Finding
}

// Note is something that stands out and is no matter of one operation's own.
type Note struct {
	Kind, API, Text string
	// ID is that of the operation that is meant, empty for none.
	ID    string
	Place Place
	Count uint64
}

// Judged is how an operation stands to what is described.
type Judged struct {
	States []discovery.State
	// Reasons say why, in sentences.
	Reasons []string
	// Open says that the description lets anybody call it.
	Open bool
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
	States []discovery.State
	Drift  []discovery.Drift
	// Policies are the names of those that are bound to its API, nil where nobody knows.
	Policies []string
	Findings []finding.Finding
	// Open says that the description lets anybody call it; Spec is the description in one
	// document, for proposals alone, empty where it is not.
	Open bool
	Spec string
}

// Risk is how much an operation deserves attention.
type Risk struct {
	// Total is 0 to 100; Level is high, medium or low.
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
	// Manifest is the resource as YAML; Edit are the settings in it that somebody must look
	// at first.
	Manifest string
	Edit     []string
}

// Level is the word for a risk.
func Level(total int) string {
	switch {
	case total >= 60:
		return "high"
	case total >= 30:
		return "medium"
	}
	return "low"
}

// ID is the name of an operation in links.
func ID(k discovery.Key) string { return keep.ID(k) }
