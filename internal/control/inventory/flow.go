package inventory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
)

// The bounds of the map: pairs that are told apart in the picture, and nodes of a
// column that are shown; what is beyond is added up as the others.
const (
	maxPairs = 50_000
	maxNodes = 30
)

// Others is the name of what is added up.
const Others = "others"

// pair is who calls whom.
type pair struct{ from, to string }

// flow is who calls which API, and which upstreams stand behind it.
type flow struct {
	in, out map[pair]*Link
	edges   []discovery.Edge
}

// Link is all calls between two nodes of the map.
type Link struct {
	From, To string
	Requests uint64
	// Operations is how many operations are called.
	Operations int
	// Classes count the messages with each class of data.
	Classes map[string]uint64
	// Unmanaged says that an upstream is called past every gateway of ours.
	Unmanaged bool
}

func newFlow() *flow { return &flow{in: map[pair]*Link{}, out: map[pair]*Link{}} }

// side is the name of the API of an operation on the map; a host where it has none.
func side(api, host string) string { return cmp.Or(api, host) }

func (f *flow) operation(op *discovery.Operation, r *Row) {
	to := side(op.API, op.Host)
	for _, c := range op.Callers {
		l := link(f.in, c.Kind+" "+c.Name, to, "")
		l.Requests += c.Requests
		l.Operations++
		for class, n := range c.Sent {
			l.Classes[string(class)] += n
		}
		for class, n := range c.Received {
			l.Classes[string(class)] += n
		}
	}
	if op.OtherCallers > 0 {
		l := link(f.in, Others, to, "")
		l.Requests += op.OtherCallers
		l.Operations++
	}
	for _, u := range op.Services {
		l := link(f.out, to, u.Name, Others)
		l.Requests += u.Requests
		l.Operations++
		l.Unmanaged = l.Unmanaged || u.Unmanaged
		for _, d := range r.Data {
			l.Classes[d.Class] += d.Request + d.Response
		}
	}
}

// link is that of a pair; where there is no room for a further one it is that of the
// others.
func link(all map[pair]*Link, from, to, others string) *Link {
	key := pair{from, to}
	if all[key] == nil && len(all) >= maxPairs {
		if key = (pair{Others, to}); others != "" {
			key = pair{from, others}
		}
		if len(all) >= 2*maxPairs {
			key = pair{Others, Others}
		}
	}
	l := all[key]
	if l == nil {
		l = &Link{From: key.from, To: key.to, Classes: map[string]uint64{}}
		all[key] = l
	}
	return l
}

// edge notes a call between two services, as a trace told.
func (f *flow) edge(e *discovery.Edge) { f.edges = append(f.edges, *e) }

// maxEdges bounds the calls between services that are shown.
const maxEdges = 200

func (f *flow) finish() {
	slices.SortStableFunc(f.edges, func(a, b discovery.Edge) int { return cmp.Compare(b.Requests, a.Requests) })
	f.edges = f.edges[:min(len(f.edges), maxEdges)]
}

// Node is a client, an API or an upstream.
type Node struct {
	// Name is what it is called, Kind the kind of a client or empty.
	Name, Kind string
	Requests   uint64
	// Rest is how many nodes it stands for, 0 for itself.
	Rest int
	// Classes are those of the data that passes it.
	Classes   []string
	Unmanaged bool

	key string
}

// Map is who calls which APIs and what stands behind them. The links of In lead from
// a client to an API, those of Out from an API to an upstream; they name nodes by
// their place in the list.
type Map struct {
	Clients, APIs, Upstreams []Node
	In, Out                  []MapLink
	// Edges are calls between services that traces told of, the busiest first.
	Edges []discovery.Edge
	// Class and API are what was asked for.
	Class, API string
	// Known are all classes of data that there are.
	Known []string
}

// MapLink is a link between two nodes of the map.
type MapLink struct {
	From, To   int
	Requests   uint64
	Operations int
	Classes    []string
	Unmanaged  bool
}

// Map draws who calls whom: only one API, or only links with a class of data, where
// they are named.
func (s *Service) Map(ctx context.Context, p control.Principal, api, class string) (*Map, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	if api == "" && (class == "" || slices.Contains(pic.matrix.classes, class)) {
		return pic.whole(class), nil
	}
	return pic.draw(api, class), nil
}

