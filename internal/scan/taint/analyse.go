package taint

import (
	"context"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// Options bound an analysis.
type Options struct {
	// MaxSteps is how many message processors are run, over all; 0 stands for
	// DefaultMaxSteps.
	MaxSteps int
}

// DefaultMaxSteps is how many message processors an analysis runs at most.
const DefaultMaxSteps = 200_000

// maxRounds is how often what flows hand to one another by queues and stores is
// gone through.
const maxRounds = 5

// Analyse follows data through a project. It never fails: where a bound is met or
// ctx ends, the result says so.
func Analyse(ctx context.Context, p *mule.Project, d *Declarations, o Options) *Result {
	if o.MaxSteps <= 0 {
		o.MaxSteps = DefaultMaxSteps
	}
	r := newRun(ctx, p, d, o)
	r.entries()
	r.unreached()
	return r.result()
}

// run is one analysis.
type run struct {
	// ended is why the analysis must end, nil while it may go on.
	ended   func() error
	project *mule.Project
	steps   int
	results Result

	sinks     map[document.Name][]*Sink
	outcomes  []*Sink
	functions map[string][]*Sink
	origins   map[document.Name][]*Origin
	cleaners  map[document.Name]Kind
	cleans    map[string]Kind

	flows map[string]*mule.Flow
	// policies are the flows that custom policies are.
	policies []*mule.Flow
	files    map[*document.Document]*mule.XMLFile

	configs    map[*document.Element][]sinkAt
	contracts  contracts
	java       *javaSources
	operations map[document.Name]*document.Element

	// entry is the flow that the analysis began in, stack the flows that are being
	// run with the elements that called them.
	entry  *mule.Flow
	stack  []call
	memo   map[string]*summary
	states map[*mule.Flow]*states
	keys   map[*Value]string

	// globals is what queues and stores hold; changed are those that were given
	// something in this round, readers the entries that read them.
	globals map[string]*Value
	changed map[string]bool
	readers map[string]map[*mule.Flow]bool
	// served are the queues that the project publishes to, heard those that it
	// listens to.
	served, heard map[string]bool

	hits     map[hitKey]int
	unknowns map[unknownKey]Unknown
	hitAt    map[unknownKey]bool
	// dark says that the flow that is run was not seen to be called.
	dark    bool
	visited map[*mule.Flow]bool
	// texts are the files of templates; lookups is how deep expressions call flows.
	texts   map[*mule.File]*document.Value
	lookups int
	deep    int

	handler      *document.Element
	handlerKnown bool
}

// call is a flow that is being run, and the element that called it: the source for
// an entry.
type call struct {
	flow *mule.Flow
	at   *document.Element
}

func newRun(ctx context.Context, p *mule.Project, d *Declarations, o Options) *run {
	r := &run{
		ended: ctx.Err, project: p, steps: o.MaxSteps,
		sinks: map[document.Name][]*Sink{}, functions: map[string][]*Sink{}, origins: map[document.Name][]*Origin{},
		cleaners: map[document.Name]Kind{}, cleans: map[string]Kind{},
		flows: map[string]*mule.Flow{}, files: map[*document.Document]*mule.XMLFile{},
		configs: map[*document.Element][]sinkAt{}, states: map[*mule.Flow]*states{},
		contracts: contracts{project: p}, memo: map[string]*summary{}, keys: map[*Value]string{},
		globals: map[string]*Value{}, changed: map[string]bool{}, readers: map[string]map[*mule.Flow]bool{}, served: map[string]bool{}, heard: map[string]bool{},
		hits: map[hitKey]int{}, unknowns: map[unknownKey]Unknown{}, hitAt: map[unknownKey]bool{}, visited: map[*mule.Flow]bool{}, texts: map[*mule.File]*document.Value{},
	}
	r.results.Reached = map[*mule.Flow]bool{}
	r.declare(d)
	r.index(p)
	return r
}

func (r *run) declare(d *Declarations) {
	if d == nil {
		return
	}
	for _, s := range d.Sinks {
		switch {
		case s.Function != "":
			r.functions[s.Function] = append(r.functions[s.Function], s)
		case isOutcome(s.Argument):
			r.outcomes = append(r.outcomes, s)
		}
		for _, e := range s.Elements {
			if s.Function == "" && !isOutcome(s.Argument) {
				r.sinks[e] = append(r.sinks[e], s)
			}
		}
	}
	for _, o := range d.Origins {
		for _, e := range o.Elements {
			r.origins[e] = append(r.origins[e], o)
		}
	}
	for _, c := range d.Cleaners {
		if c.Function != "" {
			r.cleans[c.Function] |= c.Kind.withBare()
		}
		for _, e := range c.Elements {
			r.cleaners[e] |= c.Kind.withBare()
		}
	}
}

// entries runs every flow that something starts, and again those that read what
// others put into queues and stores.
func (r *run) entries() {
	todo := r.starts()
	for round := 0; len(todo) > 0; round++ {
		if round == maxRounds {
			r.results.Exhausted = true
			return
		}
		clear(r.changed)
		for _, f := range todo {
			r.start(f)
		}
		todo = nil
		for _, f := range r.starts() {
			for name := range r.changed {
				if r.readers[name][f] {
					todo = append(todo, f)
					break
				}
			}
		}
	}
}

// starts are the flows that have a source.
func (r *run) starts() []*mule.Flow {
	var all []*mule.Flow
	for _, f := range r.project.Flows {
		if f.Source != nil {
			all = append(all, f)
		}
	}
	return append(all, r.policies...)
}

// start runs one flow from its source on.
func (r *run) start(f *mule.Flow) {
	r.entry, r.stack = f, r.stack[:0]
	clear(r.memo)
	clear(r.states)
	clear(r.keys)
	ev := r.incoming(f)
	s := r.runFlow(f, f.Source, ev)
	r.respond(f, s)
	r.entry = nil
}

// unreached runs the flows that nothing was seen to call with an event of which
// nothing is known.
func (r *run) unreached() {
	r.dark = true
	called := r.calledByName()
	for pass := range 2 {
		for _, f := range r.project.Flows {
			// Those that no other calls come first: what they call is reached by them.
			if r.results.Reached[f] || pass == 0 && called[f.Name] {
				continue
			}
			clear(r.memo)
			clear(r.states)
			clear(r.keys)
			r.stack = r.stack[:0]
			r.runFlow(f, nil, unseenEvent())
		}
	}
	r.dark = false
}

func (r *run) calledByName() map[string]bool {
	called := map[string]bool{}
	for _, f := range r.project.Flows {
		f.Element.Walk(func(e *document.Element) bool {
			if e.Is(nsCore, "flow-ref") {
				called[e.Value("name")] = true
			}
			return true
		})
	}
	return called
}

// spend takes one step of the budget; it says whether there was one.
func (r *run) spend() bool {
	if r.steps <= 0 {
		r.results.Exhausted = true
		return false
	}
	r.steps--
	if r.steps%256 == 0 && r.ended() != nil {
		r.steps = 0
		r.results.Exhausted = true
		return false
	}
	return true
}

// keyOf is Key, each value once.
func (r *run) keyOf(v *Value) string {
	if v == nil {
		return "-"
	}
	k, ok := r.keys[v]
	if !ok {
		k = Key(v)
		r.keys[v] = k
	}
	return k
}

// result puts together what was found, in the order of files and places.
func (r *run) result() *Result {
	out := &r.results
	for k, u := range r.unknowns {
		if !r.hitAt[k] {
			out.Unknowns = append(out.Unknowns, u)
		}
	}
	slices.SortFunc(out.Hits, func(a, b Hit) int {
		if c := comparePlaces(a.At, b.At); c != 0 {
			return c
		}
		if c := strings.Compare(a.Sink.Rule, b.Sink.Rule); c != 0 {
			return c
		}
		if c := strings.Compare(a.Source.What, b.Source.What); c != 0 {
			return c
		}
		return strings.Compare(flowName(a.Entry), flowName(b.Entry))
	})
	slices.SortFunc(out.Unknowns, func(a, b Unknown) int {
		if c := comparePlaces(a.At, b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Sink.Rule, b.Sink.Rule)
	})
	return out
}

func comparePlaces(a, b Place) int {
	if c := strings.Compare(fileName(a.File), fileName(b.File)); c != 0 {
		return c
	}
	if a.Span.Start != b.Span.Start {
		return a.Span.Start - b.Span.Start
	}
	return a.Span.End - b.Span.End
}

func fileName(f *mule.File) string {
	if f == nil {
		return ""
	}
	return f.Name
}

func flowName(f *mule.Flow) string {
	if f == nil {
		return ""
	}
	return f.Name
}
