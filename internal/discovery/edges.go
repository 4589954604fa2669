package discovery

import (
	"cmp"
	"slices"
	"strings"
)

type edgeKey struct{ from, to, operation string }

// edge is an Edge with the number of the call of Learner.Edge that changed it last.
type edge struct {
	Edge
	told uint64
}

// maxEdges bounds the calls between services that are told apart.
const maxEdges = 5000

// Edge adds calls between two services.
func (l *Learner) Edge(e Edge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(e.From) > 256 || len(e.To) > 256 || len(e.Operation) > 512 {
		l.overflow++
		return
	}
	e.Operation = plainOperation(e.Operation)
	k := edgeKey{e.From, e.To, e.Operation}
	old := l.edges[k]
	if old == nil {
		if len(l.edges) >= maxEdges {
			l.overflow++
			return
		}
		l.told++
		l.edges[k] = &edge{e, l.told}
		return
	}
	l.told++
	old.told = l.told
	old.Requests += e.Requests
	if e.First.Before(old.First) {
		old.First = e.First
	}
	if e.Last.After(old.Last) {
		old.Last = e.Last
	}
}

// Edges are the calls between services that became others since an earlier call gave
// until, 0 for all, in the order of their names.
func (l *Learner) Edges(since uint64) (changed []Edge, until uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since == l.told {
		return nil, since
	}
	return l.sortedEdges(since), l.told
}

func (l *Learner) sortedEdges(since uint64) []Edge {
	out := make([]Edge, 0, len(l.edges))
	for _, e := range l.edges {
		if e.told > since {
			out = append(out, e.Edge)
		}
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Operation, b.Operation))
	})
	return out
}
