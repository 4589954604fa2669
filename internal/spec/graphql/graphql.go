// Package graphql reads schemas of GraphQL APIs, in the schema definition
// language, as far as inventories need: which operations there are. It judges
// whether a schema is valid; what requests carry it does not read.
package graphql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"farrier.dev/farrier/internal/spec"
)

// The bounds of one schema.
const (
	maxTokens = 1_000_000
	maxDepth  = 100
)

// Read reads the schema in a file. Its description has one operation for each
// field of the types query, mutation and subscription: a POST to the endpoint,
// "/", told from the others by its ID, as "query.orders". It has no tree.
func Read(p *spec.Project, main string) *spec.Document {
	doc := &spec.Document{Language: spec.GraphQL, File: main, Project: p}
	src, err := p.Source(main)
	if err == nil {
		doc.Description, err = read(main, string(src.Text))
	}
	if err != nil {
		doc.Problems = append(doc.Problems, problem(main, err))
	}
	return doc
}

// problem is why a schema can't be read.
func problem(file string, err error) spec.Problem {
	p := spec.Problem{File: file, Rule: "graphql-invalid", Message: err.Error()}
	if e, ok := errors.AsType[*gqlerror.Error](err); ok {
		p.Message = e.Message
		if len(e.Locations) > 0 {
			p.Line, p.Column = e.Locations[0].Line, e.Locations[0].Column
		}
	}
	return p
}

func read(name, text string) (*spec.Description, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if line := tooDeep(text); line > 0 {
		return nil, &gqlerror.Error{
			Message: fmt.Sprintf("brackets are nested deeper than %d", maxDepth), Locations: []gqlerror.Location{{Line: line, Column: 1}},
		}
	}
	prelude, err := parser.ParseSchema(validator.Prelude)
	if err != nil {
		return nil, err
	}
	written, err := parser.ParseSchemaWithLimit(&ast.Source{Name: name, Input: text}, maxTokens)
	if err != nil {
		return nil, err
	}
	prelude.Merge(written)
	schema, err := validator.ValidateSchemaDocument(prelude)
	if err != nil {
		return nil, err
	}
	out := &spec.Description{Title: name, Definitions: spec.Definitions{}}
	for _, root := range []struct {
		kind string
		of   *ast.Definition
	}{{"query", schema.Query}, {"mutation", schema.Mutation}, {"subscription", schema.Subscription}} {
		if root.of == nil {
			continue
		}
		for _, f := range root.of.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			op := spec.Operation{
				Method: "POST", Path: "/", ID: root.kind + "." + f.Name, File: name,
				Deprecated: f.Directives.ForName("deprecated") != nil,
			}
			if f.Position != nil {
				op.Line = f.Position.Line
			}
			out.Operations = append(out.Operations, op)
		}
	}
	if len(out.Operations) == 0 {
		return nil, errors.New("the schema has no query, mutation or subscription")
	}
	return out, nil
}

// tooDeep is the line at which brackets are nested deeper than may be, 0 for
// none: whoever parses them does so by calling itself.
func tooDeep(text string) int {
	depth, line := 0, 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\n':
			line++
		case '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '"':
			end, lines := skipText(text[i:])
			i += end - 1
			line += lines
		case '{', '[', '(':
			if depth++; depth > maxDepth {
				return line
			}
		case '}', ']', ')':
			depth--
		}
	}
	return 0
}

// skipText is the length of the text at the beginning, and how many lines end in
// it.
func skipText(text string) (end, lines int) {
	if strings.HasPrefix(text, `"""`) {
		for end = 3; end < len(text); end++ {
			switch {
			case strings.HasPrefix(text[end:], `\"""`):
				end += 3
			case strings.HasPrefix(text[end:], `"""`):
				return end + 3, lines
			case text[end] == '\n':
				lines++
			}
		}
		return end, lines
	}
	for end = 1; end < len(text) && text[end] != '\n'; end++ {
		switch text[end] {
		case '\\':
			end++
		case '"':
			return end + 1, 0
		}
	}
	return min(end, len(text)), 0
}
