package model

import (
	"math/bits"
)

// The bounds of what is kept of one operation.
const (
	// maxSources is the number of sources that teach an operation: the ones with
	// the lowest hashes, which is a sample that nobody can choose to be in.
	maxSources = 64
	// maxPlaces is the number of places of one operation.
	maxPlaces = 96
	// buckets is the number of lengths told apart: powers of two.
	buckets = 20
)

// What it takes to be known.
const (
	// mature is the number of values after which a place has a normal.
	mature = 60
	// enough is the number of sources after which an operation has one.
	enough = 8
	// spread is the share of the sources, one in so many, that must have shown a
	// feature for it to be normal. It is what makes poisoning expensive: a tenth
	// of all sources teaches nothing.
	spread = 6
)

// Operation is what was learned of one operation. It is not safe for
// concurrent use while it is taught.
type Operation struct {
	// Sources are the hashes of the sources that teach, 0 where there is none.
	Sources [maxSources]uint64
	Places  map[string]*Profile
}

// Profile is what was learned of one place: for each feature the sources that
// have shown it, one bit a source.
type Profile struct {
	Values     uint32
	Sources    uint64
	Types      [types]uint64
	Lengths    [buckets]uint64
	Characters [64]uint64
	// Longest is the longest value of a source, by source.
	Longest [maxSources]uint16
}

// NewOperation knows nothing.
func NewOperation() *Operation { return &Operation{Places: map[string]*Profile{}} }

// Learn takes the facts of one request from a source, which is a hash of the
// client and the hour. It says whether the source is in the sample that
// teaches.
func (o *Operation) Learn(source uint64, facts []Fact) bool {
	slot, ok := o.slot(max(source, 1))
	if !ok {
		return false
	}
	bit := uint64(1) << slot
	for i := range facts {
		p := o.place(facts[i].Place)
		if p == nil {
			continue
		}
		p.learn(&facts[i], slot, bit)
	}
	return true
}

// Samples says whether a source is in the sample, or would be.
func (o *Operation) Samples(source uint64) bool {
	source = max(source, 1)
	highest := uint64(0)
	for _, s := range o.Sources {
		if s == source || s == 0 {
			return true
		}
		highest = max(highest, s)
	}
	return source < highest
}

// slot is the place of a source in the sample. A source with a lower hash takes
// the place of the one with the highest, whose lessons are forgotten.
func (o *Operation) slot(source uint64) (int, bool) {
	highest := 0
	for i, s := range o.Sources {
		switch {
		case s == source:
			return i, true
		case s == 0:
			o.Sources[i] = source
			return i, true
		case s > o.Sources[highest]:
			highest = i
		}
	}
	if source > o.Sources[highest] {
		return 0, false
	}
	o.Sources[highest] = source
	for _, p := range o.Places {
		p.forget(highest)
	}
	return highest, true
}

func (o *Operation) place(name string) *Profile {
	if p := o.Places[name]; p != nil {
		return p
	}
	if len(o.Places) >= maxPlaces && !o.evict() {
		return nil
	}
	p := &Profile{}
	o.Places[name] = p
	return p
}

// evict drops the place that the fewest sources have used, unless it is known.
func (o *Operation) evict() bool {
	least, name := maxSources+1, ""
	for n, p := range o.Places {
		if used := bits.OnesCount64(p.Sources); used < least || used == least && n < name {
			least, name = used, n
		}
	}
	if least > 1 {
		return false
	}
	delete(o.Places, name)
	return true
}

func (p *Profile) learn(f *Fact, slot int, bit uint64) {
	p.Values++
	p.Sources |= bit
	p.Types[f.Type] |= bit
	p.Lengths[bucket(f.Length)] |= bit
	p.Longest[slot] = max(p.Longest[slot], uint16(min(f.Length, 1<<16-1))) //nolint:gosec // a length, bounded
	for rest := uint64(f.Characters); rest != 0; rest &= rest - 1 {
		p.Characters[bits.TrailingZeros64(rest)] |= bit
	}
}

func (p *Profile) forget(slot int) {
	keep := ^(uint64(1) << slot)
	p.Sources &= keep
	p.Longest[slot] = 0
	for i := range p.Types {
		p.Types[i] &= keep
	}
	for i := range p.Lengths {
		p.Lengths[i] &= keep
	}
	for i := range p.Characters {
		p.Characters[i] &= keep
	}
}

// bucket is the number of binary digits of a length.
func bucket(length int) int { return min(bits.Len(uint(length)), buckets-1) } //nolint:gosec // no length is negative

// sources is how many teach.
func (o *Operation) sources() int {
	n := 0
	for _, s := range o.Sources {
		if s != 0 {
			n++
		}
	}
	return n
}

// Clone is a copy that may be read while the original is taught.
func (o *Operation) Clone() *Operation {
	c := &Operation{Sources: o.Sources, Places: make(map[string]*Profile, len(o.Places))}
	for name, p := range o.Places {
		copied := *p
		c.Places[name] = &copied
	}
	return c
}
