package validation

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/governance/validation/graph"
)

// counted holds when a path leads to so many different values.
type counted struct {
	path  *path
	how   comparison
	bound int
}

func (c counted) violated(e *evaluation, n *graph.Node, negated bool) bool {
	return c.how.holds(len(distinct(c.path.values(e, n))), c.bound) == negated
}

// every holds when each value does what is asked; its opposite is violated as
// soon as one value does.
type every struct {
	path  *path
	holds holdsFunc
}

// holdsFunc says whether a value does what is asked; known is false for values
// of which it can not be said, as of the length of a number: they don't.
type holdsFunc func(e *evaluation, v graph.Value) (holds, known bool)

func (c every) violated(e *evaluation, n *graph.Node, negated bool) bool {
	for _, v := range c.path.values(e, n) {
		holds, known := c.holds(e, v)
		if (holds && known) == negated {
			return true
		}
	}
	return false
}

// maxMatch is what one match may cost: instructions of the regular expression
// times bytes of the text. The time of RE2 is below some ten nanoseconds of each,
// and a match can not be stopped once it began.
const maxMatch = 50_000_000

// matching asks that texts match a regular expression somewhere.
func matching(re *regexp.Regexp, instructions int) holdsFunc {
	return func(e *evaluation, v graph.Value) (bool, bool) {
		s, ok := v.Scalar.(string)
		if ok && len(s) > maxMatch/instructions {
			e.fail(fmt.Errorf("a text of %d bytes is too long for the pattern %s", len(s), clip(re.String())))
			return false, false
		}
		return ok && re.MatchString(s), ok
	}
}

// long asks for the length of texts, in characters.
func long(how comparison, bound int) holdsFunc {
	return func(_ *evaluation, v graph.Value) (bool, bool) {
		switch s := v.Scalar.(type) {
		case string:
			return how.holds(utf8.RuneCountInString(s), bound), true
		case nil:
			// A link is an object of one member.
			return how.holds(1, bound), true
		}
		return false, false
	}
}

// among asks that values are of a set.
func among(set map[string]bool) holdsFunc {
	return func(_ *evaluation, v graph.Value) (bool, bool) { return set[v.String()], true }
}

// bounded asks how values stand to a number. Values of other types stand before
// and behind all numbers, as in Rego.
func bounded(bound json.Number, holds func(order int) bool) holdsFunc {
	to := graph.Value{Scalar: bound}
	return func(_ *evaluation, v graph.Value) (bool, bool) { return holds(compare(v, to)), true }
}

func atLeastOrder(order int) bool { return order >= 0 }
func atMostOrder(order int) bool  { return order <= 0 }
func aboveOrder(order int) bool   { return order > 0 }
func belowOrder(order int) bool   { return order < 0 }

// ofType asks for the datatype of values.
func ofType(iri string) holdsFunc {
	kind := strings.TrimPrefix(iri, "http://www.w3.org/2001/XMLSchema#")
	return func(_ *evaluation, v graph.Value) (bool, bool) {
		switch v.Scalar.(type) {
		case string:
			return kind == "string", true
		case json.Number:
			return kind == "integer" || kind == "float", true
		case bool:
			return kind == "boolean", true
		}
		return false, false
	}
}

// rank is the place of the type of a value in the order of Rego.
func rank(v graph.Value) int {
	switch v.Scalar.(type) {
	case bool:
		return 0
	case json.Number:
		return 1
	case string:
		return 2
	}
	return 3
}

// compare orders values as Rego does.
func compare(a, b graph.Value) int {
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	switch x := a.Scalar.(type) {
	case bool:
		y, _ := b.Scalar.(bool)
		return boolean(x) - boolean(y)
	case json.Number:
		y, _ := b.Scalar.(json.Number)
		return compareNumbers(x, y)
	}
	return strings.Compare(a.String(), b.String())
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareNumbers(a, b json.Number) int {
	x, errX := a.Float64()
	y, errY := b.Float64()
	if errX != nil || errY != nil || x == y && a != b && len(a)+len(b) < 100 {
		p, okP := new(big.Rat).SetString(a.String())
		q, okQ := new(big.Rat).SetString(b.String())
		if okP && okQ && len(a) < 100 && len(b) < 100 && !strings.ContainsAny(a.String()+b.String(), "eE") {
			return p.Cmp(q)
		}
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// unique holds when no value stands twice.
type unique struct{ path *path }

func (c unique) violated(e *evaluation, n *graph.Node, negated bool) bool {
	values := c.path.values(e, n)
	return (len(distinct(values)) == len(values)) == negated
}

// containing holds when the values of a path, where there are any, contain all
// or some of a set.
type containing struct {
	path *path
	set  []string
	some bool
}

func (c containing) violated(e *evaluation, n *graph.Node, negated bool) bool {
	values := c.path.values(e, n)
	if len(values) == 0 {
		return false
	}
	have := make(map[string]bool, len(values))
	for _, v := range values {
		have[v.String()] = true
	}
	found := 0
	for _, s := range c.set {
		if have[s] {
			found++
		}
	}
	holds := found == len(c.set)
	if c.some {
		holds = found > 0
	}
	return holds == negated
}

// pairwise holds when each value of a path stands so to each of another.
type pairwise struct {
	path, other *path
	holds       func(order int) bool
}

func (c pairwise) violated(e *evaluation, n *graph.Node, negated bool) bool {
	others := distinct(c.other.values(e, n))
	for _, a := range distinct(c.path.values(e, n)) {
		for _, b := range others {
			if c.holds(compare(a, b)) == negated {
				return true
			}
		}
	}
	return false
}
