package inventory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
)

// PageSize is how many operations a page of the list has at most.
const PageSize = 100

// Wanted is what is asked of the list.
type Wanted struct {
	// Query is as ParseQuery reads it.
	Query string
	// Order is one of Orders; the first when it is empty or unknown.
	Order string
	// Offset and Limit choose a part; Limit is PageSize when 0.
	Offset, Limit int
}

// Page is a part of the list.
type Page struct {
	Rows []*Row
	// Total is how many operations fit, From the number of the first that is shown, from 1.
	Total, From int
	Order       string
	Query       *Query
	// Facets count what fits, by what it can be chosen by further.
	Facets []Facet
	// At is the time of the picture; Dropped how many observations were lost for want of room.
	At      time.Time
	Dropped uint64
}

// Facet is one thing that operations can be chosen by.
type Facet struct {
	Name   string
	Values []FacetValue
}

// FacetValue is a value with the number of operations that have it.
type FacetValue struct {
	Value string
	Count int
	// Chosen says that the query has it; Query is the one with it, or without it when it
	// was chosen.
	Chosen bool
	Query  string
}

// maxFacet bounds the values of one facet.
const maxFacet = 9

// List gives the operations that a query chooses. Archived ones are left out unless the
// query speaks of states.
func (s *Service) List(ctx context.Context, p control.Principal, w Wanted) (*Page, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	q, err := ParseQuery(w.Query, s.o.Now())
	if err != nil {
		return nil, err
	}
	page := &Page{Query: q, Order: w.Order, At: pic.at, Dropped: pic.dropped}
	if !slices.Contains(Orders(), w.Order) {
		page.Order = Orders()[0]
	}
	if w.Limit <= 0 || w.Limit > maxRows {
		w.Limit = PageSize
	}
	w.Offset = max(w.Offset, 0)
	facets := newFacets()
	pic.each(q, page.Order, func(r *Row) {
		if page.Total >= w.Offset && len(page.Rows) < w.Limit {
			page.Rows = append(page.Rows, r)
		}
		page.Total++
		facets.count(r)
	})
	page.From = w.Offset + 1
	page.Facets = facets.values(q)
	return page, nil
}

// each calls yield with the rows that a query chooses, in an order.
func (p *picture) each(q *Query, order string, yield func(r *Row)) {
	all := q.Names("state")
	for _, i := range p.orders[order] {
		r := p.rows[i]
		if (all || !r.Hidden()) && q.Matches(r) {
			yield(r)
		}
	}
}

// facets count values while rows are walked.
type facets struct{ counts []map[string]int }

// facetNames are the facets, in the order in which pages show them.
var facetNames = [...]string{"state", "risk", "data", "auth", "exposure", "label", "api", "protocol"}

func newFacets() *facets {
	f := &facets{counts: make([]map[string]int, len(facetNames))}
	for i := range f.counts {
		f.counts[i] = map[string]int{}
	}
	return f
}

func (f *facets) count(r *Row) {
	for _, state := range r.States {
		f.counts[0][string(state)]++
	}
	f.counts[1][r.Level]++
	for _, g := range r.Groups {
		f.counts[2][g]++
	}
	if r.Requests > 0 {
		f.counts[3][r.Authentication]++
		f.counts[4][string(r.Exposure)]++
	}
	for _, l := range r.Labels {
		f.counts[5][l]++
	}
	if r.API != "" {
		f.counts[6][r.API]++
	}
	f.counts[7][string(r.Protocol)]++
}

func (f *facets) values(q *Query) []Facet {
	var out []Facet
	for i, name := range facetNames {
		one := Facet{Name: name}
		for value, n := range f.counts[i] {
			if value != "" {
				one.Values = append(one.Values, FacetValue{Value: value, Count: n})
			}
		}
		slices.SortFunc(one.Values, func(a, b FacetValue) int {
			return cmp.Or(rank(name, a.Value)-rank(name, b.Value), b.Count-a.Count, strings.Compare(a.Value, b.Value))
		})
		one.Values = one.Values[:min(len(one.Values), maxFacet)]
		for j := range one.Values {
			v := &one.Values[j]
			if v.Chosen = q.Holds(name, v.Value); v.Chosen {
				v.Query = q.With(name, "")
			} else {
				v.Query = q.With(name, v.Value)
			}
		}
		// One protocol or API for everything helps nobody to choose.
		if len(one.Values) > 1 || len(one.Values) == 1 && (name != "protocol" || q.Names(name)) {
			out = append(out, one)
		}
	}
	return out
}

