// Package raml reads descriptions in RAML 1.0 and 0.8: it opens includes and
// libraries, applies traits, resource types, overlays and extensions, judges the
// structure by the rules of the language and says in OpenAPI 3.1 what the
// description means. Data types are read in the folder below. It judges no
// style, and knows nothing of requests.
package raml

import (
	"cmp"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// The bounds of one description.
const (
	// maxNodes is how many values it may have once includes are opened and
	// templates are filled, each counted as often as it is used.
	maxNodes = 600_000
	// maxVisits is how many values resources have with their templates applied,
	// and how many the projection has.
	maxVisits = 1_500_000
	// maxDepth is how deep values are nested, includes opened.
	maxDepth = 300
	// maxChain is how many includes, libraries, templates or overlays may lead
	// from one to the next.
	maxChain = 40
	// maxProblems is how many problems are told.
	maxProblems = 100
	// maxText is how long a text may become by filling in parameters, in bytes.
	maxText = 64 << 10
	// maxPath is how long the path of a resource may be, in bytes.
	maxPath = 8 << 10
	// maxSteps is how many characters are passed in search of tags.
	maxSteps = 64 << 20
)

// Read reads the description whose main file is named, which may be an API, an
// overlay, an extension, a library or any other fragment. It always gives a
// document; what is wrong is told in its problems, at most about a hundred. Its
// Root is nil for fragments and for what can't be read as YAML or is too large;
// of an invalid API it is what can be understood. Its Description is not made
// here.
func Read(p *spec.Project, main string) *spec.Document { return ReadWith(p, main, Options{}) }

// Options are what a description needs from its surroundings. All are optional.
type Options struct {
	// CheckXML says why a document is not what an XML schema describes; fragment is
	// the name of the element or type in it that is meant, empty for any element,
	// and file the name of the schema's file. Without it XML examples of types in
	// XML Schema are only well-formed.
	CheckXML func(file string, schema []byte, fragment string, document []byte) error
}

// ReadWith is Read with what the surroundings give.
func ReadWith(p *spec.Project, main string, o Options) *spec.Document {
	r := &reader{
		project: p, main: main, options: o, left: maxNodes, visits: maxVisits,
		told:     map[told]bool{},
		scopes:   map[*tree.Source]*scope{},
		sources:  map[origin]*tree.Source{},
		opened:   map[origin]*tree.Node{},
		opening:  map[string]bool{},
		parts:    map[*tree.Node]string{},
		kinds:    map[*tree.Node]string{},
		libs:     map[string]*scope{},
		blends:   map[[2]*scope]*scope{},
		names:    map[*tree.Node]string{},
		sizes:    map[*tree.Node]int{},
		computed: map[position]bool{},
		bodies:   map[*tree.Node]*tree.Node{},
		named:    map[*tree.Node]string{},
		scoped:   map[*tree.Node]map[string]bool{},
		keys:     map[*tree.Node]*tree.Source{},
		taken:    map[string]int{},
		lines:    map[*tree.Source][]int{},
	}
	doc := &spec.Document{Language: spec.RAML10, File: main, Project: p}
	r.document(doc)
	r.finish(doc)
	return doc
}

// reader holds what is known while one description is read.
type reader struct {
	project *spec.Project
	main    string
	options Options
	// old is true for RAML 0.8.
	old bool
	set *datatype.Set

	problems []spec.Problem
	told     map[told]bool
	// left is how many values may still be made, visits how many looked at; full
	// that there were too many.
	left, visits int
	full         bool

	// scopes tells by the source of a value where the names in it are looked up;
	// to that end a file has one source for each scope it is read in.
	scopes  map[*tree.Source]*scope
	sources map[origin]*tree.Source
	opened  map[origin]*tree.Node
	opening map[string]bool
	libs    map[string]*scope
	blends  map[[2]*scope]*scope
	sizes   map[*tree.Node]int
	// lines are where the lines of a file begin, from index 1.
	lines map[*tree.Source][]int
	// cursor is the character that was looked at last, steps how many were passed.
	cursor cursor
	steps  int
	// keys are the sources of the names of members whose values were taken from
	// the object of another file.
	keys map[*tree.Node]*tree.Source
	// parts holds what stood behind "#" in the include of a text; kinds the kind
	// of the fragment that a value is the root of.
	parts map[*tree.Node]string
	kinds map[*tree.Node]string
	// names are those of the types declared, by declaration.
	names map[*tree.Node]string

	// media are the default media types; api is the scope of the main file.
	media []string
	api   *scope
	// loose is true while templates are judged, in which parameters stand.
	loose bool
	// alone is true while the main file is a template: the names of the API that
	// it is for are not known.
	alone bool

	// computed are the names in a library that a template makes of its parameters.
	computed map[position]bool

	// libraries are the scopes of all libraries, those first that others use.
	libraries []*scope
	endpoints []*endpoint
	// root is the API, its layers merged; types are those declared in it and in
	// libraries, taken the names that they have in the projection.
	root  *tree.Node
	types []namedType
	taken map[string]int
	// used are the security schemes with their names in the projection, named
	// these names by declaration.
	used  []declared
	named map[*tree.Node]string
	// scoped are the scopes of OAuth 2.0 by declaration of the security scheme.
	scoped map[*tree.Node]map[string]bool
	// bodies are those of RAML 0.8 with their schemas in place of the names.
	bodies map[*tree.Node]*tree.Node
	// layered is true when the main file is an overlay or extension.
	layered bool
}

// position is a place in a file.
type position struct {
	file         string
	line, column int32
}

// told is what tells two problems apart.
type told struct {
	file, message string
	line, column  int
}

// wrong notes a problem of a value.
func (r *reader) wrong(n *tree.Node, rule, format string, args ...any) {
	if len(r.problems) >= maxProblems {
		return
	}
	r.note(spec.ProblemAt(n, rule, format, args...))
}

func (r *reader) note(p spec.Problem) {
	if p.Rule == "raml-unknown-type" && r.computed[position{p.File, int32(p.Line), int32(p.Column)}] { //nolint:gosec // lines are fewer
		// A resource type may make names for resources that have no such type.
		p.Warning = true
	}
	key := told{p.File, p.Message, p.Line, p.Column}
	if len(r.problems) >= maxProblems || r.told[key] {
		return
	}
	r.told[key] = true
	r.problems = append(r.problems, p)
}

// spend counts values that are made; it says whether there may be so many.
func (r *reader) spend(n int, at *tree.Node) bool {
	r.left -= n
	return r.within(r.left, maxNodes, at)
}

// visit counts values that are looked at, or made for the projection; those that
// are shared count as often as they are used.
func (r *reader) visit(n *tree.Node) bool {
	if n == nil {
		return !r.full
	}
	r.visits -= r.size(n)
	return r.within(r.visits, maxVisits, n)
}

func (r *reader) within(left, limit int, at *tree.Node) bool {
	if left < 0 && !r.full {
		r.full = true
		r.problems = nil
		r.wrong(at, "raml-too-large", "the description has more than %d values, includes and templates opened", limit)
	}
	return !r.full
}

func (r *reader) finish(doc *spec.Document) {
	if r.set != nil && !r.full {
		for _, p := range r.set.Problems() {
			r.note(p)
		}
	}
	slices.SortStableFunc(r.problems, func(a, b spec.Problem) int {
		return cmp.Or(r.rank(a.File)-r.rank(b.File), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	doc.Problems = r.problems
	if r.root.Is(tree.Object) && !r.full {
		r.visits = maxVisits
		if doc.Root = r.openAPI(r.root); r.full {
			doc.Root, doc.Problems = nil, r.problems
		}
	}
}

// rank puts the main file before the others.
func (r *reader) rank(file string) int {
	if file == r.main {
		return 0
	}
	return 1
}
