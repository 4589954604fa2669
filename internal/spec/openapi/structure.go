package openapi

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/tree/structure"
	"farrier.dev/farrier/internal/spec"
)

// MaxProblems is how many problems of a description are told.
const MaxProblems = 100

var (
	//go:embed grammar/swagger-2.0.txt
	grammar20 string
	//go:embed grammar/openapi-3.0.txt
	grammar30 string
	//go:embed grammar/openapi-3.1.txt
	grammar31 string

	// grammars are those of the versions.
	grammars = sync.OnceValues(func() (map[dialect]*structure.Grammar, error) {
		all := map[dialect]*structure.Grammar{}
		for version, text := range map[dialect]string{swagger20: grammar20, openapi30: grammar30, openapi31: grammar31} {
			var err error
			if all[version], err = structure.Parse(text); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
)

// judge is the check of one description's structure.
type judge struct {
	*references
	check   *structure.Check
	dialect dialect
	doc     *spec.Document
	// ids are where the operationIds stand.
	ids map[string]*tree.Node
	// links are the operationIds that links name.
	links []step
	// schemes are the names of the security schemes.
	schemes *tree.Node
	// items are the path items that were looked at.
	items map[*tree.Node]*item
}

// step is a value and where it is.
type step struct {
	n    *tree.Node
	path []string
}

// judgeStructure adds what is wrong with the structure of a description.
func judgeStructure(doc *spec.Document, version dialect) error {
	all, err := grammars()
	if err != nil {
		return err
	}
	j := &judge{
		references: &references{root: doc.Root, file: doc.File, project: doc.Project},
		dialect:    version, doc: doc, ids: map[string]*tree.Node{}, items: map[*tree.Node]*item{},
		schemes: doc.Root.At("components", "securitySchemes"),
	}
	if version == swagger20 {
		j.schemes = doc.Root.Get("securityDefinitions")
	}
	known := len(doc.Problems)
	j.check = &structure.Check{
		Grammar: all[version], Target: j.follow, Path: j.pathOf, Visit: j.visit,
		Report: func(p structure.Problem) bool {
			doc.Problems = append(doc.Problems, spec.Problem{
				File: cmp.Or(p.File, doc.File), Line: p.Line, Column: p.Column, Path: p.Path, Rule: "openapi-" + p.Rule, Message: p.Message,
			})
			return len(doc.Problems)-known < MaxProblems
		},
	}
	j.check.Run(doc.Root, "document")
	j.paths()
	j.linked()
	inOrder(doc)
	return nil
}

// inOrder sorts problems: those of the main file first, by line.
func inOrder(doc *spec.Document) {
	slices.SortStableFunc(doc.Problems, func(a, b spec.Problem) int {
		if (a.File == doc.File) != (b.File == doc.File) {
			if a.File == doc.File {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Message, b.Message))
	})
}

// follow is what a reference leads to, unless that leads in a circle of
// references.
func (j *judge) follow(ref *tree.Node) (*tree.Node, error) {
	target, err := j.target(ref)
	if err != nil {
		return nil, err
	}
	if target.Get("$ref") != nil {
		if _, err := j.resolve(target); err != nil && strings.Contains(err.Error(), "lead to one another") {
			return nil, tree.Wrong(ref, "the reference leads to references that lead to one another, and to no value")
		}
	}
	return target, nil
}

// pathOf is the way from the root to what a reference leads to.
func (j *judge) pathOf(ref *tree.Node) []string {
	name, pointer, _ := strings.Cut(ref.Text, "#")
	from := cmp.Or(ref.File(), j.file)
	if name != "" && spec.Join(from, name) != j.file || name == "" && from != j.file {
		return nil
	}
	steps, err := pointerSteps(pointer)
	if err != nil || steps == nil {
		return nil
	}
	return steps
}

// visit looks at what a grammar can't say.
func (j *judge) visit(object string, n *tree.Node, path []string) {
	switch object {
	case "operation":
		j.operationID(n, path)
	case "security-requirement":
		for _, m := range n.Members {
			if j.schemes.Member(m.Name) == nil {
				j.wrong(m.Value, path, "security-scheme", "the security scheme %s is not declared; declare it, or correct the name", clip(m.Name))
			}
		}
	case "content", "single-content":
		for _, m := range n.Members {
			if !isMediaRange(m.Name) {
				j.wrong(m.Value, path, "media-type", "%s is no media type, as application/json, and no range of them, as text/*", clip(m.Name))
			}
		}
	case "document":
		j.tags(n.Get("tags"))
		j.host(n)
	case "schema", "response-schema":
		if n.Get("type").Str() == "array" && n.Get("items") == nil && j.dialect != openapi31 {
			j.warn(n, path, "array-items", "a schema of an array must say by items what is in it")
		}
	case "link":
		if id := n.Get("operationId"); id.Is(tree.String) {
			j.links = append(j.links, step{id, slices.Clone(path)})
		}
	}
}

func (j *judge) wrong(n *tree.Node, path []string, rule, format string, args ...any) {
	j.check.Wrong(n, path, rule, format, args...)
}

// warn tells of what tools accept and the specification does not.
func (j *judge) warn(n *tree.Node, path []string, rule, format string, args ...any) {
	if len(j.doc.Problems) >= MaxProblems {
		return
	}
	p := spec.ProblemAt(n, "openapi-"+rule, format, args...)
	p.Path, p.Warning = slices.Clone(path), true
	j.doc.Problems = append(j.doc.Problems, p)
}

// isMediaRange says whether a text is a media type or a range of them, with or
// without parameters (RFC 9110, 12.5.1).
func isMediaRange(text string) bool {
	media, _, _ := strings.Cut(text, ";")
	kind, sub, ok := strings.Cut(strings.TrimSpace(media), "/")
	return ok && isToken(kind) && isToken(sub)
}

func isToken(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return text != ""
}

func (j *judge) operationID(n *tree.Node, path []string) {
	id := n.Get("operationId")
	if !id.Is(tree.String) {
		return
	}
	if first := j.ids[id.Text]; first != nil {
		j.wrong(id, below(path, "operationId"), "duplicate-operation-id", "the operationId %s is that of the operation at %s already; give each its own", clip(id.Text), first.Position())
		return
	}
	j.ids[id.Text] = id
}

// below is a path one step longer; nil stays nil.
func below(path []string, step string) []string {
	if path == nil {
		return nil
	}
	return append(slices.Clone(path), step)
}

// linked holds that links name operations that exist.
func (j *judge) linked() {
	for _, link := range j.links {
		if j.ids[link.n.Text] == nil {
			j.wrong(link.n, below(link.path, "operationId"), "link", "no operation has the operationId %s", clip(link.n.Text))
		}
	}
}

func (j *judge) tags(list *tree.Node) {
	seen := map[string]bool{}
	for _, tag := range list.List() {
		name := tag.Get("name")
		if !name.Is(tree.String) {
			continue
		}
		if seen[name.Text] {
			j.wrong(name, []string{"tags"}, "duplicate-tag", "the tag %s is declared twice", clip(name.Text))
		}
		seen[name.Text] = true
	}
}

// host looks at the address of Swagger 2.0.
func (j *judge) host(root *tree.Node) {
	if j.dialect != swagger20 {
		return
	}
	if host := root.Get("host"); host.Is(tree.String) && (host.Text == "" || strings.ContainsAny(host.Text, "{}/ \\")) {
		j.wrong(host, []string{"host"}, "wrong-value", "host must be a name or address with or without a port, and neither scheme nor path")
	}
	if base := root.Get("basePath"); base.Is(tree.String) && !strings.HasPrefix(base.Text, "/") {
		j.wrong(base, []string{"basePath"}, "wrong-value", "basePath must begin with a slash")
	}
}
