package spectral

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/dop251/goja"

	"farrier.dev/farrier/internal/encoding/tree"
)

// object shows a value of a document to scripts, which can't change it.
type object struct {
	engine *engine
	node   *tree.Node
}

// Get is a member.
func (o *object) Get(name string) goja.Value {
	if n := o.node.Get(name); n != nil {
		return o.engine.wrap(n)
	}
	return nil
}

// Set is refused.
func (o *object) Set(string, goja.Value) bool { return false }

// Has says whether there is a member.
func (o *object) Has(name string) bool { return o.node.Get(name) != nil }

// Delete is refused.
func (o *object) Delete(string) bool { return false }

// Keys are the names of the members.
func (o *object) Keys() []string {
	out := make([]string, len(o.node.Members))
	for i := range o.node.Members {
		out[i] = o.node.Members[i].Name
	}
	return out
}

// list shows an array.
type list struct {
	engine *engine
	node   *tree.Node
}

// Len is the number of items.
func (l *list) Len() int { return len(l.node.Items) }

// Get is an item.
func (l *list) Get(i int) goja.Value {
	if i < 0 || i >= len(l.node.Items) {
		return nil
	}
	return l.engine.wrap(l.node.Items[i])
}

// Set is refused.
func (l *list) Set(int, goja.Value) bool { return false }

// SetLen is refused.
func (l *list) SetLen(int) bool { return false }

// wrap gives a value of a document to scripts.
func (e *engine) wrap(n *tree.Node) goja.Value {
	switch v := valueOf(n); v.kind {
	case undefinedValue:
		return goja.Undefined()
	case nullValue:
		return goja.Null()
	case boolValue:
		return e.vm.ToValue(v.truth)
	case numberValue:
		if i := int64(v.number); float64(i) == v.number {
			return e.vm.ToValue(i)
		}
		return e.vm.ToValue(v.number)
	case textValue:
		return e.vm.ToValue(v.text)
	case nodeValue, listValue, regexValue, constructorValue:
	}
	if known := e.wrapped[n]; known != nil {
		return known
	}
	var o *goja.Object
	if n.Kind == tree.Array {
		o = e.vm.NewDynamicArray(&list{e, n})
	} else {
		o = e.vm.NewDynamicObject(&object{e, n})
	}
	e.wrapped[n], e.nodes[o] = o, n
	return o
}

// core is one of Spectral's functions, for scripts to name and to call.
func (e *engine) core(name string) goja.Value {
	f := e.vm.ToValue(func(call goja.FunctionCall) goja.Value { return e.callCore(name, call) }).(*goja.Object) //nolint:forcetypeassert // functions are objects
	e.names[f] = name
	return f
}

func (e *engine) callCore(name string, call goja.FunctionCall) goja.Value {
	if e.current == nil {
		panic(e.vm.NewTypeError(name + " can only be called while a document is judged"))
	}
	c := converter{engine: e, left: maxConverted}
	value, err := c.node(call.Argument(0), 0)
	if err != nil {
		panic(e.vm.NewGoError(err))
	}
	check, err := e.coreCheck(name, call.Argument(1))
	if err != nil {
		panic(e.vm.NewGoError(err))
	}
	in := *e.current
	in.Value = value
	var out []any
	for _, p := range check(&in) {
		path := p.Path
		if path == nil {
			path = append(in.place(), p.Below...)
		}
		steps := make([]any, len(path))
		for i, step := range path {
			steps[i] = step
		}
		out = append(out, map[string]any{"message": p.Message, "path": e.vm.NewArray(steps...)})
	}
	if len(out) == 0 {
		return goja.Undefined()
	}
	return e.vm.NewArray(out...)
}

func (e *engine) coreCheck(name string, options goja.Value) (Check, error) {
	o, isObject := options.(*goja.Object)
	if known := e.checks[name][o]; isObject && known != nil {
		return known, nil
	}
	c := converter{engine: e, left: maxConverted}
	n, err := c.node(options, 0)
	if err != nil {
		return nil, err
	}
	check, err := e.load.core[name](n)
	if err == nil && isObject {
		if e.checks[name] == nil || len(e.checks[name]) >= maxRemembered {
			e.checks[name] = map[*goja.Object]Check{}
		}
		e.checks[name][o] = check
	}
	return check, err
}

// tag is an object that stands for a format or ruleset of a name.
func (e *engine) tag(name string) goja.Value {
	o := e.vm.NewObject()
	e.names[o] = name
	return o
}

// compileFor makes the function that holds a value against a schema.
func (e *engine) compileFor(schema goja.Value) (func(goja.Value) bool, error) {
	c := converter{engine: e, left: maxConverted}
	root, err := c.node(schema, 0)
	if err != nil {
		return nil, err
	}
	sub, err := compileSchema(root)
	if err != nil {
		return nil, err
	}
	return func(v goja.Value) bool {
		c := converter{engine: e, left: maxConverted}
		n, err := c.node(v, 0)
		if err != nil || n == nil {
			return false
		}
		validation := validation{left: maxSchemaSteps, check: func() error { return e.ctx.Err() }}
		return validation.validate(sub, n, nil)
	}, nil
}

