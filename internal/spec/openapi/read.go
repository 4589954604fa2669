package openapi

import (
	"farrier.dev/farrier/internal/spec"
)

// Read reads the description whose main file is given, judges its structure and,
// when it is valid, describes it. It always gives a document; what is wrong is
// told in its problems.
func Read(p *spec.Project, main string) *spec.Document {
	doc := &spec.Document{File: main, Project: p}
	root, err := p.Tree(main)
	if err != nil {
		doc.Problems = append(doc.Problems, unreadable(main, err))
		return doc
	}
	version, newer, err := versionOf(root)
	if err != nil {
		doc.Problems = append(doc.Problems, unreadable(main, err))
		return doc
	}
	doc.Root = root
	doc.Language = [...]spec.Language{swagger20: spec.OpenAPI20, openapi30: spec.OpenAPI30, openapi31: spec.OpenAPI31}[version]
	if newer {
		at := root.Get("openapi")
		known := spec.ProblemAt(at, "openapi-version", "version %s is read as 3.1; what it added is taken for unknown", clip(at.Text))
		known.Path, known.Warning = []string{"openapi"}, true
		doc.Problems = append(doc.Problems, known)
	}
	if err := judgeStructure(doc, version); err != nil {
		doc.Problems = append(doc.Problems, unreadable(main, err))
	}
	if doc.Valid() {
		Describe(doc)
	}
	return doc
}

// unreadable is the problem of a document that is no description.
func unreadable(file string, err error) spec.Problem {
	e := asTree(err)
	if e.File == "" {
		e.File = file
	}
	return spec.Problem{File: e.File, Line: e.Line, Column: e.Column, Rule: "openapi-unreadable", Message: e.Problem}
}
