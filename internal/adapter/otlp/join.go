package otlp

import (
	"sync"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// table joins the spans of a trace, which come in any order and from several
// senders: a call with what was called. Its size is bounded in number and time.
type table struct {
	size int
	life time.Duration

	mu    sync.Mutex
	spans map[key]*node
	// waits are the nodes that wait for the span that called them.
	waits map[key][]*node
	// order is a ring of the nodes as they came.
	order       []*node
	first, used int
	// held is about how many bytes the nodes hold.
	held int
}

// maxHeld bounds held.
const maxHeld = 64 << 20

// node is what is kept of a span.
type node struct {
	key, parent key
	came, at    time.Time
	service     string
	// peer is whom the span called as far as it says itself, operation what it called;
	// empty when it called nobody.
	peer, operation string
	// met says that what it called is known.
	met bool
	// served is what it served, nil for nothing.
	served *served
	cost   int
}

// weigh says about how many bytes a node holds.
func (n *node) weigh() {
	n.cost = 512 + len(n.service) + len(n.peer) + len(n.operation)
	if n.served == nil {
		return
	}
	n.cost += len(n.served.operation)
	if o := n.served.observation; o != nil {
		n.cost += 640 + len(o.Host) + len(o.Path) + len(o.Query) + len(o.Template)
	}
}

// served is what a service did for a caller.
type served struct {
	// observation is nil for what is no HTTP.
	observation *discovery.Observation
	operation   string
}

// found is what is known of traces and can be handed on.
type found struct {
	observations []*discovery.Observation
	edges        []discovery.Edge
}

// maxWaits is how many spans wait for the same caller.
const maxWaits = 64

func newTable(size int, life time.Duration) *table {
	return &table{size: size, life: life, spans: map[key]*node{}, waits: map[key][]*node{}, order: make([]*node, size)}
}

func (t *table) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used
}

// add takes a span, which is not kept, and gives what it completes.
func (t *table) add(s *span, now time.Time, f *found) {
	n := meaning(s, now, f)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spans[n.key] != nil {
		return // it was sent again
	}
	n.weigh()
	for t.used == t.size || t.used > 0 && t.held+n.cost > maxHeld {
		t.drop(f)
	}
	t.held += n.cost
	t.order[(t.first+t.used)%t.size] = n
	t.used++
	t.spans[n.key] = n
	for _, called := range t.waits[n.key] {
		called.meet(n, f)
	}
	delete(t.waits, n.key)
	if n.served == nil {
		return
	}
	caller := t.spans[n.parent]
	switch {
	case caller != nil && caller != n:
		n.meet(caller, f)
	case n.parent.none() || len(t.waits[n.parent]) >= maxWaits || caller == n:
		n.alone(f)
	default:
		t.waits[n.parent] = append(t.waits[n.parent], n)
	}
}

// meet joins what was served with its caller.
func (n *node) meet(caller *node, f *found) {
	caller.met = true
	if n.served == nil {
		return
	}
	if caller.service != n.service && caller.service != "" {
		if o := n.served.observation; o != nil {
			o.Caller.Service = caller.service
		}
		f.edge(caller.service, n.service, n.served.operation, n.at)
	}
	n.alone(f)
}

// alone hands on what was served when nothing more can be known of it.
func (n *node) alone(f *found) {
	if n.served != nil && n.served.observation != nil {
		f.observations = append(f.observations, n.served.observation)
	}
	n.served = nil
}

// drop gives up the oldest.
func (t *table) drop(f *found) {
	n := t.order[t.first]
	t.order[t.first] = nil
	t.first = (t.first + 1) % t.size
	t.used--
	t.held -= n.cost
	delete(t.spans, n.key)
	if n.served != nil {
		list := t.waits[n.parent]
		for i, one := range list {
			if one == n {
				list[i] = list[len(list)-1]
				list[len(list)-1] = nil
				list = list[:len(list)-1]
				break
			}
		}
		if t.waits[n.parent] = list; len(list) == 0 {
			delete(t.waits, n.parent)
		}
		n.alone(f)
	}
	if n.peer != "" && !n.met {
		f.edge(n.service, n.peer, n.operation, n.at)
	}
}

// expire gives up those that have waited long enough.
func (t *table) expire(now time.Time) (f found) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.used > 0 && now.Sub(t.order[t.first].came) >= t.life {
		t.drop(&f)
	}
	return f
}

// flush gives up all.
func (t *table) flush() (f found) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.used > 0 {
		t.drop(&f)
	}
	return f
}

// edge adds a call between two that have names.
func (f *found) edge(from, to, operation string, at time.Time) {
	if from == "" || to == "" {
		return
	}
	f.edges = append(f.edges, discovery.Edge{From: from, To: to, Operation: operation, Requests: 1, First: at, Last: at})
}