// format is one that a script has handed in as a function.
func (e *engine) format(name string) *format {
	f := e.functions[name]
	if f == nil {
		return nil
	}
	if e.formats[name] == nil {
		e.formats[name] = &format{name: "custom", title: "custom", is: func(root *tree.Node) bool {
			is := false
			err := e.guarded(new(time.Duration), func() error {
				v, err := f(goja.Undefined(), e.wrap(root), goja.Null())
				is = err == nil && v.ToBoolean()
				return err
			})
			return is && err == nil
		}}
	}
	return e.formats[name]
}

// scripted is a function that a script has handed in.
func (e *engine) scripted(name string) Function {
	run := e.functions[name]
	return func(options *tree.Node) (Check, error) {
		if err := e.checkOptions(name, options); err != nil {
			return nil, err
		}
		return func(in *Input) []Problem {
			var out []Problem
			err := e.guarded(&in.run.scripts, func() (err error) {
				before := e.current
				e.current = in
				defer func() { e.current = before }()
				settings := e.options[options]
				if settings == nil {
					settings = goja.Null()
					if options != nil {
						settings = e.wrap(options)
					}
				}
				v, err := run(goja.Undefined(), e.wrap(in.Value), settings, e.contextOf(in))
				if err != nil {
					return err
				}
				out, err = e.problems(v)
				return err
			})
			if err != nil {
				in.fail(fmt.Errorf("the function has failed: %w", err))
			}
			return out
		}, nil
	}
}

// checkOptions holds functionOptions against the schema that a function has with
// createRulesetFunction.
func (e *engine) checkOptions(name string, options *tree.Node) error {
	for f, known := range e.names {
		if known != name {
			continue
		}
		v := f.Get("optionsSchema")
		switch {
		case v == nil || goja.IsUndefined(v):
			return nil
		case goja.IsNull(v):
			_, err := noOptions(nil)(options)
			return err
		}
		c := converter{engine: e, left: maxConverted}
		schema, err := c.node(v, 0)
		if err != nil {
			return err
		}
		sub, err := compileSchema(schema)
		if err != nil {
			return err
		}
		return validOptions(sub, options)
	}
	return nil
}

// contextOf is the third argument of a function.
func (e *engine) contextOf(in *Input) goja.Value {
	document, inventory, rule, out := e.vm.NewObject(), e.vm.NewObject(), e.vm.NewObject(), e.vm.NewObject()
	set := func(o *goja.Object, name string, v any) { _ = o.Set(name, v) }
	set(document, "data", e.wrap(in.Unresolved))
	set(document, "source", in.Document.File)
	set(inventory, "document", document)
	set(inventory, "source", in.Document.File)
	set(inventory, "resolved", e.wrap(in.run.resolved.root))
	set(inventory, "unresolved", e.wrap(in.Unresolved))
	set(rule, "name", in.Rule)
	set(rule, "resolved", in.run.rule.resolved)
	set(rule, "severity", int(in.run.rule.severity))
	set(out, "document", document)
	set(out, "documentInventory", inventory)
	set(out, "rule", rule)
	getter := e.vm.ToValue(func(goja.FunctionCall) goja.Value { return e.steps(in) })
	_ = out.DefineAccessorProperty("path", getter, nil, goja.FLAG_FALSE, goja.FLAG_TRUE)
	return out
}

// steps is the path of a value; indexes are numbers.
func (e *engine) steps(in *Input) goja.Value {
	path := in.Path()
	out := make([]any, len(path))
	n := in.Root
	for i, step := range path {
		out[i] = step
		if n.Is(tree.Array) {
			if index, err := strconv.Atoi(step); err == nil {
				out[i] = index
			}
		}
		n = n.Step(step)
	}
	return e.vm.NewArray(out...)
}

// problems reads what a function returns.
func (e *engine) problems(v goja.Value) ([]Problem, error) {
	if o, ok := v.(*goja.Object); ok && o.ExportType() == reflect.TypeFor[*goja.Promise]() {
		if p, ok := o.Export().(*goja.Promise); ok {
			switch p.State() {
			case goja.PromiseStateFulfilled:
				v = p.Result()
			case goja.PromiseStateRejected:
				return nil, errors.New(clip(p.Result().String()))
			case goja.PromiseStatePending:
				return nil, errors.New("its promise is never kept: there is nothing to wait for")
			}
		}
	}
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return nil, nil
	}
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "Array" {
		return nil, errors.New("it must return a list of {message, path}, or nothing")
	}
	var out []Problem
	length := o.Get("length").ToInteger()
	if length > DefaultResults {
		return nil, fmt.Errorf("it complains more than %d times", DefaultResults)
	}
	for i := range length {
		item, ok := o.Get(strconv.FormatInt(i, 10)).(*goja.Object)
		if !ok {
			return nil, errors.New("it must return a list of {message, path}")
		}
		p := Problem{}
		if m := item.Get("message"); m != nil {
			p.Message = m.String()
		}
		if path, ok := item.Get("path").(*goja.Object); ok && path.ClassName() == "Array" {
			p.Path = []string{}
			for j := range min(path.Get("length").ToInteger(), maxDepth) {
				step := path.Get(strconv.FormatInt(j, 10))
				if step == nil {
					step = goja.Undefined()
				}
				p.Path = append(p.Path, step.String())
			}
		}
		out = append(out, p)
	}
	return out, nil
}