// rank keeps values that people know in an order in their order.
func rank(facet, value string) int {
	var order []string
	switch facet {
	case "state":
		order = states()
	case "risk":
		order = levels()
	case "data":
		order = Groups()
	case "auth":
		order = []string{"missing", "partial", "consistent"}
	case "exposure":
		order = []string{"public", "partner", "internal"}
	}
	return slices.Index(order, value)
}

// Sums counts the whole inventory.
func (s *Service) Sums(ctx context.Context, p control.Principal) (Sums, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return Sums{}, err
	}
	return pic.sums, nil
}

// Change is a change of an operation.
type Change struct {
	discovery.Change
	discovery.Key
	ID, API string
}

// ChangesWanted is what is asked of the feed of changes.
type ChangesWanted struct {
	// Kind is that of a change, or empty; Query is as in Wanted.
	Kind, Query   string
	Offset, Limit int
}

// ChangesPage is a part of the feed, the newest first.
type ChangesPage struct {
	Changes []Change
	Total   int
	From    int
	// Kinds count all changes.
	Kinds []FacetValue
}

// Changes gives what became different lately.
func (s *Service) Changes(ctx context.Context, p control.Principal, w ChangesWanted) (*ChangesPage, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	q, err := ParseQuery(w.Query, s.o.Now())
	if err != nil {
		return nil, err
	}
	if w.Limit <= 0 {
		w.Limit = PageSize
	}
	w.Offset = max(w.Offset, 0)
	page := &ChangesPage{From: w.Offset + 1}
	kinds := map[string]int{}
	for _, c := range pic.changes {
		at, ok := pic.byID[c.ID]
		if !ok || !q.Matches(pic.rows[at]) {
			continue
		}
		kinds[c.Kind]++
		if w.Kind != "" && c.Kind != w.Kind {
			continue
		}
		if page.Total >= w.Offset && len(page.Changes) < w.Limit {
			page.Changes = append(page.Changes, c)
		}
		page.Total++
	}
	for kind, n := range kinds {
		page.Kinds = append(page.Kinds, FacetValue{Value: kind, Count: n, Chosen: kind == w.Kind})
	}
	slices.SortFunc(page.Kinds, func(a, b FacetValue) int { return strings.Compare(a.Value, b.Value) })
	return page, nil
}

// Notes are what else stands out, of one kind or of all, with how many there are of each.
func (s *Service) Notes(ctx context.Context, p control.Principal, kind string) (notes []Note, kinds []FacetValue, err error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	counts := map[string]int{}
	for _, n := range pic.notes {
		counts[n.Kind]++
		if (kind == "" || n.Kind == kind) && len(notes) < PageSize*2 {
			notes = append(notes, n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		kinds = append(kinds, FacetValue{Value: name, Count: counts[name], Chosen: name == kind})
	}
	return notes, kinds, nil
}

// Explain answers why a path is not listed, or that it is.
func (s *Service) Explain(p control.Principal, method, host, path string) (*discovery.Explanation, error) {
	if err := control.Authorise(p, access.ViewInventory, s.o.Where.At()); err != nil {
		return nil, err
	}
	method, host, path = strings.ToUpper(strings.TrimSpace(method)), strings.ToLower(strings.TrimSpace(host)), strings.TrimSpace(path)
	switch {
	case method == "" || len(method) > 40:
		return nil, wrong("give the method, as GET")
	case !strings.HasPrefix(path, "/"):
		return nil, wrong("the path must begin with a slash, as /orders/17")
	case len(path) > 4096 || len(host) > 300:
		return nil, wrong("the host or path is too long")
	}
	path, _, _ = strings.Cut(path, "?")
	e := s.o.Learner.Explain(method, host, path)
	return &e, nil
}

// Rejected are the paths that were most often not taken into the inventory.
func (s *Service) Rejected(p control.Principal, most int) ([]Rejected, error) {
	if err := control.Authorise(p, access.ViewInventory, s.o.Where.At()); err != nil {
		return nil, err
	}
	if s.o.Rejected == nil {
		return nil, nil
	}
	return s.o.Rejected(most), nil
}
