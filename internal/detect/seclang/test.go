package seclang

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang/operator"
	"farrier.dev/farrier/internal/detect/seclang/syntax"
)

// test is what a link asks of a text.
type test struct {
	name     string
	negated  bool
	pattern  *pattern // rx
	phrases  *phraseList
	compare  func(argument, text string) bool
	argument *macro // of compare
	// compile binds a literal argument of compare.
	compile func(argument string) (operator.Match, error)
	match   operator.Match
	// injection is an operator of libinjection, whose cost is another.
	injection bool
	sqli      bool
	// cost bounds what match costs.
	cost func(text string) int64
}

// phraseList is the list of a pm.
type phraseList struct {
	phrases []string // lower case
	byFirst [256][]string
}

func (c *compiler) compileTest(o syntax.Operator, dir string) (*test, error) {
	t := &test{name: o.Name, negated: o.Negated}
	var err error
	switch o.Name {
	case "rx":
		t.pattern, err = compilePattern(o.Argument)
		return t, err
	case "pm":
		t.phrases, err = newPhraseList(operator.Words(o.Argument))
		return t, err
	case "pmfromfile", "pmf":
		t.phrases, err = c.phrasesOf(o.Argument, dir)
		return t, err
	case "detectsqli":
		t.sqli, t.injection = true, true
		t.cost = operator.SQLiCost
		t.match = func(text string) bool { _, found := operator.SQLi(text); return found }
		return t, nil
	case "detectxss":
		t.injection, t.match, t.cost = true, operator.XSS, operator.XSSCost
		return t, nil
	}
	op, ok := operator.Lookup(o.Name)
	if !ok {
		return nil, fmt.Errorf("the operator @%s is not known: check the spelling", o.Name)
	}
	argument := o.Argument
	if strings.HasPrefix(o.Name, "ipmatchf") {
		if argument, err = c.dataFile(o.Argument, dir); err != nil {
			return nil, err
		}
	}
	if op.Test != nil {
		t.compare, t.compile = op.Test, op.Compile
		if t.argument, err = compileMacro(argument); err != nil {
			return nil, err
		}
	}
	if t.match, err = op.Compile(argument); err != nil {
		return nil, fmt.Errorf("@%s: %w", o.Name, err)
	}
	return t, nil
}

func (c *compiler) phrasesOf(name, dir string) (*phraseList, error) {
	text, err := c.dataFile(name, dir)
	if err != nil {
		return nil, err
	}
	lines := operator.Lines(text)
	if len(lines) == 0 {
		return nil, fmt.Errorf("the data file %s has no phrases: add one a line", name)
	}
	return newPhraseList(lines)
}

func newPhraseList(phrases []string) (*phraseList, error) {
	p := &phraseList{}
	for _, s := range phrases {
		if s == "" {
			return nil, errors.New("a phrase is empty: separate phrases with one space")
		}
		s = strings.ToLower(s)
		p.phrases = append(p.phrases, s)
		p.byFirst[s[0]] = append(p.byFirst[s[0]], s)
	}
	return p, nil
}

// next finds the leftmost phrase in text from an index on, the longest of those
// that begin there; end is 0 if there is none.
func (p *phraseList) next(text string, from int) (start, end int) {
	for i := from; i < len(text); i++ {
		longest := 0
		for _, s := range p.byFirst[lowerByte(text[i])] {
			if len(s) > longest && len(s) <= len(text)-i && equalLower(text[i:i+len(s)], s) {
				longest = len(s)
			}
		}
		if longest > 0 {
			return i, i + longest
		}
	}
	return 0, 0
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// equalLower compares ASCII letters of text without case; lower has none upper.
func equalLower(text, lower string) bool {
	for i := range len(text) {
		if lowerByte(text[i]) != lowerByte(lower[i]) {
			return false
		}
	}
	return true
}

// eval applies the test to a transformed text, without its negation. What the
// meter does not allow does not match.
func (r *run) eval(t *test, text string, p *program) bool {
	if !r.affordEval(t, text) {
		return t.negated
	}
	switch {
	case t.pattern != nil:
		return t.pattern.match(text)
	case t.phrases != nil:
		_, end := t.phrases.next(text, 0)
		return end > 0
	case t.compare != nil:
		return t.compare(r.expand(t.argument, p), text)
	}
	return t.match(text)
}

// affordEval charges what a test of a text costs at most.
func (r *run) affordEval(t *test, text string) bool {
	switch {
	case t.pattern != nil:
		return r.afford(unitsRegexp * len(text))
	case t.phrases != nil:
		return r.afford(unitsPhrases * len(text))
	case t.compare != nil:
		return r.afford(len(text))
	case t.injection:
		return r.afford(unitsInjectionTest*len(text)) && r.afford(int(t.cost(text)))
	}
	return r.afford(unitsCheck * len(text))
}

// Units of the meter per byte.
const (
	unitsRegexp        = 100
	unitsPhrases       = 10
	unitsInjectionTest = 2 // whether the library need be asked
	unitsCheck         = 4
	unitsTransform     = 2
	unitsMatch         = 200 // a match, not a byte
)

// unitsText is what a text costs besides, however short.
const unitsText = 100
