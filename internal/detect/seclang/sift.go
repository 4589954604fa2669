package seclang

import (
	"math/bits"
	"slices"
	"unsafe"

	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// grace is what is left, in units, to report what was found when the meter runs
// out.
const grace = 1 << 18

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
	r.charge(unitsText)
	s, sieve := &r.scratch, r.set.sieve
	if !t.recurs {
		return r.siftForms(sieve.plan(t.classes), t.text, id)
	}
	if rules, ok := sieve.memo.get(t.text, t.classes); ok {
		if !r.afford(len(t.text)) {
			return false
		}
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
	if r.exhausted {
		return false
	}
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
	first.text, first.mask = text, 0
	if !r.afford(len(text)) {
		return 0
	}
	first.mask = uint32(transform.MaskOf(text))
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
		if r.exhausted {
			break
		}
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
	if !r.afford(unitsTransform * len(from)) {
		return at
	}
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

// longText is the length in bytes from which on it pays to tell an automaton
// which of its expressions are wanted.
const longText = 512

// leaveOut marks the expressions of rules that do not look at a form as found,
// so that nobody looks for them; whoever reads the hits knows his rules.
func (sc *scan) leaveOut(found []uint64, rules ruleSet) {
	for i, rule := range sc.rules {
		if !rules.has(rule) {
			found[i/64] |= 1 << (i % 64)
		}
	}
}

// check applies a check to a text, after it was charged what that costs at most.
// It reports false for ok when the meter does not allow it.
func (r *run) check(c *check, text string) (match, ok bool) {
	if !r.afford(c.units * len(text)) {
		return false, false
	}
	if c.cost != nil {
		switch units := c.cost(text); {
		case units == 0:
			return false, true
		case !r.afford(int(units)):
			return false, false
		}
	}
	return c.match(text), true
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
		if len(f.text) >= longText {
			sc.leaveOut(s.found, f.rules)
		}
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
		if !r.afford(len(f.text)) {
			return false
		}
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
			match, ok := r.check(c, f.text)
			if !ok {
				return false
			}
			if match {
				s.matched.set(c.rule)
			}
		}
	}
	return !r.exhausted
}
