package raml

import (
	"errors"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

var headerLine = regexp.MustCompile(`^\x{feff}?#%RAML +(0\.8|1\.0)(?: +([A-Za-z]+))?[ \t]*$`)

// head is the first line of a file: the version of RAML and the kind of the
// fragment, empty for an API.
type head struct {
	version, kind string
}

func readHead(text []byte) (head, bool) {
	line, _, _ := strings.Cut(string(text[:min(len(text), 200)]), "\n")
	m := headerLine.FindStringSubmatch(strings.TrimSuffix(line, "\r"))
	if m == nil {
		return head{}, false
	}
	return head{m[1], m[2]}, true
}

// file is a file of the project as it is written.
type file struct {
	src  *tree.Source
	head head
	// typed says whether there is a head.
	typed bool
}

// file reads a file; at is the value that names it, nil for the main file.
func (r *reader) file(name string, at *tree.Node) (file, bool) {
	src, err := r.project.Source(name)
	if err != nil {
		if at == nil {
			r.note(spec.Problem{File: name, Rule: "raml-file", Message: err.Error()})
		} else {
			r.wrong(at, "raml-file", "%s", err.Error())
		}
		return file{}, false
	}
	f := file{src: src}
	f.head, f.typed = readHead(src.Text)
	return f, true
}

// tree is the content of a file of YAML; one with nothing but comments is null.
func (r *reader) tree(f file, at *tree.Node) (*tree.Node, bool) {
	root, err := r.project.Tree(f.src.Name)
	if err == nil {
		return root, true
	}
	if bare(f.src.Text) {
		return &tree.Node{Kind: tree.Null, Source: f.src, Line: 1, Column: 1}, true
	}
	if e, ok := errors.AsType[*tree.Error](err); ok {
		r.note(spec.Problem{File: e.File, Line: e.Line, Column: e.Column, Rule: "raml-syntax", Message: e.Problem})
	} else {
		r.wrong(at, "raml-file", "%s", err.Error())
	}
	return nil, false
}

// bare says whether a text has nothing but blanks and comments.
func bare(text []byte) bool {
	for line := range strings.SplitSeq(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// open copies a value of a file into a source, its includes opened; name is that
// of the member whose value it is.
func (r *reader) open(n *tree.Node, src *tree.Source, name string, depth int) *tree.Node {
	if !r.spend(1, n) {
		return tree.New(n, tree.Null, "")
	}
	if depth > maxDepth {
		r.wrong(n, "raml-too-deep", "values are nested deeper than %d, includes opened", maxDepth)
		return tree.New(n, tree.Null, "")
	}
	if n.Kind == tree.Include {
		return r.include(n, src, depth)
	}
	if n.Kind == tree.String && r.tagged(n) {
		r.wrong(n, "raml-tag", "RAML has no tag but !include, which a blank divides from its file")
	}
	out := tree.New(n, n.Kind, n.Text)
	out.Source = src
	for _, item := range n.Items {
		out.Items = append(out.Items, r.open(item, src, name, depth+1))
	}
	for _, m := range n.Members {
		remote := isRemote(m.Value)
		m.Value = r.open(m.Value, src, m.Name, depth+1)
		switch {
		case remote && (m.Name == "example" || name == "examples"):
			continue
		case remote && (holdsTypes(name) || m.Name == "type" || m.Name == "schema" || m.Name == "items"):
			m.Value = tree.NewText(m.Value, "any")
		}
		out.Members = append(out.Members, m)
	}
	if n.Kind == tree.Object {
		out.Index()
	}
	return out
}

// isRemote says whether a value is an include of another address.
func isRemote(n *tree.Node) bool { return n.Kind == tree.Include && strings.Contains(n.Text, "://") }

// holdsTypes says whether the members of an object are declarations of types.
func holdsTypes(name string) bool {
	switch name {
	case "types", "schemas", "properties", "headers", "queryParameters":
		return true
	}
	return false
}

// include is the value of an include; null when there is none.
func (r *reader) include(n *tree.Node, src *tree.Source, depth int) *tree.Node {
	at := tree.New(n, tree.Null, "")
	at.Source = src
	name, part, ok := r.includeName(n, src)
	if !ok {
		return at
	}
	f, ok := r.file(name, at)
	if !ok {
		return at
	}
	if !f.typed && !isYAML(name) {
		out := tree.NewText(nil, string(f.src.Text))
		out.Source, out.Line, out.Column = r.source(f.src, r.scopes[src]), 1, 1
		if part != "" {
			r.parts[out] = part
		}
		return out
	}
	switch {
	case f.typed && (f.head.version == "0.8") != r.old:
		r.wrong(at, "raml-include", "%s is RAML %s; a description is in one version", name, f.head.version)
		return at
	case f.typed && !r.old && !includable(f.head.kind):
		r.wrong(at, "raml-include", "%s is %s, which can't be included", name, article(f.head.kind))
		return at
	case part != "":
		r.wrong(at, "raml-include", "only parts of JSON schemas and XSDs can be included, not of RAML")
		return at
	case r.opening[name] || len(r.opening) >= maxChain:
		r.wrong(at, "raml-include-cycle", "%s includes itself, or includes lead from one to the next more than %d times", name, maxChain)
		return at
	}
	return r.fragment(f, r.scopes[src], at, depth)
}

// includeName is the file that an include means, and the part of it.
func (r *reader) includeName(n *tree.Node, src *tree.Source) (name, part string, ok bool) {
	ref := strings.TrimSpace(n.Text)
	ref, part, _ = strings.Cut(ref, "#")
	at := tree.New(n, tree.Null, "")
	at.Source = src
	switch {
	case ref == "":
		r.wrong(at, "raml-include", "!include has no file name")
	case strings.Contains(ref, "<<"):
		r.wrong(at, "raml-include", "the file name of !include can't have parameters")
	case strings.Contains(ref, "://"):
		p := spec.ProblemAt(at, "raml-include-remote", "%s is another address, which is not read; what it says is not judged", ref)
		p.Warning = true
		r.note(p)
	default:
		return r.resolve(src.Name, ref), part, true
	}
	return "", "", false
}

// resolve is the file that a reference means. Modules of Exchange lie below the
// folder of the project, wherever the file is that refers to them.
func (r *reader) resolve(from, ref string) string {
	name := spec.Join(from, ref)
	if i := strings.Index(ref, "exchange_modules/"); i >= 0 {
		if _, err := r.project.Source(name); err != nil {
			if _, err := r.project.Source(ref[i:]); err == nil {
				return ref[i:]
			}
		}
	}
	return name
}

func isYAML(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".raml", ".yaml", ".yml":
		return true
	}
	return false
}

// fragment is the root of an included file. One with a kind has libraries of its
// own and is judged by its place; another reads as if it stood in the file that
// includes it.
func (r *reader) fragment(f file, in *scope, at *tree.Node, depth int) *tree.Node {
	key := origin{f.src.Name, in}
	if out := r.opened[key]; out != nil {
		r.spend(r.size(out), at)
		return out
	}
	root, ok := r.tree(f, at)
	if !ok {
		return at
	}
	r.opening[f.src.Name] = true
	defer delete(r.opening, f.src.Name)
	s := in
	if f.typed && f.head.kind != "" {
		s = &scope{reader: r, next: in}
	}
	out := r.open(root, r.source(f.src, s), "", depth)
	if s != in {
		out = r.stripFragment(out, s, f.head.kind)
		r.kinds[out] = f.head.kind
	}
	r.opened[key] = out
	return out
}

// stripFragment takes what belongs to a fragment and not to its content.
func (r *reader) stripFragment(root *tree.Node, s *scope, kind string) *tree.Node {
	if kind == "NamedExample" {
		r.namedExample(root)
		return root
	}
	if !root.Is(tree.Object) {
		return root
	}
	s.libs = r.uses(root)
	return without(root, "uses", "usage")
}

// without is an object without some members.
func without(n *tree.Node, names ...string) *tree.Node {
	out := tree.NewObject(n)
next:
	for _, m := range n.Members {
		for _, name := range names {
			if m.Name == name {
				continue next
			}
		}
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

// size is how many values there are in a value.
func (r *reader) size(n *tree.Node) int {
	if len(n.Items) == 0 && len(n.Members) == 0 {
		return 1
	}
	if size := r.sizes[n]; size > 0 {
		return size
	}
	size := 1
	for _, item := range n.Items {
		size += r.size(item)
	}
	for _, m := range n.Members {
		size += r.size(m.Value)
	}
	size = min(size, 1<<30)
	r.sizes[n] = size
	return size
}

// cursor is a character of a file.
type cursor struct {
	src          *tree.Source
	line, column int32
	offset       int
}

// tagged says whether a text is written with a tag of its own, as "!name".
func (r *reader) tagged(n *tree.Node) bool {
	starts := r.lines[n.Source]
	if starts == nil {
		starts = []int{0, 0}
		for i, c := range n.Source.Text {
			if c == '\n' {
				starts = append(starts, i+1)
			}
		}
		r.lines[n.Source] = starts
	}
	if int(n.Line) >= len(starts) {
		return false
	}
	at := cursor{n.Source, n.Line, 1, starts[n.Line]}
	if r.cursor.src == n.Source && r.cursor.line == n.Line && r.cursor.column <= n.Column {
		at = r.cursor
	}
	for ; at.column < n.Column && r.steps < maxSteps; at.column++ {
		_, size := utf8.DecodeRune(n.Source.Text[at.offset:])
		at.offset += size
		r.steps++
	}
	r.cursor = at
	if r.steps >= maxSteps {
		return false
	}
	line := n.Source.Text[at.offset:]
	return len(line) > 1 && line[0] == '!' && line[1] != '!'
}
