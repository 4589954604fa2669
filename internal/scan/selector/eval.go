package selector

import (
	"math"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// kind is what an expression gives.
type kind uint8

const (
	nodes kind = iota + 1
	texts
	number
	truth
)

// result is what an expression gave.
type result struct {
	kind   kind
	items  []Item
	texts  []string
	number float64
	truth  bool
}

// scope is what an expression is asked about.
type scope struct {
	env *Env
	at  Item
	// current is the element that the selector may choose.
	current        *document.Element
	position, last int
}

type expression interface {
	eval(c *scope) result
	gives() kind
}

// strings are the texts of a result: one for each node.
func (r result) strings() []string {
	switch r.kind {
	case nodes:
		out := make([]string, len(r.items))
		for i, item := range r.items {
			out[i] = item.String()
		}
		return out
	case number:
		return []string{strconv.FormatFloat(r.number, 'f', -1, 64)}
	case truth:
		return []string{strconv.FormatBool(r.truth)}
	case texts:
	}
	return r.texts
}

func (r result) isTrue() bool {
	switch r.kind {
	case nodes:
		return len(r.items) > 0
	case number:
		return r.number != 0 && !math.IsNaN(r.number)
	case truth:
		return r.truth
	case texts:
		for _, s := range r.texts {
			if s != "" {
				return true
			}
		}
	}
	return false
}

// accepts says whether a predicate holds: a number is a position.
func (c *scope) accepts(predicate expression) bool {
	r := predicate.eval(c)
	if r.kind == number {
		return float64(c.position) == r.number
	}
	return r.isTrue()
}

type constant struct{ result }

func (e constant) eval(*scope) result { return e.result }
func (e constant) gives() kind        { return e.kind }

// junction is "and" or "or" of several.
type junction struct {
	all bool
	of  []expression
}

func (e *junction) gives() kind { return truth }

func (e *junction) eval(c *scope) result {
	for _, x := range e.of {
		if x.eval(c).isTrue() != e.all {
			return result{kind: truth, truth: !e.all}
		}
	}
	return result{kind: truth, truth: e.all}
}

// comparison holds where it holds for any pair of the values of its sides.
type comparison struct {
	op          string
	left, right expression
}

func (e *comparison) gives() kind { return truth }

func (e *comparison) eval(c *scope) result {
	left, right := e.left.eval(c), e.right.eval(c)
	if left.kind == truth || right.kind == truth {
		l, r := number0(left.isTrue()), number0(right.isTrue())
		return result{kind: truth, truth: compared(e.op, l, r)}
	}
	numbers := left.kind == number || right.kind == number || e.op[0] == '<' || e.op[0] == '>'
	for _, l := range left.strings() {
		for _, r := range right.strings() {
			if !c.env.spend() {
				return result{kind: truth}
			}
			if numbers && compared(e.op, toNumber(l), toNumber(r)) || !numbers && (l == r) == (e.op == "=") {
				return result{kind: truth, truth: true}
			}
		}
	}
	return result{kind: truth}
}

func number0(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func toNumber(s string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return math.NaN()
	}
	return n
}

func compared(op string, l, r float64) bool {
	switch op {
	case "=":
		return l == r
	case "!=":
		return l != r
	case "<":
		return l < r
	case "<=":
		return l <= r
	case ">":
		return l > r
	}
	return l >= r
}

// union is the nodes of several paths.
type union struct{ of []expression }

func (e *union) gives() kind { return nodes }

func (e *union) eval(c *scope) result {
	out := result{kind: nodes}
	for _, x := range e.of {
		out.items = append(out.items, x.eval(c).items...)
	}
	return out
}

// call is a function with its arguments.
type call struct {
	name string
	*function
	args []expression
	// compiled is the regular expression of matches.
	compiled matcher
}

func (e *call) gives() kind          { return e.result }
func (e *call) eval(c *scope) result { return e.run(c, e) }
