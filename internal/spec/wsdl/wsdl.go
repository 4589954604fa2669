// Package wsdl reads descriptions of SOAP services (WSDL 1.1) and judges SOAP
// messages by one port of them: the operation, its action and, by the schemas,
// its content. It knows document and RPC style with literal use; SOAP encoding,
// WSDL 2.0 and attachments are refused by name. Documents that it refers to are
// asked of whoever reads it.
package wsdl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/spec/wsdl/xsd"
)

const (
	nsWSDL   = "http://schemas.xmlsoap.org/wsdl/"
	nsSOAP11 = "http://schemas.xmlsoap.org/wsdl/soap/"
	nsSOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"

	// maxDocuments is how many documents one description may consist of.
	maxDocuments = 64
	// maxLength is the length of one of them in bytes.
	maxLength = 4 << 20
)

// Fetch gives the document at an address, which is absolute if the description's
// own is.
type Fetch func(location string) ([]byte, error)

// Binding is one port of a service, ready to judge messages.
type Binding struct {
	// Version is 11 or 12.
	Version    int
	operations []*operation
	schemas    *xsd.Set
}

// operation is one operation with the input it takes.
type operation struct {
	name, action string
	// element is the child of Body; zero when the body is empty.
	element xsd.Name
	// parts are, in RPC style, the children of that.
	rpc   bool
	parts []part
}

type part struct {
	name    string
	typ     *xsd.Type
	element xsd.Name
}

// reader gathers the documents of a description.
type reader struct {
	fetch       Fetch
	seen        map[string]bool
	definitions []*xsd.Node
	// locations are where the definitions come from.
	locations []string
	schemas   []*xsd.Node
}

// Read reads a description and compiles the port of the service. Names have no
// namespace. Location is where the description comes from, for what it imports;
// without fetch imports of other documents are refused.
func Read(text []byte, location, service, port string, fetch Fetch) (*Binding, error) {
	r := &reader{fetch: fetch, seen: map[string]bool{location: true}}
	if err := r.read(text, location); err != nil {
		return nil, err
	}
	schemas, err := xsd.Compile(r.schemas)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return r.bind(schemas, service, port)
}

func parse(text []byte) (*xsd.Node, error) {
	if len(text) > maxLength {
		return nil, errors.New("it is longer than 4 MiB")
	}
	limits := xsd.Limits()
	limits.MaxTokens = 500_000
	return xsd.Parse(text, limits)
}