// whole is the map of all APIs, which is drawn once.
func (p *picture) whole(class string) *Map {
	p.maps.Lock()
	defer p.maps.Unlock()
	m := p.drawn[class]
	if m == nil {
		m = p.draw("", class)
		p.drawn[class] = m
	}
	return m
}

func (p *picture) draw(api, class string) *Map {
	m := &Map{Class: class, API: api, Edges: p.flow.edges, Known: p.matrix.classes}
	wanted := func(name string, l *Link) bool {
		return (api == "" || name == api) && (class == "" || l.Classes[class] > 0)
	}
	var in, out []*Link
	for _, l := range p.flow.in {
		if wanted(l.To, l) {
			in = append(in, l)
		}
	}
	for _, l := range p.flow.out {
		if wanted(l.From, l) {
			out = append(out, l)
		}
	}
	var clients, apis, upstreams tally
	for _, l := range in {
		clients.add(l.From, l, l.Requests)
		apis.add(l.To, l, l.Requests)
	}
	for _, l := range out {
		apis.add(l.From, l, 0)
		upstreams.add(l.To, l, l.Requests)
	}
	for _, l := range out {
		if l.Unmanaged {
			upstreams.all[l.To].Unmanaged = true
		}
	}
	ci, ai, ui := clients.top(), apis.top(), upstreams.top()
	m.Clients, m.APIs, m.Upstreams = clients.nodes, apis.nodes, upstreams.nodes
	for i := range m.Clients {
		if kind, name, ok := strings.Cut(m.Clients[i].Name, " "); ok && m.Clients[i].Rest == 0 {
			m.Clients[i].Kind, m.Clients[i].Name = kind, name
		}
	}
	m.In, m.Out = joined(in, ci, ai), joined(out, ai, ui)
	return m
}

// tally adds up nodes of a column.
type tally struct {
	all   map[string]*Node
	seen  map[string]map[string]bool
	nodes []Node
}

func (t *tally) add(name string, l *Link, requests uint64) {
	if t.all == nil {
		t.all, t.seen = map[string]*Node{}, map[string]map[string]bool{}
	}
	n := t.all[name]
	if n == nil {
		n = &Node{Name: name, key: name}
		t.all[name], t.seen[name] = n, map[string]bool{}
	}
	n.Requests += requests
	for class := range l.Classes {
		t.seen[name][class] = true
	}
}

// top makes the column of the busiest nodes and gives the place of each in it.
func (t *tally) top() map[string]int {
	all := slices.SortedFunc(maps.Values(t.all), func(a, b *Node) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Name, b.Name))
	})
	place := map[string]int{}
	rest := Node{Name: Others}
	restSeen := map[string]bool{}
	for _, n := range all {
		if len(t.nodes) < maxNodes && n.Name != Others {
			n.Classes = slices.Sorted(maps.Keys(t.seen[n.key]))
			place[n.key] = len(t.nodes)
			t.nodes = append(t.nodes, *n)
			continue
		}
		rest.Rest++
		rest.Requests += n.Requests
		maps.Copy(restSeen, t.seen[n.key])
		place[n.key] = -1
	}
	if rest.Rest > 0 {
		rest.Classes = slices.Sorted(maps.Keys(restSeen))
		for key, at := range place {
			if at < 0 {
				place[key] = len(t.nodes)
			}
		}
		t.nodes = append(t.nodes, rest)
	}
	return place
}

// joined are the links between two columns, those between the same nodes added up, the
// busiest last, so that they are drawn on top.
func joined(all []*Link, from, to map[string]int) []MapLink {
	type key struct{ from, to int }
	sums := map[key]*MapLink{}
	seen := map[key]map[string]bool{}
	for _, l := range all {
		k := key{from[l.From], to[l.To]}
		sum := sums[k]
		if sum == nil {
			sum = &MapLink{From: k.from, To: k.to}
			sums[k], seen[k] = sum, map[string]bool{}
		}
		sum.Requests += l.Requests
		sum.Operations += l.Operations
		sum.Unmanaged = sum.Unmanaged || l.Unmanaged
		for class := range l.Classes {
			seen[k][class] = true
		}
	}
	out := make([]MapLink, 0, len(sums))
	for k, sum := range sums {
		sum.Classes = slices.Sorted(maps.Keys(seen[k]))
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b MapLink) int {
		return cmp.Or(cmp.Compare(a.Requests, b.Requests), a.From-b.From, a.To-b.To)
	})
	return out
}
