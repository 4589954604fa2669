// Package xsd validates XML by W3C XML Schema 1.0: the practical part of it,
// which web services use. What it does not support is refused, by name, when a
// schema is compiled, and never passed over. It fetches nothing by itself. Where a
// schema is ambiguous against the rules of XML Schema (unique particle
// attribution) it may refuse a document that is valid, but accepts none that is not.
package xsd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// Name is the name of an element, attribute or type with its namespace.
type Name struct{ Space, Local string }

// String is {namespace}local.
func (n Name) String() string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// Attr is an attribute that declares no namespace.
type Attr struct {
	Name  Name
	Value string
}

// Node is an element of a document.
type Node struct {
	Name     Name
	Attrs    []Attr
	Children []*Node
	Parent   *Node
	// Text is all character data directly inside.
	Text string
	// Offset is the number of bytes before the start tag.
	Offset int

	bindings []binding
	pending  []byte // the text while the node is read
}

// binding is one namespace declaration of a node.
type binding struct{ prefix, space string }

// Limits are those of documents: nodes cost memory several times their length.
func Limits() xmltext.Limits {
	l := xmltext.DefaultLimits()
	l.MaxTokens = 100_000
	return l
}

// Parse reads a document. Errors are those of xmltext.
func Parse(data []byte, limits xmltext.Limits) (*Node, error) {
	r := xmltext.NewReader(data, limits)
	var n xmltext.Namespaces
	var root, at *Node
	for {
		t, err := r.Next()
		switch {
		case err == io.EOF: //nolint:errorlint // Next gives it bare
			return root, nil
		case err != nil:
			return nil, err
		case t.Kind == xmltext.StartTag:
			if err := n.Open(&t); err != nil {
				return nil, err
			}
			node := newNode(&t, &n, at)
			if at == nil {
				root = node
			} else {
				at.Children = append(at.Children, node)
			}
			at = node
		case t.Kind == xmltext.EndTag:
			n.Close()
			at.Text, at.pending = string(at.pending), nil
			at = at.Parent
		case at != nil && (t.Kind == xmltext.Text || t.Kind == xmltext.CDATA):
			at.pending = t.Decoded(at.pending)
		}
	}
}

func newNode(t *xmltext.Token, n *xmltext.Namespaces, parent *Node) *Node {
	space, local := n.Element(t.Name)
	node := &Node{Name: Name{string(space), string(local)}, Parent: parent, Offset: t.Offset}
	for i := range t.Attrs {
		a := &t.Attrs[i]
		value := string(a.Decoded(nil))
		if a.IsNamespace() {
			_, prefix := xmltext.SplitName(a.Name)
			if len(a.Name) == len("xmlns") {
				prefix = nil
			}
			node.bindings = append(node.bindings, binding{string(prefix), value})
			continue
		}
		space, local := n.Attribute(a.Name)
		node.Attrs = append(node.Attrs, Attr{Name{string(space), string(local)}, value})
	}
	return node
}

// Attr is the value of an attribute without namespace, and whether it is there.
func (n *Node) Attr(local string) (string, bool) { return n.attr(Name{"", local}) }

func (n *Node) attr(name Name) (string, bool) {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return n.Attrs[i].Value, true
		}
	}
	return "", false
}

// QName resolves a prefixed name in content by the declarations in scope. A name
// without a prefix is in the default namespace.
func (n *Node) QName(text string) (Name, error) {
	text = strings.Trim(text, blanks)
	prefix, local, found := strings.Cut(text, ":")
	if !found {
		prefix, local = "", text
	}
	if !isNCName(local) || found && !isNCName(prefix) {
		return Name{}, errors.New("it is not a qualified name")
	}
	for at := n; at != nil; at = at.Parent {
		for _, b := range at.bindings {
			if b.prefix == prefix {
				return Name{b.space, local}, nil
			}
		}
	}
	switch prefix {
	case "":
		return Name{"", local}, nil
	case "xml":
		return Name{xmltext.XMLNamespace, local}, nil
	}
	return Name{}, fmt.Errorf("the prefix %s is not declared", prefix)
}

// Path leads to the node from the root, as "/Envelope/Body/order".
func (n *Node) Path() string {
	if n == nil {
		return ""
	}
	return n.Parent.Path() + "/" + n.Name.Local
}

const blanks = " \t\r\n"
