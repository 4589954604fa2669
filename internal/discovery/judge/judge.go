// Package judge holds what was learned against what was written down: which
// operations are shadows, zombies and orphans, how traffic and descriptions
// drift apart, with the exact place, and what else the picture of APIs, flows,
// layers and regions tells. It is a pure function of its inputs.
package judge

import (
	"slices"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// UnseenCalls is the published default of Options.UnseenCalls: what is in none of
// 100 sampled calls is, with 95 % confidence, in fewer than 3 of 100.
const UnseenCalls = 100

// Options are what a judgement needs besides traffic and descriptions. Zero
// durations and counts stand for the published defaults.
type Options struct {
	// Now is the moment of the judgement; for Judge zero stands for that of the inventory.
	Now time.Time
	// NewFor, UnusedAfter and ArchivedAfter are as in the root of the room.
	NewFor, UnusedAfter, ArchivedAfter time.Duration
	// OrphanAfter is for how long something described must not have been called, from the
	// first call of its API on, to be an orphan; UnusedAfter where it is 0. Of recordings it
	// is their length, however short: 1 tells what they do not hold.
	OrphanAfter time.Duration
	// UnseenCalls is how many sampled calls there must be before something described
	// that none of them had is told.
	UnseenCalls uint64
	// Known is since when each description is known, by its name.
	Known map[string]time.Time
	// Instances are the API instances that exist.
	Instances []Instance
}

// Instance is one API instance as it is managed.
type Instance struct {
	// Name is namespace/name; Labels may hold layer (experience, process, system) and region.
	Name   string
	Labels map[string]string
}

func (o *Options) setDefaults() {
	for _, d := range [...]struct {
		at *time.Duration
		to time.Duration
	}{{&o.NewFor, discovery.NewFor}, {&o.UnusedAfter, discovery.UnusedAfter}, {&o.ArchivedAfter, discovery.ArchivedAfter}} {
		if *d.at <= 0 {
			*d.at = d.to
		}
	}
	if o.OrphanAfter <= 0 {
		o.OrphanAfter = o.UnusedAfter
	}
	if o.UnseenCalls == 0 {
		o.UnseenCalls = UnseenCalls
	}
}

// Judgement is what is to be said of an inventory.
type Judgement struct {
	At time.Time
	// Operations are those of the inventory, in its order.
	Operations []Judged
	// Orphans are described and not called, by description and place.
	Orphans []Orphan
	Notes   []Note

	described []discovery.Described
	baseline  *baseline
}

// Judged is what is to be said of one operation.
type Judged struct {
	Operation *discovery.Operation
	// States are at most one of documented, shadow and zombie, and those that stand
	// beside it; Reasons are a sentence for each that needs one.
	States  []discovery.State
	Reasons []string
	// Described is the operation of a description that it was held against, nil for none.
	Described *Place
	Drift     []discovery.Drift

	matches []match
	// nodes are where each drift is, or belongs.
	nodes []*tree.Node
}

// Node is the node of the description that a drift is at, or that what it lacks belongs
// to; nil where that is the operation. Nodes of a text inside another document count
// their lines from its beginning.
func (j *Judged) Node(drift int) *tree.Node {
	if drift < 0 || drift >= len(j.nodes) {
		return nil
	}
	return j.nodes[drift]
}

// Is says whether the operation is in a state.
func (j *Judged) Is(s discovery.State) bool { return slices.Contains(j.States, s) }

// Place is where an operation stands in a description.
type Place struct {
	// Description is the index of the description among those judged, Name its name.
	Description int    `json:"-"`
	Name        string `json:"name"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	// Method and Path are as they are written there, Base is the base path before them.
	Method string `json:"method"`
	Path   string `json:"path"`
	Base   string `json:"base,omitempty"`
}

// Orphan is an operation that is described and not called.
type Orphan struct {
	Place
	// API is the instance that the description is of, empty when it is not known.
	API string `json:"api,omitempty"`
	// Since is from when calls could have been seen.
	Since time.Time `json:"since"`
}

// Note is something that is no state and no drift of one operation.
type Note struct {
	// Kind is one of those that NoteKinds lists.
	Kind string `json:"kind"`
	API  string `json:"api,omitempty"`
	// Operation is the learned operation that is meant, nil for none.
	Operation *discovery.Key `json:"operation,omitempty"`
	// Place is where it stands in a description or project; nil for none.
	Place *Place `json:"place,omitempty"`
	// Text says it in one sentence.
	Text string `json:"text"`
	// From and To are the two sides of a call.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Count is the number of calls.
	Count uint64 `json:"count,omitempty"`
	// Callers are those who would break, for a zombie.
	Callers []string `json:"callers,omitempty"`
}

// The kinds of notes.
const (
	SpecificationWithoutInstance = "specification-without-instance"
	InstanceWithoutSpecification = "instance-without-specification"
	FlowWithoutOperation         = "flow-without-operation"
	OperationWithoutFlow         = "operation-without-flow"
	UnmanagedUpstream            = "unmanaged-upstream"
	LayerSkipped                 = "layer-skipped"
	SystemCalledFromPublic       = "system-called-from-public"
	RegionCrossed                = "region-crossed"
	OldVersionCalled             = "old-version-called"
	ZombieCalled                 = "zombie-called"
	TemplateCovers               = "template-covers"
	DescriptionWithoutTraffic    = "description-without-traffic"
	DescriptionUnreadable        = "description-unreadable"
	SunsetUnreadable             = "sunset-unreadable"
)

// NoteKinds are all kinds of notes.
func NoteKinds() []string {
	return []string{
		SpecificationWithoutInstance, InstanceWithoutSpecification, FlowWithoutOperation, OperationWithoutFlow,
		UnmanagedUpstream, LayerSkipped, SystemCalledFromPublic, RegionCrossed, OldVersionCalled, ZombieCalled,
		TemplateCovers, DescriptionWithoutTraffic, DescriptionUnreadable, SunsetUnreadable,
	}
}

// Judge holds an inventory against descriptions. The baseline of an operation is the
// union of all descriptions that apply to it: those of its API, and those of its host.
//
// A description that names no host applies to all, unless another one's servers name
// the host of the operation and its own do not. Something that traffic has beyond the
// descriptions is told when two sampled calls and one of a hundred have it; something
// that a description has beyond traffic when none of Options.UnseenCalls sampled calls
// had it, and only of places that all sources of the operation see.
func Judge(inv *discovery.Inventory, described []discovery.Described, o Options) *Judgement {
	if inv == nil {
		inv = &discovery.Inventory{}
	}
	if o.Now.IsZero() {
		o.Now = inv.At
	}
	j := Begin(described, o)
	all := j.Group(slices.DeleteFunc(slices.Clone(inv.Operations), func(op *discovery.Operation) bool { return op == nil }))
	out := j.End(inv.Edges)
	out.Operations = all
	return out
}

// Judging is a judgement of an inventory that is too large to be in memory as a whole.
type Judging struct {
	options  Options
	baseline *baseline
	out      *Judgement
	// thin are the operations without parameters and bodies, for what is told of all.
	thin []thin
}

// thin is what notes need of a judged operation.
type thin struct {
	Judged
	personal sensitive.Class
}

// Begin begins a judgement as Judge makes it. Options.Now is required.
func Begin(described []discovery.Described, o Options) *Judging {
	o.setDefaults()
	j := &Judging{options: o, baseline: newBaseline(described), out: &Judgement{At: o.Now, described: described}}
	j.out.baseline = j.baseline
	return j
}

// Group judges some of the operations, in their order. None is held any longer.
func (j *Judging) Group(ops []*discovery.Operation) []Judged {
	out := make([]Judged, 0, len(ops))
	for _, op := range ops {
		judged := j.operation(op)
		out = append(out, judged)
		few := &discovery.Operation{
			Key: op.Key, Protocol: op.Protocol, API: op.API, Labels: op.Labels, Requests: op.Requests, Exposure: op.Exposure,
			Callers: op.Callers, OtherCallers: op.OtherCallers, Services: op.Services,
		}
		judged.Operation, judged.Drift, judged.nodes = few, nil, nil
		j.thin = append(j.thin, thin{judged, personal(op)})
	}
	return out
}

// End gives what is to be said of all: orphans and notes. Operations is empty.
func (j *Judging) End(edges []discovery.Edge) *Judgement {
	j.orphans()
	j.notes(edges)
	return j.out
}

// Description is one of the descriptions that were judged.
func (j *Judgement) Description(i int) *discovery.Described {
	if i < 0 || i >= len(j.described) {
		return nil
	}
	return &j.described[i]
}

// match is an operation of a description that a learned operation is.
type match struct {
	description *description
	operation   *described
}

// described is one operation of a description.
type described struct {
	*spec.Operation
	index int
	// sunset is when it ends, zero where nobody said so.
	sunset time.Time
	// called is its calls; covered says that a learned template covers it.
	called  uint64
	covered bool
	view    *view
}

// Bases are the base paths of a description: before the paths of its operations.
func (j *Judgement) Bases(description int) []string {
	b := j.baselineOf(description)
	if b == nil {
		return nil
	}
	var all []string
	for _, op := range b.operations {
		bases, _ := b.bases(op)
		for _, base := range bases {
			if !slices.Contains(all, base) {
				all = append(all, base)
			}
		}
	}
	return all
}

func (j *Judgement) baselineOf(i int) *description {
	if i < 0 || i >= len(j.baseline.descriptions) {
		return nil
	}
	return j.baseline.descriptions[i]
}

// Embedded says whether a node of a description stands in a text inside another document
// (a JSON schema in RAML), and how many lines of the file stand before that text.
func (j *Judgement) Embedded(description int, n *tree.Node) (before int, ok bool) {
	d := j.baselineOf(description)
	if d == nil || d.Document == nil || n == nil || n.Source == nil {
		return 0, false
	}
	return d.views.embedded(n.Source, 0)
}

// Listed says whether so many of the sampled calls are enough to be told.
func Listed(count, sampled uint64) bool { return listed(count, sampled) }

// Usual says whether a parameter is one that clients, proxies and gateways send of their
// own accord, or a credential: none of them belongs into a description as a parameter.
func Usual(in, name string) bool {
	return in == "header" && usualHeader(name) || in == "cookie" && usualCookie(name) || isCredential(in, name)
}

// OfGateway says whether an answer with the status usually comes from a gateway.
func OfGateway(status int) bool { return ofGateway(status) }
