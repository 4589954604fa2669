package seclang

import (
	"fmt"
	"regexp/syntax"
	"sync"
	"sync/atomic"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
	"farrier.dev/farrier/internal/detect/seclang/operator"
)

// sieve finds which rules match which texts before any rule runs, turning the
// loop of rules over values inside out: each distinct text is transformed once
// for each chain of functions that changes it, and each form is read once by
// automata that stand for many rules. What it finds is exact for the first link
// of a rule, except for what selectors and exceptions take away.
type sieve struct {
	words int // of a set of rules
	rules []sifted
	// always are the rules that it cannot judge, ascending.
	always []int
	places places
	trie   *trie
	scans  []scan
	// phrases holds the lists of all pm; phraseRules their rules by list.
	phrases     *operator.Phrases
	phraseRules []int
	phraseSet   ruleSet
	// checks are rules with other operators.
	checks   []check
	checkSet ruleSet
	negated  ruleSet
	memo     memo
	cache    *automaton.Cache // of the automata of all scans
	cap      int64            // of the cache, in bytes
	plans    atomic.Pointer[map[uint64]*plan]
	planning sync.Mutex
}

// sifted is a rule that the sieve judges by its first link.
type sifted struct {
	program *program
	index   int // in Set.rules
	first   *link
	node    int // of the trie
}

// check is a rule whose operator is applied text by text.
type check struct {
	rule  int
	units int // a byte
	// cost tells what it costs beyond that.
	cost  func(text string) int64
	match func(text string) bool
}

// scan is an automaton over the expressions of some rules, for texts of one
// alphabet.
type scan struct {
	alphabet int
	set      *automaton.Set
	rules    []int // by pattern
	all      ruleSet
}

// sortable says whether the sieve can judge a rule: it looks at values of the
// input only and compares them with nothing that changes.
func sortable(p *program) bool {
	l := &p.links[0]
	if l.test == nil {
		return false
	}
	if l.test.argument != nil {
		if _, ok := l.test.argument.literal(); !ok {
			return false
		}
	}
	for i := range l.targets {
		if t := &l.targets[i]; t.variable.kind != ofInput || t.count {
			return false
		}
	}
	return true
}

func newSieve(set *Set, o Options) (*sieve, error) {
	s := &sieve{trie: newTrie()}
	for i, p := range set.rules {
		if !sortable(p) {
			s.always = append(s.always, i)
			continue
		}
		s.rules = append(s.rules, sifted{program: p, index: i, first: &p.links[0]})
	}
	s.words = (len(s.rules) + 63) / 64
	s.negated, s.checkSet, s.phraseSet = newRuleSet(s.words), newRuleSet(s.words), newRuleSet(s.words)
	s.trie.words = s.words
	s.trie.nodes[0].rules = newRuleSet(s.words)
	var lists [][]string
	for i := range s.rules {
		r := &s.rules[i]
		r.node = s.trie.add(r.first.steps, r.first.multi, i)
		t := r.first.test
		if t.negated {
			s.negated.set(i)
		}
		switch {
		case t.pattern != nil:
		case t.phrases != nil:
			lists = append(lists, t.phrases.phrases)
			s.phraseRules = append(s.phraseRules, i)
			s.phraseSet.set(i)
		default:
			s.checks = append(s.checks, newCheck(i, t))
			s.checkSet.set(i)
		}
	}
	s.phrases = operator.CompilePhrases(lists)
	s.trie.finish()
	s.places.build(s)
	s.plans.Store(&map[uint64]*plan{})
	return s, s.buildScans(o)
}

func newCheck(rule int, t *test) check {
	c := check{rule: rule, units: unitsCheck, match: t.match}
	if t.compare != nil {
		argument, _ := t.argument.literal()
		if m, err := t.compile(argument); err == nil {
			c.match = m
		} else { // an argument that became empty
			c.match = func(text string) bool { return t.compare(argument, text) }
		}
	}
	if t.injection {
		c.units, c.cost = unitsInjectionTest, t.cost
	}
	return c
}

// The alphabets, each within the next: most values of APIs are words, numbers
// and dates, which few expressions can match.
const (
	wordAlphabet = iota
	lineAlphabet
	anyAlphabet
	alphabets
)

var alphabetOf = func() (table [256]uint8) {
	for b := range table {
		table[b] = anyAlphabet
	}
	for b := '0'; b <= 'z'; b++ {
		if b <= '9' || b >= 'a' || b >= 'A' && b <= 'Z' {
			table[b] = wordAlphabet
		}
	}
	for _, b := range "_-.:" {
		table[b] = wordAlphabet
	}
	for _, b := range " @,/+=" {
		table[b] = lineAlphabet
	}
	return table
}()

// alphabet is the smallest that has all bytes of text.
func alphabet(text string) int {
	a := uint8(0)
	for i := range len(text) {
		a |= alphabetOf[text[i]]
	}
	return min(int(a), anyAlphabet)
}

const (
	manyPatterns = 4    // of one chain make an automaton of their own
	heavyProgram = 1500 // instructions; such expressions need many states
)

// buildScans groups the expressions so that no automaton has too many states:
// by chain of transformations where all bytes occur, and with heavy ones apart.
func (s *sieve) buildScans(o Options) error {
	size := o.CacheBytes
	if size <= 0 {
		size = 48 << 20
	}
	s.cache, s.cap = automaton.NewCache(size), int64(size)
	perNode := map[int]int{}
	for i := range s.rules {
		if s.rules[i].first.test.pattern != nil {
			perNode[s.rules[i].node]++
		}
	}
	for a := range alphabets {
		var has [256]bool
		for b := range has {
			has[b] = int(alphabetOf[b]) <= a
		}
		groups := map[string]int{}
		var patterns [][]automaton.Pattern
		for i := range s.rules {
			r := &s.rules[i]
			p := r.first.test.pattern
			if p == nil {
				continue
			}
			one := automaton.Pattern{Expr: p.expr, Latin: p.latin}
			if a < anyAlphabet && !automaton.Possible(one, &has) {
				continue
			}
			key := s.group(r, a, perNode[r.node])
			g, ok := groups[key]
			if !ok {
				g = len(patterns)
				groups[key] = g
				patterns = append(patterns, nil)
				s.scans = append(s.scans, scan{alphabet: a, all: newRuleSet(s.words)})
			}
			patterns[g] = append(patterns[g], one)
			sc := &s.scans[len(s.scans)-len(patterns)+g]
			sc.rules = append(sc.rules, i)
			sc.all.set(i)
		}
		for g := range patterns {
			var err error
			sc := &s.scans[len(s.scans)-len(patterns)+g]
			if sc.set, err = automaton.Compile(patterns[g], automaton.Options{Cache: s.cache}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sieve) group(r *sifted, alphabet, inChain int) string {
	switch {
	case !s.places.common(r):
		return "protocol"
	case alphabet > wordAlphabet && programSize(r.first.test.pattern.expr) > heavyProgram:
		return "heavy"
	case alphabet == anyAlphabet && inChain >= manyPatterns:
		return fmt.Sprint(r.node)
	}
	return "rest"
}

func programSize(expr string) int {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 0
	}
	p, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0
	}
	return len(p.Inst)
}

// ruleSet is a set of rules.
type ruleSet []uint64

func newRuleSet(words int) ruleSet { return make(ruleSet, words) }

func (b ruleSet) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b ruleSet) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b ruleSet) or(c ruleSet) {
	for i, w := range c {
		b[i] |= w
	}
}

func (b ruleSet) meets(c ruleSet) bool {
	for i, w := range c {
		if b[i]&w != 0 {
			return true
		}
	}
	return false
}
