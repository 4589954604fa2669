package wsdl

import (
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/spec/wsdl/xsd"
)

// Namespaces of SOAP envelopes.
const (
	Envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	Envelope12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Check tells whether a request is one that the port takes; nil means that it
// is. Action is what SOAPAction (1.1) or the parameter action (1.2) says, without
// quotes; hasAction tells whether that is there at all. The name of the operation
// is given as soon as it is known. Errors quote nothing of the message.
func (b *Binding) Check(text []byte, action string, hasAction bool) (name string, err error) {
	root, err := xsd.Parse(text, xsd.Limits())
	if err != nil {
		return "", err
	}
	body, err := b.body(root)
	if err != nil {
		return "", err
	}
	if len(body.Children) > 1 {
		return "", errors.New("the Body has more than one element")
	}
	var first *xsd.Node
	var element xsd.Name
	if len(body.Children) == 1 {
		first = body.Children[0]
		element = first.Name
	}
	var found *operation
	for _, o := range b.operations {
		// Several operations may take the same element; then the action tells them
		// apart.
		if o.element == element && (found == nil || found.action != action) {
			found = o
		}
	}
	if found == nil {
		return "", errors.New("no operation of the port takes this message")
	}
	switch {
	case !hasAction && b.Version == 11:
		return found.name, errors.New("there is no SOAPAction")
	case hasAction && action != found.action:
		return found.name, errors.New("the action is not that of the operation in the Body")
	case first == nil:
		return found.name, nil
	case found.rpc:
		return found.name, b.checkRPC(first, found)
	}
	return found.name, b.schemas.Validate(first)
}

// body is the Body of an envelope of the port's version.
func (b *Binding) body(root *xsd.Node) (*xsd.Node, error) {
	space := Envelope11
	if b.Version == 12 {
		space = Envelope12
	}
	if root.Name != (xsd.Name{Space: space, Local: "Envelope"}) {
		return nil, fmt.Errorf("it is no envelope of SOAP %d.%d", b.Version/10, b.Version%10)
	}
	rest := root.Children
	if len(rest) > 0 && rest[0].Name == (xsd.Name{Space: space, Local: "Header"}) {
		rest = rest[1:]
	}
	if len(rest) != 1 || rest[0].Name != (xsd.Name{Space: space, Local: "Body"}) {
		return nil, errors.New("the Envelope has not one Body behind at most one Header")
	}
	for _, n := range []*xsd.Node{root, rest[0]} {
		for i := range len(n.Text) {
			if c := n.Text[i]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
				return nil, errors.New("there is text outside the elements of the message")
			}
		}
	}
	return rest[0], nil
}

// checkRPC judges the children of the element named like the operation: one for
// each part, without namespace, in their order (WS-I Basic Profile 1.1, section 4.4.1).
func (b *Binding) checkRPC(n *xsd.Node, o *operation) error {
	for _, a := range n.Attrs {
		if a.Name.Space == "" {
			return &xsd.Error{Path: n.Path(), Offset: n.Offset, Message: "an attribute is not expected here"}
		}
	}
	if len(n.Children) != len(o.parts) {
		return &xsd.Error{Path: n.Path(), Offset: n.Offset, Message: "there are not as many children as parts"}
	}
	for i, p := range o.parts {
		child := n.Children[i]
		if child.Name != (xsd.Name{Local: p.name}) {
			return &xsd.Error{Path: child.Path(), Offset: child.Offset, Message: "the element is not expected here"}
		}
		if err := b.schemas.ValidateAs(child, p.typ); err != nil {
			return err
		}
	}
	return nil
}
