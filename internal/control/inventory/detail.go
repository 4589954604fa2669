package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/revision"
)

// Detail is one operation with everything that is known of it.
type Detail struct {
	*Row
	// Operation is nil for one that is only described.
	Operation  *discovery.Operation
	Parameters []Parameter
	Requests   []Content
	Answers    []Content
	Places     []discovery.Data
	Risk       Risk
	Proposals  []Proposal
	Drift      []discovery.Drift
	// Reasons say why it is in its states.
	Reasons  []string
	Policies []Bound
	Findings []finding.Finding
	// Changes are the newest first.
	Changes []discovery.Change
	// Days are the calls of the last days, the newest last.
	Days  []uint64
	Marks keep.Marks
	// Edits are the decisions about templates of its host and path.
	Edits []discovery.Edit
	// Segments are those of the path, for decisions about templates.
	Segments []Segment
	Dropped  uint64
}

// Bound is a policy in service.
type Bound struct {
	Name, Policy string
	Source       revision.Source
}

// Segment is one of a path. Path is the template with this segment turned into a
// parameter, empty for one that is.
type Segment struct{ Text, Merged string }

// Parameter is a parameter with what was concluded of its values.
type Parameter struct {
	In, Name, Type, Format string
	// Share is in how many of the sampled calls it was, 0 to 1.
	Share   float64
	Count   uint64
	Enum    []string
	Classes []string
	// New says that it was first seen in the last week; Drift what it differs in.
	New   bool
	Drift string
}

// Content is the body of requests or answers of one media type.
type Content struct {
	Status int
	Media  string
	Count  uint64
	Fields []Field
	// More is how many fields are not listed.
	More int
}

// Field is one field of a body.
type Field struct {
	// Path leads to it, as /items/id; Name is its last part and Depth the number of parts.
	Path, Name string
	Depth      int
	Type       string
	Format     string
	// Share is in how many of the objects around it it was, 0 to 1; below 0 where that is
	// not counted.
	Share   float64
	Enum    []string
	Classes []string
	Drift   string
}

// The bounds of the page of an operation.
const (
	maxFields   = 300
	maxFindings = 50
)

// Operation gives one operation by its ID, or control.ErrNotFound.
func (s *Service) Operation(ctx context.Context, p control.Principal, id string) (*Detail, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	at, ok := pic.byID[id]
	if !ok {
		return nil, control.ErrNotFound
	}
	t, err := s.tables()
	if err != nil {
		return nil, err
	}
	d := &Detail{Row: pic.rows[at], Drift: pic.drift[id], Reasons: pic.reasons[id], Dropped: pic.dropped}
	marks, err := t.memory.Marks(ctx)
	if err != nil {
		return nil, err
	}
	d.Marks = marks[subjectOperation(id)]
	if err := d.edits(ctx, t); err != nil {
		return nil, err
	}
	op, err := t.source.Get(ctx, id)
	switch {
	case errors.Is(err, discovery.ErrNotKept):
		return d, nil // it is only described, or its statistics were lost
	case err != nil:
		return nil, err
	}
	return d, s.fill(ctx, d, op, pic.open[id])
}

// edits finds what was decided about the templates of an operation's path, and what
// can be.
func (d *Detail) edits(ctx context.Context, t *tables) error {
	all, err := t.memory.Edits(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Host == d.Host && equalTemplates(e.Path, d.Path) {
			d.Edits = append(d.Edits, e)
		}
	}
	parts := strings.Split(strings.TrimPrefix(d.Path, "/"), "/")
	for i, part := range parts {
		seg := Segment{Text: part}
		if part != "" && !strings.Contains(part, "{") {
			next := slices.Clone(parts)
			next[i] = "{" + parameterName(parts, i) + "}"
			seg.Merged = "/" + strings.Join(next, "/")
		}
		d.Segments = append(d.Segments, seg)
	}
	return nil
}

// parameterName is what a segment may be called as a parameter: for what stands before it.
func parameterName(parts []string, at int) string {
	if at == 0 || strings.Contains(parts[at-1], "{") {
		return "id"
	}
	name := strings.TrimSuffix(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, parts[at-1]), "s")
	return name + "Id"
}

// fill adds what the operation itself tells.
func (s *Service) fill(ctx context.Context, d *Detail, op *discovery.Operation, open bool) error {
	d.Operation, d.Places = op, op.Data()
	facts := Facts{States: d.States, Drift: d.Drift, Open: open, Policies: s.policies()[op.API]}
	if op.API != "" {
		all, err := s.o.Findings(ctx, op.API)
		if err != nil {
			return err
		}
		facts.Findings = findingsOf(op, map[string][]finding.Finding{op.API: all})
		d.Findings = facts.Findings[:min(len(facts.Findings), maxFindings)]
	}
	d.Risk = s.o.Rate(op, facts)
	if s.o.Propose != nil && op.API != "" {
		facts.Spec = s.specOf(op.API)
		d.Proposals = s.o.Propose(op, facts)
	}
	if rev := s.o.Serving(); rev != nil {
		for i := range rev.APIs {
			if a := &rev.APIs[i]; a.Name.String() == op.API {
				for _, b := range a.Policies {
					d.Policies = append(d.Policies, Bound{Name: b.Name.String(), Policy: b.Policy, Source: b.Source})
				}
			}
		}
	}
	d.Changes = slices.Clone(op.Changes)
	slices.SortStableFunc(d.Changes, func(a, b discovery.Change) int { return b.At.Compare(a.At) })
	today := s.o.Now().Unix() / 86400
	d.Days = make([]uint64, discovery.DaysKept)
	for day, n := range op.Days {
		if at := discovery.DaysKept - 1 - int(today-day); at >= 0 && at < len(d.Days) {
			d.Days[at] += n
		}
	}
	d.contents(op)
	return nil
}

// contents lists parameters and bodies.
func (d *Detail) contents(op *discovery.Operation) {
	drift := map[string]string{}
	for _, one := range d.Drift {
		drift[one.Place] = one.Kind
	}
	for _, one := range op.Parameters {
		p := Parameter{
			In: one.In, Name: one.Name, Type: string(one.Values.Type()), Format: one.Values.Format(), Count: one.Values.Count,
			Enum: one.Values.Enum(), Classes: strs(one.Values.Classes()), Drift: drift[one.In+" "+one.Name],
			New: !one.First.IsZero() && one.First.After(op.Listed) && op.Last.Sub(one.First) < discovery.NewFor,
		}
		if op.Sampled > 0 {
			p.Share = min(float64(one.Values.Count)/float64(op.Sampled), 1)
		}
		slices.Sort(p.Classes)
		d.Parameters = append(d.Parameters, p)
	}
	for _, b := range op.Bodies {
		d.Requests = append(d.Requests, contentOf(b, drift, "request "+b.Media))
	}
	for _, b := range op.Answers {
		d.Answers = append(d.Answers, contentOf(b, drift, ""))
	}
}
