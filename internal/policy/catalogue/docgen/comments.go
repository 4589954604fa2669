package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// about is what the source says of one policy.
type about struct {
	// folder is the name of its folder in internal/policy, constructor that of the
	// function that makes it.
	folder, constructor string
	// summary is what its constructor says of it alone, in a folder of several
	// policies; text are the paragraphs of the package's comment.
	summary string
	text    []string
}

// comments are what the folders say, by the name of a policy.
type comments map[string]*about

func (c comments) of(name string) *about {
	if a := c[name]; a != nil {
		return a
	}
	return &about{}
}

// readComments reads the comments of all folders of policies in dir. A policy
// is the name that stands as text in a function which returns a policy.Policy.
func readComments(dir string) (comments, error) {
	folders, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the policies: %w", err)
	}
	found := make(comments)
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		if err := found.read(filepath.Join(dir, folder.Name()), folder.Name()); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (c comments) read(dir, folder string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	text := ""
	made := map[string]*ast.FuncDecl{}
	constructors := 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("reading comments: %w", err)
		}
		if file.Doc != nil {
			text = file.Doc.Text()
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && constructs(f) {
				constructors++
				for _, name := range names(f) {
					made[name] = f
				}
			}
		}
	}
	for name, f := range made {
		a := &about{folder: folder, constructor: f.Name.Name, text: paragraphs(text)}
		if constructors > 1 {
			a.summary = summarise(f.Doc.Text())
		}
		c[name] = a
	}
	return nil
}

// constructs tells whether f returns a policy.Policy.
func constructs(f *ast.FuncDecl) bool {
	if f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	result, ok := f.Type.Results.List[0].Type.(*ast.SelectorExpr)
	return ok && result.Sel.Name == "Policy"
}

var policyName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// names are the texts in f that may be the name of a policy. The first that the
// catalogue knows is it; the others are never asked for.
func names(f *ast.FuncDecl) []string {
	var found []string
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && policyName.MatchString(text) {
				found = append(found, text)
			}
			return true
		}
		// Only the name counts, not the aliases.
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, ok := pair.Key.(*ast.Ident)
		return !ok || key.Name == "Name"
	})
	return found
}

var (
	packageStart = regexp.MustCompile(`^Package \w+ (?:is|are|has) `)
	onePolicy    = regexp.MustCompile(`^the policy [a-z0-9-]+(?: of Mule 3)?: `)
	entryStart   = regexp.MustCompile(`(?s)^\w+ is the entry of the catalogue(?: for [a-z0-9-]+)?(: |, which )?(.*)$`)
)

// paragraphs are those of a package's comment, without the words that only Go
// wants.
func paragraphs(comment string) []string {
	text := packageStart.ReplaceAllString(strings.TrimSpace(comment), "")
	if text == "" {
		return nil
	}
	list := strings.Split(onePolicy.ReplaceAllString(text, ""), "\n\n")
	for i := range list {
		list[i] = capital(strings.ReplaceAll(list[i], "\n", " "))
	}
	return list
}

// summarise gives what the comment of a constructor says beyond its being one.
func summarise(doc string) string {
	m := entryStart.FindStringSubmatch(strings.ReplaceAll(strings.TrimSpace(doc), "\n", " "))
	switch {
	case m == nil || m[1] == "":
		return ""
	case m[1] == ", which ":
		return "It " + m[2]
	default:
		return capital(m[2])
	}
}

func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
