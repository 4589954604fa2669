package validation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"farrier.dev/farrier/internal/governance/validation/graph"
)

// The functions by which Rego looks at the graph, so that only what is asked for
// is written out for it.
const (
	builtinNode     = "farrier.node"
	builtinSubjects = "farrier.subjects"
	builtinOfClass  = "farrier.of_class"
)

func graphBuiltins() []*ast.Builtin {
	nodes := types.NewArray(nil, types.A)
	return []*ast.Builtin{
		{Name: builtinNode, Decl: types.NewFunction(types.Args(types.A), types.A)},
		{Name: builtinSubjects, Decl: types.NewFunction(types.Args(types.A, types.A), nodes)},
		{Name: builtinOfClass, Decl: types.NewFunction(types.Args(types.A), nodes)},
	}
}

// export is a graph as Rego sees it: JSON-LD with one object for each node, where
// links are objects with an @id and lists of one are their item.
type export struct {
	graph    *graph.Graph
	nodes    map[*graph.Node]*ast.Term
	input    [][2]*ast.Term
	builtins map[string]*topdown.Builtin
	queries  map[string]ast.Body
}

func (e *evaluation) exported() *export {
	if e.export == nil {
		x := &export{graph: e.graph, nodes: map[*graph.Node]*ast.Term{}, queries: map[string]ast.Body{}}
		x.builtins = x.functions()
		if e.policy.wholeInput {
			x.input = x.whole()
		}
		e.export = x
	}
	return e.export
}

// node is one node; it is written out when it is first asked for.
func (x *export) node(n *graph.Node) *ast.Term {
	if known := x.nodes[n]; known != nil {
		return known
	}
	pairs := make([][2]*ast.Term, 0, len(n.Fields())+2)
	classes := make([]*ast.Term, len(n.Classes))
	for i, c := range n.Classes {
		classes[i] = ast.StringTerm(c)
	}
	pairs = append(pairs, ast.Item(ast.StringTerm("@id"), ast.StringTerm(n.ID)), ast.Item(ast.StringTerm("@type"), ast.ArrayTerm(classes...)))
	for _, f := range n.Fields() {
		var v *ast.Term
		if len(f.Values) == 1 {
			v = value(f.Values[0])
		} else {
			items := make([]*ast.Term, len(f.Values))
			for i := range f.Values {
				items[i] = value(f.Values[i])
			}
			v = ast.ArrayTerm(items...)
		}
		pairs = append(pairs, ast.Item(ast.StringTerm(f.Property), v))
	}
	term := ast.ObjectTerm(pairs...)
	x.nodes[n] = term
	return term
}

func value(v graph.Value) *ast.Term {
	switch {
	case v.Node != nil:
		return link(v.Node.ID)
	case v.Scalar == nil:
		return link(v.IRI)
	}
	made, err := ast.InterfaceToValue(v.Scalar)
	if err != nil {
		return ast.NullTerm()
	}
	return ast.NewTerm(made)
}

func link(id string) *ast.Term {
	return ast.ObjectTerm(ast.Item(ast.StringTerm("@id"), ast.StringTerm(id)))
}

// whole is the graph by identifiers, classes and places, for code that looks at
// it without the helpers.
func (x *export) whole() [][2]*ast.Term {
	ids := make([][2]*ast.Term, 0, len(x.graph.Nodes))
	places := make([][2]*ast.Term, 0, len(x.graph.Nodes))
	classes := map[string][]*ast.Term{}
	for _, n := range x.graph.Nodes {
		id := ast.StringTerm(n.ID)
		ids = append(ids, ast.Item(id, x.node(n)))
		places = append(places, ast.Item(id, ast.ObjectTerm(
			ast.Item(ast.StringTerm("range"), ast.StringTerm(fmt.Sprintf("[(%d,%d)-(%d,%d)]", n.At.Line, n.At.Column, n.At.Line, n.At.Column))),
			ast.Item(ast.StringTerm("uri"), ast.StringTerm(n.At.File)))))
		for _, c := range n.Classes {
			classes[c] = append(classes[c], id)
		}
	}
	types := make([][2]*ast.Term, 0, len(classes))
	for c, members := range classes {
		types = append(types, ast.Item(ast.StringTerm(c), ast.ArrayTerm(members...)))
	}
	return [][2]*ast.Term{
		ast.Item(ast.StringTerm("@ids"), ast.ObjectTerm(ids...)),
		ast.Item(ast.StringTerm("@types"), ast.ObjectTerm(types...)),
		ast.Item(ast.StringTerm("@lexical"), ast.ObjectTerm(places...)),
	}
}

// functions are those by which Rego looks at the graph.
func (x *export) functions() map[string]*topdown.Builtin {
	text := func(t *ast.Term) string {
		s, _ := t.Value.(ast.String)
		return string(s)
	}
	list := func(nodes []*graph.Node) *ast.Term {
		terms := make([]*ast.Term, len(nodes))
		for i, n := range nodes {
			terms[i] = x.node(n)
		}
		return ast.ArrayTerm(terms...)
	}
	run := []topdown.BuiltinFunc{
		func(_ topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			if n := x.graph.ByID(text(args[0])); n != nil {
				return iter(x.node(n))
			}
			return nil
		},
		func(_ topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			if n := x.graph.ByID(text(args[1])); n != nil {
				return iter(list(x.graph.Subjects(n, text(args[0]))))
			}
			return iter(ast.ArrayTerm())
		},
		func(_ topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			return iter(list(x.graph.OfClass(text(args[0]))))
		},
	}
	out := map[string]*topdown.Builtin{}
	for i, decl := range graphBuiltins() {
		out[decl.Name] = &topdown.Builtin{Decl: decl, Func: run[i]}
	}
	addBounded(out)
	return out
}

// rego runs the code of a rule and gives what it says, once for each way to
// satisfy it: whether the result was true.
func (e *evaluation) rego(name string, node *ast.Term) ([]bool, error) {
	x := e.exported()
	query, ok := x.queries[name]
	if !ok {
		query = ast.NewBody(ast.Equality.Expr(ast.VarTerm("x"), ast.RefTerm(ast.DefaultRootDocument, ast.StringTerm(regoPackage), ast.StringTerm(name))))
		x.queries[name] = query
	}
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(e.ctx, cancel.Cancel)
	defer stop()
	store := inmem.New()
	txn, err := store.NewTransaction(e.ctx)
	if err != nil {
		return nil, fmt.Errorf("running Rego: %w", err)
	}
	defer store.Abort(e.ctx, txn)
	found, err := topdown.NewQuery(query).WithCompiler(e.policy.compiler).WithStore(store).WithTransaction(txn).
		WithInput(ast.ObjectTerm(append(x.input[:len(x.input):len(x.input)], ast.Item(ast.StringTerm("@node"), node))...)).
		WithBuiltins(x.builtins).WithCancel(cancel).WithTime(time.Unix(0, 0)).Run(e.ctx)
	if err != nil {
		if cause := context.Cause(e.ctx); cause != nil {
			return nil, cause
		}
		if t, ok := errors.AsType[*topdown.Error](err); ok {
			return nil, fmt.Errorf("its Rego can not be run: %s", t.Message)
		}
		return nil, fmt.Errorf("its Rego can not be run: %w", err)
	}
	var out []bool
	for _, bindings := range found {
		set, ok := bindings[ast.Var("x")].Value.(ast.Set)
		if !ok {
			continue
		}
		set.Foreach(func(t *ast.Term) { out = append(out, t.Equal(ast.BooleanTerm(true))) })
	}
	return out, nil
}
