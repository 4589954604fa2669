package validation

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxGrowth is how often a value may hold one that a rule was given.
const maxGrowth = 10_000

// growth weighs what a module composes of what: values that hold one another
// twice at each of some dozen steps would take all memory, in steps that can't
// be stopped. The weight of a value is how many others it holds at most.
type growth struct {
	// rules are those of the module, vars the variables of the body that is looked
	// at.
	rules, vars map[string]int
}

// checkGrowth refuses a module whose values may grow beyond maxGrowth.
func checkGrowth(m *ast.Module) error {
	g := growth{rules: map[string]int{}}
	// What a rule is made of may stand behind it: as often as there are rules.
	for range min(len(m.Rules), 64) + 1 {
		changed := false
		for _, r := range m.Rules {
			for ; r != nil; r = r.Else {
				w := g.rule(r)
				if w > maxGrowth {
					return fmt.Errorf("line %d: the value of %s would hold others more than %d times", r.Location.Row, r.Head.Ref(), maxGrowth)
				}
				if name := r.Head.Ref().String(); w > g.rules[name] {
					g.rules[name], changed = w, true
				}
			}
		}
		if !changed {
			break
		}
	}
	return nil
}

func (g *growth) rule(r *ast.Rule) int {
	g.vars = map[string]int{}
	heaviest := 0
	// Twice, for a body is no sequence: what stands first may use what follows.
	for range 2 {
		ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
			if operands := e.Operands(); (e.IsAssignment() || e.IsEquality()) && len(operands) == 2 {
				g.bind(operands[0], operands[1])
				g.bind(operands[1], operands[0])
			}
			return false
		})
	}
	for _, w := range g.vars {
		heaviest = max(heaviest, w)
	}
	ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
		for _, t := range e.Operands() {
			heaviest = max(heaviest, g.weight(t))
		}
		return false
	})
	for _, t := range []*ast.Term{r.Head.Key, r.Head.Value} {
		if t != nil {
			heaviest = max(heaviest, g.weight(t))
		}
	}
	return heaviest
}

func (g *growth) bind(left, right *ast.Term) {
	name, ok := left.Value.(ast.Var)
	if !ok {
		return
	}
	if w := g.weight(right); w > g.vars[string(name)] && g.vars[string(name)] <= maxGrowth {
		g.vars[string(name)] = w
	}
}

// weight is at least 1, and not much more than maxGrowth.
func (g *growth) weight(t *ast.Term) int {
	sum := 0
	add := func(t *ast.Term) { sum = min(sum+g.weight(t), maxGrowth+1) }
	switch v := t.Value.(type) {
	case ast.Var:
		sum = max(g.vars[string(v)], g.rules[string(v)])
	case ast.Ref:
		sum = max(g.rules[v.String()], g.rules[v[0].Value.String()])
		if name, ok := v[0].Value.(ast.Var); ok {
			sum = max(sum, g.vars[string(name)])
		}
	case *ast.Array:
		v.Foreach(add)
	case ast.Set:
		v.Foreach(add)
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) { add(key); add(value) })
	case ast.Call:
		name := v[0].Value.String()
		made := g.rules[name]
		if made == 0 && name != "array.concat" && !strings.HasPrefix(name, "object.union") {
			break // a function of Rego itself, whose result is bounded where it is made
		}
		for _, argument := range v[1:] {
			add(argument)
		}
		sum = min(sum*max(made, 1), maxGrowth+1)
	}
	return max(sum, 1)
}
