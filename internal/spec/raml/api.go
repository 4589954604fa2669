package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// document reads the main file, whatever it is.
func (r *reader) document(doc *spec.Document) {
	f, ok := r.file(r.main, nil)
	if !ok {
		return
	}
	if !f.typed {
		r.note(spec.Problem{File: f.src.Name, Line: 1, Column: 1, Rule: "raml-header", Message: "the first line must be #%RAML 1.0 or #%RAML 0.8, alone or with the kind of the fragment"})
		return
	}
	r.old = f.head.version == "0.8"
	r.newSet()
	if r.old {
		doc.Language = spec.RAML08
	}
	switch {
	case f.head.kind == "" || !r.old && (f.head.kind == "Overlay" || f.head.kind == "Extension"):
		if root, s := r.layers(f, nil, 0); root != nil && !r.full {
			r.root = root
			r.readAPI(root, s)
		}
	case r.old:
		r.note(spec.Problem{File: f.src.Name, Line: 1, Column: 1, Rule: "raml-header", Message: "RAML 0.8 has no fragments; the first line must be #%RAML 0.8"})
	default:
		r.readFragment(f)
	}
}

// readAPI judges an API whose layers are merged.
func (r *reader) readAPI(root *tree.Node, s *scope) {
	r.api = s
	if !root.Is(tree.Object) {
		r.wrong(root, "raml-kind", "an API must be an object with a title")
		return
	}
	r.defaultMedia(root)
	r.declareTypes(root, s)
	for _, lib := range r.libraries {
		r.declareTypes(lib.root, lib)
	}
	for _, lib := range r.libraries {
		r.judgeLibrary(lib)
	}
	r.resources(root)
	r.judgeRoot(root, s)
}

// judgeRoot judges what stands beside the resources of an API.
func (r *reader) judgeRoot(root *tree.Node, s *scope) {
	if r.old {
		r.judgeRoot08(root)
		return
	}
	sh := r.declarations(root, s)
	sh.what, sh.target, sh.required = "an API", targetsOf("API"), []string{"title"}
	for name, c := range map[string]check{
		"title": r.words, "description": r.text, "version": r.text,
		"baseUri":           func(n *tree.Node) { r.baseURI(n, root) },
		"baseUriParameters": func(n *tree.Node) { r.baseParameters(n, root) },
		"protocols":         r.protocols, "mediaType": r.mediaType, "documentation": r.documentation,
		"securedBy": func(n *tree.Node) {
			if r.serves() {
				r.securedBy(n)
			}
		},
	} {
		sh.facets[name] = c
	}
	sh.other = func(m tree.Member) bool { return strings.HasPrefix(m.Name, "/") }
	if r.layered {
		sh.facets["extends"], sh.facets["usage"] = ignore, r.text
	}
	if onlyDeclares(root) {
		p := spec.ProblemAt(root, "raml-missing-facet", "an API needs a title; a file of declarations begins with #%%RAML 1.0 Library")
		p.Warning, sh.required = true, nil
		r.note(p)
	}
	r.object(root, sh)
}

// onlyDeclares says whether what calls itself an API has nothing but what a
// library has.
func onlyDeclares(root *tree.Node) bool {
	for _, m := range root.Members {
		switch m.Name {
		case "uses", "types", "schemas", "traits", "resourceTypes", "annotationTypes", "securitySchemes":
		default:
			return false
		}
	}
	return len(root.Members) > 0
}

// serves says whether there is any method, to which the security of the API
// would apply.
func (r *reader) serves() bool {
	for _, e := range r.endpoints {
		for _, m := range e.node.Fields() {
			if isMethod(m.Name) {
				return true
			}
		}
	}
	return false
}

// declarations are the facets that an API and a library have in common.
func (r *reader) declarations(root *tree.Node, s *scope) shape {
	named := func(what string, one func(m tree.Member)) check {
		return func(n *tree.Node) { r.each(n, what, one) }
	}
	types := func(n *tree.Node) {
		if n == root.Get("schemas") && root.Get("types") != nil {
			r.wrong(n, "raml-types-and-schemas", "an API has either types or schemas")
		}
		r.each(n, "types", func(m tree.Member) {
			r.kind(m.Value, "DataType")
			r.annotationsOf(m.Value, targetsOf(typeTarget))
		})
	}
	return shape{facets: map[string]check{
		"uses": ignore, "types": types, "schemas": types,
		"traits":          named("traits", func(m tree.Member) { r.traitDeclaration(m.Value) }),
		"resourceTypes":   named("resourceTypes", func(m tree.Member) { r.resourceTypeDeclaration(m.Value) }),
		"annotationTypes": named("annotationTypes", func(m tree.Member) { r.annotationType(m, s) }),
		"securitySchemes": named("securitySchemes", func(m tree.Member) { r.securityScheme(m.Value) }),
	}}
}

