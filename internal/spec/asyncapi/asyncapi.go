// Package asyncapi reads descriptions in AsyncAPI 2 as far as governance needs:
// the tree, and whether it is built as the specification says. What messages
// carry is held against nothing here; a document has no description of
// operations of HTTP.
package asyncapi

import (
	"cmp"
	_ "embed"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/tree/structure"
	"farrier.dev/farrier/internal/spec"
)

// MaxProblems is how many problems of a description are told.
const MaxProblems = 100

// maxChain is how many references may lead to one another.
const maxChain = 32

//go:embed asyncapi-2.txt
var objects string

// location is a runtime expression.
var location = regexp.MustCompile(`^\$message\.(header|payload)#(/([^/~]|~[01])*)*$`)

var grammar = sync.OnceValues(func() (*structure.Grammar, error) { return structure.Parse(objects) })

// Read reads the description whose main file is given and judges its structure.
// It always gives a document; what is wrong is told in its problems.
func Read(p *spec.Project, main string) *spec.Document {
	doc := &spec.Document{Language: spec.AsyncAPI2, File: main, Project: p}
	root, err := p.Tree(main)
	if err == nil {
		err = versioned(root)
	}
	g, grammarErr := grammar()
	if err = cmp.Or(err, grammarErr); err != nil {
		problem := spec.Problem{File: main, Rule: "asyncapi-unreadable", Message: err.Error()}
		if e, ok := errors.AsType[*tree.Error](err); ok {
			problem.File, problem.Line, problem.Column, problem.Message = cmp.Or(e.File, main), e.Line, e.Column, e.Problem
		}
		doc.Problems = append(doc.Problems, problem)
		return doc
	}
	doc.Root = root
	j := &judge{doc: doc, ids: map[string]*tree.Node{}}
	j.check = &structure.Check{
		Grammar: g, Target: j.target, Path: j.pathOf, Visit: j.visit,
		Report: func(p structure.Problem) bool {
			doc.Problems = append(doc.Problems, spec.Problem{
				File: cmp.Or(p.File, main), Line: p.Line, Column: p.Column, Path: p.Path, Rule: "asyncapi-" + p.Rule, Message: p.Message,
			})
			return len(doc.Problems) < MaxProblems
		},
	}
	j.check.Run(root, "document")
	slices.SortStableFunc(doc.Problems, func(a, b spec.Problem) int {
		if (a.File == main) != (b.File == main) {
			if a.File == main {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return doc
}

// versioned refuses what is no description in AsyncAPI 2.
func versioned(root *tree.Node) error {
	version := root.Get("asyncapi")
	switch {
	case root.Kind != tree.Object:
		return tree.Wrong(root, "must be an object with the field asyncapi")
	case !version.Is(tree.String):
		return tree.Wrong(root, "the field asyncapi is missing; it must be 2.x.x")
	case !strings.HasPrefix(version.Text, "2."):
		return tree.Wrong(version, "version %.20q is not read; it must be 2.x.x", version.Text)
	}
	return nil
}

// judge is the check of one description.
type judge struct {
	doc   *spec.Document
	check *structure.Check
	// ids are where operationIds and messageIds stand.
	ids map[string]*tree.Node
}

// target is what a reference leads to, unless that leads in a circle of
// references.
func (j *judge) target(ref *tree.Node) (*tree.Node, error) {
	found, err := j.follow(ref)
	next := found
	for range maxChain {
		if err != nil || !next.Get("$ref").Is(tree.String) {
			return found, err
		}
		further, broken := j.follow(next.Get("$ref"))
		if broken != nil {
			return found, err // that is told where the further reference stands
		}
		next = further
	}
	return nil, tree.Wrong(ref, "the reference leads to references that lead to one another, and to no value")
}

func (j *judge) follow(ref *tree.Node) (*tree.Node, error) {
	if u, err := url.Parse(ref.Text); err == nil && (u.Scheme != "" || u.Host != "") {
		return nil, tree.Wrong(ref, "the reference leads to another address, and nothing is read from the network; put a copy into the project")
	}
	return j.doc.Project.Target(cmp.Or(ref.File(), j.doc.File), ref.Text)
}

// pathOf is the way from the root to what a reference leads to.
func (j *judge) pathOf(ref *tree.Node) []string {
	name, pointer, _ := strings.Cut(ref.Text, "#")
	from := cmp.Or(ref.File(), j.doc.File)
	if name != "" && spec.Join(from, name) != j.doc.File || name == "" && from != j.doc.File || !strings.HasPrefix(pointer, "/") {
		return nil
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil {
		return nil
	}
	steps := strings.Split(pointer[1:], "/")
	for i := range steps {
		steps[i] = strings.ReplaceAll(strings.ReplaceAll(steps[i], "~1", "/"), "~0", "~")
	}
	return steps
}

// visit looks at what a grammar can't say.
func (j *judge) visit(object string, n *tree.Node, path []string) {
	switch object {
	case "document":
		j.tags(n.Get("tags"), path)
	case "channels":
		for _, m := range n.Members {
			j.channel(m, below(path, m.Name))
		}
	case "operation":
		j.id(n, "operationId", path)
		j.tags(n.Get("tags"), path)
	case "message":
		j.id(n, "messageId", path)
		j.payload(n, path)
	case "correlation-id", "parameter":
		if at := n.Get("location"); at.Is(tree.String) && !location.MatchString(at.Text) {
			j.check.Wrong(at, below(path, "location"), "wrong-value", "location must be a runtime expression, as $message.header#/id or $message.payload#/order/id")
		}
	case "security-requirement":
		declared := j.doc.Root.At("components", "securitySchemes")
		for _, m := range n.Members {
			if declared.Member(m.Name) == nil {
				j.check.Wrong(m.Value, path, "security-scheme", "the security scheme %s is not declared; declare it, or correct the name", clip(m.Name))
			}
		}
	}
}

// payload has the payload of a message looked at, if it is a schema of AsyncAPI.
func (j *judge) payload(n *tree.Node, path []string) {
	format, payload := n.Get("schemaFormat").Str(), n.Get("payload")
	known := format == "" || strings.HasPrefix(format, "application/vnd.aai.asyncapi") || strings.HasPrefix(format, "application/schema+")
	if payload != nil && known {
		j.check.Also(payload, "schema", below(path, "payload"))
	}
}

func (j *judge) id(n *tree.Node, field string, path []string) {
	id := n.Get(field)
	if !id.Is(tree.String) {
		return
	}
	if first := j.ids[field+id.Text]; first != nil {
		j.check.Wrong(id, below(path, field), "duplicate-id", "the %s %s stands at %s already; give each its own", field, clip(id.Text), first.Position())
		return
	}
	j.ids[field+id.Text] = id
}

func (j *judge) tags(list *tree.Node, path []string) {
	seen := map[string]bool{}
	for _, tag := range list.List() {
		name := tag.Get("name")
		if !name.Is(tree.String) {
			continue
		}
		if seen[name.Text] {
			j.check.Wrong(name, below(path, "tags"), "duplicate-tag", "the tag %s stands twice", clip(name.Text))
		}
		seen[name.Text] = true
	}
}

// channel holds the templates of a channel's name against its parameters, and
// the servers that it names against those that are declared.
func (j *judge) channel(m tree.Member, path []string) {
	item := m.Value
	for range maxChain {
		ref := item.Get("$ref")
		if !ref.Is(tree.String) {
			break
		}
		found, err := j.follow(ref)
		if err != nil {
			return
		}
		item = found
	}
	names := templates(m.Name)
	parameters := item.Get("parameters")
	for _, name := range names {
		if parameters.Member(name) == nil {
			j.check.Wrong(m.Value, path, "channel-parameter", "the parameter %s of the channel %s is not declared; add it to parameters", clip(name), clip(m.Name))
		}
	}
	for _, p := range parameters.Fields() {
		if !slices.Contains(names, p.Name) {
			j.check.Wrong(p.Value, below(path, "parameters"), "channel-parameter", "the parameter %s has no template {%s} in the channel %s", clip(p.Name), clip(p.Name), clip(m.Name))
		}
	}
	for _, server := range item.Get("servers").List() {
		if server.Is(tree.String) && j.doc.Root.Get("servers").Member(server.Text) == nil {
			j.check.Wrong(server, below(path, "servers"), "server", "the server %s is not declared", clip(server.Text))
		}
	}
}

// maxTemplates is how many templates of a channel's name are looked at.
const maxTemplates = 64

// templates are the names in braces, without repetition.
func templates(name string) []string {
	var names []string
	for len(names) < maxTemplates {
		_, rest, ok := strings.Cut(name, "{")
		if !ok {
			return names
		}
		inner, after, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		if !slices.Contains(names, inner) {
			names = append(names, inner)
		}
		name = after
	}
	return names
}

// below is a path one step longer; nil, of another document, stays nil.
func below(path []string, step string) []string {
	if path == nil {
		return nil
	}
	return append(slices.Clone(path), step)
}

// clip shortens what strangers wrote for a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
