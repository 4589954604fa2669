package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// mix is a value that may hold whatever values do.
func mix(values []*Value) *Value {
	v := &Value{weight: 1, depth: 1}
	for _, w := range values {
		v.Marks = mergeMarks(v.Marks, Marks(w))
		v.Opaque = v.Opaque || IsOpaque(w)
	}
	if len(v.Marks) == 0 && !v.Opaque {
		return nil
	}
	return v
}

// all are the values of all arguments; that of a function is what it gives.
func (c *invocation) all() []*Value {
	for i := range c.args {
		if v := c.arg(i); v != nil && v.function != nil && v.function.model == nil {
			c.args[i] = c.e.apply(v.function, mixedFor(v.function, c.args[:i]))
		}
	}
	return c.args
}

// mixedFor are arguments for a function of which it is not known what it is called with.
func mixedFor(f *function, before []*Value) []*Value {
	n := 0
	for i := range f.closures {
		if l := f.closures[i].lambda; l != nil {
			n = max(n, len(l.Params))
		}
	}
	args := make([]*Value, n)
	for i := range args {
		args[i] = mix(before)
	}
	return args
}

// builtin is the result of a function of the library.
func (e *evaluator) builtin(c *invocation) *Value {
	m := c.fn.model
	v := e.result(c, m)
	if m.clean != 0 {
		v = Clean(v, m.clean)
	}
	return v
}

func (e *evaluator) result(c *invocation, m *model) *Value {
	switch m.result {
	case cleared:
		c.evaluate()
		return Of(m.typ)
	case numeric:
		c.evaluate()
		return harmlessly(m.typ, c.arg(0))
	case first:
		c.evaluate()
		v := cutting(c.arg(0))
		if v != nil && m.typ != AnyType {
			v.Type = m.typ
		}
		return v
	case sameShape:
		c.evaluate()
		return Named(c.arg(0), "")
	case last:
		c.evaluate()
		return c.arg(len(c.args) - 1)
	case anElement, someElements, filteredElements, mappedElements, flatMapped, mappedObject, pluckedObject, grouped,
		reduced, keys, entries, flattened, zipped, unzipped, least:
		return e.collection(c, m)
	case joinedBy, splitBy, withReplacement, replacedAll, afterLast, found, written, decoded:
		return e.textual(c, m)
	case fromBody:
		return e.throughBody(c, m)
	case attempted:
		r := e.apply(c.callback(0), nil)
		return ObjectOf(map[string]*Value{"success": Of(BoolType), "result": r, "time": Of(DateType), "error": r, "start": nil, "end": nil})
	default:
		return e.outside(c, m)
	}
}

// evaluate looks at all arguments, also those that the result holds nothing of.
func (c *invocation) evaluate() {
	for i := range c.args {
		if m := c.fn.model; m != nil && m.body == i+1 {
			c.e.apply(c.callback(i), c.bodyArgs(m, Element(c.arg(0)), c.arg(0)))
			continue
		}
		c.arg(i)
	}
}

// bodyArgs are the arguments of the function that a function is given.
func (c *invocation) bodyArgs(m *model, element, whole *Value) []*Value {
	args := make([]*Value, len(m.params))
	for i := range m.params {
		switch m.params[i] {
		case 'e', 'v':
			args[i] = element
		case 'i':
			args[i] = Of(NumberType)
		case 'k':
			args[i] = keysOf(whole)
		case 'x':
			args[i] = whole
		}
	}
	return args
}

func (e *evaluator) throughBody(c *invocation, m *model) *Value {
	v := e.apply(c.callback(m.body-1), c.bodyArgs(m, nil, c.arg(0)))
	if m.params != "" {
		return v
	}
	// orElse: what was tried, or the other.
	if tried := c.arg(0); tried != nil {
		return Join(Field(tried, "result"), v)
	}
	return v
}

// outside is the result of a function that looks at something else than its arguments.
func (e *evaluator) outside(c *invocation, m *model) *Value {
	switch m.result {
	case readIn:
		c.evaluate()
		v := c.arg(0)
		if Known(v) {
			return nil
		}
		if v != nil && (v.Type == ObjectType || v.Type == ArrayType) {
			return v // it was written by a transform, which keeps what it is made of
		}
		return Named(scalarAny(v), "")
	case remote:
		c.all()
		if _, ok := Text(c.arg(0)); c.fn.name == "readUrl" && (ok || onClassPath(c.arg(0))) {
			return nil
		}
		v := &Value{Opaque: true, weight: 1, depth: 1}
		for _, a := range c.args {
			v.Marks = mergeMarks(v.Marks, Marks(a))
		}
		return v
	case property:
		name, ok := Text(c.arg(0))
		if !ok || e.scope.Property == nil {
			return nil
		}
		return e.scope.Property(name)
	case lookedUp:
		c.evaluate()
		if name, ok := Text(c.arg(0)); ok && e.scope.Lookup != nil {
			return e.scope.Lookup(name, c.arg(1))
		}
		return Unseen()
	case randomly:
		c.evaluate()
		v := Of(NumberType)
		v.Marks = []Mark{{Source: &Source{Label: Random, What: c.fn.name + "()", At: c.place()}, Clean: Injection}}
		return v
	default:
		v := mix(c.all())
		if v != nil {
			v.Type = m.typ
		}
		return v
	}
}

