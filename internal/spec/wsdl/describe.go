package wsdl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/wsdl/xsd"
)

// Describe reads the description whose main file is given, and what that imports
// from the project. It has one operation for each operation that a port is bound
// to by SOAP: a POST to the path of the port's address, told from the others by
// its ID, "PORT.OPERATION". It has no tree, and what requests carry is not in
// Description: that is for Read.
func Describe(p *spec.Project, main string) *spec.Document {
	doc := &spec.Document{Language: spec.WSDL11, File: main, Project: p}
	d := &describer{project: p}
	d.reader = reader{fetch: d.fetch, seen: map[string]bool{main: true}}
	src, err := p.Source(main)
	if err == nil {
		err = d.read(src.Text, main)
	}
	if err == nil {
		doc.Description, err = d.describe()
	}
	if err != nil {
		doc.Problems = append(doc.Problems, d.problem(main, err))
		doc.Description = nil
	}
	return doc
}

// describer reads the operations of a description.
type describer struct {
	reader
	project *spec.Project
}

func (d *describer) fetch(location string) ([]byte, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "" || u.Host != "" {
		return nil, errors.New("it leads to another address, and nothing is read from the network; put a copy into the project")
	}
	src, err := d.project.Source(strings.TrimPrefix(u.Path, "/"))
	if err != nil {
		return nil, err
	}
	return src.Text, nil
}

// problem is why a description can't be read.
func (d *describer) problem(main string, err error) spec.Problem {
	p := spec.Problem{File: main, Rule: "wsdl-unreadable", Message: err.Error()}
	if syntax, ok := errors.AsType[*encoding.SyntaxError](err); ok && len(d.definitions) == 0 {
		if src, err := d.project.Source(main); err == nil {
			p.Line = lineOf(src.Text, syntax.Offset)
		}
	}
	return p
}

// lineOf is the line of an offset, counted from 1.
func lineOf(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(max(offset, 0), len(text))], []byte("\n"))
}

func (d *describer) describe() (*spec.Description, error) {
	out := &spec.Description{Definitions: spec.Definitions{}}
	for _, definitions := range d.definitions {
		for _, service := range children(definitions, nsWSDL, "service") {
			name, _ := service.Attr("name")
			out.Title = cmp.Or(out.Title, name)
			for _, port := range children(service, nsWSDL, "port") {
				if err := d.port(out, port); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(out.Operations) == 0 {
		return nil, errors.New("it has no service with an operation that is bound to SOAP")
	}
	return out, nil
}

// maxOperations is how many operations all ports may have together.
const maxOperations = 20_000

// port adds the operations of a port, if SOAP is what it is bound to.
func (d *describer) port(out *spec.Description, port *xsd.Node) error {
	address := ""
	for _, space := range []string{nsSOAP11, nsSOAP12} {
		for _, n := range children(port, space, "address") {
			address, _ = n.Attr("location")
		}
	}
	binding, err := d.refer(port, "binding", "binding")
	if err != nil {
		return err
	}
	if len(children(binding, nsSOAP11, "binding"))+len(children(binding, nsSOAP12, "binding")) == 0 {
		return nil
	}
	path := "/"
	if u, err := url.Parse(address); err == nil && strings.HasPrefix(u.EscapedPath(), "/") {
		path = u.EscapedPath()
	}
	if address != "" {
		out.Servers = append(out.Servers, address)
	}
	name, _ := port.Attr("name")
	file, text := d.where(binding)
	for _, o := range children(binding, nsWSDL, "operation") {
		if len(out.Operations) == maxOperations {
			return fmt.Errorf("its ports have more than %d operations", maxOperations)
		}
		operation, _ := o.Attr("name")
		out.Operations = append(out.Operations, spec.Operation{
			Method: "POST", Path: path, ID: name + "." + operation, File: file, Line: lineOf(text, o.Offset),
		})
	}
	return nil
}

// where is the file that a node stands in, and its text.
func (d *describer) where(n *xsd.Node) (string, []byte) {
	for n.Parent != nil {
		n = n.Parent
	}
	for i, root := range d.definitions {
		if root == n {
			if src, err := d.project.Source(strings.TrimPrefix(d.locations[i], "/")); err == nil {
				return src.Name, src.Text
			}
		}
	}
	return "", nil
}
