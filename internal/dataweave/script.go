package dataweave

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What one evaluation of a script may cost. The limits hold for every request
// on its own; script.md publishes them.
const (
	maxSteps     = 1 << 20  // constructs evaluated and elements visited
	maxMade      = 32 << 20 // bytes of values that a script makes, all told
	maxOutput    = 4 << 20  // bytes of what is written
	maxEvalDepth = 4000     // constructs within each other, calls of functions included
)

// ScriptError says what is wrong with a script, or with its evaluation, where,
// and how to mend it. It names types, never values: what a request carried
// stays out of messages.
type ScriptError struct {
	// Line and Column count from 1; a column is a byte.
	Line, Column int
	// Msg is the complaint, for people.
	Msg string
}

// Error implements error.
func (e *ScriptError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// Script is a compiled transformation script. It is immutable and may be
// evaluated by many goroutines at once.
type Script struct {
	text   string
	body   scriptNode
	root   *scope
	output output
	reads  [len(roots)]bool
}

// Clock is what an Env implements where scripts may ask for the time, now().
type Clock interface {
	// Now is the present time.
	Now() time.Time
}

// CompileScript compiles the text of a DataWeave 2 script: directives, "---"
// and an expression, or the expression alone; `#[` and `]` around it are
// ignored. Every error is a *ScriptError.
func CompileScript(text string) (*Script, error) {
	s := &Script{text: text}
	if len(text) > maxText {
		return nil, s.placed(errorf(0, "the script is longer than %d bytes; shorten it", maxText))
	}
	begin, end := 0, len(strings.TrimRight(text, " \t\r\n"))
	if lead := len(text) - len(strings.TrimLeft(text, " \t\r\n")); strings.HasPrefix(text[lead:], "#[") {
		if text[end-1] != ']' {
			return nil, s.placed(errorf(end, "the expression does not end with ]; close #[ with ]"))
		}
		begin, end = lead+2, end-1
	}
	p := newScriptParser(text[:end], begin)
	if err := p.script(s); err != nil {
		return nil, s.placed(err)
	}
	return s, nil
}

// placed turns an offset into a line and a column.
func (s *Script) placed(err error) error {
	if err == nil {
		return nil
	}
	var at *Error
	if !errors.As(err, &at) {
		at = &Error{Msg: err.Error()}
	}
	before := s.text[:min(at.Offset, len(s.text))]
	return &ScriptError{
		Line:   1 + strings.Count(before, "\n"),
		Column: len(before) - strings.LastIndexByte(before, '\n'),
		Msg:    at.Msg,
	}
}

// UsesPayload tells whether `payload` occurs in the script, so that the body
// has to be buffered before it is evaluated.
func (s *Script) UsesPayload() bool { return s.reads[rootPayload] }

// MediaType is what the output directive names, "" without one.
func (s *Script) MediaType() string { return s.output.media }

// Eval evaluates the script and gives its value, whatever the output directive
// says. A script that costs more than the published limits is an error; every
// error is a *ScriptError.
func (s *Script) Eval(env Env) (Value, error) {
	v, err := s.eval(&run{env: env})
	return v, s.placed(err)
}

// Write evaluates the script and writes its value as the output directive says,
// as JSON without one. Every error is a *ScriptError.
func (s *Script) Write(env Env) (body []byte, contentType string, err error) {
	r := &run{env: env}
	v, err := s.eval(r)
	if err != nil {
		return nil, "", s.placed(err)
	}
	w := writer{run: r, output: &s.output}
	if err := w.write(v); err != nil {
		return nil, "", s.placed(err)
	}
	return w.buf, s.output.contentType(), nil
}

func (s *Script) eval(r *run) (Value, error) { return r.eval(s.body, s.root.frame(nil)) }

// scriptNode is one construct of a compiled script. Nodes are immutable.
type scriptNode interface {
	eval(r *run, f *frame) (Value, error)
}

// run is one evaluation of a script: what it reads and what it has cost.
type run struct {
	env   Env
	steps int
	made  int
	depth int
	// at is the construct that complaints about limits name.
	at int
	// known are the top-level values that were asked for.
	known [len(roots)]struct {
		value Value
		asked bool
	}
}

// eval evaluates a construct and counts it.
func (r *run) eval(n scriptNode, f *frame) (Value, error) {
	if err := r.spend(1); err != nil {
		return Value{}, err
	}
	if r.depth++; r.depth > maxEvalDepth {
		return Value{}, errorf(r.at, "the evaluation is nested deeper than %d constructs; does a function call itself without end?", maxEvalDepth)
	}
	v, err := n.eval(r, f)
	r.depth--
	return v, err
}

// spend counts steps.
func (r *run) spend(steps int) error {
	if r.steps += steps; r.steps > maxSteps {
		return errorf(r.at, "the script takes more than %d steps; make it do less for each request", maxSteps)
	}
	return nil
}

// grow counts bytes of memory.
func (r *run) grow(bytes int) error {
	if r.made += bytes; r.made > maxMade || bytes > maxMade {
		return errorf(r.at, "the script makes more than %d bytes of values", maxMade)
	}
	return r.spend(bytes / 64)
}

// text is a String that the script made.
func (r *run) text(s string) (Value, error) {
	if len(s) > maxOutput {
		return Value{}, errorf(r.at, "a String is longer than %d bytes", maxOutput)
	}
	return String(s), r.grow(len(s))
}

// list is an Array that the script made.
func (r *run) list(list []Value) (Value, error) {
	depth := 0
	for _, v := range list {
		depth = max(depth, nesting(v))
	}
	if depth >= maxDataDepth {
		return Value{}, errorf(r.at, "values are nested deeper than %d", maxDataDepth)
	}
	return Value{kind: KindArray, ref: &items{list: list, depth: depth + 1}}, r.grow(48 * len(list))
}

// object is an Object that the script made.
func (r *run) object(list []Entry) (Value, error) {
	v := NewEntries(list)
	if nesting(v) > maxDataDepth {
		return Value{}, errorf(r.at, "values are nested deeper than %d", maxDataDepth)
	}
	return v, r.grow(80 * len(list))
}

// lookup gives a top-level value.
func (r *run) lookup(i int) Value {
	if k := &r.known[i]; !k.asked {
		k.asked = true
		if r.env != nil {
			k.value, _ = r.env.Lookup(roots[i])
		}
	}
	return r.known[i].value
}

// scope is what one frame will hold: parameters and declarations. Functions are
// no values, so that a frame never outlives the construct that made it.
type scope struct {
	parent *scope
	level  int
	names  []string
	// decls are the expressions of `var`, evaluated when they are first read;
	// nil for a parameter.
	decls     []scriptNode
	functions []*userFunction
	pending   []*reference
	// implicit says that the names are $, $$ and $$$.
	implicit bool
}

// frame is the values of one scope while it is evaluated.
type frame struct {
	parent *frame
	scope  *scope
	values []Value
	state  []uint8
}

const (
	unread = iota
	reading
	ready
)

func (s *scope) frame(parent *frame) *frame {
	return &frame{parent: parent, scope: s, values: make([]Value, len(s.names)), state: make([]uint8, len(s.names))}
}

// bind sets the parameters of a frame; what is missing is null.
func (f *frame) bind(values ...Value) *frame {
	for i := range f.values {
		f.values[i] = Value{}
		if i < len(values) {
			f.values[i] = values[i]
		}
		if f.scope.decls[i] == nil {
			f.state[i] = ready
		}
	}
	return f
}

// reference reads a name of an enclosing scope.
type reference struct {
	name       string
	pos        int
	level      int // of the scope in which the reference stands
	hops, slot int
	// call is set when the name is called.
	call *userCall
}

func (n *reference) eval(r *run, f *frame) (Value, error) {
	for range n.hops {
		f = f.parent
	}
	switch f.state[n.slot] {
	case ready:
		return f.values[n.slot], nil
	case reading:
		return Value{}, errorf(n.pos, "the variable %.40q is defined by itself", n.name)
	}
	decl := f.scope.decls[n.slot]
	if decl == nil {
		return f.values[n.slot], nil
	}
	f.state[n.slot] = reading
	v, err := r.eval(decl, f)
	if err != nil {
		return Value{}, err
	}
	f.values[n.slot], f.state[n.slot] = v, ready
	return v, nil
}
