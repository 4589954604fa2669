package taint

import "farrier.dev/farrier/internal/dataweave/syntax"

// match is the value of one of the cases of a match.
func (e *evaluator) match(n *syntax.Match, f *frame) *Value {
	v := e.eval(n.X, f)
	path, exact := pathOf(n.X)
	var r *Value
	for _, c := range n.Cases {
		r = Join(r, e.matched(c, v, path, exact, f))
	}
	return r
}

// matched is the value of a case for v, which has a path outside.
func (e *evaluator) matched(c *syntax.Case, v *Value, path string, exact bool, f *frame) *Value {
	locals := []local(nil)
	var sure []refinement
	switch p := unwrap(c.Pattern).(type) {
	case nil:
	case *syntax.Regex:
		groups := cutting(v)
		if chars, ok := matched(e.regexpOf(p, f)); ok {
			groups = Clean(groups, chars.clean())
			sure = append(sure, refinement{path: path, clean: chars.clean()})
		}
		v = ArrayOf(groups)
	case *syntax.Array, *syntax.Object, *syntax.Binary:
		locals = bindAll(p, v, locals, maxDepth)
	default:
		w := e.eval(c.Pattern, f)
		if harmless(w) {
			sure = append(sure, sureOf(path, exact, w)...)
			v = w
		}
	}
	if c.Is != nil {
		for _, r := range isOfType(path, c.Is) {
			sure = append(sure, r)
			v = r.apply(v)
		}
	}
	bind := c.Bind
	if bind == "" {
		bind = "$"
	}
	g := e.frame(f, append(locals, local{bind, v}, local{"$", v})...)
	if path != "" && path != "$" && path != bind {
		g = e.given(g, sure)
	}
	if c.If != nil {
		e.eval(c.If, g)
		yes, _ := e.condition(c.If, g)
		g = e.given(g, yes)
	}
	return e.eval(c.Body, g)
}

// bindAll gives every name in a pattern what may stand there.
func bindAll(n syntax.Node, v *Value, locals []local, depth int) []local {
	if depth == 0 || n == nil {
		return locals
	}
	switch n := n.(type) {
	case *syntax.Name:
		return append(locals, local{n.Name, v})
	case *syntax.Group:
		return bindAll(n.X, v, locals, depth)
	case *syntax.Array:
		for _, i := range n.Items {
			if name, ok := i.(*syntax.Name); ok {
				// The name may be the first element, or the rest of the array.
				locals = append(locals, local{name.Name, Join(Element(v), v)})
				continue
			}
			locals = bindAll(i, Join(Element(v), v), locals, depth-1)
		}
	case *syntax.Binary:
		locals = bindAll(n.Left, Join(Element(v), v), locals, depth-1)
		return bindAll(n.Right, Join(Element(v), v), locals, depth-1)
	case *syntax.Object:
		for _, d := range n.Fields {
			locals = bindAll(d.Key, keysOf(v), locals, depth-1)
			locals = bindAll(d.Value, Join(Element(v), v), locals, depth-1)
		}
	}
	return locals
}

// update is x update { case … }: x with other values at some paths.
func (e *evaluator) update(n *syntax.Update, f *frame) *Value {
	v := e.eval(n.X, f)
	for _, c := range n.Cases {
		path := e.updatePath(c.Path, f)
		old := v
		for _, name := range path {
			old = Field(old, name)
		}
		bind := c.Bind
		if bind == "" {
			bind = "$"
		}
		g := e.frame(f, local{bind, old}, local{"$", old})
		if c.If != nil {
			e.eval(c.If, g)
			yes, _ := e.condition(c.If, g)
			g = e.given(g, yes)
		}
		now := e.eval(c.Body, g)
		if c.If != nil {
			now = Join(now, old)
		}
		v = set(v, path, now)
	}
	return v
}

// updatePath are the names of the selectors of an update; "" for one that is no name.
func (e *evaluator) updatePath(n syntax.Node, f *frame) []string {
	var path []string
	for {
		s, ok := n.(*syntax.Select)
		if !ok {
			break
		}
		name := s.Name
		if s.Index != nil {
			name = e.constant(s.Index, f)
		}
		if s.Kind == syntax.SelectAttribute {
			name += "@"
		}
		path = append(path, name)
		n = s.X
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

// set is v with another value at a path; it is put beside what was there where the
// path can't be followed.
func set(v *Value, path []string, w *Value) *Value {
	if len(path) == 0 {
		return w
	}
	if path[0] == "" || v != nil && v.Type == ArrayType {
		return Join(v, ArrayOf(set(Element(v), path[1:], w)))
	}
	return With(v, path[0], set(Field(v, path[0]), path[1:], w))
}
