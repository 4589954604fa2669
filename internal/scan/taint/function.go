package taint

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// function is what a call of a value runs: a model, or one of some closures.
type function struct {
	// name is as Called has it; empty for one that has none.
	name     string
	model    *model
	closures []closure
}

// closure is the body of a function where it was written. Without lambda it is an
// expression over $, $$ and $$$.
type closure struct {
	lambda *syntax.Lambda
	body   syntax.Node
	frame  *frame
}

func (c *closure) same(d *closure) bool {
	return c.lambda == d.lambda && c.body == d.body && c.frame == d.frame
}

type callKey struct {
	body  syntax.Node
	frame *frame
	args  string
}

func functionValue(f *function) *Value {
	return &Value{Type: FunctionType, function: f, weight: 1, depth: 1}
}

func (f *function) key() string {
	var b strings.Builder
	b.WriteByte('f')
	writeQuoted(&b, f.name)
	for i := range f.closures {
		c := &f.closures[i]
		if c.body != nil {
			writeNumber(&b, int64(c.body.Bytes().Start))
		}
		b.WriteString(strconv.Itoa(c.frame.id))
		b.WriteByte(';')
	}
	return b.String()
}

func (f *function) equal(g *function) bool {
	if f == g {
		return true
	}
	return f != nil && g != nil && f.key() == g.key()
}

// joinFunctions is one of two functions.
func joinFunctions(a, b *function) *function {
	if a == nil || b == nil || a == b {
		if a == nil {
			return b
		}
		return a
	}
	if a.model != nil {
		return a
	}
	j := &function{name: a.name, closures: append([]closure(nil), a.closures...)}
next:
	for i := range b.closures {
		for k := range a.closures {
			if b.closures[i].same(&a.closures[k]) {
				continue next
			}
		}
		j.closures = append(j.closures, b.closures[i])
	}
	const most = 8
	if len(j.closures) > most {
		j.closures = j.closures[:most]
	}
	return j
}

// invocation is a call of a function; nodes are nil where it is called with values
// only, as by map.
type invocation struct {
	e     *evaluator
	fn    *function
	node  syntax.Node
	frame *frame
	nodes []syntax.Node
	args  []*Value
	known []bool
}

// arg is the value of an argument, nil for one that is not there.
func (c *invocation) arg(i int) *Value {
	if i < 0 || i >= len(c.args) {
		return nil
	}
	if !c.known[i] {
		c.args[i], c.known[i] = c.e.eval(c.nodes[i], c.frame), true
	}
	return c.args[i]
}

func (c *invocation) argNode(i int) syntax.Node {
	if i < len(c.nodes) {
		return c.nodes[i]
	}
	return nil
}

// functionOf is the function that a node stands for, nil for what is none.
func (e *evaluator) functionOf(n syntax.Node, f *frame) *function {
	n = unwrap(n)
	if name, ok := n.(*syntax.Name); ok {
		if v, ok := e.find(name.Name, f); ok {
			if v == nil {
				return nil
			}
			return v.function
		}
		if m, ok := library[coreModule][name.Name]; ok {
			return &function{name: name.Name, model: m}
		}
		return &function{name: name.Name, model: unknownModel(name.Name)}
	}
	if v := e.eval(n, f); v != nil {
		return v.function
	}
	return nil
}

// call is the result of a call.
func (e *evaluator) call(n *syntax.Call, f *frame) *Value {
	if s, ok := unwrap(n.Function).(*syntax.Select); ok {
		if v, ok := e.method(s, n, f); ok {
			return v
		}
	}
	if v, ok := e.special(n, f); ok {
		return v
	}
	fn := e.functionOf(n.Function, f)
	if fn == nil {
		// A function of which nothing is known, as one that a parameter holds.
		fn = &function{model: &model{result: mixed}}
	}
	c := &invocation{
		e: e, fn: fn, node: n, frame: f, nodes: n.Args,
		args: make([]*Value, len(n.Args)), known: make([]bool, len(n.Args)),
	}
	return e.invoke(c)
}

// invoke is the result of calling a function, of which Called is told.
func (e *evaluator) invoke(c *invocation) *Value {
	var v *Value
	if c.fn.model != nil {
		v = e.builtin(c)
	} else {
		for i := range c.args {
			c.arg(i)
		}
		v = e.apply(c.fn, c.passed())
	}
	if e.scope.Cleans != nil && c.fn.name != "" {
		if k := e.scope.Cleans(c.fn.name); k != 0 {
			v = Clean(v, k)
		}
	}
	e.tell(c, v)
	return v
}

func (e *evaluator) tell(c *invocation, result *Value) {
	if e.scope.Called == nil || c.fn.name == "" || c.node == nil {
		return
	}
	args := make([]*Value, len(c.args))
	for i := range c.args {
		if c.known[i] {
			args[i] = c.args[i]
		}
	}
	e.scope.Called(&Called{
		Name: c.fn.name, Args: args, Result: result, node: c.node, nodes: c.nodes,
		at: func(s syntax.Span) Place {
			if e.scope.Place == nil || c.frame.code == nil {
				return Place{}
			}
			return e.scope.Place(c.frame.code, s)
		},
	})
}

