package seclang

import (
	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// trie holds the chains of transformations of all rules, so that what chains
// begin with in common is done once.
type trie struct {
	words int
	nodes []node // parents before children
}

// node is a text after some functions; the first is the text itself.
type node struct {
	parent int
	f      transform.Func
	// reported says that the function counts only if it reports a change, as it
	// is with multiMatch.
	reported bool
	rules    ruleSet // that look at this form
	below    ruleSet // with those of all children
	children []int
}

func newTrie() *trie { return &trie{nodes: []node{{parent: -1}}} }

// add enters the chain of a rule and returns its last node.
func (t *trie) add(steps []transform.Func, multi bool, rule int) int {
	at := 0
	for _, f := range steps {
		if multi {
			t.nodes[at].rules.set(rule)
		}
		at = t.child(at, f, multi)
	}
	t.nodes[at].rules.set(rule)
	return at
}

func (t *trie) child(at int, f transform.Func, reported bool) int {
	for _, c := range t.nodes[at].children {
		if t.nodes[c].f.Name == f.Name && t.nodes[c].reported == reported {
			return c
		}
	}
	c := len(t.nodes)
	t.nodes = append(t.nodes, node{parent: at, f: f, reported: reported, rules: newRuleSet(t.words)})
	t.nodes[at].children = append(t.nodes[at].children, c)
	return c
}

// finish sums up what lies below each node.
func (t *trie) finish() {
	for i := len(t.nodes) - 1; i >= 0; i-- {
		n := &t.nodes[i]
		n.below = newRuleSet(t.words)
		n.below.or(n.rules)
		for _, c := range n.children {
			n.below.or(t.nodes[c].below)
		}
	}
}

// plan is what to do with a text, by the places in which it occurs.
type plan struct {
	rules ruleSet
	steps []planStep // without the root; parents before children
	root  ruleSet    // rules that look at the text itself
	// calm are the rules that see the text itself if it has none of the bytes
	// in triggers, restless the steps that remain then.
	triggers transform.Mask
	calm     ruleSet
	restless []planStep
	scans    [alphabets][]*scan
	phrases  bool
	checks   []check
}

// planStep is a node of the trie that some rule needs.
type planStep struct {
	node   *node
	slot   int // where the form of the node is kept
	parent int // slot
	rules  ruleSet
}

func (s *sieve) newPlan(rules ruleSet) *plan {
	p := &plan{rules: rules, root: and(s.trie.nodes[0].rules, rules), calm: and(s.trie.nodes[0].rules, rules)}
	slots := make([]int, len(s.trie.nodes))
	restless := make([]bool, len(s.trie.nodes))
	var walk func(i int)
	walk = func(i int) {
		for _, c := range s.trie.nodes[i].children {
			n := &s.trie.nodes[c]
			if !n.below.meets(rules) {
				continue
			}
			slots[c] = len(p.steps) + 1
			step := planStep{node: n, slot: slots[c], parent: slots[i], rules: and(n.rules, rules)}
			p.steps = append(p.steps, step)
			if restless[c] = restless[i] || n.f.Always; restless[c] {
				p.restless = append(p.restless, step)
			} else {
				p.triggers |= n.f.Trigger
				p.calm.or(step.rules)
			}
			walk(c)
		}
	}
	walk(0)
	for i := range s.scans {
		if sc := &s.scans[i]; sc.all.meets(rules) {
			p.scans[sc.alphabet] = append(p.scans[sc.alphabet], sc)
		}
	}
	p.phrases = s.phraseSet.meets(rules)
	for _, c := range s.checks {
		if rules.has(c.rule) {
			p.checks = append(p.checks, c)
		}
	}
	return p
}

func and(a, b ruleSet) ruleSet {
	out := newRuleSet(len(a))
	for i := range a {
		out[i] = a[i] & b[i]
	}
	return out
}
