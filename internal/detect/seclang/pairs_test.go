package seclang

import (
	"flag"
	"testing"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

var pairCount = flag.Int("pairs", 40_000, "how many pairs of rule and text to compare with the rule's own operator, at levels 1 and 4")

// ownOperator says whether the first link of a rule matches a text: each
// function of its chain and then its operator, one after the other.
func ownOperator(r *run, p *program, text string) bool {
	l := &p.links[0]
	holds := func(form string) bool { return r.eval(l.test, form, p) != l.test.negated }
	if !l.multi {
		for i := range l.steps {
			text = string(l.steps[i].Append(nil, text))
		}
		return holds(text)
	}
	found := holds(text)
	for i := range l.steps {
		out := string(l.steps[i].Append(nil, text))
		if l.steps[i].Changed(text, out) {
			text = out
			found = found || holds(text)
		}
	}
	return found
}

// TestPairs holds the sieve against each rule's own operator: mutated attacks
// through the whole chain of transformations of every rule. Nothing may be
// hidden, and nothing found that is not there.
func TestPairs(t *testing.T) {
	for _, level := range []int{1, 4} {
		s := compileCRS(t, level, Options{})
		g := newGenerator(t, uint64(500+level))
		r := s.pool.get(s)
		played, matched, texts := 0, 0, 0
		for ; played < *pairCount; texts++ {
			text := g.attack()
			for range g.IntN(4) {
				text = g.mutate(text)
			}
			text = text[:min(len(text), 400)]
			r.begin(&Input{}, &automaton.Meter{Left: 1 << 50})
			r.scratch.hits = r.scratch.hits[:0]
			if !r.siftForms(s.sieve.plan(^uint64(0)), text, 0) {
				t.Fatalf("%q: the meter ran out", text)
			}
			hits := map[int]bool{}
			for _, h := range r.scratch.hits {
				hits[h.rule()] = true
			}
			for i := range s.sieve.rules {
				rule := &s.sieve.rules[i]
				want := ownOperator(r, rule.program, text)
				if hits[i] != want {
					t.Errorf("rule %d on %q: the sieve says %v, its operator %v", rule.program.rule.ID, text, hits[i], want)
				}
				played++
				if want {
					matched++
				}
			}
			if t.Failed() {
				break
			}
		}
		s.pool.put(r)
		t.Logf("level %d: %d pairs of %d texts and %d rules, %d match", level, played, texts, len(s.sieve.rules), matched)
		if matched == 0 || played < *pairCount {
			t.Errorf("only %d pairs, %d match", played, matched)
		}
	}
}
