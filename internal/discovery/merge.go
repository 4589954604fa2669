package discovery

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery/shape"
)

// compare orders keys by host, path, method, version and name.
func (k Key) compare(o Key) int {
	return cmp.Or(strings.Compare(k.Host, o.Host), strings.Compare(k.Path, o.Path), strings.Compare(k.Method, o.Method),
		strings.Compare(k.Version, o.Version), strings.Compare(k.Name, o.Name))
}

// Merge adds the statistics of another gateway, or of an operation that became the
// same, to the operation's. The other one is not changed. Counts of calls are exact in
// whatever order operations are merged.
func (op *Operation) Merge(other *Operation) {
	if op.Protocol == "" || op.Protocol == REST && other.Protocol != "" {
		op.Protocol = other.Protocol
	}
	if op.API == "" || other.API != "" && other.API < op.API {
		op.API, op.BasePath, op.Labels = other.API, other.BasePath, maps.Clone(other.Labels)
	}
	if !other.Listed.IsZero() && (op.Listed.IsZero() || other.Listed.Before(op.Listed) || other.Listed.Equal(op.Listed) && other.By < op.By) {
		op.Listed, op.By = other.Listed, other.By
	}
	op.First, op.Last = span(op.First, op.Last, other.First, other.Last)
	op.Minutes = unionMinutes(op.Minutes, other.Minutes)
	addCounts(&op.Days, other.Days)
	op.trimDays()
	op.Requests += other.Requests
	op.Good += other.Good
	op.Refused += other.Refused
	op.Attacks += other.Attacks
	op.Sampled += other.Sampled
	addCounts(&op.Statuses, other.Statuses)
	addCounts(&op.Sources, other.Sources)
	addCounts(&op.Schemes, other.Schemes)
	addCounts(&op.Authentication, other.Authentication)
	addCounts(&op.Exposure, other.Exposure)
	op.mergeParameters(other.Parameters)
	op.Bodies = mergeBodies(op.Bodies, other.Bodies)
	op.Answers = mergeBodies(op.Answers, other.Answers)
	op.mergeCallers(other)
	op.Subjects.Merge(&other.Subjects)
	op.mergeServices(other.Services)
	op.Changes = mergeChanges(op.Changes, other.Changes)
}

// span is the earlier beginning and the later end of two.
func span(first, last, first2, last2 time.Time) (from, to time.Time) {
	if first.IsZero() || !first2.IsZero() && first2.Before(first) {
		first = first2
	}
	if last2.After(last) {
		last = last2
	}
	return first, last
}

func addCounts[K comparable](into *map[K]uint64, other map[K]uint64) {
	if len(other) == 0 {
		return
	}
	if *into == nil {
		*into = make(map[K]uint64, len(other))
	}
	for k, n := range other {
		(*into)[k] += n
	}
}

func (op *Operation) mergeParameters(other []*Parameter) {
	for _, p := range other {
		mine := op.parameter(p.In, p.Name)
		if mine == nil {
			op.Parameters = append(op.Parameters, p.clone())
			continue
		}
		mine.Values.Merge(&p.Values)
		mine.First, mine.Last = span(mine.First, mine.Last, p.First, p.Last)
	}
	op.sortParameters()
	if len(op.Parameters) <= MaxParameters {
		return
	}
	// Those that came least often go.
	rare := slices.Clone(op.Parameters)
	slices.SortStableFunc(rare, func(a, b *Parameter) int { return cmp.Compare(b.Values.Count, a.Values.Count) })
	gone := make(map[*Parameter]bool)
	for _, p := range slices.Backward(rare) {
		if len(op.Parameters)-len(gone) <= MaxParameters {
			break
		}
		if p.In != "path" {
			gone[p] = true
		}
	}
	op.Parameters = slices.DeleteFunc(op.Parameters, func(p *Parameter) bool { return gone[p] })
}

func mergeBodies(mine, other []*Body) []*Body {
	for _, b := range other {
		i := slices.IndexFunc(mine, func(m *Body) bool { return m.Status == b.Status && m.Media == b.Media })
		if i < 0 {
			if len(mine) < MaxBodies {
				mine = append(mine, b.clone())
			}
			continue
		}
		m := mine[i]
		m.classes = nil
		m.Count += b.Count
		m.Read += b.Read
		m.Partial += b.Partial
		m.First, m.Last = span(m.First, m.Last, b.First, b.Last)
		switch {
		case b.Schema == nil:
		case m.Schema == nil:
			m.Schema = b.Schema.Clone()
		default:
			m.Schema.Merge(b.Schema)
		}
	}
	slices.SortFunc(mine, compareBodies)
	return mine
}

func (op *Operation) mergeCallers(other *Operation) {
	op.OtherCallers += other.OtherCallers
	for _, k := range other.Callers {
		i := slices.IndexFunc(op.Callers, func(m *Consumer) bool { return m.Kind == k.Kind && m.Name == k.Name })
		if i < 0 {
			op.Callers = append(op.Callers, k.clone())
			continue
		}
		m := op.Callers[i]
		m.Requests += k.Requests
		m.First, m.Last = span(m.First, m.Last, k.First, k.Last)
		addCounts(&m.Sent, k.Sent)
		addCounts(&m.Received, k.Received)
	}
	op.sortCallers()
	for _, k := range op.Callers[min(len(op.Callers), MaxCallers):] {
		op.OtherCallers += k.Requests
	}
	op.Callers = op.Callers[:min(len(op.Callers), MaxCallers)]
}

