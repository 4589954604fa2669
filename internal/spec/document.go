package spec

import (
	"fmt"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Language is what a description is written in.
type Language string

// The languages.
const (
	RAML08    Language = "raml-0.8"
	RAML10    Language = "raml-1.0"
	OpenAPI20 Language = "openapi-2.0"
	OpenAPI30 Language = "openapi-3.0"
	OpenAPI31 Language = "openapi-3.1"
	AsyncAPI2 Language = "asyncapi-2"
	WSDL11    Language = "wsdl-1.1"
	GraphQL   Language = "graphql"
)

// Document is one description as it was read: what is written, and what it means.
type Document struct {
	Language Language
	// File is the name of its main file, as people know it.
	File    string
	Project *Project
	// Root is the description as a tree whose nodes know file, line and column of
	// what was written. References stand in it as they are. That of RAML is what
	// it means in OpenAPI 3.1; a value there that RAML has and OpenAPI hasn't is a
	// member with the name of ExtensionRAML of its object. It is nil for languages
	// that are no trees, and for what could not be read.
	Root *tree.Node
	// Problems are what is wrong with it, in the order of its files and lines.
	Problems []Problem
	// Description is what requests are held against; nil when the description is
	// invalid or has no operations.
	Description *Description
}

// ExtensionRAML is the member that holds what only RAML knows.
const ExtensionRAML = "x-raml"

// Problem is something wrong with a description.
type Problem struct {
	File string
	// Line and Column are counted from 1; 0 where the whole file is meant.
	Line, Column int
	// Path leads to it in Root; nil when it is not known.
	Path []string
	// Rule is the stable name of what was violated, as "raml-unknown-facet".
	Rule string
	// Message says what is wrong and how to mend it.
	Message string
	// Warning tells that the description is valid all the same.
	Warning bool
}

// String is the problem with its place.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// Valid says whether nothing makes the description invalid.
func (d *Document) Valid() bool {
	for _, p := range d.Problems {
		if !p.Warning {
			return false
		}
	}
	return true
}

// ProblemAt makes the problem of a value.
func ProblemAt(n *tree.Node, rule, format string, args ...any) Problem {
	p := Problem{Rule: rule, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		p.File, p.Line, p.Column = n.File(), int(n.Line), int(n.Column)
	}
	return p
}