// read reads one document of definitions.
func (r *reader) read(text []byte, location string) error {
	root, err := parse(text)
	if err != nil {
		return err
	}
	if root.Name != (xsd.Name{Space: nsWSDL, Local: "definitions"}) {
		return errors.New("it is no WSDL 1.1 description: its root is not definitions")
	}
	r.definitions = append(r.definitions, root)
	r.locations = append(r.locations, location)
	for _, child := range root.Children {
		if child.Name.Space != nsWSDL {
			continue
		}
		switch child.Name.Local {
		case "import":
			where, _ := child.Attr("location")
			imported, at, err := r.get(location, where)
			if err != nil {
				return err
			}
			if imported != nil {
				if err := r.read(imported, at); err != nil {
					return fmt.Errorf("%s: %w", at, err)
				}
			}
		case "types":
			for _, schema := range child.Children {
				if schema.Name == (xsd.Name{Space: xsd.SchemaNamespace, Local: "schema"}) {
					if err := r.readSchema(schema, location); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// readSchema notes a schema and reads those that it refers to.
func (r *reader) readSchema(schema *xsd.Node, location string) error {
	r.schemas = append(r.schemas, schema)
	for _, child := range schema.Children {
		kind := child.Name.Local
		if kind != "import" && kind != "include" {
			continue
		}
		where, ok := child.Attr("schemaLocation")
		if !ok {
			continue // another schema of this description
		}
		text, at, err := r.get(location, where)
		if err != nil {
			return err
		}
		if text == nil {
			continue
		}
		root, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		mine, _ := schema.Attr("targetNamespace")
		its, _ := root.Attr("targetNamespace")
		if kind == "include" && mine != its {
			return fmt.Errorf("%s: including a schema of another target namespace is not supported", at)
		}
		if err := r.readSchema(root, at); err != nil {
			return err
		}
	}
	return nil
}

// get fetches a document once; nil when it was read before.
func (r *reader) get(base, reference string) (text []byte, at string, err error) {
	from, err := url.Parse(base)
	if err != nil {
		return nil, "", fmt.Errorf("%q is no address", base)
	}
	to, err := from.Parse(reference)
	if err != nil || reference == "" {
		return nil, "", errors.New("an import has no address")
	}
	at = to.String()
	switch {
	case r.seen[at]:
		return nil, at, nil
	case r.fetch == nil:
		return nil, at, fmt.Errorf("it imports %s; put everything into one document, or give an address instead of a text", reference)
	case len(r.seen) == maxDocuments:
		return nil, at, fmt.Errorf("it consists of more than %d documents", maxDocuments)
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, at, fmt.Errorf("it imports %s, which does not come over https as it does", reference)
	}
	r.seen[at] = true
	if text, err = r.fetch(at); err != nil {
		return nil, at, fmt.Errorf("fetching %s: %w", at, err)
	}
	return text, at, nil
}

// find is the definition of this kind and name among all documents.
func (r *reader) find(kind string, name xsd.Name) *xsd.Node {
	for _, d := range r.definitions {
		target, _ := d.Attr("targetNamespace")
		if target != name.Space {
			continue
		}
		for _, child := range d.Children {
			if local, _ := child.Attr("name"); child.Name == (xsd.Name{Space: nsWSDL, Local: kind}) && local == name.Local {
				return child
			}
		}
	}
	return nil
}

// refer is the definition that an attribute names.
func (r *reader) refer(n *xsd.Node, attribute, kind string) (*xsd.Node, error) {
	text, _ := n.Attr(attribute)
	name, err := n.QName(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", n.Path(), attribute, err)
	}
	found := r.find(kind, name)
	if found == nil {
		return nil, fmt.Errorf("%s: %s %s is not defined", n.Path(), kind, name)
	}
	return found, nil
}

func children(n *xsd.Node, space, local string) []*xsd.Node {
	var found []*xsd.Node
	for _, child := range n.Children {
		if child.Name == (xsd.Name{Space: space, Local: local}) {
			found = append(found, child)
		}
	}
	return found
}

// bind compiles the port.
func (r *reader) bind(schemas *xsd.Set, service, port string) (*Binding, error) {
	var ports []*xsd.Node
	for _, d := range r.definitions {
		for _, s := range children(d, nsWSDL, "service") {
			if name, _ := s.Attr("name"); name != service {
				continue
			}
			for _, p := range children(s, nsWSDL, "port") {
				if name, _ := p.Attr("name"); name == port {
					ports = append(ports, p)
				}
			}
		}
	}
	if len(ports) != 1 {
		return nil, fmt.Errorf("the service %s has not one port %s in the description", service, port)
	}
	binding, err := r.refer(ports[0], "binding", "binding")
	if err != nil {
		return nil, err
	}
	b := &Binding{Version: 11, schemas: schemas}
	space := nsSOAP11
	soap := children(binding, nsSOAP11, "binding")
	if len(soap) == 0 {
		b.Version, space = 12, nsSOAP12
		soap = children(binding, nsSOAP12, "binding")
	}
	if len(soap) != 1 {
		return nil, fmt.Errorf("the port %s is not bound to SOAP", port)
	}
	portType, err := r.refer(binding, "type", "portType")
	if err != nil {
		return nil, err
	}
	style, _ := soap[0].Attr("style")
	for _, o := range children(binding, nsWSDL, "operation") {
		one, err := r.operation(o, portType, space, style, schemas)
		if err != nil {
			return nil, err
		}
		b.operations = append(b.operations, one)
	}
	if len(b.operations) == 0 {
		return nil, fmt.Errorf("the binding of the port %s has no operation", port)
	}
	return b, nil
}

// operation compiles one operation of a binding.
func (r *reader) operation(n, portType *xsd.Node, space, style string, schemas *xsd.Set) (*operation, error) {
	o := &operation{}
	o.name, _ = n.Attr("name")
	for _, soap := range children(n, space, "operation") {
		o.action, _ = soap.Attr("soapAction")
		if own, ok := soap.Attr("style"); ok {
			style = own
		}
	}
	o.rpc = style == "rpc"
	var abstract *xsd.Node
	for _, one := range children(portType, nsWSDL, "operation") {
		if name, _ := one.Attr("name"); name == o.name {
			if abstract != nil {
				return nil, fmt.Errorf("the operation %s is overloaded, which is not supported", o.name)
			}
			abstract = one
		}
	}
	if abstract == nil || len(children(abstract, nsWSDL, "input")) != 1 {
		return nil, fmt.Errorf("the operation %s has not one input in its port type", o.name)
	}
	message, err := r.refer(children(abstract, nsWSDL, "input")[0], "message", "message")
	if err != nil {
		return nil, err
	}
	parts := children(message, nsWSDL, "part")
	namespace := ""
	for _, input := range children(n, nsWSDL, "input") {
		for _, child := range input.Children {
			switch child.Name {
			case xsd.Name{Space: space, Local: "body"}:
				if use, _ := child.Attr("use"); use == "encoded" {
					return nil, fmt.Errorf("the operation %s: use=\"encoded\" is not supported", o.name)
				}
				namespace, _ = child.Attr("namespace")
				if list, ok := child.Attr("parts"); ok {
					parts = named(parts, list)
				}
			case xsd.Name{Space: space, Local: "header"}, xsd.Name{Space: nsWSDL, Local: "documentation"}:
			default:
				return nil, fmt.Errorf("the operation %s: %s in its input is not supported", o.name, child.Name)
			}
		}
	}
	return o, o.take(parts, namespace, schemas)
}

func named(parts []*xsd.Node, list string) []*xsd.Node {
	var kept []*xsd.Node
	for _, p := range parts {
		name, _ := p.Attr("name")
		for one := range strings.FieldsSeq(list) {
			if one == name {
				kept = append(kept, p)
			}
		}
	}
	return kept
}

// take says what the parts of the message make of the body.
func (o *operation) take(parts []*xsd.Node, namespace string, schemas *xsd.Set) error {
	for _, n := range parts {
		var p part
		p.name, _ = n.Attr("name")
		if text, ok := n.Attr("element"); ok {
			name, err := n.QName(text)
			if err != nil || schemas.Element(name) == nil {
				return fmt.Errorf("the operation %s: the element of part %s is not declared", o.name, p.name)
			}
			p.element = name
		} else {
			text, _ := n.Attr("type")
			name, err := n.QName(text)
			if err != nil || schemas.Type(name) == nil {
				return fmt.Errorf("the operation %s: the type of part %s is not declared or not supported", o.name, p.name)
			}
			p.typ = schemas.Type(name)
		}
		if o.rpc == (p.typ == nil) {
			return fmt.Errorf("the operation %s: a part with element in RPC style, or with type in document style, is not supported", o.name)
		}
		o.parts = append(o.parts, p)
	}
	switch {
	case o.rpc:
		o.element = xsd.Name{Space: namespace, Local: o.name}
	case len(o.parts) > 1:
		return fmt.Errorf("the operation %s: more than one part in document style is not supported", o.name)
	case len(o.parts) == 1:
		o.element = o.parts[0].element
	}
	return nil
}