// sortCallers puts those first that call most.
func (op *Operation) sortCallers() {
	slices.SortFunc(op.Callers, func(a, b *Consumer) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
}

func (op *Operation) mergeServices(other []*Downstream) {
	for _, s := range other {
		i := slices.IndexFunc(op.Services, func(m *Downstream) bool { return m.Name == s.Name })
		if i < 0 {
			if len(op.Services) < maxServices {
				op.Services = append(op.Services, clone(s))
			}
			continue
		}
		m := op.Services[i]
		m.Requests += s.Requests
		m.First, m.Last = span(m.First, m.Last, s.First, s.Last)
		m.Unmanaged = m.Unmanaged || s.Unmanaged
	}
	slices.SortFunc(op.Services, func(a, b *Downstream) int { return strings.Compare(a.Name, b.Name) })
}

func mergeChanges(mine, other []Change) []Change {
	all := append(slices.Clone(mine), other...)
	slices.SortStableFunc(all, func(a, b Change) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Place, b.Place), strings.Compare(a.Detail, b.Detail))
	})
	all = slices.CompactFunc(all, func(a, b Change) bool {
		return a.At.Equal(b.At) && a.Kind == b.Kind && a.Place == b.Place && a.Detail == b.Detail
	})
	if len(all) == 0 {
		return nil
	}
	return slices.Clone(all[max(0, len(all)-MaxChanges):])
}

func clone[T any](v *T) *T {
	c := *v
	return &c
}

func (p *Parameter) clone() *Parameter {
	c := clone(p)
	c.Values = p.Values.Clone()
	return c
}

func (b *Body) clone() *Body {
	c := clone(b)
	c.classes = nil
	if b.Schema != nil {
		c.Schema = b.Schema.Clone()
	}
	return c
}

func (k *Consumer) clone() *Consumer {
	c := clone(k)
	c.Sent, c.Received = maps.Clone(k.Sent), maps.Clone(k.Received)
	return c
}

func cloneAll[T any](all []*T, one func(*T) *T) []*T {
	if all == nil {
		return nil
	}
	out := make([]*T, len(all))
	for i, v := range all {
		out[i] = one(v)
	}
	return out
}

// Clone is a copy that shares nothing that changes.
func (op *Operation) Clone() *Operation {
	c := clone(op)
	c.Labels = maps.Clone(op.Labels)
	c.Minutes = slices.Clone(op.Minutes)
	c.Days = maps.Clone(op.Days)
	c.Statuses, c.Sources, c.Schemes = maps.Clone(op.Statuses), maps.Clone(op.Sources), maps.Clone(op.Schemes)
	c.Authentication, c.Exposure = maps.Clone(op.Authentication), maps.Clone(op.Exposure)
	c.Parameters = cloneAll(op.Parameters, (*Parameter).clone)
	c.Bodies, c.Answers = cloneAll(op.Bodies, (*Body).clone), cloneAll(op.Answers, (*Body).clone)
	c.Callers = cloneAll(op.Callers, (*Consumer).clone)
	c.sortCallers()
	c.Subjects = op.Subjects.Clone()
	c.Services = cloneAll(op.Services, clone[Downstream])
	c.Changes = slices.Clone(op.Changes)
	return c
}

// size is about how much memory the operation takes, in bytes.
func (op *Operation) size() int {
	n := 900 + 56*(len(op.Days)+len(op.Statuses)) + 200*len(op.Callers) + 120*(len(op.Services)+len(op.Changes))
	for _, p := range op.Parameters {
		n += 160 + len(p.Name) + p.Values.Size()
	}
	for _, all := range [...][]*Body{op.Bodies, op.Answers} {
		for _, b := range all {
			n += 160
			if b.Schema != nil {
				n += b.Schema.Size()
			}
		}
	}
	return n
}

// AuthenticationStatus says how far calls prove who they are: "consistent" from
// AuthenticatedShare on, "partial" below, "missing" where none does; empty where
// nothing is known.
func (op *Operation) AuthenticationStatus() string {
	all := total(op.Authentication)
	with := all - op.Authentication[NoAuthentication]
	switch {
	case all == 0:
		return ""
	case with == 0:
		return "missing"
	case float64(with) >= AuthenticatedShare*float64(all):
		return "consistent"
	}
	return "partial"
}

// Data gives the classes of sensitive data by their places, in the order of direction,
// place and class. Parameters that are not listed are left out.
func (op *Operation) Data() []Data {
	var all []Data
	for _, p := range op.Parameters {
		if !op.Accepted(p) {
			continue
		}
		for class, n := range p.Values.ClassCounts() {
			all = append(all, Data{class, "request", p.In + " " + p.Name, n, p.Values.Shape(class)})
		}
	}
	for _, b := range op.Bodies {
		all = append(all, b.data("request")...)
	}
	for _, b := range op.Answers {
		all = append(all, b.data("response")...)
	}
	slices.SortFunc(all, func(a, b Data) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), strings.Compare(a.Place, b.Place), strings.Compare(string(a.Class), string(b.Class)))
	})
	return all
}

func (b *Body) data(direction string) []Data {
	if b.Schema == nil || len(b.Schema.Classes()) == 0 {
		return nil
	}
	var all []Data
	b.Schema.Walk(func(path string, n *shape.Schema) {
		counts := n.Values().ClassCounts()
		for _, class := range slices.Sorted(maps.Keys(counts)) {
			all = append(all, Data{class, direction, place(b.Status, b.Media, path), counts[class], n.Values().Shape(class)})
		}
	})
	return all
}

// Classes gives the classes of sensitive data of one direction, "request" or
// "response", sorted.
func (op *Operation) Classes(direction string) []sensitive.Class {
	found := map[sensitive.Class]bool{}
	for _, d := range op.Data() {
		if d.Direction == direction {
			found[d.Class] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
