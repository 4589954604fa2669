package dataweave

import "strings"

type constantNode struct{ value Value }

func (n constantNode) eval(*run, *frame) (Value, error) { return n.value, nil }

// rootNode is one of the top-level names.
type rootNode int

func (n rootNode) eval(r *run, _ *frame) (Value, error) { return r.lookup(int(n)), nil }

// coalesceNode is `default`.
type coalesceNode struct{ left, right scriptNode }

func (n *coalesceNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.left, f)
	if err != nil || v.kind != KindNull {
		return v, err
	}
	return r.eval(n.right, f)
}

// boolean evaluates what must be a Boolean.
func (r *run) boolean(n scriptNode, f *frame, op string, pos int) (bool, error) {
	v, err := r.eval(n, f)
	if err != nil {
		return false, err
	}
	if v.kind != KindBool {
		return false, errorf(pos, "%s needs a Boolean, not %s; compare, or cast with `as Boolean`", op, article(v.kind))
	}
	return v.num == 1, nil
}

type notNode struct {
	operand scriptNode
	pos     int
}

func (n *notNode) eval(r *run, f *frame) (Value, error) {
	b, err := r.boolean(n.operand, f, "not", n.pos)
	return Bool(!b), err
}

// logicalNode is a chain of `and` or of `or`.
type logicalNode struct {
	op       string
	operands []scriptNode
	pos      int
}

func (n *logicalNode) eval(r *run, f *frame) (Value, error) {
	decides := n.op == "or"
	for _, operand := range n.operands {
		b, err := r.boolean(operand, f, n.op, n.pos)
		if err != nil {
			return Value{}, err
		}
		if b == decides {
			return Bool(decides), nil
		}
	}
	return Bool(!decides), nil
}

type conditionalNode struct {
	condition, yes, no scriptNode
	pos                int
}

func (n *conditionalNode) eval(r *run, f *frame) (Value, error) {
	b, err := r.boolean(n.condition, f, "if", n.pos)
	if err != nil {
		return Value{}, err
	}
	if b {
		return r.eval(n.yes, f)
	}
	return r.eval(n.no, f)
}

// isNode is `x is Type`.
type isNode struct {
	operand scriptNode
	kind    string
}

func (n *isNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.operand, f)
	return Bool(isType(v, n.kind)), err
}

func isType(v Value, name string) bool {
	return name == "" || name == "Any" || v.kind.String() == name || name == "Key" && v.kind == KindString
}

// typedNode is a variable whose type is declared.
type typedNode struct {
	value scriptNode
	kind  string
	pos   int
}

func (n *typedNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.value, f)
	if err == nil && !isType(v, n.kind) {
		err = errorf(n.pos, "the value is %s, and declared to be %s", article(v.kind), n.kind)
	}
	return v, err
}

// rangeNode is `a to b`.
type rangeNode struct {
	from, to scriptNode
	pos      int
}

func (n *rangeNode) bounds(r *run, f *frame) (from, to int, err error) {
	a, err := r.eval(n.from, f)
	if err != nil {
		return 0, 0, err
	}
	b, err := r.eval(n.to, f)
	if err != nil {
		return 0, 0, err
	}
	if !isPosition(a) || !isPosition(b) {
		return 0, 0, errorf(n.pos, "a range needs two whole Numbers")
	}
	return int(a.num), int(b.num), nil
}

func (n *rangeNode) eval(r *run, f *frame) (Value, error) {
	from, to, err := n.bounds(r, f)
	if err != nil {
		return Value{}, err
	}
	count, step := to-from+1, 1
	if to < from {
		count, step = from-to+1, -1
	}
	r.at = n.pos
	if count > maxArray {
		return Value{}, errorf(n.pos, "a range has more than %d elements", maxArray)
	}
	list := make([]Value, count)
	for i := range list {
		list[i] = Number(float64(from + i*step))
	}
	return r.list(list)
}

// templateNode is a string with expressions in it.
type templateNode struct {
	parts []scriptNode
	pos   int
}

func (n *templateNode) eval(r *run, f *frame) (Value, error) {
	var b strings.Builder
	for _, one := range n.parts {
		v, err := r.eval(one, f)
		if err != nil {
			return Value{}, err
		}
		s, err := v.Text()
		if err != nil {
			return Value{}, errorf(n.pos, "%s has no text to put into a string", article(v.kind))
		}
		if b.Len()+len(s) > maxOutput {
			return Value{}, errorf(n.pos, "a String is longer than %d bytes", maxOutput)
		}
		b.WriteString(s)
	}
	r.at = n.pos
	return r.text(b.String())
}

type arrayNode struct {
	items []scriptNode
	pos   int
}

func (n *arrayNode) eval(r *run, f *frame) (Value, error) {
	list := make([]Value, len(n.items))
	for i, item := range n.items {
		v, err := r.eval(item, f)
		if err != nil {
			return Value{}, err
		}
		list[i] = noted(v, nil)
	}
	r.at = n.pos
	return r.list(list)
}

// objectNode is an Object that is written out.
type objectNode struct {
	entries []entryNode
	pos     int
}

// entryNode is one key with its value, or an Object whose entries are added.
type entryNode struct {
	key        scriptNode
	space      *namespace
	attributes *objectNode
	value      scriptNode
	spread     scriptNode
	condition  scriptNode
	pos        int
}