// declareTypes makes the types of an API or a library known.
func (r *reader) declareTypes(root *tree.Node, s *scope) {
	for _, section := range sections("types") {
		declared := root.Get(section)
		r.declareAll(declared, s)
		if r.old {
			for _, item := range declared.List() {
				r.declareAll(item, s)
			}
		}
	}
}

func (r *reader) declareAll(n *tree.Node, s *scope) {
	for _, m := range n.Fields() {
		name := r.nameType(m)
		if r.old {
			// A schema may have any name.
			t := r.set.As(datatype.Declared, m.Value, r.scopeOf(m.Value, s))
			r.types = append(r.types, namedType{name, r.at(n, m), m.Value, t})
			continue
		}
		t := r.set.Declare(m.Name, datatype.Declared, m.Value, r.scopeOf(m.Value, s))
		r.types = append(r.types, namedType{name, r.at(n, m), m.Value, t})
	}
}

// judgeLibrary judges a library.
func (r *reader) judgeLibrary(s *scope) {
	sh := r.declarations(s.root, s)
	sh.what, sh.target = "a library", targetsOf("Library")
	sh.facets["usage"] = r.text
	r.object(s.root, sh)
}

// readFragment judges a fragment that is the main file.
func (r *reader) readFragment(f file) {
	if f.head.kind == "Library" {
		at := &tree.Node{Source: f.src, Line: 1, Column: 1}
		if r.library(f.src.Name, at) == nil {
			return
		}
		for _, lib := range r.libraries {
			r.declareTypes(lib.root, lib)
		}
		for _, lib := range r.libraries {
			r.judgeLibrary(lib)
		}
		return
	}
	if !includable(f.head.kind) {
		r.note(spec.Problem{File: f.src.Name, Line: 1, Column: 1, Rule: "raml-header", Message: "RAML 1.0 has no fragment of the kind " + clip(f.head.kind)})
		return
	}
	root, ok := r.tree(f, nil)
	if !ok {
		return
	}
	s := &scope{reader: r}
	r.api = s
	r.opening[f.src.Name] = true
	n := r.open(root, r.source(f.src, s), "", 0)
	if r.full {
		return
	}
	content := r.stripFragment(n, s, f.head.kind)
	for _, lib := range r.libraries {
		r.declareTypes(lib.root, lib)
	}
	for _, lib := range r.libraries {
		r.judgeLibrary(lib)
	}
	if usage := n.Get("usage"); usage != nil && f.head.kind != "NamedExample" {
		r.text(usage)
	}
	r.alone = f.head.kind == "Trait" || f.head.kind == "ResourceType"
	switch f.head.kind {
	case "DataType":
		r.typeOf(datatype.Declared, content, targetsOf(typeTarget))
	case "Trait":
		r.traitDeclaration(content)
	case "ResourceType":
		r.resourceTypeDeclaration(content)
	case "SecurityScheme":
		r.securityScheme(content)
	case "AnnotationTypeDeclaration":
		r.annotationType(tree.Member{Value: content}, s)
	case "DocumentationItem":
		r.documentationItem(content)
	}
}

// namedExample judges a fragment of examples, each with its name.
func (r *reader) namedExample(n *tree.Node) {
	if !n.Is(tree.Object) {
		r.wrong(n, "raml-kind", "a NamedExample must be an object that gives each example a name")
		return
	}
}

// documentation judges the pages of an API.
func (r *reader) documentation(n *tree.Node) {
	items := r.list(n, false, r.documentationItem)
	if n.Is(tree.Array) && len(items) == 0 {
		r.wrong(n, "raml-documentation", "documentation must have a page, or be left out")
	}
}

func (r *reader) documentationItem(n *tree.Node) {
	r.kind(n, "DocumentationItem")
	if n.Is(tree.Null) {
		r.wrong(n, "raml-kind", "a page of documentation must be an object")
		return
	}
	r.object(n, shape{
		what: "a page of documentation", target: targetsOf("DocumentationItem"),
		facets:   map[string]check{"title": r.words, "content": r.words},
		required: []string{"title", "content"},
	})
}

// defaultMedia notes the media types of bodies that name none.
func (r *reader) defaultMedia(root *tree.Node) {
	n := r.unwrap(root.Get("mediaType"))
	if n.Is(tree.String) {
		r.media = []string{n.Text}
	}
	for _, item := range n.List() {
		if item.Is(tree.String) && !slices.Contains(r.media, item.Text) {
			r.media = append(r.media, item.Text)
		}
	}
}

func (r *reader) mediaType(n *tree.Node) {
	r.list(n, true, func(v *tree.Node) {
		if !v.Is(tree.String) || !isMediaType(v.Text) {
			r.wrong(v, "raml-media-type", "%q is no media type, as application/json", clip(v.Str()))
		}
	})
	if n.Is(tree.Null) {
		r.wrong(n, "raml-missing-value", "mediaType needs a media type, as application/json")
	}
}
