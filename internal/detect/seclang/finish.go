package seclang

import (
	"maps"
	"slices"
	"strings"
)

// index drops rules that only keep books which nobody reads, and numbers the
// others.
func (c *compiler) index() {
	rules := c.set.rules
	kept := rules[:0:0]
	moved := make([]int32, len(rules)+1)
	for i, p := range rules {
		moved[i] = int32(len(kept)) //nolint:gosec // there are not that many rules
		if p.silent && p.jump == 0 && p.rule.Severity == "" && !slices.ContainsFunc(p.links, func(l link) bool { return len(l.effects) > 0 || l.capture }) {
			c.set.folded = append(c.set.folded, p.rule.ID)
			continue
		}
		kept = append(kept, p)
	}
	moved[len(rules)] = int32(len(kept)) //nolint:gosec // there are not that many rules
	slices.Sort(c.set.folded)
	c.set.rules = kept
	for i, p := range kept {
		p.index = i
		p.findReads(c.set)
		p.jump = moved[p.jump]
		if len(p.links) > 1 {
			p.noted = true
		}
		for j := range p.links {
			l := &p.links[j]
			c.set.noted = c.set.noted || j == 0 && readsMatched(l)
			for _, e := range l.effects {
				if e.set != nil {
					p.noted = true
					continue
				}
				e.ctl.rules = newRuleSet((len(kept) + 63) / 64)
				for k, q := range kept {
					if !e.ctl.off && e.ctl.covers(q.rule) {
						e.ctl.rules.set(k)
					}
				}
			}
		}
	}
}

// readsMatched says whether a link reads what an earlier rule matched.
func readsMatched(l *link) bool {
	for i := range l.targets {
		if k := l.targets[i].variable.kind; k == ofMatchedVar || k == ofMatchedVarName {
			return true
		}
	}
	return l.test != nil && l.test.argument != nil && slices.ContainsFunc(l.test.argument.tokens, func(t token) bool {
		return t.from != nil && (t.from.kind == ofMatchedVar || t.from.kind == ofMatchedVarName)
	})
}

// finish leaves out what no rule reads.
func (c *compiler) finish() {
	r := newReaders(c.set)
	for _, p := range c.set.rules {
		for i := range p.links {
			l := &p.links[i]
			l.effects = slices.DeleteFunc(l.effects, func(e effect) bool { return e.set != nil && !r.needs(e.set) })
		}
	}
	for key, v := range c.initial {
		c.set.constants[key] = v
	}
	maps.DeleteFunc(c.set.constants, func(key, _ string) bool { return !r.reads(key) })
	c.set.constantKeys = slices.Sorted(maps.Keys(c.set.constants))
	for v := firstSingle; v < collections; v++ {
		if r.singles[v] {
			c.set.defaults = append(c.set.defaults, Value{In: v, Text: valueOfMissing(v)})
		}
	}
}

// findReads notes which captured groups the rule reads: those that it has set
// itself by then, and those that any rule before it may have set.
func (p *program) findReads(s *Set) {
	var own uint16 // groups that are set for certain
	for i := range p.links {
		l := &p.links[i]
		note := func(groups uint16) {
			p.reads |= groups & own
			s.reads |= groups &^ own
		}
		for j := range l.targets {
			note(groupsOf(&l.targets[j]))
		}
		if l.test != nil {
			note(groupsIn(l.test.argument))
			if l.capture && !l.test.negated && l.test.pattern != nil {
				own |= 1<<min(l.test.pattern.groups, 9) - 1
			}
		}
		for _, e := range l.effects {
			if e.set != nil {
				note(groupsIn(e.set.key) | groupsIn(e.set.value))
			}
		}
	}
}

// groupsOf are the captured groups that a target selects.
func groupsOf(t *target) (groups uint16) {
	if t.variable.kind != ofTX {
		return 0
	}
	for n := range len(digits) {
		if t.selects(digits[n : n+1]) {
			groups |= 1 << n
		}
	}
	return groups
}

func groupsIn(m *macro) (groups uint16) {
	if m == nil {
		return 0
	}
	for i := range m.tokens {
		t := &m.tokens[i]
		if t.from == nil || t.from.kind != ofTX {
			continue
		}
		if n := strings.Index(digits, t.key); n >= 0 && len(t.key) == 1 {
			groups |= 1 << n
		}
	}
	return groups
}
