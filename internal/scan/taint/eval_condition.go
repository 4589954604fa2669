package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// refinement is what a condition makes sure of: the value of a path is another one,
// or clean for kinds, or of a type.
type refinement struct {
	path  string
	value *Value
	clean Kind
	typ   Type
}

func (r *refinement) apply(v *Value) *Value {
	if r.value != nil {
		return r.value
	}
	v = Clean(v, r.clean)
	if r.typ == AnyType || v == nil || v.Type == r.typ {
		return v
	}
	c := *v
	c.Type = r.typ
	return &c
}

// pathOf names what a condition speaks of; empty for what has no name. Exact says
// that it is the value itself, and not, say, the value in lower case.
func pathOf(n syntax.Node) (path string, exact bool) {
	switch n := unwrap(n).(type) {
	case *syntax.Name:
		if strings.Contains(n.Name, "::") {
			return "", false
		}
		return n.Name, true
	case *syntax.Select:
		if n.Exists {
			return "", false
		}
		name := n.Name
		switch n.Kind {
		case syntax.SelectField:
			if n.Index != nil {
				return "", false
			}
		case syntax.SelectIndex:
			s, ok := n.Index.(*syntax.String)
			if !ok || len(s.Parts) != 1 || s.Parts[0].X != nil {
				return "", false
			}
			name = s.Parts[0].Text
		case syntax.SelectAttribute:
			name = "@" + name
		default:
			return "", false
		}
		base, ok := pathOf(n.X)
		if base == "" || !ok {
			return "", false
		}
		return base + "." + name, true
	case *syntax.Cast:
		if !n.Is {
			path, _ = pathOf(n.X)
		}
		return path, false
	case *syntax.Binary:
		if n.Op == "default" {
			path, _ = pathOf(n.Left)
		}
		return path, false
	case *syntax.Call:
		if f, ok := n.Function.(*syntax.Name); ok && len(n.Args) == 1 {
			switch f.Name[strings.LastIndexByte(f.Name, ':')+1:] {
			case "lower", "upper", "trim", "toString":
				path, _ = pathOf(n.Args[0])
			}
		}
		return path, false
	}
	return "", false
}

// refined is a value as conditions around it make it.
func (e *evaluator) refined(n syntax.Node, f *frame, v *Value) *Value {
	if !e.refining || v == nil {
		return v
	}
	path, _ := pathOf(n)
	if path == "" {
		return v
	}
	root, _, _ := strings.Cut(path, ".")
	for g := f; g != nil; g = g.parent {
		for i := range g.refined {
			if g.refined[i].path == path {
				v = g.refined[i].apply(v)
			}
		}
		if g.has(root) {
			break
		}
	}
	return v
}

func (f *frame) has(name string) bool {
	for i := range f.locals {
		if f.locals[i].name == name {
			return true
		}
	}
	_, ok := f.names[name]
	return ok
}

// condition is what is sure when a condition holds, and when it does not.
func (e *evaluator) condition(n syntax.Node, f *frame) (yes, no []refinement) {
	if e.work--; e.work < 0 {
		return nil, nil
	}
	switch n := unwrap(n).(type) {
	case *syntax.Unary:
		if n.Op != "-" {
			no, yes = e.condition(n.X, f)
		}
		return yes, no
	case *syntax.Binary:
		return e.comparison(n, f)
	case *syntax.Cast:
		if path, exact := pathOf(n.X); n.Is && exact && path != "" {
			return isOfType(path, n.Type), nil
		}
	case *syntax.Call:
		return e.predicate(n, f)
	case *syntax.Name:
		// A variable may hold the outcome of a check.
		for g := f; g != nil; g = g.parent {
			if b, ok := g.names[n.Name]; ok {
				if b.node == nil || b.node == syntax.Node(n) || b.state == busy {
					return nil, nil
				}
				return e.condition(b.node, b.frame)
			}
			if g.has(n.Name) {
				return nil, nil
			}
		}
	}
	return nil, nil
}

func isOfType(path string, t syntax.Type) []refinement {
	name, ok := t.(*syntax.TypeName)
	if !ok {
		return nil
	}
	known, ok := typeNames[name.Name]
	if !ok {
		return nil
	}
	r := refinement{path: path, typ: known}
	if known == NumberType || known == BoolType || known == DateType {
		r.clean = Injection
	}
	return []refinement{r}
}

func (e *evaluator) comparison(n *syntax.Binary, f *frame) (yes, no []refinement) {
	switch n.Op {
	case "and", "&&":
		ly, _ := e.condition(n.Left, f)
		ry, _ := e.condition(n.Right, f)
		return append(ly, ry...), nil
	case "or", "||":
		ly, ln := e.condition(n.Left, f)
		ry, rn := e.condition(n.Right, f)
		return either(ly, ry), append(ln, rn...)
	case "==", "~=":
		return e.equality(n.Left, n.Right, f), nil
	case "!=", "!~=":
		return nil, e.equality(n.Left, n.Right, f)
	case "<", "<=":
		return bounded(n.Left), bounded(n.Right)
	case ">", ">=":
		return bounded(n.Right), bounded(n.Left)
	}
	return nil, nil
}

// bounded says that a number is no larger than another.
func bounded(n syntax.Node) []refinement {
	path, _ := pathOf(n)
	if path == "" {
		return nil
	}
	return []refinement{{path: path, clean: Size}}
}

// either is what is sure when one of two conditions holds.
func either(a, b []refinement) []refinement {
	var both []refinement
	for i := range a {
		for j := range b {
			if a[i].path != b[j].path {
				continue
			}
			r := refinement{path: a[i].path, clean: a[i].clean & b[j].clean}
			switch {
			case a[i].value != nil && b[j].value != nil:
				r.value = Join(a[i].value, b[j].value)
			case a[i].value != nil:
				r.clean = b[j].clean
			case b[j].value != nil:
				r.clean = a[i].clean
			}
			both = append(both, r)
		}
	}
	return both
}

func (e *evaluator) equality(l, r syntax.Node, f *frame) []refinement {
	if path, exact := pathOf(l); path != "" {
		if v := e.eval(r, f); harmless(v) {
			return sureOf(path, exact, v)
		}
	}
	if path, exact := pathOf(r); path != "" {
		if v := e.eval(l, f); harmless(v) {
			return sureOf(path, exact, v)
		}
	}
	return nil
}

func harmless(v *Value) bool { return Known(v) && !hasMarks(v) }

func sureOf(path string, exact bool, v *Value) []refinement {
	if exact && v.Type != NullType {
		return []refinement{{path: path, value: v}}
	}
	if v.Type == NullType {
		return nil
	}
	return []refinement{{path: path, clean: EveryKind &^ Output}}
}
