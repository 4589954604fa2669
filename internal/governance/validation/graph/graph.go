// Package graph is the view of a description that MuleSoft's rulesets are
// written against: nodes with the classes and properties of AMF's vocabularies,
// each knowing where in the files it was written. It builds that view from the
// tree of a description, after references were followed and what an API says
// for all its operations was given to each, as AMF's editing pipeline does. It
// judges nothing, and it is no general store of triples.
package graph

import (
	"encoding/json"
	"slices"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Graph is the nodes of one description. It may be read from several
// goroutines once all nodes were added.
type Graph struct {
	// Nodes are in the order in which they were made.
	Nodes []*Node
	// Document is the node of the file itself, which encodes the API and declares
	// what may be referred to.
	Document *Node
	// Truncated tells that the description, its references opened, is too large
	// for a graph, and that parts of it are missing.
	Truncated bool

	classes map[string][]*Node
	byID    map[string]*Node
	inverse func() map[*Node][]edge
}

// edge is one way into a node.
type edge struct {
	property string
	from     *Node
}

// Node is one thing that is described.
type Node struct {
	// ID is its name within the graph, as "#12".
	ID string
	// Classes are the IRIs of its classes, the narrowest first.
	Classes []string
	// At is where it is written; what was not written by anybody stands where the
	// thing that it belongs to does.
	At     Place
	fields []Field
}

// Place is where something is written.
type Place struct {
	File string
	// Line and Column are counted from 1; 0 where they are not known.
	Line, Column int
	// trail leads to it in the tree of the description.
	trail *trail
}

// Path is the names and indexes that lead to the place in the tree of the
// file; nil when it is not known.
func (p Place) Path() []string {
	var path []string
	for t := p.trail; t != nil && t.up != nil; t = t.up {
		path = append(path, t.step)
	}
	slices.Reverse(path)
	return path
}

// Field is one property of a node and its values.
type Field struct {
	// Property is its IRI.
	Property string
	Values   []Value
}

// Value is one value of a property: a node, the IRI of something outside the
// graph, or a scalar (string, bool, json.Number).
type Value struct {
	Node   *Node
	IRI    string
	Scalar any
}

// Fields are the properties of a node, in the order in which they were set.
func (n *Node) Fields() []Field { return n.fields }

// Get are the values of a property.
func (n *Node) Get(property string) []Value {
	for i := range n.fields {
		if n.fields[i].Property == property {
			return n.fields[i].Values
		}
	}
	return nil
}

// Text is the first value of a property as it is written, empty when there is none.
func (n *Node) Text(property string) string {
	if values := n.Get(property); len(values) > 0 {
		return values[0].String()
	}
	return ""
}

// String is the value as text: the identifier of a node, the IRI, the scalar.
func (v Value) String() string {
	switch s := v.Scalar.(type) {
	case string:
		return s
	case json.Number:
		return s.String()
	case bool:
		if s {
			return "true"
		}
		return "false"
	}
	if v.Node != nil {
		return v.Node.ID
	}
	return v.IRI
}

// Is says whether the node is of a class.
func (n *Node) Is(class string) bool { return slices.Contains(n.Classes, class) }

// Add adds values to a property.
func (n *Node) Add(property string, values ...Value) {
	for i := range n.fields {
		if n.fields[i].Property == property {
			n.fields[i].Values = append(n.fields[i].Values, values...)
			return
		}
	}
	n.fields = append(n.fields, Field{property, values})
}

// Link adds nodes to a property; those that are nil are left out.
func (n *Node) Link(property string, nodes ...*Node) {
	for _, to := range nodes {
		if to != nil {
			n.Add(property, Value{Node: to})
		}
	}
}

// Set gives a property one scalar: a string, bool, int or json.Number.
func (n *Node) Set(property string, scalar any) {
	if i, ok := scalar.(int); ok {
		scalar = number(i)
	}
	n.remove(property)
	n.Add(property, Value{Scalar: scalar})
}

func (n *Node) remove(property string) {
	n.fields = slices.DeleteFunc(n.fields, func(f Field) bool { return f.Property == property })
}

// setText copies a scalar of the tree, if there is one.
func (n *Node) setText(property string, from *tree.Node) {
	if v, ok := scalar(from); ok {
		n.Set(property, v)
	}
}

// scalar is the value of a text, number or boolean.
func scalar(n *tree.Node) (any, bool) {
	if n == nil {
		return nil, false
	}
	switch n.Kind {
	case tree.String, tree.Include:
		return n.Text, true
	case tree.Number:
		return json.Number(n.Text), true
	case tree.Bool:
		return n.Text == "true", true
	case tree.Null, tree.Array, tree.Object:
	}
	return nil, false
}

// New makes an empty graph.
func New() *Graph {
	g := &Graph{classes: map[string][]*Node{}, byID: map[string]*Node{}}
	g.index()
	return g
}

// index makes the ways into nodes known anew when they are next asked for.
func (g *Graph) index() {
	g.inverse = sync.OnceValue(func() map[*Node][]edge {
		into := make(map[*Node][]edge, len(g.Nodes))
		for _, n := range g.Nodes {
			for _, f := range n.fields {
				for _, v := range f.Values {
					if v.Node != nil {
						into[v.Node] = append(into[v.Node], edge{f.Property, n})
					}
				}
			}
		}
		return into
	})
}

// Add makes a node of classes that stands at a place.
func (g *Graph) Add(at Place, classes ...string) *Node {
	n := &Node{ID: "#" + number(len(g.Nodes)+1).String(), Classes: classes, At: at}
	g.Nodes = append(g.Nodes, n)
	g.byID[n.ID] = n
	for _, c := range classes {
		g.classes[c] = append(g.classes[c], n)
	}
	return n
}

// OfClass are the nodes of a class, in the order in which they were made.
func (g *Graph) OfClass(class string) []*Node { return g.classes[class] }

// ByID is the node of a name, nil when there is none.
func (g *Graph) ByID(id string) *Node { return g.byID[id] }

// Subjects are the nodes that have the given one as value of a property.
func (g *Graph) Subjects(n *Node, property string) []*Node {
	var found []*Node
	for _, e := range g.inverse()[n] {
		if e.property == property && !slices.Contains(found, e.from) {
			found = append(found, e.from)
		}
	}
	return found
}
