// Package datatype is the type system of RAML 1.0: type expressions, facets,
// inheritance, discriminators, external types in JSON Schema and XSD, and the
// examples and defaults of types. It judges declarations and values and says in
// JSON Schema 2020-12 what a type means. It reads no files and knows nothing of
// resources, methods, traits and annotations: declarations are handed in, with
// the scope in which their names are looked up.
package datatype

import (
	"cmp"
	"slices"

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
	// Parameter is a header or a query parameter: it may say "required", and be of
	// no external type.
	Parameter
	// URI is a URI parameter: a Parameter whose values have no slash.
	URI
	// Property is a property of an object type.
	Property
	// Body is that of a request or response: any value when nothing is said.
	Body
	// Annotation is a member of annotationTypes, which may have allowedTargets.
	Annotation
	// QueryString is the whole query: an object, a union of objects, or any value.
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
	// IsFragment says that a declaration is the root of a DataType fragment, which
	// may have uses and usage.
	IsFragment func(decl *tree.Node) bool
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
	memo    map[place]*Type
	// builtins are the types that RAML has.
	builtins [len(kindNames)]*Type
	// queue are types not judged yet.
	queue []*Type
	// heirs are the declared types by those they inherit from directly.
	heirs     map[*Type][]*Type
	declared  []*Type
	both      map[[2]*Type]*Type
	narrow    map[[2]*Type]bool
	problems  []spec.Problem
	told      map[told]bool
	externals map[place]*Type
	// choices are the declared types by the values of a discriminator.
	choices map[*Type]map[string]*Type
	parts   parts
	effort  effort
	// first is the first declaration.
	first *tree.Node
	// steps are how often values may still be held against types; schemas how many
	// may still be written.
	steps, schemaSteps, schemas int
	// work is what may still be done before the description is too large.
	work int
	// depth is how many types are being resolved.
	depth int
}

// told is a problem that was told.
type told struct {
	file         string
	line, column int
	rule, text   string
}

// place is a declaration and what it is for.
type place struct {
	decl *tree.Node
	use  Use
}

// Limits of types.
const (
	// maxWork bounds the properties that types inherit, all together.
	maxWork = 1_000_000
	// maxInheritance is how many types may follow upon each other.
	maxInheritance = 400
	// maxCombinations is how many combinations of alternatives a type has.
	maxCombinations = 128
	// maxParents is how many types one inherits from; maxFacets how many facets
	// users declare for one.
	maxParents = 100
	maxFacets  = 500
	// maxAllSteps bounds the values held against types, maxAllSchemas the schemas
	// that are written, of a whole set.
	maxAllSteps   = 5_000_000
	maxAllSchemas = 2_000_000
	// maxProblems is how many problems are kept.
	maxProblems = 1000
)

// NewSet makes an empty set.
func NewSet(o Options) *Set {
	s := &Set{
		options: o, memo: map[place]*Type{}, heirs: map[*Type][]*Type{}, both: map[[2]*Type]*Type{},
		narrow: map[[2]*Type]bool{}, told: map[told]bool{},
		externals: map[place]*Type{}, choices: map[*Type]map[string]*Type{}, work: maxWork,
		effort: newEffort(), steps: maxAllSteps, schemaSteps: maxAllSteps, schemas: maxAllSchemas,
		parts: parts{names: map[*tree.Node]string{}, used: map[string]bool{}},
	}
	for i := range s.builtins {
		s.builtins[i] = &Type{set: s, kind: 1 << i, state: resolved, text: kindNames[i]}
	}
	return s
}

// Declare makes the type of a member of types, schemas or annotationTypes. All
// are to be declared before Problems and Schema are called: values with a
// discriminator are held against the types declared.
func (s *Set) Declare(name string, use Use, decl *tree.Node, scope Scope) *Type {
	t := s.As(use, decl, scope)
	if !t.isDeclared && use == Declared {
		t.isDeclared = true
		s.declared = append(s.declared, t)
	}
	t.name, t.text = name, name
	_, known := s.builtin(name)
	switch {
	case known && use == Declared:
		s.problem(decl, "raml-redefined-type", "%q is a type of RAML itself and can't be declared again; choose another name", name)
	case use == Declared && isExpression(name):
		s.problem(decl, "raml-type-name", "the name %q has characters that mean something in type expressions; choose another name", clip(name))
	}
	return t
}

// Type makes the type of a declaration: an expression, a list of types that are
// inherited, an object of facets, the text of a schema, or nothing. Each
// declaration is read once. A type that is wrong is never nil: it accepts any
// value, so that one mistake is told once.
func (s *Set) Type(decl *tree.Node, scope Scope) *Type { return s.As(Declared, decl, scope) }

// As makes the type of a declaration for a use.
func (s *Set) As(use Use, decl *tree.Node, scope Scope) *Type {
	if decl == nil {
		return &Type{set: s, use: use, scope: scope}
	}
	at := place{decl, use}
	t := s.memo[at]
	if t == nil {
		t = &Type{set: s, use: use, decl: decl, scope: scope}
		s.memo[at] = t
		if s.first == nil {
			s.first = decl
		}
		s.queue = append(s.queue, t)
	}
	return t
}

// problem tells what is wrong with a declaration, once.
func (s *Set) problem(n *tree.Node, rule, format string, args ...any) {
	s.add(spec.ProblemAt(n, rule, format, args...))
}

// warn tells what is doubtful.
func (s *Set) warn(n *tree.Node, rule, format string, args ...any) {
	p := spec.ProblemAt(n, rule, format, args...)
	p.Warning = true
	s.add(p)
}

func (s *Set) add(p spec.Problem) {
	key := told{p.File, p.Line, p.Column, p.Rule, p.Message}
	if !s.told[key] && len(s.problems) < maxProblems {
		s.told[key] = true
		s.problems = append(s.problems, p)
	}
}

// Problems are what is wrong with the types made so far and with their examples
// and defaults, ordered by file and line.
func (s *Set) Problems() []spec.Problem {
	for _, t := range s.declared {
		t.resolve()
	}
	for len(s.queue) > 0 {
		t := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		t.judge()
	}
	if s.effort.timeouts <= 0 || s.effort.matching < 0 {
		s.warn(s.first, "raml-value-too-complex", "the regular expressions of the types cost so much that not all values were held against them")
	}
	out := slices.Clone(s.problems)
	slices.SortStableFunc(out, func(a, b spec.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// spend uses up some of the work that a description may cost.
func (s *Set) spend(n int, at *tree.Node) bool {
	if s.work < 0 {
		return false
	}
	if s.work -= n; s.work < 0 {
		s.problem(at, "raml-types-too-complex", "the types inherit so many properties from each other that they are not judged from here on; make the description smaller")
		return false
	}
	return true
}

// clip shortens what is told to people.
func clip(text string) string {
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return text
}
