package discovery

import (
	"container/list"
	"net/netip"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery/template"
)

// maxSources bounds the callers whose behaviour is remembered.
const maxSources = 8192

// source is somebody who calls: an address, or the nearest thing to it that is known.
type source struct {
	key sourceKey
	// network is how it is named among callers.
	network string
	kind    string
	// anonymous stands for everybody of whom nothing is known: it is never banned.
	anonymous bool
	exposure  Exposure
	known     bool

	// misses are the hashes of the different paths that were not found since window.
	window time.Time
	misses [SprayMisses]uint64
	missed int
	banned time.Time

	// candidates are the entries it made, the ones it called last at the end.
	candidates list.List
	used       *list.Element
}

type sourceKey struct {
	address netip.Prefix
	name    string
}

// sources are those that were seen last.
type sources struct {
	all  map[sourceKey]*source
	used list.List // of *source, the last seen first
	// nobody holds the candidates of sources that were forgotten.
	nobody *source
}

func (s *sources) init() {
	s.all = make(map[sourceKey]*source)
	s.nobody = &source{anonymous: true}
}

// of gives the source of a call.
func (s *sources) of(c *Caller, at time.Time) *source {
	key := keyOf(c)
	if src := s.all[key]; src != nil {
		s.used.MoveToFront(src.used)
		return src
	}
	if len(s.all) >= maxSources {
		s.forget(at)
	}
	key.name = strings.Clone(key.name)
	src := &source{key: key, anonymous: key == sourceKey{}}
	src.kind, src.network = "network", network(c.Address)
	src.used = s.used.PushFront(src)
	s.all[key] = src
	return src
}

func keyOf(c *Caller) sourceKey {
	if a := c.Address.Unmap(); a.IsValid() {
		bits := a.BitLen()
		if a.Is6() {
			bits = 64
		}
		p, err := a.WithZone("").Prefix(bits)
		if err == nil {
			return sourceKey{address: p}
		}
	}
	switch {
	case c.ClientID != "":
		return sourceKey{name: c.ClientID}
	case c.Service != "":
		return sourceKey{name: c.Service}
	}
	return sourceKey{}
}

// network is the network of an address by which callers are told apart.
func network(a netip.Addr) string {
	if a = a.Unmap(); !a.IsValid() {
		return ""
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// forget drops the source that was quiet longest; those that are banned stay while
// there are others near the end.
func (s *sources) forget(at time.Time) {
	el := s.used.Back()
	for range 16 {
		if src, _ := el.Value.(*source); el.Prev() != nil && src.bannedAt(at) {
			el = el.Prev()
			continue
		}
		break
	}
	src, _ := el.Value.(*source)
	for c := src.candidates.Front(); c != nil; c = src.candidates.Front() {
		e, _ := c.Value.(*entry)
		s.disown(e)
		s.own(s.nobody, e)
	}
	s.used.Remove(el)
	delete(s.all, src.key)
}

// own notes who made a candidate.
func (s *sources) own(src *source, e *entry) {
	e.source = src
	e.waits = src.candidates.PushBack(e)
}

func (s *sources) disown(e *entry) {
	if e.waits != nil {
		e.source.candidates.Remove(e.waits)
		e.waits = nil
	}
}

// again notes that a candidate was called.
func (s *sources) again(src *source, e *entry) {
	if e.waits == nil {
		return
	}
	e.others = e.others || src != e.source
	e.source.candidates.MoveToBack(e.waits)
}

// evict makes room for a candidate of a source: the source with the most candidates
// loses the one that it called longest ago. It is false when there is none.
func (s *sources) evict(l *Learner) bool {
	most := s.nobody
	for el := s.used.Front(); el != nil; el = el.Next() {
		if src, _ := el.Value.(*source); src.candidates.Len() > most.candidates.Len() {
			most = src
		}
	}
	el := most.candidates.Front()
	if el == nil {
		return false
	}
	e, _ := el.Value.(*entry)
	l.tell(e.key, rejectEvicted, e.op)
	l.drop(e)
	return true
}

func (s *source) bannedAt(at time.Time) bool {
	return s != nil && !s.banned.IsZero() && at.Before(s.banned)
}

// miss notes that a path was not found. Who asks for many different ones guesses:
// it teaches nothing for a while, and what it alone taught is forgotten.
func (l *Learner) miss(c *call, node *template.Node) {
	s := c.source
	if s == nil || s.anonymous || c.Status != 404 || s.bannedAt(c.at) {
		return
	}
	if sp := spotOf(node); sp != nil && len(sp.entries) > 0 && sp.entries[0].listed {
		// A known operation that had nothing under this id.
		return
	}
	if c.at.Sub(s.window) > SprayWindow || c.at.Before(s.window) {
		s.window, s.missed = c.at, 0
	}
	h := l.looker.Hash(l.outline(c.Path))
	for _, old := range s.misses[:s.missed] {
		if old == h {
			return
		}
	}
	s.misses[s.missed] = h
	if s.missed++; s.missed < SprayMisses {
		return
	}
	s.missed = 0
	s.banned = c.at.Add(SprayBan)
	for el := s.candidates.Front(); el != nil; {
		next := el.Next()
		e, _ := el.Value.(*entry)
		if !e.others && (e.op == nil || !e.op.First.Before(s.window)) {
			l.tell(e.key, rejectSpray, e.op)
			l.drop(e)
		}
		el = next
	}
}

// outline is a path with its values left out: ids that are gone are no guesses.
func (l *Learner) outline(path string) string {
	b := l.scratch.bytes[:0]
	for segment := range strings.SplitSeq(path[1:], "/") {
		b = append(b, '/')
		if k, _ := l.words.Classify(segment, 1); k.Value() {
			b = append(b, '*')
			continue
		}
		b = append(b, segment...)
	}
	l.scratch.bytes = b
	return string(b)
}
