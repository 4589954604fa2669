package governance

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// The most that a summary looks at and lists.
const (
	summarySchemas   = 200_000
	summarySensitive = 1000
)

// Summarise tells of a description what rules of instances need: its servers, its
// operations, and the fields that by their names hold personal or secret data.
func Summarise(doc *spec.Document) *Summary {
	out := &Summary{}
	if doc.Description != nil {
		out.Title, out.Version, out.Servers = doc.Description.Title, doc.Description.Version, slices.Clone(doc.Description.Servers)
	}
	if doc.Root == nil {
		out.describe(doc.Description)
		return out
	}
	out.Title, out.Version = doc.Root.At("info", "title").Str(), doc.Root.At("info", "version").Str()
	d := &description{doc.Root, followIn(doc), summarySchemas}
	if out.Servers == nil {
		for _, s := range doc.Root.Get("servers").List() {
			out.Servers = append(out.Servers, s.Get("url").Str())
		}
	}
	for _, o := range d.operations() {
		if o.webhook {
			continue
		}
		out.Operations = append(out.Operations, o.name())
		if o.node.Get("deprecated").IsTrue() {
			out.Deprecated = append(out.Deprecated, o.name())
		}
		if d.anonymous(o) {
			out.Unsecured = append(out.Unsecured, o.name())
		}
		w := &walker{d, out.sensitive(d), map[visitedAs]bool{}, map[visited]bool{}}
		w.operation(o)
	}
	return out
}

// describe tells of a description that is no tree: of GraphQL or WSDL.
func (s *Summary) describe(d *spec.Description) {
	if d == nil {
		return
	}
	for i := range d.Operations {
		o := &d.Operations[i]
		s.Operations = append(s.Operations, o.Method+" "+o.Path)
		if o.Deprecated {
			s.Deprecated = append(s.Deprecated, o.Method+" "+o.Path)
		}
	}
}

// issuing are paths of operations that are there to give secrets out.
var issuing = regexp.MustCompile(`(?i)(token|oauth|log-?in|sign-?in|sign-?up|auth|session|api-?keys?|credential|secret)`)

// sensitive gathers the fields that hold values of a sensitive class.
func (s *Summary) sensitive(d *description) func(*field) {
	told := map[SensitiveField]bool{}
	return func(f *field) {
		class := classOf(f.name)
		if class == "" || len(s.Sensitive) >= summarySensitive || class == string(classify.Secret) && (!f.request && issuing.MatchString(f.operation.path) || f.in == "header" || f.in == "cookie") {
			return
		}
		kinds := d.kinds(f)
		if !slices.ContainsFunc(kinds, func(k string) bool { return k == "string" || k == "integer" || k == "number" }) {
			return
		}
		found := SensitiveField{Operation: f.operation.name(), Side: "response", Field: f.pointer, Class: class}
		if f.request {
			found.Side = "request"
		}
		if f.in != "body" {
			found.Field = f.in + " " + f.name
		}
		if !told[found] {
			told[found] = true
			s.Sensitive = append(s.Sensitive, found)
		}
	}
}

// mostReferences bounds how many references lead to one value.
const mostReferences = 30

// followIn follows the references of a document. One that leads nowhere is left as
// it is.
func followIn(doc *spec.Document) func(*tree.Node) *tree.Node {
	return func(n *tree.Node) *tree.Node {
		for range mostReferences {
			ref := n.Get("$ref")
			if !ref.Is(tree.String) {
				return n
			}
			target := targetIn(doc, ref)
			if target == nil {
				return n
			}
			n = target
		}
		return n
	}
}

// targetIn is what a reference leads to. Those of RAML stand in the tree that was
// made of it, those of OpenAPI in the files.
func targetIn(doc *spec.Document, ref *tree.Node) *tree.Node {
	pointer, local := strings.CutPrefix(ref.Text, "#/")
	if local && (doc.Language == spec.RAML08 || doc.Language == spec.RAML10 || doc.Project == nil) {
		n := doc.Root
		for step := range strings.SplitSeq(pointer, "/") {
			if plain, err := url.PathUnescape(step); err == nil {
				step = plain
			}
			n = n.Step(strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
		return n
	}
	if doc.Project == nil {
		return nil
	}
	from := ref.File()
	if from == "" {
		from = doc.File
	}
	target, err := doc.Project.Target(from, ref.Text)
	if err != nil {
		return nil
	}
	return target
}
