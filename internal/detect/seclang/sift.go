package seclang

import (
	"math/bits"
	"slices"
	"unsafe"

	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// grace is what is left, in units, to report what was found when the meter runs
// out.
const grace = 1 << 20

// sifted runs the rules that the sieve found candidates for, and those that it
// cannot judge.
func (r *run) sifted() {
	s := &r.scratch
	r.intern()
	s.hits = s.hits[:0]
	for id := range s.texts {
		t := &s.texts[id]
		if !r.sift(t, int32(id)) { //nolint:gosec // bounded by the input
			break
		}
	}
	stopped := r.exhausted
	if stopped {
		r.exhausted = false
		r.meter.Left += grace
	}
	slices.Sort(s.hits)
	r.walk()
	r.exhausted = r.exhausted || stopped
}

// walk runs the rules in order.
func (r *run) walk() {
	sieve := r.set.sieve
	hits, always := r.scratch.hits, sieve.always
	for next := 0; !r.exhausted; {
		for len(always) > 0 && always[0] < next {
			always = always[1:]
		}
		for len(hits) > 0 && sieve.rules[hits[0].rule()].index < next {
			hits = hits[1:]
		}
		switch {
		case len(hits) > 0 && (len(always) == 0 || sieve.rules[hits[0].rule()].index < always[0]):
			rule, n := hits[0].rule(), 1
			for n < len(hits) && hits[n].rule() == rule {
				n++
			}
			next = r.rule(sieve.rules[rule].index, hits[:n])
			hits = hits[n:]
		case len(always) > 0:
			next = r.rule(always[0], nil)
		default:
			return
		}
	}
}

// sift finds the rules that match one text in any of its forms, or remembers
// them.
func (r *run) sift(t *interned, id int32) bool {
	s, sieve := &r.scratch, r.set.sieve
	if !t.recurs {
		return r.siftForms(sieve.plan(t.classes), t.text, id)
	}
	if rules, ok := sieve.memo.get(t.text, t.classes); ok {
		r.charge(len(t.text))
		for _, rule := range rules {
			s.hits = append(s.hits, newHit(int(rule), id))
		}
		return !r.exhausted
	}
	before := len(s.hits)
	if !r.siftForms(sieve.plan(t.classes), t.text, id) {
		return false
	}
	sieve.memo.put(t.text, t.classes, s.hits[before:])
	return true
}

func (r *run) siftForms(p *plan, text string, id int32) bool {
	s := &r.scratch
	n := r.forms(p, text)
	for i := range n {
		f := &s.forms[i]
		if !r.scanForm(p, f) {
			r.exhausted = true
		}
		for w := range s.matched {
			// A negated rule wants what does not match.
			m := (s.matched[w] ^ r.set.sieve.negated[w]) & f.rules[w]
			if r.exhausted { // what does not match is not known
				m &^= r.set.sieve.negated[w]
			}
			for ; m != 0; m &= m - 1 {
				s.hits = append(s.hits, newHit(w*64+bits.TrailingZeros64(m), id))
			}
		}
		if r.exhausted {
			return false
		}
	}
	if n > 1 { // two forms may match one rule
		r.dropDouble(id)
	}
	return true
}

// dropDouble sorts the hits of the last text and leaves one of each.
func (r *run) dropDouble(id int32) {
	s := &r.scratch
	from := len(s.hits)
	for from > 0 && s.hits[from-1].text() == id {
		from--
	}
	last := s.hits[from:]
	slices.Sort(last)
	s.hits = s.hits[:from+len(slices.Compact(last))]
}

// forms makes the distinct forms of a text that a plan needs and returns how
// many there are.
func (r *run) forms(p *plan, text string) int {
	s := &r.scratch
	s.slots = slices.Grow(s.slots[:0], len(p.steps)+1)[:len(p.steps)+1]
	first := r.form(0)
	first.text, first.mask = text, uint32(transform.MaskOf(text))
	r.charge(len(text))
	steps := p.steps
	if first.mask&uint32(p.triggers) == 0 {
		copy(first.rules, p.calm)
		steps = p.restless
		if len(steps) == 0 {
			return 1
		}
		for i := range s.slots {
			s.slots[i] = 0
		}
	} else {
		copy(first.rules, p.root)
		s.slots[0] = 0
	}
	n := 1
	for i := range steps {
		step := &steps[i]
		at := s.slots[step.parent]
		at = r.step(step.node, at, &n)
		s.slots[step.slot] = at
		s.forms[at].rules.or(step.rules)
	}
	return n
}

// form makes room for the form of an index.
func (r *run) form(i int) *form {
	s := &r.scratch
	for len(s.forms) <= i {
		s.forms = append(s.forms, form{rules: newRuleSet(r.set.sieve.words)})
	}
	clear(s.forms[i].rules)
	return &s.forms[i]
}

// step applies the function of a node to a form and returns the index of the
// result, which may be one that was there.
func (r *run) step(n *node, at int32, forms *int) int32 {
	s := &r.scratch
	from := s.forms[at].text
	if !n.f.Always && s.forms[at].mask&uint32(n.f.Trigger) == 0 || n.f.Changes != nil && !n.f.Changes(from) {
		return at
	}
	r.charge(unitsTransform * len(from))
	next := r.form(*forms)
	next.buf = n.f.Append(next.buf[:0], from)
	out := unsafe.String(unsafe.SliceData(next.buf), len(next.buf))
	if n.reported && !n.f.Changed(from, out) {
		return at
	}
	for i := range *forms {
		if s.forms[i].text == out {
			return int32(i) //nolint:gosec // a few
		}
	}
	next.text, next.mask = out, uint32(transform.MaskOf(out))
	*forms++
	return int32(*forms - 1) //nolint:gosec // a few
}

// scanForm sets matched to the rules whose test holds for a form, without
// regard to negation. It reports false when the meter ran out.
func (r *run) scanForm(p *plan, f *form) bool {
	s, sieve := &r.scratch, r.set.sieve
	s.matched = slices.Grow(s.matched[:0], sieve.words)[:sieve.words]
	clear(s.matched)
	for _, sc := range p.scans[alphabet(f.text)] {
		if !sc.all.meets(f.rules) {
			continue
		}
		n := (len(sc.rules) + 63) / 64
		s.found = slices.Grow(s.found[:0], n)[:n]
		clear(s.found)
		ok := sc.set.Scan(f.text, s.found, r.meter)
		for w, m := range s.found {
			for ; m != 0; m &= m - 1 {
				s.matched.set(sc.rules[w*64+bits.TrailingZeros64(m)])
			}
		}
		if !ok {
			return false
		}
	}
	if p.phrases && sieve.phraseSet.meets(f.rules) {
		r.charge(len(f.text))
		n := (len(sieve.phraseRules) + 63) / 64
		s.found = slices.Grow(s.found[:0], n)[:n]
		clear(s.found)
		sieve.phrases.Scan(f.text, s.found)
		for w, m := range s.found {
			for ; m != 0; m &= m - 1 {
				s.matched.set(sieve.phraseRules[w*64+bits.TrailingZeros64(m)])
			}
		}
	}
	for i := range p.checks {
		c := &p.checks[i]
		if f.rules.has(c.rule) {
			r.charge(c.units * len(f.text))
			if c.match(f.text) {
				s.matched.set(c.rule)
			}
		}
	}
	return !r.exhausted
}
