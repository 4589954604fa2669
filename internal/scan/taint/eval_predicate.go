package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

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
			return someEqual(n.Args[1], one), nil
		}
		if path, exact := pathOf(n.Args[1]); path != "" {
			return sureOf(path, exact, one), nil
		}
	}
	if list != nil && list.Type == ArrayType && !hasMarks(list) && !IsOpaque(list) {
		// A list that no stranger wrote, as that of a property.
		if path, _ := pathOf(n.Args[1]); path != "" && name == "contains" {
			return []refinement{{path: path, clean: EveryKind &^ Output}}, nil
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

func someEqual(body syntax.Node, one *Value) []refinement {
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
