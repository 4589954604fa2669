package taint

import (
	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/mule"
)

// Scope is what an expression may look at. Functions that are nil know nothing.
type Scope struct {
	// Event gives a part of the event by its name: payload, attributes, vars, error,
	// message, correlationId, authentication, flow, item; and of Mule 3 flowVars,
	// sessionVars, recordVars, inboundProperties, outboundProperties, exception; nil
	// where it is not known.
	Event func(name string) *Value
	// Property gives what p('…'), Mule::p('…') and ${…} stand for.
	Property func(name string) *Value
	// Module gives the code of an imported module by its path, as "modules::user";
	// nil for one that is not in the project.
	Module func(path string) *mule.Code
	// Lookup is the result of a flow that lookup("…", payload) calls.
	Lookup func(flow string, payload *Value) *Value
	// Called is told of every call of a function.
	Called func(call *Called)
	// Cleans are the kinds that the result of a function is harmless for, by rules.
	Cleans func(function string) Kind
	// Place is where a part of a code stands.
	Place func(code *mule.Code, span syntax.Span) Place
	// Exhausted is set when the expression was too much work to be looked at whole.
	Exhausted bool
}

// Called is a call of a function with all that is known of its arguments.
type Called struct {
	// Name is the function as it was found: "readUrl" and "log" of the core,
	// "dw::Runtime::eval" of another module however it was imported, "modules::a::f"
	// and "f" of the project, "java!com::acme::Tool::run", and of MEL ".concat" for a
	// method, whose first argument is the object, and "new java.io.File" for a
	// constructor.
	Name string
	Args []*Value
	// Result is what is known of the result.
	Result *Value

	at    func(syntax.Span) Place
	node  syntax.Node
	nodes []syntax.Node
}

// At is where the call stands.
func (c *Called) At() Place { return c.at(c.node.Bytes()) }

// ArgAt is where the argument of number i stands, or else the call.
func (c *Called) ArgAt(i int) Place {
	if i < len(c.nodes) && c.nodes[i] != nil {
		return c.at(c.nodes[i].Bytes())
	}
	return c.At()
}

// The bounds of the evaluation of one expression.
const (
	maxWork     = 100_000
	maxNesting  = 3_000
	maxCalls    = 24
	maxRecursed = 2
)

// Eval is what is known of the result of an expression or a script. Its ways go on
// those of the event.
func Eval(code *mule.Code, scope *Scope) *Value {
	if code == nil || code.Tree == nil || code.Tree.Body == nil {
		return nil
	}
	e := &evaluator{scope: scope, work: maxWork}
	v := e.eval(code.Tree.Body, e.header(code, "", nil, code.Tree.Directives))
	if v != nil && v.function != nil {
		c := *v
		c.function = nil
		return &c
	}
	return v
}

// OutputOf is the media type that a script writes, as its header says; empty where
// it says nothing.
func OutputOf(code *mule.Code) string {
	if code == nil || code.Tree == nil {
		return ""
	}
	for _, d := range code.Tree.Directives {
		if f, ok := d.(*syntax.Format); ok && f.Output {
			return f.MIME
		}
	}
	return ""
}

// evaluator evaluates one expression.
type evaluator struct {
	scope *Scope
	// work is what may still be done; nesting and calls say how deep it is in.
	work, nesting, calls int
	frames               int
	// within names what is being put together, for the steps of ways.
	within string
	// refining says that a condition was seen that says something of a value.
	refining bool
	modules  map[string]*frame
	results  map[callKey]*Value
	active   map[*syntax.Lambda]int
}

// eval is the value of a node.
func (e *evaluator) eval(n syntax.Node, f *frame) *Value {
	if n == nil {
		return nil
	}
	e.work--
	if e.work < 0 || e.nesting > maxNesting {
		e.scope.Exhausted = true
		return Unseen()
	}
	e.nesting++
	v := e.node(n, f)
	e.nesting--
	if v != nil {
		e.work -= int(v.weight) >> 3
	}
	return v
}

