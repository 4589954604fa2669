// Package datatype is the type system of RAML 1.0: type expressions, facets,
// inheritance, discriminators, external types in JSON Schema and XSD, and the
// examples and defaults of types. It judges declarations and values and says in
// JSON Schema 2020-12 what a type means. It reads no files and knows nothing of
// resources, methods, traits and annotations: declarations are handed in, with
// the scope in which their names are looked up.
package datatype

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// Scope is where the names in a type declaration are looked up.
type Scope interface {
	// Lookup finds the declaration that a name means, with a namespace as in
	// "lib.Type", and the scope of that declaration. Names of built-in types are
	// not asked for.
	Lookup(name string) (decl *tree.Node, scope Scope, ok bool)
}

// Use is what a type is declared for; it decides what a declaration without a
// type means and which members may stand beside the facets.
type Use uint8

// The uses.
const (
	// Declared is a member of types or schemas, an item of an array, or the like.
	Declared Use = iota
	// Parameter is a header, a query or URI parameter, or a property: it may say
	// "required". External types are refused for all but properties.
	Parameter
	// Property is a property of an object type.
	Property
	// Body is that of a request or response: any value when nothing is said.
	Body
	// Annotation is a member of annotationTypes, which may have allowedTargets.
	Annotation
	// QueryString is the whole query: an object or a union of objects.
	QueryString
)

// Options are what a set of types needs from its surroundings. All are optional.
type Options struct {
	// RAML08 reads declarations as RAML 0.8 has them: parameters with string,
	// number, integer, date, boolean and file, and schemas of bodies as texts.
	RAML08 bool
	// Name is the name under which the schema of a declaration is kept among the
	// components of the description, so that others refer to it; empty for those
	// that are written out in place.
	Name func(decl *tree.Node) string
	// Fragment is the part of a document that a text, included for a type, means:
	// a JSON pointer as "/definitions/x", or the name of an XSD type or element.
	Fragment func(decl *tree.Node) string
	// Target is what a JSON reference in a file of a JSON schema leads to.
	Target func(from, ref string) (*tree.Node, error)
	// XSD says why a text is no XML schema; file is its name.
	XSD func(file string, text []byte) error
	// CheckXML says why a document is not what an XML schema, or the element or
	// type that fragment names in it, describes.
	CheckXML func(file string, schema []byte, fragment string, document []byte) error
}

// Set is the types of one description. It is not safe for concurrent use.
type Set struct {
	options Options
}

// NewSet makes an empty set.
func NewSet(o Options) *Set { return &Set{options: o} }

// Type is one type, declared or written in place.
type Type struct {
	set *Set
}

// Declare makes the type of a member of types, schemas or annotationTypes. All
// are to be declared before Problems is called: values with a discriminator are
// held against the types declared.
func (s *Set) Declare(name string, use Use, decl *tree.Node, scope Scope) *Type {
	return s.As(use, decl, scope)
}

// Type makes the type of a declaration: an expression, a list of types that are
// inherited, an object of facets, the text of a schema, or nothing. Each
// declaration is read once. A type that is wrong is never nil: it accepts any
// value, so that one mistake is told once.
func (s *Set) Type(decl *tree.Node, scope Scope) *Type { return s.As(Declared, decl, scope) }

// As makes the type of a declaration for a use.
func (s *Set) As(use Use, decl *tree.Node, scope Scope) *Type { return &Type{set: s} }

// Field is a member of properties, queryParameters, headers or uriParameters.
type Field struct {
	// Name is without a question mark that makes it optional; for a pattern it is
	// the regular expression without slashes, and Pattern is true.
	Name     string
	Pattern  bool
	Required bool
	Type     *Type
	// Decl is its declaration.
	Decl *tree.Node
}

// Fields makes the types of a map of parameters, in their order.
func (s *Set) Fields(use Use, decls *tree.Node, scope Scope) []Field { return nil }

// Problems are what is wrong with the types made so far and with their examples
// and defaults, ordered by file and line.
func (s *Set) Problems() []spec.Problem { return nil }

// Check says what is wrong with a value of the type: a value of YAML, or a text
// that holds JSON or XML.
func (t *Type) Check(value *tree.Node) []spec.Problem { return nil }

// Schema is the type in JSON Schema 2020-12; its values stand where the facets
// do. Named types are referred to as "#/components/schemas/NAME", but the type
// itself is written out.
func (t *Type) Schema() *tree.Node { return tree.NewObject(nil) }

// Reference is the type as others refer to it: a $ref to a named type, otherwise
// its schema.
func (t *Type) Reference() *tree.Node { return tree.NewObject(nil) }

// External says whether the type is a JSON schema or an XSD.
func (t *Type) External() bool { return false }
