package judge

import (
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// maxFlows is how many flows of one project are looked at.
const maxFlows = 20_000

// flowOf is the flow that implements a learned operation, nil for none.
func (b *baseline) flowOf(op *discovery.Operation) (*discovery.Flow, *description) {
	for _, d := range b.withFlows {
		if !b.applies(d, op) {
			continue
		}
		bases := d.BasePaths
		if len(bases) == 0 {
			bases = []string{op.BasePath}
		}
		for _, base := range bases {
			rest, ok := strings.CutPrefix(op.Path, pathOf("/"+strings.TrimPrefix(base, "/")))
			if !ok {
				continue
			}
			if f := d.flow(op.Method, rest); f != nil {
				return f, d
			}
		}
	}
	return nil, nil
}

// flow is the one of a method and a path, nil for none.
func (d *description) flow(method, path string) *discovery.Flow {
	var found *discovery.Flow
	s := search{left: maxVisits, found: func(e end) {
		if f := e.flow; found == nil && f != nil && (f.Method == "" || strings.EqualFold(f.Method, method)) {
			found = f
		}
	}}
	s.walk(&d.flowTrie, segmentsOf(path))
	return found
}

// addFlows makes the flows of a project ready for look-ups.
func (d *description) addFlows() {
	for i := range d.Flows[:min(len(d.Flows), maxFlows)] {
		f := &d.Flows[i]
		d.flowTrie.add(f.Path, end{flow: f})
	}
}