func (e *evaluator) node(n syntax.Node, f *frame) *Value {
	switch n := n.(type) {
	case *syntax.Name:
		return e.refined(n, f, e.name(n, f))
	case *syntax.Select:
		return e.refined(n, f, e.selected(n, f))
	case *syntax.Group:
		return e.eval(n.X, f)
	case *syntax.String:
		return e.text(n, f)
	case *syntax.Number:
		return literal(NumberType, n.Text)
	case *syntax.Bool:
		if n.Value {
			return literal(BoolType, "true")
		}
		return literal(BoolType, "false")
	case *syntax.Null:
		return Null()
	case *syntax.Temporal:
		return literal(DateType, n.Text)
	case *syntax.Regex:
		return literal(AnyType, n.Text)
	case *syntax.Array:
		return e.array(n, f)
	case *syntax.Object:
		return e.object(n, f)
	case *syntax.Call:
		return e.call(n, f)
	case *syntax.Lambda:
		return functionValue(&function{closures: []closure{{lambda: n, body: n.Body, frame: f}}})
	}
	return e.compound(n, f)
}

func (e *evaluator) compound(n syntax.Node, f *frame) *Value {
	switch n := n.(type) {
	case *syntax.Unary:
		return e.unary(n, f)
	case *syntax.Binary:
		return e.binary(n, f)
	case *syntax.If:
		return e.branches(n, f)
	case *syntax.Match:
		return e.match(n, f)
	case *syntax.Do:
		return e.eval(n.Body, e.header(f.code, f.module, f, n.Directives))
	case *syntax.Using:
		directives := make([]syntax.Directive, len(n.Vars))
		for i, v := range n.Vars {
			directives[i] = v
		}
		return e.eval(n.Body, e.header(f.code, f.module, f, directives))
	case *syntax.Update:
		return e.update(n, f)
	case *syntax.Cast:
		return e.cast(n, f)
	case *syntax.Metadata:
		return e.eval(n.X, f)
	case *syntax.Bad:
		if n.X == nil {
			return Unseen()
		}
		return e.eval(n.X, f)
	}
	return Unseen()
}

// branches is an if: one of two values. What the condition depends on does not
// become part of them, but it may make sure what they can be.
func (e *evaluator) branches(n *syntax.If, f *frame) *Value {
	e.eval(n.Cond, f)
	yes, no := e.condition(n.Cond, f)
	then := e.eval(n.Then, e.given(f, yes))
	if n.Else == nil {
		return Join(then, Null())
	}
	return Join(then, e.eval(n.Else, e.given(f, no)))
}

func (e *evaluator) unary(n *syntax.Unary, f *frame) *Value {
	v := e.eval(n.X, f)
	if n.Op == "-" {
		if t, ok := Text(v); ok {
			return literal(NumberType, "-"+t)
		}
		return number(v)
	}
	return Of(BoolType)
}

// number is what is known of a number that was made from values.
func number(values ...*Value) *Value {
	return harmlessly(NumberType, values...)
}

// harmlessly is a value of a type in which no text is left.
func harmlessly(t Type, values ...*Value) *Value {
	v := &Value{Type: t, weight: 1, depth: 1}
	for _, w := range values {
		v.Marks = mergeMarks(v.Marks, Marks(w))
	}
	return Clean(v, Injection)
}

func (e *evaluator) place(f *frame, n interface{ Bytes() syntax.Span }) Place {
	if e.scope.Place == nil || f.code == nil {
		return Place{}
	}
	return e.scope.Place(f.code, n.Bytes())
}

// describe names a value in a step.
func describe(v *Value) string {
	if v.From != "" {
		return v.From
	}
	for _, m := range Marks(v) {
		if m.Source.What != "" {
			return m.Source.What
		}
	}
	return "the data"
}
