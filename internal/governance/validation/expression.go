package validation

import (
	"encoding/json"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// expressionFields are the members of which an expression has one.
func expressionFields() []string {
	return []string{"propertyConstraints", "and", "or", "not", "xone", "if", "rego", "regoModule"}
}

// expression reads what must hold of a node; beside names fields that may stand
// beside it.
func (l *loader) expression(n *tree.Node, what string, beside ...string) constraint {
	nothing := all{}
	if l.depth++; l.depth > maxDepth {
		l.fail(n, "%s: constraints are nested deeper than %d", what, maxDepth)
		return nothing
	}
	defer func() { l.depth-- }()
	fields := expressionFields()
	if !l.known(n, what, slices.Concat(fields, []string{"then", "else"}, beside)...) {
		return nothing
	}
	kind := ""
	for _, f := range fields {
		if n.Get(f) == nil {
			continue
		}
		if kind != "" {
			l.fail(n.Get(f), "%s has both %s and %s; put them below and:", what, kind, f)
			return nothing
		}
		kind = f
	}
	if kind != "if" && (n.Get("then") != nil || n.Get("else") != nil) {
		l.fail(n, "%s has then or else without if", what)
	}
	switch v := n.Get(kind); kind {
	case "propertyConstraints":
		return l.properties(v)
	case "and":
		return all(l.list(v, kind))
	case "or":
		return either(l.list(v, kind))
	case "xone":
		return one(l.list(v, kind))
	case "not":
		return opposite{l.expression(v, kind, ruleFields()...)}
	case "if":
		return l.conditional(n)
	case "rego":
		return l.rego(v, nil)
	case "regoModule":
		return l.regoModule(v, nil)
	}
	l.fail(n, "%s says nothing that must hold; it needs one of %s", what, strings.Join(fields, ", "))
	return nothing
}

func (l *loader) list(n *tree.Node, what string) []constraint {
	if !n.Is(tree.Array) || len(n.Items) == 0 {
		l.fail(n, "%s must be a list of constraints", what)
		return nil
	}
	var out []constraint
	for _, item := range n.Items {
		out = append(out, l.expression(item, "an item of "+what, ruleFields()...))
	}
	return out
}

// conditional reads if, then and else.
func (l *loader) conditional(n *tree.Node) constraint {
	condition := l.expression(n.Get("if"), "if", ruleFields()...)
	then := n.Get("then")
	if then == nil {
		l.fail(n.Get("if"), "if has no then")
		return all{}
	}
	out := all{either{opposite{condition}, l.expression(then, "then", ruleFields()...)}}
	if otherwise := n.Get("else"); otherwise != nil {
		out = append(out, either{condition, l.expression(otherwise, "else", ruleFields()...)})
	}
	return out
}

// properties reads constraints by path.
func (l *loader) properties(n *tree.Node) constraint {
	if !n.Is(tree.Object) || len(n.Members) == 0 {
		l.fail(n, "propertyConstraints must be an object of constraints by paths")
		return all{}
	}
	var out all
	for i := range n.Members {
		m := &n.Members[i]
		p, err := l.path(m.Name)
		if err != nil {
			l.failName(n, m, "path %q: %v", clip(m.Name), err)
			continue
		}
		if !m.Value.Is(tree.Object) || len(m.Value.Members) == 0 {
			l.failName(n, m, "path %q has no constraints", clip(m.Name))
			continue
		}
		for k := range m.Value.Members {
			if c := l.property(m.Value, &m.Value.Members[k], p); c != nil {
				out = append(out, c)
			}
		}
	}
	return out
}

// property reads one constraint on the values of a path; nil for fields that
// say nothing.
func (l *loader) property(in *tree.Node, m *tree.Member, p *path) constraint {
	v := l.fill(m.Value)
	switch m.Name {
	case "minCount":
		return counted{p, atLeast, l.whole(v, m.Name)}
	case "maxCount":
		return counted{p, atMost, l.whole(v, m.Name)}
	case "exactCount":
		return counted{p, exactly, l.whole(v, m.Name)}
	case "nested":
		return nested{p, l.expression(v, m.Name, ruleFields()...)}
	case "atLeast":
		return l.qualified(v, p, atLeast, m.Name)
	case "atMost":
		return l.qualified(v, p, atMost, m.Name)
	case "exactly":
		return l.qualified(v, p, exactly, m.Name)
	case "uniqueValues":
		if !v.Is(tree.Bool) {
			l.fail(v, "uniqueValues must be true or false")
		} else if !v.IsTrue() {
			return nil
		}
		return unique{p}
	case "containsAll":
		return containing{p, l.texts(v, m.Name), false}
	case "containsSome":
		return containing{p, l.texts(v, m.Name), true}
	case "lessThanProperty", "lessThanOrEqualsToProperty", "equalsToProperty", "disjointWithProperty":
		return l.pairwise(v, p, m.Name)
	case "rego":
		return l.rego(v, p)
	case "regoModule":
		return l.regoModule(v, p)
	case "message", "documentation", "name":
		return nil
	}
	if holds, known := l.value(m.Name, v); known {
		return every{p, holds}
	}
	l.failName(in, m, "unknown constraint %q", clip(m.Name))
	return nil
}

// value reads a constraint on each value; nil when there is none of the name.
func (l *loader) value(name string, v *tree.Node) (holds holdsFunc, known bool) {
	switch name {
	case "pattern":
		return l.pattern(v), true
	case "in":
		set := map[string]bool{}
		for _, s := range l.texts(v, name) {
			set[s] = true
		}
		return among(set), true
	case "datatype":
		iri, err := l.iri(l.text(v, name))
		if err != nil {
			l.fail(v, "datatype: %v", err)
		}
		return ofType(iri), true
	case "minLength":
		return long(atLeast, l.whole(v, name)), true
	case "maxLength":
		return long(atMost, l.whole(v, name)), true
	case "exactLength":
		return long(exactly, l.whole(v, name)), true
	case "minInclusive":
		return bounded(l.number(v, name), atLeastOrder), true
	case "maxInclusive":
		return bounded(l.number(v, name), atMostOrder), true
	case "minExclusive":
		return bounded(l.number(v, name), aboveOrder), true
	case "maxExclusive":
		return bounded(l.number(v, name), belowOrder), true
	}
	return nil, false
}

// maxInstructions is how large a compiled regular expression may be.
const maxInstructions = 20_000

// pattern reads a regular expression of RE2, which may match anywhere.
func (l *loader) pattern(v *tree.Node) holdsFunc {
	text := l.text(v, "pattern")
	if len(text) > maxPattern {
		l.fail(v, "the pattern is longer than %d bytes", maxPattern)
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		l.fail(v, "the pattern is no regular expression of RE2: %v", err)
		return nil
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		l.fail(v, "the pattern is no regular expression of RE2: %v", err)
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		l.fail(v, "the pattern is too large; repetitions multiply")
		return nil
	}
	return matching(re, len(program.Inst))
}

// whole reads a count.
func (l *loader) whole(v *tree.Node, what string) int {
	n, err := strconv.Atoi(v.Str())
	if !v.Is(tree.Number) || err != nil || n < 0 {
		l.fail(v, "%s must be a whole number, 0 or more", what)
		return 0
	}
	return n
}

func (l *loader) number(v *tree.Node, what string) json.Number {
	if !v.Is(tree.Number) {
		l.fail(v, "%s must be a number", what)
		return "0"
	}
	return json.Number(v.Text)
}

func (l *loader) qualified(v *tree.Node, p *path, how comparison, what string) constraint {
	if !l.known(v, what, "count", "validation") {
		return nil
	}
	if v.Get("count") == nil || v.Get("validation") == nil {
		l.fail(v, "%s needs count and validation", what)
		return nil
	}
	return qualified{p, how, l.whole(l.fill(v.Get("count")), "count"), l.expression(v.Get("validation"), "validation", ruleFields()...)}
}

func (l *loader) pairwise(v *tree.Node, p *path, name string) constraint {
	other, err := l.path(l.text(v, name))
	if err != nil {
		l.fail(v, "%s: %v", name, err)
		return nil
	}
	holds := belowOrder
	switch name {
	case "lessThanOrEqualsToProperty":
		holds = atMostOrder
	case "equalsToProperty":
		holds = func(order int) bool { return order == 0 }
	case "disjointWithProperty":
		holds = func(order int) bool { return order != 0 }
	}
	return pairwise{p, other, holds}
}
