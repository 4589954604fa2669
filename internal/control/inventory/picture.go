package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
)

// picture is the whole inventory as lists show it. It does not change once it was made.
type picture struct {
	// built is when it was ready, took how long that was in the making.
	built time.Time
	took  time.Duration

	at                  time.Time
	generation, dropped uint64
	serving             string
	rows                []*Row
	byID                map[string]int
	// orders are the rows' numbers in each order of lists.
	orders  map[string][]int32
	drift   map[string][]discovery.Drift
	reasons map[string][]string
	open    map[string]bool
	notes   []Note
	changes []Change
	flow    *flow
	matrix  *matrix
	sums    Sums

	maps  sync.Mutex
	drawn map[string]*Map // by class of data, as they are asked for
}

// The bounds of a picture.
const (
	maxRows    = 200_000
	maxChanges = 5000
	maxNotes   = 5000
)

// builder makes a picture.
type builder struct {
	s        *Service
	pic      *picture
	judging  Judging
	findings map[string][]finding.Finding
	policies map[string][]string
	marks    map[string]keep.Marks
	today    int64
}

// build makes the picture of what is kept now.
func (s *Service) build(ctx context.Context, t *tables) (*picture, error) {
	now := s.o.Now()
	b := &builder{
		s: s, judging: s.o.Judge(s.o.Described()), policies: s.policies(), today: now.Unix() / 86400, findings: map[string][]finding.Finding{},
		pic: &picture{at: now, byID: map[string]int{}, drift: map[string][]discovery.Drift{}, reasons: map[string][]string{}, open: map[string]bool{}, flow: newFlow(), matrix: newMatrix()},
	}
	var err error
	if b.marks, err = t.memory.Marks(ctx); err != nil {
		return nil, err
	}
	all, err := s.o.Findings(ctx, "")
	if err != nil {
		// The inventory is worth showing without them.
		s.o.Log.Warn("the inventory knows no findings", "error", err)
	}
	for _, f := range all {
		b.findings[f.Location.API] = append(b.findings[f.Location.API], f)
	}
	if err := t.source.Groups(ctx, func(ops []*discovery.Operation) error { return b.group(ctx, ops) }); err != nil {
		return nil, err
	}
	edges, err := t.source.Edges(ctx, false)
	if err != nil {
		return nil, err
	}
	ended := b.judging.End(edges)
	for _, o := range ended.Orphans {
		b.add(orphanRow(o))
	}
	b.pic.notes = ended.Notes[:min(len(ended.Notes), maxNotes)]
	if s.o.Found != nil {
		s.o.Found(ctx, ended.Findings)
	}
	for i := range edges {
		b.pic.flow.edge(&edges[i])
	}
	b.pic.finish(now)
	return b.pic, nil
}