func (n *objectNode) eval(r *run, f *frame) (Value, error) {
	list, err := n.build(r, f)
	if err != nil {
		return Value{}, err
	}
	r.at = n.pos
	return r.object(list)
}

func (n *objectNode) build(r *run, f *frame) ([]Entry, error) {
	list := make([]Entry, 0, len(n.entries))
	for i := range n.entries {
		e := &n.entries[i]
		if e.condition != nil {
			wanted, err := r.boolean(e.condition, f, "if", e.pos)
			if err != nil {
				return nil, err
			}
			if !wanted {
				continue
			}
		}
		var err error
		if e.spread != nil {
			list, err = e.add(r, f, list)
		} else {
			var one Entry
			one, err = e.single(r, f)
			list = append(list, one)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// add adds the entries of an Object, or of an Array of Objects.
func (n *entryNode) add(r *run, f *frame, list []Entry) ([]Entry, error) {
	v, err := r.eval(n.spread, f)
	if err != nil {
		return nil, err
	}
	switch v.kind {
	case KindNull:
		return list, nil
	case KindObject:
		return append(list, v.Entries()...), r.spend(len(v.Entries()))
	case KindArray:
		for _, item := range elements(v) {
			if item.kind != KindObject {
				return nil, errorf(n.pos, "an Array in an Object must hold Objects, not %s", article(item.kind))
			}
			list = append(list, item.Entries()...)
			if err := r.spend(1 + len(item.Entries())); err != nil {
				return nil, err
			}
		}
		return list, nil
	default:
		return nil, errorf(n.pos, "in parentheses stands an Object or an Array of Objects, not %s", article(v.kind))
	}
}

func (n *entryNode) single(r *run, f *frame) (Entry, error) {
	key, err := r.eval(n.key, f)
	if err != nil {
		return Entry{}, err
	}
	text, err := key.Text()
	if err != nil || key.kind == KindNull {
		return Entry{}, errorf(n.pos, "a key is text, not %s", article(key.kind))
	}
	e := Entry{Key: text, space: n.space}
	if e.Value, err = r.eval(n.value, f); err != nil {
		return Entry{}, err
	}
	kept := notesOf(key)
	if kept != nil && e.space == nil {
		e.space = kept.space
	}
	if n.attributes != nil {
		list, err := n.attributes.build(r, f)
		if err != nil {
			return Entry{}, err
		}
		attrs, _ := NewEntries(list).ref.(*entries)
		kept = &notes{attrs: attrs}
	}
	e.Value = noted(e.Value, kept)
	return e, nil
}

// doNode is do { }.
type doNode struct {
	scope *scope
	body  scriptNode
}

func (n *doNode) eval(r *run, f *frame) (Value, error) { return r.eval(n.body, n.scope.frame(f)) }

// parameters are those of a function.
type parameters struct {
	names, types []string
	defaults     []scriptNode
}

// userFunction is what `fun` declares.
type userFunction struct {
	parameters
	name   string
	result string
	scope  *scope
	body   scriptNode
}

// userCall calls one.
type userCall struct {
	args []scriptNode
	fn   *userFunction
	hops int
	pos  int
}

// check is asked once the function is known.
func (n *userCall) check(ref *reference) error {
	least := len(n.fn.names)
	for least > 0 && n.fn.defaults[least-1] != nil {
		least--
	}
	if len(n.args) < least || len(n.args) > len(n.fn.names) {
		return errorf(ref.pos, "%.40s has %d arguments here; it takes %s", ref.name, len(n.args),
			function{min: least, max: len(n.fn.names)}.arity())
	}
	return nil
}

func (n *userCall) eval(r *run, f *frame) (Value, error) {
	outer := f
	for range n.hops {
		outer = outer.parent
	}
	values := make([]Value, len(n.fn.names))
	for i := range values {
		var err error
		if i < len(n.args) {
			values[i], err = r.eval(n.args[i], f)
		} else {
			values[i], err = r.eval(n.fn.defaults[i], outer)
		}
		if err != nil {
			return Value{}, err
		}
		if !isType(values[i], n.fn.types[i]) {
			return Value{}, errorf(n.pos, "%.40s: the parameter %.40s must be %s, not %s", n.fn.name, n.fn.names[i], n.fn.types[i], article(values[i].kind))
		}
	}
	r.at = n.pos
	v, err := r.eval(n.fn.body, n.fn.scope.frame(outer).bind(values...))
	if err == nil && !isType(v, n.fn.result) {
		err = errorf(n.pos, "%.40s gives %s, and is declared to give %s", n.fn.name, article(v.kind), n.fn.result)
	}
	return v, err
}

// lambda is a function that is handed to a built-in one.
type lambda struct {
	parameters
	scope *scope
	body  scriptNode
}

// call evaluates a lambda; frame is its own, made once for all elements.
func (n *lambda) call(r *run, own *frame, values ...Value) (Value, error) {
	for i, kind := range n.types {
		if i < len(values) && !isType(values[i], kind) {
			return Value{}, errorf(r.at, "the parameter %.40s must be %s, not %s", n.names[i], kind, article(values[i].kind))
		}
	}
	return r.eval(n.body, own.bind(values...))
}
