package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/mule"
)

// frame is what names stand for in a part of a script.
type frame struct {
	id     int
	code   *mule.Code
	module string
	parent *frame
	// names are those of a header, locals those of a function or case.
	names   map[string]*binding
	locals  []local
	imports []*syntax.Import
	types   map[string]syntax.Type
	// refined is what a condition makes sure of in this frame.
	refined []refinement
}

type local struct {
	name  string
	value *Value
}

// binding is what a name of a header stands for: a value, or an expression that is
// evaluated when it is asked for first.
type binding struct {
	name  string
	value *Value
	node  syntax.Node
	frame *frame
	state bindingState
}

type bindingState uint8

const (
	waiting bindingState = iota
	busy
	done
)

func (e *evaluator) frame(parent *frame, locals ...local) *frame {
	e.frames++
	return &frame{id: e.frames, code: parent.code, module: parent.module, parent: parent, locals: locals}
}

// given is the frame in which something is sure of values.
func (e *evaluator) given(f *frame, sure []refinement) *frame {
	if len(sure) == 0 {
		return f
	}
	e.refining = true
	g := e.frame(f)
	g.refined = sure
	return g
}

// header is the frame of a header.
func (e *evaluator) header(code *mule.Code, module string, parent *frame, directives []syntax.Directive) *frame {
	e.frames++
	f := &frame{id: e.frames, code: code, module: module, parent: parent}
	for _, d := range directives {
		switch d := d.(type) {
		case *syntax.Var:
			f.bind(d.Name, &binding{name: d.Name, node: d.Value, frame: f})
		case *syntax.Fun:
			if d.Lambda == nil {
				continue
			}
			c := closure{lambda: d.Lambda, body: d.Lambda.Body, frame: f}
			if b := f.names[d.Name]; b != nil && b.value != nil && b.value.function != nil {
				b.value.function.closures = append(b.value.function.closures, c)
				continue
			}
			v := functionValue(&function{name: qualified(module, d.Name), closures: []closure{c}})
			f.bind(d.Name, &binding{name: d.Name, value: v, state: done})
		case *syntax.Import:
			f.imports = append(f.imports, d)
		case *syntax.TypeOf:
			if f.types == nil {
				f.types = map[string]syntax.Type{}
			}
			f.types[d.Name] = d.Type
		}
	}
	return f
}

func (f *frame) bind(name string, b *binding) {
	if f.names == nil {
		f.names = map[string]*binding{}
	}
	f.names[name] = b
}

func qualified(module, name string) string {
	if module == "" {
		return name
	}
	return module + "::" + name
}

// force is the value of a binding.
func (e *evaluator) force(b *binding) *Value {
	switch b.state {
	case done:
		return b.value
	case busy:
		return nil
	case waiting:
	}
	b.state = busy
	before := e.within
	e.within = "the text of the variable " + b.name
	b.value = e.eval(b.node, b.frame)
	e.within = before
	b.state = done
	return b.value
}

// name is what a name stands for.
func (e *evaluator) name(n *syntax.Name, f *frame) *Value {
	if v, ok := e.find(n.Name, f); ok {
		return v
	}
	if m, ok := library[coreModule][n.Name]; ok && !strings.HasPrefix(n.Name, "$") {
		if v := e.event(n.Name); v != nil {
			return v
		}
		return functionValue(&function{name: n.Name, model: m})
	}
	v := e.event(n.Name)
	if v == nil && f.code != nil && f.code.Language == mule.MEL {
		// Flow variables can be named without flowVars.
		v, _ = e.event("flowVars").field(n.Name)
	}
	return v
}

func (e *evaluator) event(name string) *Value {
	if e.scope.Event == nil {
		return nil
	}
	return e.scope.Event(name)
}

// find looks a name up in the script and in what it imports.
func (e *evaluator) find(name string, f *frame) (*Value, bool) {
	if i := strings.LastIndex(name, "::"); i > 0 {
		return e.findQualified(name[:i], name[i+2:], f)
	}
	if strings.HasPrefix(name, "java!") {
		return nil, false
	}
	for g := f; g != nil; g = g.parent {
		for i := range g.locals {
			if g.locals[i].name == name {
				return g.locals[i].value, true
			}
		}
		if b, ok := g.names[name]; ok {
			return e.force(b), true
		}
		for _, d := range g.imports {
			if v, ok := e.imported(d, name); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// imported is what an import makes of a name.
func (e *evaluator) imported(d *syntax.Import, name string) (*Value, bool) {
	for _, i := range d.Names {
		if i.Alias == name || i.Alias == "" && i.Name == name {
			if v, ok := e.member(d.Module, i.Name); ok {
				return v, true
			}
			return functionValue(&function{name: d.Module + "::" + i.Name, model: unknownModel(d.Module)}), true
		}
	}
	if d.All {
		return e.member(d.Module, name)
	}
	return nil, false
}

// findQualified is a name of a module, which is named by its path or by an import.
func (e *evaluator) findQualified(module, name string, f *frame) (*Value, bool) {
	for g := f; g != nil; g = g.parent {
		for _, d := range g.imports {
			if len(d.Names) > 0 || d.All {
				continue
			}
			alias := d.Alias
			if alias == "" {
				alias = d.Module[strings.LastIndexAny(d.Module, ":!")+1:]
			}
			if alias == module {
				module = d.Module
			}
		}
	}
	if v, ok := e.member(module, name); ok {
		return v, true
	}
	return functionValue(&function{name: module + "::" + name, model: unknownModel(module)}), true
}

// member is what a module gives under a name.
func (e *evaluator) member(module, name string) (*Value, bool) {
	if functions, ok := library[module]; ok {
		m, ok := functions[name]
		if !ok {
			return nil, false
		}
		full := module + "::" + name
		if module == coreModule || module == "Mule" {
			full = name
		}
		return functionValue(&function{name: full, model: m}), true
	}
	if strings.HasPrefix(module, "java!") {
		return functionValue(&function{name: module + "::" + name, model: unknownModel(module)}), true
	}
	g := e.module(module)
	if g == nil {
		return nil, false
	}
	if b, ok := g.names[name]; ok {
		return e.force(b), true
	}
	return nil, false
}

// module is the frame of a module of the project, nil when there is none.
func (e *evaluator) module(path string) *frame {
	if g, ok := e.modules[path]; ok {
		return g
	}
	if e.modules == nil {
		e.modules = map[string]*frame{}
	}
	var g *frame
	if e.scope.Module != nil {
		if code := e.scope.Module(path); code != nil && code.Tree != nil {
			g = e.header(code, path, nil, code.Tree.Directives)
		}
	}
	e.modules[path] = g
	return g
}

// unwrap is a node without the parentheses around it.
func unwrap(n syntax.Node) syntax.Node {
	for {
		switch g := n.(type) {
		case *syntax.Group:
			n = g.X
		case *syntax.Metadata:
			n = g.X
		default:
			return n
		}
	}
}
