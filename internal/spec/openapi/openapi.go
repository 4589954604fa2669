// Package openapi reads descriptions in OpenAPI 3.0 and 3.1 and in Swagger 2.0,
// JSON or YAML, into the model of the room: what a request and its answer are
// held against. It judges whether a description is built as its specification
// says; whether it is a good one it leaves to others. References lead to other
// files of the project; nothing is read from the network.
package openapi

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// MaxSize is the length in bytes of the longest description that Parse reads.
const MaxSize = 4 << 20

// maxValues is how many values a description that Parse reads may have, aliases
// opened.
const maxValues = 500_000

// Error is what is wrong with a description that Parse read, and where.
type Error struct {
	// Line is counted from 1; 0 where the whole document is meant.
	Line int
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error gives line and problem.
func (e *Error) Error() string {
	if e.Line == 0 {
		return "OpenAPI: " + e.Problem
	}
	return fmt.Sprintf("OpenAPI: line %d: %s", e.Line, e.Problem)
}

// wrongName is the error about the name of a member.
func wrongName(m tree.Member, format string, args ...any) error {
	return &tree.Error{File: m.Value.File(), Line: int(m.Line), Column: int(m.Column), Problem: fmt.Sprintf(format, args...)}
}

// Parse reads a description that is one document, JSON or YAML, for enforcement:
// what it does not need for that it does not judge, and patterns that can't be
// run are refused. Errors are of type *Error.
func Parse(text []byte) (*spec.Description, error) {
	root, err := tree.Read(&tree.Source{Text: text}, tree.Options{MaxBytes: MaxSize, MaxNodes: maxValues})
	if err == nil {
		r := newReader(&references{root: root})
		r.strict = true
		if err = r.document(); err == nil {
			return r.out, nil
		}
	}
	e := asTree(err)
	return nil, &Error{e.Line, e.Problem}
}

// errNoOperation is no fault of a description, but there is nothing to enforce.
var errNoOperation = errors.New("it describes no operation")

func asTree(err error) *tree.Error {
	if e, ok := errors.AsType[*tree.Error](err); ok {
		return e
	}
	return &tree.Error{Problem: err.Error()}
}

// Describe fills the description of a document from its tree, which may be one
// of OpenAPI or one that was made of RAML. What keeps a valid one from being
// described is added as a warning; one without operations just is not.
func Describe(doc *spec.Document) {
	if doc.Root == nil {
		return
	}
	x := &references{root: doc.Root, file: doc.File, project: doc.Project}
	x.whole = doc.Language == spec.RAML08 || doc.Language == spec.RAML10
	r := newReader(x)
	err := r.document()
	if errors.Is(err, errNoOperation) {
		return
	}
	if err != nil {
		e := asTree(err)
		if e.File == "" {
			e.File = doc.File
		}
		doc.Problems = append(doc.Problems, spec.Problem{
			File: e.File, Line: e.Line, Column: e.Column, Warning: true, Rule: "openapi-not-enforceable",
			Message: "requests can't be held against this description: " + e.Problem,
		})
		return
	}
	doc.Description = r.out
}

// dialect is the version of the specification, as far as they differ.
type dialect uint8

const (
	swagger20 dialect = iota + 1
	openapi30
	openapi31
)

// versionOf says which version a tree is written in. Later ones of OpenAPI 3 are
// read as 3.1; newer tells them.
func versionOf(root *tree.Node) (d dialect, newer bool, err error) {
	if root == nil || root.Kind != tree.Object {
		return 0, false, tree.Wrong(root, "must be an object with the field openapi")
	}
	version, old := root.Get("openapi"), root.Get("swagger")
	switch {
	case version == nil && old != nil:
		if old.Kind != tree.String || old.Text != "2.0" {
			return 0, false, tree.Wrong(old, `the field swagger must be the text "2.0"`)
		}
		return swagger20, false, nil
	case version == nil || version.Kind != tree.String:
		return 0, false, tree.Wrong(root, "the field openapi is missing; it must be 3.0.x or 3.1.x")
	case strings.HasPrefix(version.Text, "3.0."):
		return openapi30, false, nil
	case strings.HasPrefix(version.Text, "3.1."):
		return openapi31, false, nil
	case strings.HasPrefix(version.Text, "3.2."):
		return openapi31, true, nil
	}
	return 0, false, tree.Wrong(version, "version %.20q is not read; it must be 3.0.x or 3.1.x", version.Text)
}

// reader reads one tree into the model.
type reader struct {
	*references
	dialect dialect
	// strict tells that all must be such as can be enforced: patterns, paths,
	// addresses.
	strict bool
	out    *spec.Description
	// security is what operations ask for that say nothing themselves.
	security [][]spec.Requirement
	// names are the definitions made or to be made of nodes; waiting are those to
	// be made.
	names   map[*tree.Node]string
	waiting []*tree.Node
	// parts are those of operations that were read.
	parts int
	// made are the schemas made of parameters of Swagger 2.0.
	made map[*tree.Node]*tree.Node
}

func newReader(x *references) *reader {
	return &reader{references: x, names: map[*tree.Node]string{}, out: &spec.Description{Definitions: spec.Definitions{}}}
}

func (r *reader) document() error {
	var err error
	if r.dialect, _, err = versionOf(r.root); err != nil {
		return err
	}
	if dialect := r.root.Get("jsonSchemaDialect"); dialect != nil && !knownDialect(dialect.Text) {
		return tree.Wrong(dialect, "only JSON Schema 2020-12 is read")
	}
	info := r.root.Get("info")
	r.out.Title, r.out.Version = info.Get("title").Str(), info.Get("version").Str()
	if err := r.servers(); err != nil {
		return err
	}
	if err := r.schemes(); err != nil {
		return err
	}
	if r.security, err = requirements(r.root.Get("security")); err != nil {
		return err
	}
	if err := r.paths(); err != nil {
		return err
	}
	if len(r.out.Operations) == 0 {
		return errNoOperation
	}
	// A matcher takes time quadratic in paths of some forms: it is made for those
	// who mean to enforce.
	if r.strict {
		if _, err := spec.NewMatcher(r.out.Operations); err != nil {
			return tree.Wrong(r.root.Get("paths"), "%v", err)
		}
	}
	return r.definitions()
}

func knownDialect(name string) bool {
	return name == "https://json-schema.org/draft/2020-12/schema" || strings.HasPrefix(name, "https://spec.openapis.org/oas/3.1/dialect/")
}
