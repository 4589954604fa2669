package seclang

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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
	match    func(text string) bool
	sqli     bool
}

// phraseList is the list of a pm.
type phraseList struct {
	phrases []string // lower case
	byFirst [256][]string
}

// comparisons take an argument that may hold macros.
var comparisons = map[string]func(argument, text string) bool{
	"streq":      func(a, t string) bool { return a == t },
	"within":     func(a, t string) bool { return strings.Contains(a, t) },
	"contains":   func(a, t string) bool { return strings.Contains(t, a) },
	"strmatch":   func(a, t string) bool { return strings.Contains(t, a) },
	"beginswith": func(a, t string) bool { return strings.HasPrefix(t, a) },
	"endswith":   func(a, t string) bool { return strings.HasSuffix(t, a) },
	"eq":         func(a, t string) bool { return number(t) == number(a) },
	"ge":         func(a, t string) bool { return number(t) >= number(a) },
	"gt":         func(a, t string) bool { return number(t) > number(a) },
	"le":         func(a, t string) bool { return number(t) <= number(a) },
	"lt":         func(a, t string) bool { return number(t) < number(a) },
}

// number is 0 for text that is none, and the nearest there is for one too large.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (c *compiler) compileTest(o syntax.Operator, dir string) (*test, error) {
	t := &test{name: o.Name, negated: o.Negated}
	if t.compare = comparisons[o.Name]; t.compare != nil {
		if o.Argument == "" {
			return nil, fmt.Errorf("@%s has no argument: write what to compare with", o.Name)
		}
		var err error
		t.argument, err = compileMacro(o.Argument)
		return t, err
	}
	var err error
	switch o.Name {
	case "rx":
		t.pattern, err = compilePattern(o.Argument)
	case "pm":
		t.phrases, err = newPhraseList(strings.Split(o.Argument, " "))
	case "pmfromfile", "pmf":
		t.phrases, err = c.phrasesOf(o.Argument, dir)
	case "detectsqli":
		t.sqli = true
		t.match = isSQLi
	case "detectxss":
		t.match = isXSS
	case "ipmatchfromfile", "ipmatchf":
		var text string
		if text, err = c.dataFile(o.Argument, dir); err == nil {
			t.match, err = operatorMatch(o.Name, strings.Join(dataLines(text), ","))
		}
	default:
		t.match, err = operatorMatch(o.Name, o.Argument)
	}
	return t, err
}

func (c *compiler) phrasesOf(name, dir string) (*phraseList, error) {
	text, err := c.dataFile(name, dir)
	if err != nil {
		return nil, err
	}
	lines := dataLines(text)
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

// eval applies the test to a transformed text, without its negation.
func (r *run) eval(t *test, text string, p *program) bool {
	switch {
	case t.pattern != nil:
		r.charge(unitsRegexp * len(text))
		return t.pattern.match(text)
	case t.phrases != nil:
		r.charge(unitsPhrases * len(text))
		_, end := t.phrases.next(text, 0)
		return end > 0
	case t.compare != nil:
		r.charge(len(text))
		return t.compare(r.expand(t.argument, p), text)
	case t.sqli || t.name == "detectxss":
		r.charge(unitsInjection * len(text))
	default:
		r.charge(unitsCheck * len(text))
	}
	return t.match(text)
}

// Units of the meter per byte.
const (
	unitsRegexp    = 100
	unitsPhrases   = 10
	unitsInjection = 25
	unitsCheck     = 4
	unitsTransform = 2
)
