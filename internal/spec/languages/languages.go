// Package languages is the only list of the languages in which APIs are
// described: it finds out what a document is written in and has it read.
package languages

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/asyncapi"
	"farrier.dev/farrier/internal/spec/graphql"
	"farrier.dev/farrier/internal/spec/openapi"
	"farrier.dev/farrier/internal/spec/raml"
	"farrier.dev/farrier/internal/spec/wsdl"
)

// language is what a document may be written in.
type language uint8

const (
	unknown language = iota
	isRAML
	isOpenAPI
	isAsyncAPI
	isWSDL
	isGraphQL
)

// Read reads the description whose main file is given; empty stands for the one
// that the project's exchange.json names, or for the only one that is there. It
// always gives a document; what could not be read is told in its problems.
func Read(p *spec.Project, main string) *spec.Document {
	doc := read(p, main)
	for _, name := range slices.Sorted(slices.Values(p.Files())) {
		src, err := p.Source(name)
		if err != nil {
			continue
		}
		for _, m := range src.Mended {
			doc.Problems = append(doc.Problems, spec.Problem{File: m.File, Line: m.Line, Column: m.Column, Rule: "yaml-comma", Message: m.Problem, Warning: true})
		}
	}
	return doc
}

func read(p *spec.Project, main string) *spec.Document {
	if main == "" {
		found, problem := Main(p)
		if problem != nil {
			return &spec.Document{Project: p, Problems: []spec.Problem{*problem}}
		}
		main = found
	}
	main = path.Clean(main)
	what, problem := languageOf(p, main)
	if problem != nil {
		return &spec.Document{File: main, Project: p, Problems: []spec.Problem{*problem}}
	}
	switch what {
	case isRAML:
		doc := raml.ReadWith(p, main, raml.Options{CheckXML: checkXML})
		if doc.Valid() {
			openapi.Describe(doc)
		}
		return doc
	case isOpenAPI:
		return openapi.Read(p, main)
	case isAsyncAPI:
		return asyncapi.Read(p, main)
	case isWSDL:
		return wsdl.Describe(p, main)
	case isGraphQL:
		return graphql.Read(p, main)
	case unknown:
	}
	return &spec.Document{File: main, Project: p, Problems: []spec.Problem{*refusal(main, "language-unknown",
		"it is written in none of the languages that are read: RAML (first line #%%RAML 1.0), OpenAPI (field openapi or swagger), AsyncAPI (field asyncapi), WSDL, GraphQL")}}
}

// IsDescription says whether a file of the project is a whole description of an
// API in a language that is read, judged by how it begins; fragments of RAML and
// data are none.
func IsDescription(p *spec.Project, name string) bool {
	what, problem := languageOf(p, name)
	if what != isRAML || problem != nil {
		return what != unknown && problem == nil
	}
	src, err := p.Source(name)
	return err == nil && wholeRAML.Match(bytes.TrimPrefix(src.Text, byteOrderMark))
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	wholeRAML     = regexp.MustCompile(`^#%RAML (0\.8|1\.0( (Overlay|Extension))?)[ \t]*(\r?\n|$)`)
	// definition begins a definition of GraphQL.
	definition = regexp.MustCompile(`(?m)^(?:extend[ \t]+)?(?:schema|type|interface|input|enum|union|scalar|directive)\b[^:]*?(?:\{|@|=|\n|$)`)
)

func refusal(file, rule, format string, args ...any) *spec.Problem {
	return &spec.Problem{File: file, Rule: rule, Message: fmt.Sprintf(format, args...)}
}

// languageOf finds out what a file is written in, by its content and, for
// GraphQL, its name.
func languageOf(p *spec.Project, name string) (language, *spec.Problem) {
	src, err := p.Source(name)
	if err != nil {
		return unknown, refusal(name, "unreadable", "%v", err)
	}
	text := bytes.TrimPrefix(src.Text, byteOrderMark)
	begin := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("#%RAML")):
		return isRAML, nil
	case bytes.HasPrefix(text, []byte("#%")):
		line, _, _ := bytes.Cut(text, []byte("\n"))
		return unknown, refusal(name, "language-unknown", "a document that begins with %.60q describes no API", bytes.TrimSpace(line))
	case slices.Contains([]string{".graphql", ".graphqls", ".gql"}, path.Ext(name)):
		return isGraphQL, nil
	case bytes.HasPrefix(begin, []byte("<")):
		return isWSDL, nil
	}
	root, err := p.Tree(name)
	switch {
	case root.Get("openapi") != nil || root.Get("swagger") != nil:
		return isOpenAPI, nil
	case root.Get("asyncapi") != nil:
		return isAsyncAPI, nil
	case !root.Is(tree.Object) && definition.Match(text):
		return isGraphQL, nil
	case err != nil:
		return unknown, unreadable(name, err)
	}
	return unknown, nil
}

func unreadable(name string, err error) *spec.Problem {
	e, ok := err.(*tree.Error) //nolint:errorlint // a wrapped one has no place of its own
	if !ok {
		return refusal(name, "unreadable", "%v", err)
	}
	problem := refusal(name, "unreadable", "%s", e.Problem)
	problem.Line, problem.Column = e.Line, e.Column
	return problem
}

// descriptor is the file by which Exchange says what an archive holds.
const descriptor = "exchange.json"

// Main is the main file of a project: the one that its exchange.json names, or
// the only description in its uppermost folder that has files.
func Main(p *spec.Project) (string, *spec.Problem) {
	names, err := p.List()
	if err != nil {
		return "", refusal("", "unreadable", "%v", err)
	}
	names = slices.DeleteFunc(names, hidden)
	folder := top(names)
	if at := path.Join(folder, descriptor); slices.Contains(names, at) {
		root, err := p.Tree(at)
		if err != nil {
			return "", unreadable(at, err)
		}
		if main := root.Get("main"); main.Is(tree.String) && main.Text != "" {
			return path.Join(folder, main.Text), nil
		}
		if root.Get("main") != nil {
			return "", refusal(at, "exchange-main", "the field main must be the name of a file")
		}
	}
	var found []string
	for _, name := range names {
		if path.Dir(name) == path.Clean(folder) && slices.Contains(extensions(), path.Ext(name)) && IsDescription(p, name) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", refusal("", "no-description", "no description of an API is in its uppermost folder; name the main file")
	case 1:
		return found[0], nil
	}
	return "", refusal("", "several-descriptions", "%d descriptions are in its uppermost folder (%s); name the main file, for an archive in exchange.json", len(found), strings.Join(found[:min(len(found), 5)], ", "))
}

// extensions are those of files in which descriptions are looked for.
func extensions() []string {
	return []string{".raml", ".yaml", ".yml", ".json", ".wsdl", ".graphql", ".graphqls", ".gql"}
}

// hidden tells files that programs leave behind, and those of dependencies.
func hidden(name string) bool {
	for step := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(step, ".") || step == "__MACOSX" || step == "exchange_modules" {
			return true
		}
	}
	return false
}

// top is the uppermost folder that has files, where each above it has but one
// folder.
func top(names []string) string {
	folder := "."
	for {
		next := ""
		for _, name := range names {
			rest := name
			if folder != "." {
				rest = strings.TrimPrefix(name, folder+"/")
			}
			first, _, isFolder := strings.Cut(rest, "/")
			if !isFolder || next != "" && first != next {
				return folder
			}
			next = first
		}
		if next == "" {
			return folder
		}
		folder = path.Join(folder, next)
	}
}