// policies are the names of the policies in service by API.
func (s *Service) policies() map[string][]string {
	out := map[string][]string{}
	rev := s.o.Serving()
	if rev == nil {
		return out
	}
	for i := range rev.APIs {
		names := []string{}
		for _, b := range rev.APIs[i].Policies {
			for _, name := range []string{b.Policy, b.As} {
				if name != "" && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		out[rev.APIs[i].Name.String()] = names
	}
	return out
}

// facts are what is known of an operation beside its traffic.
func (b *builder) facts(op *discovery.Operation, j Judged) Facts {
	return Facts{States: j.States, Drift: j.Drift, Open: j.Open, Policies: b.policies[op.API], Findings: findingsOf(op, b.findings)}
}

func (b *builder) group(ctx context.Context, ops []*discovery.Operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	judged := b.judging.Group(ops)
	if len(judged) != len(ops) {
		return fmt.Errorf("judging %d operations gave %d judgements", len(ops), len(judged))
	}
	for i, op := range ops {
		facts := b.facts(op, judged[i])
		r := rowOf(op, judged[i], b.s.o.Rate(op, facts), facts, b.today)
		b.add(r)
		if n := len(judged[i].Drift); n > 0 {
			b.pic.drift[r.ID] = judged[i].Drift[:min(n, maxRowDrift)]
		}
		if len(judged[i].Reasons) > 0 {
			b.pic.reasons[r.ID] = judged[i].Reasons
		}
		if judged[i].Open {
			b.pic.open[r.ID] = true
		}
		for _, c := range op.Changes {
			b.pic.changes = append(b.pic.changes, Change{Change: c, Key: op.Key, ID: r.ID, API: op.API})
		}
		// What is oldest is dropped now and then, so that the list stays bounded.
		if len(b.pic.changes) > 4*maxChanges {
			b.pic.trimChanges()
		}
		b.pic.flow.operation(op, r)
		b.pic.matrix.operation(r)
	}
	return nil
}

func (b *builder) add(r *Row) {
	if _, twice := b.pic.byID[r.ID]; twice || len(b.pic.rows) >= maxRows {
		return
	}
	r.mark(b.marks)
	r.index()
	b.pic.byID[r.ID] = len(b.pic.rows)
	b.pic.rows = append(b.pic.rows, r)
}

func (p *picture) trimChanges() {
	slices.SortStableFunc(p.changes, func(a, b Change) int { return b.At.Compare(a.At) })
	p.changes = p.changes[:min(len(p.changes), maxChanges)]
}

// finish sorts what was gathered.
func (p *picture) finish(now time.Time) {
	p.trimChanges()
	p.orders = map[string][]int32{}
	for _, name := range Orders() {
		order := make([]int32, len(p.rows))
		for i := range order {
			order[i] = int32(i) //nolint:gosec // at most maxRows
		}
		slices.SortFunc(order, func(a, b int32) int { return byOrder(name, p.rows[a], p.rows[b]) })
		p.orders[name] = order
	}
	p.flow.finish()
	p.matrix.finish()
	p.sums, p.drawn = sumsOf(p.rows, now), map[string]*Map{}
	p.whole("")
}

// Orders are the orders of lists; the first is the usual one.
func Orders() []string { return []string{"risk", "path", "calls", "callers", "new", "last"} }

func byOrder(name string, a, b *Row) int {
	c := 0
	switch name {
	case "risk":
		c = cmp.Compare(b.Risk, a.Risk)
	case "calls":
		c = cmp.Compare(b.PerDay, a.PerDay)
	case "callers":
		c = cmp.Compare(b.Callers, a.Callers)
	case "new":
		c = b.First.Compare(a.First)
	case "last":
		c = b.Last.Compare(a.Last)
	}
	return cmp.Or(c, byPath(a, b))
}

func byPath(a, b *Row) int {
	return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method),
		strings.Compare(a.Version, b.Version), strings.Compare(a.Name, b.Name))
}

// Sums count the inventory; those that are archived count in Archived alone.
type Sums struct {
	// Operations are all but archived ones, APIs the instances and hosts they belong to.
	Operations, APIs, Hosts, Archived int
	// States, Exposures, Data (by group), Authentication and Risk (by level) count operations.
	States, Exposures, Data, Authentication, Risk, Protocols map[string]int
	// NewThisWeek are those first seen in the last seven days; Exposed carry sensitive data,
	// are called from public networks and at least sometimes without authentication.
	NewThisWeek, Exposed, Drifting int
	Requests                       uint64
}

func sumsOf(rows []*Row, now time.Time) Sums {
	s := Sums{States: map[string]int{}, Exposures: map[string]int{}, Data: map[string]int{}, Authentication: map[string]int{}, Risk: map[string]int{}, Protocols: map[string]int{}}
	apis, hosts := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if r.Hidden() {
			s.Archived++
			continue
		}
		s.Operations++
		apis[cmp.Or(r.API, "host "+r.Host)], hosts[r.Host] = true, true
		for _, state := range r.States {
			s.States[string(state)]++
		}
		for _, g := range r.Groups {
			s.Data[g]++
		}
		s.Risk[r.Level]++
		s.Protocols[string(r.Protocol)]++
		if r.Requests > 0 {
			s.Exposures[string(r.Exposure)]++
			s.Authentication[r.Authentication]++
		}
		s.Requests += r.Requests
		if !r.First.IsZero() && now.Sub(r.First) < discovery.NewFor {
			s.NewThisWeek++
		}
		if r.Drift > 0 {
			s.Drifting++
		}
		if len(r.Data) > 0 && r.Exposure == discovery.Public && r.Authentication != "consistent" {
			s.Exposed++
		}
	}
	s.APIs, s.Hosts = len(apis), len(hosts)
	return s
}
