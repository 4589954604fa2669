// Package importer turns what another platform knows of its APIs into manifests and
// plain lists: the answers of API Manager's REST interface, and what flexctl dump
// writes of a Flex Gateway. It decides nothing and keeps nothing: others write what it
// gives, or hand it to the services that own it. What it can't map it lists, with the
// file, the place, the reason and what to do; nothing is dropped silently. No value of
// a secret is in what it gives, only its hash or the name of a variable to set.
package importer

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/manifest"
)

// Level says how much a finding matters.
type Level string

// The levels, the worst first.
const (
	// Lost is what has no counterpart in the manifests.
	Lost Level = "not imported"
	// Changed is what means something else now.
	Changed Level = "changed"
	// Todo is what the operator has to do.
	Todo Level = "to do"
	// Note is worth knowing.
	Note Level = "note"
)

// Finding is one thing that could not be carried over as it was.
type Finding struct {
	Level       Level  `json:"level"`
	Environment string `json:"environment,omitempty"`
	File        string `json:"file"`
	// Path is the place in the file, as $.apis[0].endpoint.
	Path string `json:"path"`
	// What names it for people, Why tells the reason, Do how to mend it.
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do,omitempty"`
}

// Variable is a reference in the manifests whose value the operator sets.
type Variable struct {
	Name string `json:"name"`
	// File and Path are where its value stood.
	File string `json:"file"`
	Path string `json:"path"`
	// Used is the resource and the setting that needs it.
	Used string `json:"used"`
}

// Application is a client application. Its secret is never kept: SecretHash is
// "sha256:" and the hexadecimal digits of its SHA-256, empty where the export hides it.
type Application struct {
	Name         string   `json:"name"`
	Description  string   `json:"description,omitempty"`
	RedirectURIs []string `json:"redirectUris,omitempty"`
	GrantTypes   []string `json:"grantTypes,omitempty"`
	ClientID     string   `json:"clientId"`
	SecretHash   string   `json:"secretHash,omitempty"`
}

// Limit is one quota of a tier.
type Limit struct {
	Visible                  bool  `json:"visible"`
	MaximumRequests          int64 `json:"maximumRequests"`
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds"`
}

// Tier is an SLA tier of an API, which is namespace/name.
type Tier struct {
	API         string  `json:"api"`
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	AutoApprove bool    `json:"autoApprove"`
	Status      string  `json:"status"`
	Limits      []Limit `json:"limits"`
}

// Contract gives an application, by its client id, access to an API.
type Contract struct {
	API      string    `json:"api"`
	ClientID string    `json:"clientId"`
	Tier     string    `json:"tier,omitempty"`
	State    string    `json:"state"`
	Asked    time.Time `json:"asked,omitzero"`
}

// Alert is the body of an alert as API Manager gives it, and the API it is about.
type Alert struct {
	API  string          `json:"api"`
	File string          `json:"file"`
	Path string          `json:"path"`
	Body json.RawMessage `json:"body"`
}

// Runtime is a server or gateway of the other platform, for the records.
type Runtime struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name"`
	Kind    string `json:"kind,omitempty"`
	Version string `json:"version,omitempty"`
	Status  string `json:"status,omitempty"`
}

// Environment is what belongs to one environment.
type Environment struct {
	// Name is fit for an environment and a folder; Source is what the other platform
	// calls it.
	Name      string
	Source    string
	Documents []manifest.Document
	Tiers     []Tier
	Contracts []Contract
	Alerts    []Alert
	Runtimes  []Runtime
	Variables []Variable
}

// Result is all that was imported. Equal input gives equal results.
type Result struct {
	Environments []Environment
	Applications []Application
	Findings     []Finding
	// Unlisted counts the findings beyond those that are kept.
	Unlisted int
}

// The bounds of an import: bytes of a file, bytes and number of files, depth of JSON,
// and findings that are kept.
const (
	MaxFile     = 32 << 20
	MaxTotal    = 256 << 20
	MaxFiles    = 50_000
	maxDepth    = 64
	maxFindings = 20_000
)

// findings collects, within bounds.
type findings struct {
	list     []Finding
	unlisted int
}

func (f *findings) add(one Finding) {
	for _, text := range []*string{&one.File, &one.Path, &one.What, &one.Why, &one.Do} {
		*text = oneLine(*text, 400)
	}
	if len(f.list) >= maxFindings {
		f.unlisted++
		return
	}
	f.list = append(f.list, one)
}

func (f *findings) sorted() []Finding {
	rank := []Level{Lost, Changed, Todo, Note}
	slices.SortStableFunc(f.list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(slices.Index(rank, a.Level), slices.Index(rank, b.Level)),
			strings.Compare(a.File, b.File), strings.Compare(a.Path, b.Path), strings.Compare(a.What, b.What), strings.Compare(a.Why, b.Why))
	})
	return slices.Compact(f.list)
}
