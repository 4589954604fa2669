package seclang

import (
	"strings"
)

// readers knows which variables the rules of a set read.
type readers struct {
	keys    map[string]bool
	exprs   []*target
	all     bool
	live    map[*setvar]bool
	singles [collections]bool
}

// newReaders goes over the rules until nothing new is found: a variable that is
// only added to another that nobody reads is not read.
func newReaders(s *Set) *readers {
	r := &readers{keys: map[string]bool{}, live: map[*setvar]bool{}}
	for _, p := range s.rules {
		for i := range p.links {
			l := &p.links[i]
			for j := range l.targets {
				r.target(&l.targets[j])
			}
			if l.test != nil {
				r.macro(l.test.argument)
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range s.rules {
			for i := range p.links {
				for _, e := range p.links[i].effects {
					if e.set == nil || r.live[e.set] || !r.needs(e.set) {
						continue
					}
					r.live[e.set], grown = true, true
					r.macro(e.set.key)
					r.macro(e.set.value)
				}
			}
		}
	}
	return r
}

func (r *readers) target(t *target) {
	for _, c := range t.variable.in {
		r.singles[c] = true
	}
	if t.variable.kind != ofTX {
		return
	}
	switch {
	case t.expr != nil:
		r.exprs = append(r.exprs, t)
	case t.key == "":
		r.all = true
	default:
		r.keys[t.key] = true
	}
}

func (r *readers) macro(m *macro) {
	if m == nil {
		return
	}
	for i := range m.tokens {
		t := &m.tokens[i]
		if t.from == nil {
			continue
		}
		for _, c := range t.from.in {
			r.singles[c] = true
		}
		if t.from.kind == ofTX {
			r.keys[t.key] = true
		}
	}
}

func (r *readers) reads(key string) bool {
	if r.all || r.keys[key] {
		return true
	}
	for _, t := range r.exprs {
		if t.expr.MatchString(key) {
			return true
		}
	}
	return false
}

// needs says whether what a setvar sets may be read.
func (r *readers) needs(s *setvar) bool {
	if key, ok := s.key.literal(); ok {
		return r.reads(strings.ToLower(key))
	}
	if r.all || len(r.exprs) > 0 {
		return true
	}
	prefix := strings.ToLower(s.key.prefix())
	for key := range r.keys {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
