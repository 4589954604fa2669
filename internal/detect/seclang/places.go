package seclang

import (
	"maps"
	"slices"
)

// places tells which rules look at which kinds of values. Kinds that the same
// rules look at form a class; a text that occurs in several places belongs to
// several classes.
type places struct {
	classes []ruleSet
	// general is the class of a collection's texts and keys, 0: no rule.
	general [collections][2]uint64
	// keyed are additional classes by lower-case key.
	keyed [collections][2]map[string]uint64
	// commons are rules that look at values whose number is the client's choice.
	commons ruleSet
}

// maxClasses leaves the last bit for all that do not fit.
const maxClasses = 63

// maxPlans bounds the combinations of classes that are remembered.
const maxPlans = 4096

func (p *places) build(s *sieve) {
	var general [collections][2]ruleSet
	var keyed [collections][2]map[string]ruleSet
	p.commons = newRuleSet(s.words)
	for i := range s.rules {
		for j := range s.rules[i].first.targets {
			t := &s.rules[i].first.targets[j]
			names := 0
			if t.variable.names {
				names = 1
			}
			for _, c := range t.variable.in {
				if c < firstSingle && t.key == "" {
					p.commons.set(i)
				}
				if t.key == "" || t.expr != nil {
					if general[c][names] == nil {
						general[c][names] = newRuleSet(s.words)
					}
					general[c][names].set(i)
					continue
				}
				if keyed[c][names] == nil {
					keyed[c][names] = map[string]ruleSet{}
				}
				if keyed[c][names][t.key] == nil {
					keyed[c][names][t.key] = newRuleSet(s.words)
				}
				keyed[c][names][t.key].set(i)
			}
		}
	}
	for c := range collections {
		for n := range 2 {
			if general[c][n] != nil {
				p.general[c][n] = p.class(general[c][n])
			}
			for _, key := range slices.Sorted(maps.Keys(keyed[c][n])) {
				if p.keyed[c][n] == nil {
					p.keyed[c][n] = map[string]uint64{}
				}
				p.keyed[c][n][key] = p.class(keyed[c][n][key])
			}
		}
	}
}

// class is the bit of a set of rules.
func (p *places) class(rules ruleSet) uint64 {
	for i := range min(len(p.classes), maxClasses) {
		if equal(p.classes[i], rules) {
			return 1 << i
		}
	}
	if len(p.classes) <= maxClasses {
		p.classes = append(p.classes, append(ruleSet(nil), rules...))
		return 1 << (len(p.classes) - 1)
	}
	p.classes[maxClasses].or(rules)
	return 1 << maxClasses
}

func equal(a, b ruleSet) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// of is the classes of the text (names 0) or the key (1) of a value.
func (p *places) of(c Collection, names int, lowerKey string) uint64 {
	mask := p.general[c][names]
	if m := p.keyed[c][names]; m != nil {
		mask |= m[lowerKey]
	}
	return mask
}

// common says whether a rule looks at values of which a client may send any
// number.
func (p *places) common(r *sifted) bool {
	for i := range r.first.targets {
		t := &r.first.targets[i]
		if t.variable.in[0] < firstSingle && t.key == "" {
			return true
		}
	}
	return false
}

// plan is what to do with a text of some classes.
func (s *sieve) plan(classes uint64) *plan {
	if p := (*s.plans.Load())[classes]; p != nil {
		return p
	}
	s.planning.Lock()
	defer s.planning.Unlock()
	known := *s.plans.Load()
	if p := known[classes]; p != nil {
		return p
	}
	if len(known) >= maxPlans {
		classes = ^uint64(0)
		if p := known[classes]; p != nil {
			return p
		}
	}
	rules := newRuleSet(s.words)
	for i, c := range s.places.classes {
		if classes&(1<<i) != 0 {
			rules.or(c)
		}
	}
	p := s.newPlan(rules)
	more := maps.Clone(known)
	more[classes] = p
	s.plans.Store(&more)
	return p
}
