package monitor

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// seriesKind says what a series is of.
type seriesKind string

// The kinds of series.
const (
	byAPI    seriesKind = "api"
	byClient seriesKind = "client"
	byPolicy seriesKind = "policy"
)

// seriesKey names a series: name is the client or policy, empty for byAPI; api is
// empty for all APIs together.
type seriesKey struct {
	kind      seriesKind
	api, name string
}

// seriesMinute is a minute of a series, in Unix minutes.
type seriesMinute struct {
	seriesKey
	minute int64
}

// seriesCount is what happened in one minute of a series.
type seriesCount struct {
	seriesKey
	minute int64
	Slot
}

// The bounds of clients and policies that are counted apart: names of a day, each
// once over all APIs and once at every API where it was seen.
const (
	partyShards = 8
	maxParties  = 64_000
)

// parties counts by client and policy. Unlike operations, which are few and busy,
// they are many and mostly idle: what counted in a minute is handed over and
// forgotten, and only the names of the day are remembered, as a bound.
type parties struct {
	seed   maphash.Seed
	once   sync.Once
	shards [partyShards]partyShard
}

type partyShard struct {
	mu    sync.Mutex
	slots map[seriesKey]*Slot
	known map[seriesKey]struct{}
	day   int64
}

// Party says who called and which policy refused; empty where there is none.
type Party struct{ API, Client, Policy string }

// CountParty counts one exchange by its client and by the policy that refused it. It
// is to be called once for each exchange that has either, beside Count.
func (r *Rollup) CountParty(p Party, status int, outcome traffic.Outcome, took time.Duration, bytesIn, bytesOut int64) {
	if p.Client == "" && p.Policy == "" {
		return
	}
	if p.API == "" {
		p.API = NoAPI
	}
	var s Slot
	s.count(status, outcome, took, bytesIn, bytesOut)
	for _, of := range [...]struct {
		kind seriesKind
		name string
	}{{byClient, p.Client}, {byPolicy, p.Policy}} {
		if of.name != "" {
			r.parties.add(seriesKey{of.kind, "", of.name}, &s)
			r.parties.add(seriesKey{of.kind, p.API, of.name}, &s)
		}
	}
}

// count counts one exchange.
func (s *Slot) count(status int, outcome traffic.Outcome, took time.Duration, bytesIn, bytesOut int64) {
	class := status / 100
	if class < 0 || class >= classes {
		class = 0
	}
	s.Requests++
	s.Status[class]++
	switch outcomes[outcomeIndex(outcome)] {
	case traffic.RefusedByPolicy, traffic.RefusedByGateway:
		s.Refused++
	case traffic.Errored:
		s.Errors++
	case traffic.Served, traffic.AnsweredLocally:
		if class == 5 {
			s.Errors++
		}
	}
	if i := codeIndex(status); i >= 0 {
		s.codes[i]++
	}
	took = max(took, 0)
	s.Took += took
	s.latency[bucketOf(took)]++
	s.BytesIn += uint64(max(bytesIn, 0))   //nolint:gosec // not negative
	s.BytesOut += uint64(max(bytesOut, 0)) //nolint:gosec // not negative
}

func (p *parties) shard(key seriesKey) *partyShard {
	p.once.Do(func() { p.seed = maphash.MakeSeed() })
	return &p.shards[maphash.Comparable(p.seed, key)%partyShards]
}

func (p *parties) add(key seriesKey, s *Slot) {
	shard := p.shard(key)
	shard.mu.Lock()
	if have := shard.slots[key]; have != nil {
		have.Add(*s)
		shard.mu.Unlock()
		return
	}
	_, known := shard.known[key]
	if !known && key.name != Other && len(shard.known) >= maxParties/partyShards {
		shard.mu.Unlock()
		p.add(seriesKey{key.kind, key.api, Other}, s)
		return
	}
	defer shard.mu.Unlock()
	key.api, key.name = strings.Clone(key.api), strings.Clone(key.name)
	if shard.slots == nil {
		shard.slots = map[seriesKey]*Slot{}
	}
	if shard.known == nil {
		shard.known = map[seriesKey]struct{}{}
	}
	shard.known[key] = struct{}{}
	fresh := *s
	shard.slots[key] = &fresh
}

// take gives out what was counted since the last call, as of the minute that is
// over now, and forgets the names of a day that is over.
func (p *parties) take(now time.Time) []seriesCount {
	minute, day := (now.Unix()-1)/60, now.Unix()/86400
	var out []seriesCount
	for i := range p.shards {
		shard := &p.shards[i]
		shard.mu.Lock()
		slots := shard.slots
		shard.slots = nil
		if shard.day != day {
			shard.day, shard.known = day, nil
		}
		shard.mu.Unlock()
		for key, s := range slots {
			out = append(out, seriesCount{key, minute, *s})
		}
	}
	return out
}

// live is what was counted since the last take of one series.
func (p *parties) live(key seriesKey) (Slot, bool) {
	shard := p.shard(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if s := shard.slots[key]; s != nil {
		return *s, true
	}
	return Slot{}, false
}

// each visits what was counted since the last take.
func (p *parties) each(visit func(key seriesKey, s *Slot)) {
	for i := range p.shards {
		shard := &p.shards[i]
		shard.mu.Lock()
		for key, s := range shard.slots {
			visit(key, s)
		}
		shard.mu.Unlock()
	}
}
