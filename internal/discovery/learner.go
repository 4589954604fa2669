package discovery

import (
	"container/list"
	"errors"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/discovery/shape"
	"farrier.dev/farrier/internal/discovery/template"
)

// Learner makes operations of observations, in bounded memory. It is safe for
// concurrent use.
type Learner struct {
	options Options
	limits  Limits
	words   *template.Words
	looker  *shape.Looker

	mu      sync.Mutex
	hosts   map[string]*host
	apis    map[string]int
	entries map[Key]*entry
	// listed counts entries that are listed, waiting those that are not.
	listed, waiting int
	hot             list.List // of *entry with details, the last used first
	dirty           list.List // of *entry changed since Take, the oldest first
	gone            []Key
	sources         sources
	rejected        rejections
	edges           map[edgeKey]*edge

	described []described
	// origins tell who described a path.
	origins map[string]string
	edits   []Edit
	// turn counts the calls of Take; hotBytes and waitBytes are about what the details of
	// listed operations and of candidates take.
	turn uint64
	// told counts the calls of Edge.
	told                uint64
	nodes               int
	hotBytes, waitBytes int

	observed, taught, overflow uint64
	reasons                    map[string]uint64
	scratch                    scratch
}

// host is what was learned of one host.
type host struct {
	name string
	api  string
	tree *template.Tree
	last time.Time
	// listed and waiting count its entries.
	listed, waiting int
	decoys          decoys
	// pinned counts the paths that the services of the host named themselves.
	pinned int
}

// entry is an operation in the index.
type entry struct {
	key  Key
	host *host
	node *template.Node
	// op is nil while the operation lies in the store alone.
	op     *Operation
	listed bool
	// source is who made a candidate; others says that somebody else called it too.
	source *source
	others bool
	// taken says that the store knows it under its key.
	taken bool
	names []string
	// good is that of the operation, for entries that are not in memory.
	good uint64

	hot, dirty, waits *list.Element
	// size is about what the operation's details take, in bytes; turn is the Take that
	// copied it last.
	size int
	turn uint64
	// classes are the classes of data that it is known to have, by direction.
	classes map[string]bool
}

// scratch is memory that one observation after the other uses.
type scratch struct {
	values []string
	bytes  []byte
}

// New makes a learner.
func New(o Options) (*Learner, error) {
	if o.Now == nil || o.Detector == nil {
		return nil, errors.New("making a learner: Now and Detector are required")
	}
	l := &Learner{
		options: o, limits: o.Limits.filled(), words: template.NewWords(),
		looker: shape.NewLooker(o.Detector, o.Key),
		hosts:  make(map[string]*host), apis: make(map[string]int), entries: make(map[Key]*entry),
		edges: make(map[edgeKey]*edge), reasons: make(map[string]uint64),
	}
	l.sources.init()
	return l, nil
}

func (l Limits) filled() Limits {
	fill := func(v *int, standard int) {
		if *v <= 0 {
			*v = standard
		}
	}
	fill(&l.AcceptRequests, AcceptRequests)
	fill(&l.AcceptMinutes, AcceptMinutes)
	fill(&l.Operations, MaxOperations)
	fill(&l.Candidates, MaxCandidates)
	fill(&l.Hosts, MaxHosts)
	fill(&l.Hot, HotOperations)
	// An operation keeps minutesKept minutes at most.
	l.AcceptMinutes = min(l.AcceptMinutes, minutesKept)
	return l
}

// call is one observation on its way through the learner.
type call struct {
	*Observation
	method string
	at     time.Time
	minute int64
	source *source
	host   *host
	// good says that it counts for accepting; plain that it may teach at all.
	good     bool
	protocol Protocol
	version  string
	names    []string
	media    string
	// callerKind and caller are how operations name who calls.
	callerKind, caller string
}

// Observe learns from one request and its answer.
func (l *Learner) Observe(o *Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observed++
	c := call{Observation: o, method: o.Method, at: o.Time}
	if c.at.IsZero() {
		c.at = l.options.Now()
	}
	c.minute = c.at.Unix() / 60
	if why := unfit(o); why != "" {
		l.reject(&c, why)
		return
	}
	c.source = l.sources.of(&o.Caller, c.at)
	c.good = isGood(o)
	c.identify()
	l.withhold(&c)
	if c.good && c.faulty() {
		c.good = false
	}
	if c.host = l.hostOf(&c); c.host == nil {
		l.miss(&c, nil)
		return
	}
	c.host.last = c.at
	if len(c.names) == 0 {
		l.one(&c, "")
		return
	}
	for _, name := range c.names {
		l.one(&c, name)
	}
}

// one learns from a call under one name.
func (l *Learner) one(c *call, name string) {
	where := template.Call{Method: c.method, Path: c.Path, Fixed: c.fixed(), Good: c.good}
	node := c.host.tree.Find(where)
	e := find(node, c.method, c.version, name)
	if c.method == "HEAD" {
		if get := find(node, "GET", c.version, name); get != nil {
			l.head(c, get)
			return
		}
	}
	if e == nil {
		if why := l.unwelcome(c, node); why != "" {
			l.reject(c, why)
			l.miss(c, node)
			return
		}
		if e = l.add(c, where, name); e == nil {
			return
		}
	}
	l.count(c, e)
}

// fixed is how many segments at the front of the path are no values.
func (c *call) fixed() int {
	if c.protocol == GRPC {
		return strings.Count(c.Path, "/")
	}
	if c.BasePath == "" || c.BasePath == "/" {
		return 0
	}
	return strings.Count(strings.TrimSuffix(c.BasePath, "/"), "/")
}

// isGood says whether a call counts for accepting an operation.
func isGood(o *Observation) bool {
	if o.Attack || o.Refused {
		return false
	}
	switch {
	case o.Status >= 200 && o.Status < 400, o.Status == 101:
		return true
	case o.Status == 0:
		return o.Assumed
	}
	return false
}

// Stats tells how much was learned.
func (l *Learner) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Operations: l.listed, Hot: l.hot.Len(), Candidates: l.waiting, Hosts: len(l.hosts),
		Observed: l.observed, Taught: l.taught, Overflow: l.overflow, Rejected: maps.Clone(l.reasons),
	}
}

// exposure tells where a caller comes from; empty when it is not known.
func (l *Learner) exposure(a netip.Addr) Exposure {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap()
	for _, p := range l.options.Partner {
		if p.Contains(a) {
			return Partner
		}
	}
	for _, p := range l.options.Internal {
		if p.Contains(a) {
			return Internal
		}
	}
	if len(l.options.Internal) == 0 && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()) {
		return Internal
	}
	return Public
}