// passed are the arguments of a call of a function of the project, with that step in
// their ways.
func (c *invocation) passed() []*Value {
	args := c.args
	name := c.fn.name
	if name == "" || c.node == nil {
		return args
	}
	for i, v := range args {
		if !hasMarks(v) {
			continue
		}
		message := describe(v) + " is passed to the function " + name
		if l := c.fn.closures[0].lambda; l != nil && i < len(l.Params) && l.Params[i].Name != "" {
			message += " as " + l.Params[i].Name
		}
		at := c.node
		if n := c.argNode(i); n != nil {
			at = n
		}
		if &args[0] == &c.args[0] {
			args = append([]*Value(nil), args...)
		}
		args[i] = Stepped(v, c.e.place(c.frame, at), message)
	}
	return args
}

// apply is the result of a function for values: of any of its closures that takes
// so many.
func (e *evaluator) apply(fn *function, args []*Value) *Value {
	if fn == nil {
		return mix(args)
	}
	if fn.model != nil {
		known := make([]bool, len(args))
		for i := range known {
			known[i] = true
		}
		return e.invoke(&invocation{e: e, fn: fn, args: args, known: known, frame: &frame{}})
	}
	var r *Value
	fits := 0
	for i := range fn.closures {
		if fn.closures[i].takes(len(args)) || len(fn.closures) == 1 {
			fits++
			r = Join(r, e.run(&fn.closures[i], args))
		}
	}
	if fits == 0 {
		return mix(args)
	}
	return r
}

// takes says that a closure can be called with n arguments, or that more are given
// than it has use for, as map does.
func (c *closure) takes(n int) bool {
	if c.lambda == nil {
		return true
	}
	required := 0
	for _, p := range c.lambda.Params {
		if p.Default == nil {
			required++
		}
	}
	return n >= required && n <= len(c.lambda.Params)
}

var dollars = [...]string{"$", "$$", "$$$"}

// run is the value of the body of a closure. What was computed for equal arguments
// is not computed again; recursion ends with all that the arguments hold.
func (e *evaluator) run(c *closure, args []*Value) *Value {
	if c.body == nil {
		return nil
	}
	var key callKey
	if c.lambda != nil {
		var b strings.Builder
		for _, a := range args {
			writeKey(&b, a)
		}
		key = callKey{c.body, c.frame, b.String()}
		e.work -= b.Len() >> 4
		if v, ok := e.results[key]; ok {
			return v
		}
		if e.active[c.lambda] >= maxRecursed || e.calls >= maxCalls {
			return mix(args)
		}
	}
	g := e.frame(c.frame)
	if c.lambda == nil {
		for i, a := range args[:min(len(args), len(dollars))] {
			g.locals = append(g.locals, local{dollars[i], a})
		}
		return e.eval(c.body, g)
	}
	for i, p := range c.lambda.Params {
		v := (*Value)(nil)
		if i < len(args) {
			v = args[i]
		} else if p.Default != nil {
			v = e.eval(p.Default, g)
		}
		g.locals = append(g.locals, local{p.Name, e.declared(v, p.Type, g)})
	}
	if e.active == nil {
		e.active, e.results = map[*syntax.Lambda]int{}, map[callKey]*Value{}
	}
	e.active[c.lambda]++
	e.calls++
	before := e.within
	e.within = ""
	v := e.eval(c.body, g)
	e.within = before
	e.calls--
	e.active[c.lambda]--
	const most = 4096
	if len(e.results) < most {
		e.results[key] = v
	}
	return v
}

// declared is the value of a parameter with a type: DataWeave turns what is passed
// into a number, a date or a truth value, or fails.
func (e *evaluator) declared(v *Value, t syntax.Type, f *frame) *Value {
	name, ok := t.(*syntax.TypeName)
	if !ok || v == nil || !hasMarks(v) {
		return v
	}
	switch typeNames[name.Name] {
	case NumberType, BoolType, DateType:
		return e.coerced(v, t, f, nil, 1)
	case AnyType, NullType, TextType, ArrayType, ObjectType, FunctionType, BinaryType:
	}
	return v
}

// callback is an argument as a function: what it names, or an expression over $.
func (c *invocation) callback(i int) *function {
	if i >= len(c.args) {
		return nil
	}
	if i >= len(c.nodes) || c.nodes[i] == nil {
		if v := c.arg(i); v != nil {
			return v.function
		}
		return nil
	}
	n := unwrap(c.nodes[i])
	switch n := n.(type) {
	case *syntax.Lambda:
		return &function{closures: []closure{{lambda: n, body: n.Body, frame: c.frame}}}
	case *syntax.Name:
		if !strings.HasPrefix(n.Name, "$") {
			v, ok := c.e.find(n.Name, c.frame)
			if ok && v != nil && v.function != nil {
				return v.function
			}
			if m := library[coreModule][n.Name]; !ok && m != nil {
				return &function{name: n.Name, model: m}
			}
		}
	}
	return &function{closures: []closure{{body: n, frame: c.frame}}}
}
