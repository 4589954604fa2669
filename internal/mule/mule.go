// Package mule reads Mule projects: applications and domains of Mule 4 and Mule 3
// with their flows, properties, DataWeave modules, Maven files, logging
// configuration and API descriptions. It runs nothing, opens no connection and no
// file outside the project, and judges nothing.
package mule

import (
	"sync"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Kind is what a project is.
type Kind uint8

// The kinds of projects. A Library holds Mule files or DataWeave modules and is
// deployed inside others; a Policy is a custom policy; Common is what lies beside
// the projects of a repository: builds, parents of their Maven files, keys.
const (
	Application Kind = iota + 1
	Domain
	Library
	Policy
	Common
)

// Project is one Mule project, read. It must not be changed, and may be used by
// many at once.
type Project struct {
	// Name is that of the artifact, or of its folder.
	Name string
	// Dir is its folder or archive as people know it; file names begin with it.
	Dir  string
	Kind Kind
	// Major is 4 or 3.
	Major int

	// Files are all files that were read, by their name in the project.
	Files map[string]*File
	// Configs are the XML files with Mule elements, in the order of their names;
	// those of tests (src/test) are marked. Documents are all other XML files.
	Configs, Documents []*XMLFile
	// Flows are the flows and sub-flows of Configs, tests left out, in the order of
	// files and places; FlowNamed finds one by its name.
	Flows []*Flow
	// Globals are the elements directly inside the roots of Configs that are no
	// flows: configurations of connectors, error handlers, TLS contexts …
	Globals []*document.Element
	// Properties are those that placeholders ${…} may stand for.
	Properties *Properties
	// POM is the Maven file, Artifact mule-artifact.json (nil where there is none).
	POM      *POM
	Artifact *Artifact
	// Logging are the configurations of log4j 2; those of tests are marked by their
	// files.
	Logging []*Logging
	// Modules are the DataWeave files by the name they are imported by, as
	// "modules::user"; Scripts are those by their path on the class path, as
	// "dwl/a.dwl".
	Modules, Scripts map[string]*Script
	// Java are the Java sources of src/main/java.
	Java []*File
	// APIs are the descriptions that APIkit or the folder "api" of the class path
	// names, by that path.
	APIs []*API
	// Shared is the domain whose configurations the application uses, nil for none
	// or when it is not at hand; DomainName is its name in the application.
	Shared     *Project
	DomainName string
	// Libraries are projects beside this one that its POM depends on.
	Libraries []*Project
	// Problems are files that could not be read, and why.
	Problems []Problem

	workspace *Workspace
	at        *place
	shape     shape
	byClass   map[string]*File
	flows     map[string]*Flow
	globals   map[string]*document.Element
	parsed    parsed
}

// Problem is what could not be read.
type Problem struct {
	File         string
	Line, Column int
	Message      string
}

// File is one file of a project. Text is nil for files of which only the name is
// of interest: key stores and other binaries.
type File struct {
	// Name is relative to the project, with slashes; Path is as people know it.
	Name, Path string
	Text       []byte
	// Test says that it is used by tests only.
	Test bool
	// ClassPath is its name for the class loader, as "api/orders.raml"; empty when
	// it is not on the class path.
	ClassPath string

	index sync.Once
	lines []int
}

// XMLFile is an XML file.
type XMLFile struct {
	*File
	Document *document.Document
}

// Flow is a flow or a sub-flow.
type Flow struct {
	Name    string
	File    *XMLFile
	Element *document.Element
	// Sub says that it is a sub-flow (or, in Mule 3, a flow without source).
	Sub bool
	// Source is the element that starts it, nil for none.
	Source *document.Element
	// Steps are the message processors, in their order; ErrorHandler is its own or
	// nil.
	Steps        []*document.Element
	ErrorHandler *document.Element
	// Operation is what APIkit calls it for, nil for flows that it does not call.
	Operation *Operation
}

// Operation is what the name of a flow says that APIkit scaffolds: method, path
// template, media type and configuration, of
// "put:\orders\(id):application\json:api-config" PUT, /orders/{id},
// application/json and api-config.
type Operation struct{ Method, Path, MediaType, Config string }

// Script is a DataWeave file.
type Script struct {
	*File
	Tree *syntax.Script
}

// API is a description of an API in the project.
type API struct {
	// File is the name of the main file in the project.
	File string
	// Config is the apikit:config that names it, nil for none.
	Config *document.Element
}

// Artifact is mule-artifact.json.
type Artifact struct {
	File               *File
	Root               *tree.Node
	MinMuleVersion     string
	SecureProperties   []string
	JavaSpecifications []string
	RequiredProduct    string
	LogConfig, Bundle  string
	ExportedPackages   []string
	Configs            []string
}