func (c *invocation) place() Place {
	if c.node == nil {
		return Place{}
	}
	return c.e.place(c.frame, c.node)
}

func scalarAny(v *Value) *Value {
	if v == nil {
		return nil
	}
	return &Value{Marks: Marks(v), Opaque: IsOpaque(v), weight: 1, depth: 1}
}

// keysOf is the name of any field of an object.
func keysOf(v *Value) *Value {
	if v == nil {
		return nil
	}
	r := v.Keys
	if v.Type != ArrayType {
		for _, f := range sortedFields(v) {
			r = Join(r, Constant(f.name))
		}
	}
	if len(v.Marks) > 0 {
		r = Join(r, &Value{Type: TextType, Marks: withoutWhole(v.Marks), weight: 1, depth: 1})
	}
	return r
}

// filterBy is v with those elements that a condition holds for.
func (e *evaluator) filterBy(v *Value, fn *function, c *invocation, m *model) *Value {
	if v == nil || fn == nil {
		return v
	}
	if items, ok := Exact(v); ok && len(items) <= maxEach {
		out := make([]*Value, len(items))
		for i, x := range items {
			e.apply(fn, c.bodyArgs(m, x, v))
			out[i] = e.sure(fn, x)
		}
		return List(out...)
	}
	if strings.HasPrefix(m.params, "vk") && v.Keys == nil && len(v.Marks) > 0 {
		before := keysOf(v)
		if keys := e.sureOfArgument(fn, 1, before); keys != before {
			o := *v
			o.Keys = keys
			v = &o
		}
	}
	x := Element(v)
	e.apply(fn, c.bodyArgs(m, x, v))
	y := e.sure(fn, x)
	if y == x {
		return v
	}
	if v.Type == ObjectType {
		o := *v
		o.replace(func(*Value) *Value { return y })
		o.Marks = Marks(y)
		return &o
	}
	return ArrayOf(y)
}

// sure is an element as a condition on it makes it.
func (e *evaluator) sure(fn *function, x *Value) *Value { return e.sureOfArgument(fn, 0, x) }

// sureOfArgument is the argument of number i as the condition makes it.
func (e *evaluator) sureOfArgument(fn *function, i int, x *Value) *Value {
	if len(fn.closures) != 1 {
		return x
	}
	c := &fn.closures[0]
	bound := strings.Repeat("$", i+1)
	if c.lambda != nil {
		if i >= len(c.lambda.Params) {
			return x
		}
		bound = c.lambda.Params[i].Name
	}
	args := []local{{bound, x}}
	yes, _ := e.condition(c.body, e.frame(c.frame, args...))
	for i := range yes {
		if yes[i].path == bound {
			x = yes[i].apply(x)
		} else if name, ok := fieldOf(yes[i].path, bound); ok && x != nil {
			x = With(x, name, yes[i].apply(Field(x, name)))
		}
	}
	return x
}

// fieldOf is the name in a path that is just one field of what is bound.
func fieldOf(path, bound string) (string, bool) {
	if len(path) <= len(bound)+1 || path[:len(bound)] != bound || path[len(bound)] != '.' {
		return "", false
	}
	name := path[len(bound)+1:]
	for i := range len(name) {
		if name[i] == '.' {
			return "", false
		}
	}
	return name, true
}

// maxEach is how many elements a function is run for one by one; more are run for
// all at once.
const maxEach = 16

// filtered is v[?(condition)].
func (e *evaluator) filtered(v *Value, body syntax.Node, f *frame) *Value {
	fn := &function{closures: []closure{{body: body, frame: f}}}
	m := &model{params: "ei"}
	return e.filterBy(v, fn, &invocation{e: e, fn: fn, frame: f}, m)
}

// onClassPath says whether an address is surely that of a file of the application,
// whose content nobody else chose.
func onClassPath(address *Value) bool {
	all := Texts(address)
	for _, pieces := range all {
		if len(pieces) == 0 || !strings.HasPrefix(pieces[0].Text, "classpath:") {
			return false
		}
	}
	return len(all) > 0
}
