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

// predicate is what a call that gives true or false makes sure of.
func (e *evaluator) predicate(n *syntax.Call, f *frame) (yes, no []refinement) {
	n = asCall(n, f)
	fn := e.functionOf(n.Function, f)
	if fn == nil || len(n.Args) == 0 {
		return nil, nil
	}
	if len(fn.closures) == 1 {
		return e.userPredicate(fn.closures[0], n, f)
	}
	name := fn.name[strings.LastIndexByte(fn.name, ':')+1:]
	path, _ := pathOf(n.Args[0])
	switch name {
	case "equals", "equalsIgnoreCase":
		if len(n.Args) > 1 {
			return e.equality(n.Args[0], n.Args[1], f), nil
		}
	case "contains", "some":
		return e.membership(name, n, f)
	case "not":
		no, yes = e.condition(n.Args[0], f)
		return yes, no
	case "matches":
		if len(n.Args) > 1 && path != "" {
			if chars, ok := matched(e.regexpOf(n.Args[1], f)); ok {
				return []refinement{{path: path, clean: chars.clean()}}, nil
			}
		}
	case "isNumeric", "isInteger", "isDecimal":
		if path != "" {
			return []refinement{{path: path, clean: Injection}}, nil
		}
	case "isAlpha", "isAlphanumeric", "isLowerCase", "isUpperCase":
		if path != "" {
			return []refinement{{path: path, clean: charsOf("azAZ09").clean()}}, nil
		}
	case "startsWith":
		if len(n.Args) > 1 && path != "" {
			if t := e.constant(n.Args[1], f); hasOrigin(t) {
				return []refinement{{path: path, clean: URL}}, nil
			}
		}
	}
	return nil, nil
}

// hasOrigin says that a text names scheme and host of an address, and ends the host.
func hasOrigin(t string) bool {
	_, rest, ok := strings.Cut(t, "://")
	return ok && strings.IndexAny(rest, "/?#") > 0
}

// membership is "list contains x", "text contains part" and "list some ($ == x)".
func (e *evaluator) membership(name string, n *syntax.Call, f *frame) (yes, no []refinement) {
	if len(n.Args) < 2 {
		return nil, nil
	}
	list := e.eval(n.Args[0], f)
	if one := onlyConstants(list); one != nil {
		if name == "some" {
			return e.someEqual(n.Args[1], one, f), nil
		}
		if path, exact := pathOf(n.Args[1]); path != "" {
			return sureOf(path, exact, one), nil
		}
	}
	path, _ := pathOf(n.Args[0])
	if path == "" || name == "some" {
		return nil, nil
	}
	// Where a text does not hold a character it does no harm that needs it.
	if _, ok := unwrap(n.Args[1]).(*syntax.Regex); ok {
		if chars, ok := removed(e.regexpOf(n.Args[1], f)); ok {
			return nil, []refinement{{path: path, clean: everything.without(chars).clean()}}
		}
		return nil, nil
	}
	if t := e.constant(n.Args[1], f); len(t) == 1 {
		return nil, []refinement{{path: path, clean: everything.without(charsOf(t)).clean()}}
	} else if t == ".." {
		return nil, []refinement{{path: path, clean: FilePath}}
	}
	return nil, nil
}

// onlyConstants is an element of a list of constants; nil for other lists.
func onlyConstants(list *Value) *Value {
	if list == nil || list.Type == TextType || len(list.Choices) > 0 || hasMarks(list) || IsOpaque(list) {
		return nil
	}
	one := Element(list)
	if one == nil {
		return nil
	}
	if items, ok := Exact(list); ok {
		for _, i := range items {
			if !Known(i) {
				return nil
			}
		}
		if !Known(one) {
			one = &Value{Type: TextType, Pieces: []Piece{{Hole: &Value{}}}, weight: 1, depth: 1}
		}
		return one
	}
	if !Known(one) {
		return nil
	}
	return one
}

func (e *evaluator) someEqual(body syntax.Node, one *Value, f *frame) []refinement {
	bound := "$"
	body = unwrap(body)
	if l, ok := body.(*syntax.Lambda); ok {
		if len(l.Params) == 0 {
			return nil
		}
		bound, body = l.Params[0].Name, unwrap(l.Body)
	}
	b, ok := body.(*syntax.Binary)
	if !ok || b.Op != "==" {
		return nil
	}
	for _, pair := range [2][2]syntax.Node{{b.Left, b.Right}, {b.Right, b.Left}} {
		if path, _ := pathOf(pair[0]); path == bound {
			if other, exact := pathOf(pair[1]); other != "" && other != bound {
				return sureOf(other, exact, one)
			}
		}
	}
	return nil
}

// userPredicate is what a function of the project makes sure of its arguments.
func (e *evaluator) userPredicate(c closure, n *syntax.Call, f *frame) (yes, no []refinement) {
	if c.lambda == nil || e.calls > maxCalls {
		return nil, nil
	}
	locals := make([]local, len(c.lambda.Params))
	for i, p := range c.lambda.Params {
		locals[i] = local{name: p.Name}
		if i < len(n.Args) {
			locals[i].value = e.eval(n.Args[i], f)
		}
	}
	e.calls++
	yes, no = e.condition(c.body, e.frame(c.frame, locals...))
	e.calls--
	return renamed(yes, c.lambda, n), renamed(no, c.lambda, n)
}

// renamed are refinements of parameters as those of the arguments.
func renamed(all []refinement, l *syntax.Lambda, n *syntax.Call) []refinement {
	var out []refinement
	for _, r := range all {
		for i, p := range l.Params {
			if p.Name != r.path || i >= len(n.Args) {
				continue
			}
			path, exact := pathOf(n.Args[i])
			if path == "" {
				continue
			}
			r.path = path
			if !exact && r.value != nil {
				r.value, r.clean = nil, EveryKind&^Output
			}
			out = append(out, r)
		}
	}
	return out
}

// regexpOf is the text of a regular expression, also of one that a variable holds.
func (e *evaluator) regexpOf(n syntax.Node, f *frame) string {
	if r, ok := unwrap(n).(*syntax.Regex); ok {
		return strings.ReplaceAll(r.Text, `\/`, "/")
	}
	t, _ := Text(e.eval(n, f))
	return strings.ReplaceAll(t, `\/`, "/")
}
