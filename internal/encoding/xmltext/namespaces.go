package xmltext

import (
	"bytes"
	"errors"

	"farrier.dev/farrier/internal/encoding"
)

// ErrNamespace reports a prefix that is not declared, a declaration that
// Namespaces in XML 1.0 forbids, or two attributes of one expanded name.
var ErrNamespace = errors.New("undeclared or misused namespace prefix")

const (
	// XMLNamespace is what the prefix xml stands for.
	XMLNamespace = "http://www.w3.org/XML/1998/namespace"
	// xmlnsNamespace is what the prefix xmlns stands for, which can't be used.
	xmlnsNamespace = "http://www.w3.org/2000/xmlns/"
)

// maxBindings is the number of declarations that may be in scope at once: each
// name is looked for among them.
const maxBindings = 256

// binding is one declaration in scope.
type binding struct{ prefix, space []byte }

// Namespaces resolves the prefixes of one document (Namespaces in XML 1.0). It
// is told of each tag in order: Open behind a StartTag, Close at its EndTag.
// The zero value is ready. It is not safe for concurrent use.
type Namespaces struct {
	bindings []binding
	marks    []int
	seen     map[string]bool
}

// Reset forgets all declarations and keeps the memory.
func (n *Namespaces) Reset() { n.bindings, n.marks = n.bindings[:0], n.marks[:0] }

// Open brings the declarations of a StartTag into scope and checks its names.
// Errors are *encoding.SyntaxError, and *encoding.LimitError when more than 256
// declarations are in scope.
func (n *Namespaces) Open(t *Token) error {
	n.marks = append(n.marks, len(n.bindings))
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if !a.IsNamespace() {
			continue
		}
		if err := n.declare(a); err != nil {
			return err
		}
	}
	if !wellNamed(t.Name) {
		return fault(t.Offset, ErrName)
	}
	if prefix, _ := SplitName(t.Name); len(prefix) > 0 && n.space(prefix) == nil {
		return fault(t.Offset, ErrNamespace)
	}
	return n.checkAttributes(t)
}

// declare reads one declaration.
func (n *Namespaces) declare(a *Attr) error {
	_, prefix := SplitName(a.Name)
	if len(a.Name) == len("xmlns") {
		prefix = nil
	}
	space := a.Value
	if a.References {
		space = a.Decoded(nil)
	}
	reserved := string(space) == XMLNamespace || string(space) == xmlnsNamespace
	switch {
	case string(prefix) == "xml" && string(space) == XMLNamespace:
		return nil
	case len(prefix) == 0 && len(a.Name) > len("xmlns"):
		return fault(a.Offset, ErrName)
	case reserved, string(prefix) == "xml", string(prefix) == "xmlns", len(prefix) > 0 && len(space) == 0:
		return fault(a.Offset, ErrNamespace)
	case len(n.bindings) == maxBindings:
		return &encoding.LimitError{Format: "xml", Limit: "MaxNamespaces", Max: maxBindings, Offset: a.Offset}
	}
	n.bindings = append(n.bindings, binding{prefix, space})
	return nil
}

// checkAttributes holds that the attributes' prefixes are declared and that no
// two of them have one expanded name.
func (n *Namespaces) checkAttributes(t *Token) error {
	prefixed := 0
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.IsNamespace() {
			continue
		}
		if !wellNamed(a.Name) {
			return fault(a.Offset, ErrName)
		}
		prefix, _ := SplitName(a.Name)
		if len(prefix) == 0 {
			continue
		}
		if n.space(prefix) == nil {
			return fault(a.Offset, ErrNamespace)
		}
		prefixed++
	}
	if prefixed < 2 {
		return nil
	}
	if n.seen == nil {
		n.seen = make(map[string]bool, prefixed)
	}
	clear(n.seen)
	var key []byte
	for i := range t.Attrs {
		a := &t.Attrs[i]
		space, local := n.Attribute(a.Name)
		if a.IsNamespace() || len(space) == 0 {
			continue
		}
		key = append(append(append(key[:0], space...), 0), local...)
		if n.seen[string(key)] {
			return fault(a.Offset, ErrNamespace)
		}
		n.seen[string(key)] = true
	}
	return nil
}

// Close takes the declarations of the innermost open element out of scope.
func (n *Namespaces) Close() {
	last := len(n.marks) - 1
	n.bindings, n.marks = n.bindings[:n.marks[last]], n.marks[:last]
}

// Element gives the namespace, empty for none, and the local part of the name of
// an element, which Open has checked. Of an EndTag it is to be asked before Close.
func (n *Namespaces) Element(name []byte) (space, local []byte) {
	prefix, local := SplitName(name)
	return n.space(prefix), local
}

// Attribute is Element for the name of an attribute: without a prefix it has no
// namespace.
func (n *Namespaces) Attribute(name []byte) (space, local []byte) {
	prefix, local := SplitName(name)
	if len(prefix) == 0 {
		return nil, local
	}
	return n.space(prefix), local
}

// QName resolves a name in content, as the value of xsi:type; it is false when
// it is none or its prefix is not declared.
func (n *Namespaces) QName(name []byte) (space, local []byte, ok bool) {
	prefix, local := SplitName(name)
	if len(local) == 0 || bytes.IndexByte(local, ':') >= 0 || bytes.IndexByte(name, ':') == 0 {
		return nil, nil, false
	}
	space = n.space(prefix)
	return space, local, len(prefix) == 0 || space != nil
}

// space is what a prefix stands for, nil for nothing.
func (n *Namespaces) space(prefix []byte) []byte {
	for i := len(n.bindings) - 1; i >= 0; i-- {
		if bytes.Equal(n.bindings[i].prefix, prefix) {
			return n.bindings[i].space
		}
	}
	if string(prefix) == "xml" {
		return []byte(XMLNamespace)
	}
	return nil
}

// wellNamed says whether a name is a QName: what stands around a colon is a
// name itself.
func wellNamed(name []byte) bool {
	i := bytes.IndexByte(name, ':')
	if i < 0 {
		return true
	}
	if i == 0 || i == len(name)-1 {
		return false
	}
	c := name[i+1]
	return c != '-' && c != '.' && (c < '0' || c > '9')
}

func fault(at int, reason error) error {
	return &encoding.SyntaxError{Format: "xml", Offset: at, Err: reason}
}

// ValidNamespaces tells whether data is one well-formed document whose prefixes
// are declared as Namespaces in XML 1.0 asks; nil means that it is.
func ValidNamespaces(data []byte, lim Limits) error {
	var r Reader
	r.Reset(data, lim)
	var n Namespaces
	for {
		t, err := r.Next()
		switch {
		case err != nil:
			return endOf(err)
		case t.Kind == StartTag:
			if err := n.Open(&t); err != nil {
				return err
			}
		case t.Kind == EndTag:
			n.Close()
		}
	}
}
