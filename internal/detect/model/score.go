package model

import (
	"fmt"
	"math/bits"
	"strings"
)

// Alarm is the deviation from which a value is reported.
const Alarm = 40

// Deviation is how far a value is from what is normal, and why.
type Deviation struct {
	Place string `json:"place"`
	// Score is 0 to 100.
	Score int `json:"score"`
	// Reason is for people: what was normal, and what is now.
	Reason string `json:"reason"`
}

// What deviations count.
const (
	newPlace     = 45
	wrongType    = 45
	muchLonger   = 40
	longer       = 15
	oneCharacter = 15
	oneSharp     = 40
)

// Normal is what is normal for an operation, ready to be compared with. It is
// immutable.
type Normal struct {
	// settled says that enough is known for an unknown place to mean something.
	settled bool
	places  map[string]*usual
}

// usual is what is normal for a place. A place that is not mature has no
// opinion.
type usual struct {
	mature  bool
	types   uint16
	strict  Type
	hasType bool
	longest int
	known   Characters
}

// Normal works out what is normal from what was learned so far.
func (o *Operation) Normal() *Normal {
	sources := o.sources()
	n := &Normal{places: map[string]*usual{}}
	if sources < enough {
		return n
	}
	n.settled = o.settled(sources)
	for name, p := range o.Places {
		if !common(p.Sources, sources) {
			continue
		}
		u := &usual{}
		if used := bits.OnesCount64(p.Sources); p.Values >= mature && used >= enough {
			u.mature, u.longest, u.known = true, p.longest(used), p.known(used)
			u.strict, u.hasType = p.strictType(used)
			u.types = p.types(used)
		}
		n.places[name] = u
	}
	return n
}

// Places is the number of places with something normal.
func (n *Normal) Places() int { return len(n.places) }

// Score compares a fact with what is normal. It says 0 of what is normal, and
// false where not enough was learned to say anything.
func (n *Normal) Score(f *Fact) (Deviation, bool) {
	d := Deviation{Place: f.Place}
	u := n.places[f.Place]
	if u == nil && n.settled {
		d.Score, d.Reason = newPlace, "this operation never had a value here"
		return d, true
	}
	if u == nil || !u.mature {
		return d, false
	}
	var reasons []string
	add := func(points int, format string, args ...any) {
		d.Score = min(100, d.Score+points)
		reasons = append(reasons, fmt.Sprintf(format, args...))
	}
	if u.hasType && f.Type != Empty && !u.fits(f.Type) {
		add(wrongType, "always %s, now %s", u.strict, f.Type)
	}
	switch {
	case f.Length > 2*u.longest && f.Length > u.longest+8:
		add(muchLonger, "never longer than %d, now %d", u.longest, f.Length)
	case f.Length > u.longest+u.longest/4+2:
		add(longer, "never longer than %d, now %d", u.longest, f.Length)
	}
	if strange := f.Characters &^ u.known; strange != 0 {
		points := oneCharacter * bits.OnesCount64(uint64(strange))
		if strange&sharp != 0 {
			points = max(points, oneSharp)
		}
		add(min(points, 60), "never outside %s, now with %s", u.known, strange)
	}
	if reasons != nil {
		d.Reason = strings.Join(reasons, "; ")
	}
	return d, true
}

// settled says that some place of the operation is mature, so that an unknown
// one means something.
func (o *Operation) settled(sources int) bool {
	for _, p := range o.Places {
		if p.Values >= mature && common(p.Sources, sources) {
			return true
		}
	}
	return len(o.Places) == 0
}

// common says that enough of so many sources have shown a feature.
func common(shown uint64, of int) bool { return bits.OnesCount64(shown)*spread > of }

// fits says that a type is normal, or narrower than one that is.
func (u *usual) fits(t Type) bool {
	return u.types&(1<<t) != 0 || t == Integer && u.types&(1<<Decimal) != 0 || u.types>>Word != 0
}

func (p *Profile) types(used int) (all uint16) {
	for t, shown := range p.Types {
		if common(shown, used) {
			all |= 1 << t
		}
	}
	return all
}

// strictType is the type that nearly all values have, when it is a strict one.
func (p *Profile) strictType(used int) (Type, bool) {
	found, ok := Empty, false
	for t := Boolean; t < types; t++ {
		if common(p.Types[t], used) {
			if !t.strict() {
				return t, false
			}
			found, ok = t, true
		}
	}
	return found, ok
}

// longest is the length that enough sources have reached. A few long values of
// a few sources do not count.
func (p *Profile) longest(used int) int {
	limit, best := used/spread+1, 0
	for _, l := range p.Longest {
		if int(l) <= best {
			continue
		}
		reached := 0
		for _, other := range p.Longest {
			if other >= l {
				reached++
			}
		}
		if reached >= limit {
			best = int(l)
		}
	}
	return best
}

func (p *Profile) known(used int) (known Characters) {
	for i, shown := range p.Characters {
		if common(shown, used) {
			known |= 1 << i
		}
	}
	return known
}
