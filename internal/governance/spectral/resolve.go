package spectral

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// written is one document as it was written.
type written struct {
	file string
	root *tree.Node
}

// reference is an object with a "$ref" and what that leads to.
type reference struct {
	at   *tree.Node
	in   *written
	from *crumb
	to   *target
	// astray is the path in its own document that a reference names in vain.
	astray []string
	// circular references are left as they are.
	circular bool
}

// target is a value that references lead to.
type target struct {
	in   *written
	path []string
	// chain are the values from the root of the document to the target.
	chain []*tree.Node
	// next are the targets that references inside lead to.
	next []*target
	// component is the same for targets that reach each other.
	component, low int
	onStack        bool
}

func (t *target) node() *tree.Node { return t.chain[len(t.chain)-1] }

// crumb is a value that holds others, and the way to it.
type crumb struct {
	parent *crumb
	node   *tree.Node
	name   string
}

func (c *crumb) path() []string {
	var out []string
	for ; c.parent != nil; c = c.parent {
		out = append(out, c.name)
	}
	slices.Reverse(out)
	return out
}

// resolution is a document with its references followed. Values that hold none
// are those of the document itself, and what several references lead to is one
// value: the tree has become a graph without circles, no larger than the
// document.
type resolution struct {
	project    *spec.Project
	main       *written
	documents  map[string]*written
	references map[*tree.Node]*reference
	order      []*reference
	targets    map[*tree.Node]*target
	crawled    map[*tree.Node]bool
	// root is the resolved document; shared are values that references lead to.
	root   *tree.Node
	shared map[*tree.Node]bool
	opened map[*tree.Node]*tree.Node
	depth  int
	// edges are the references that were followed, by the resolved value that holds
	// them and their position in it.
	edges  map[place]*tree.Node
	broken []Result
	told   map[string]bool
	lines  map[*tree.Source]*lines
}

type place struct {
	parent *tree.Node
	at     int
}

// resolve follows the references of a document.
func resolve(doc *spec.Document) (*resolution, error) {
	main := &written{doc.File, doc.Root}
	r := &resolution{
		project: doc.Project, main: main, documents: map[string]*written{doc.File: main},
		references: map[*tree.Node]*reference{}, targets: map[*tree.Node]*target{},
		shared: map[*tree.Node]bool{}, opened: map[*tree.Node]*tree.Node{},
		edges: map[place]*tree.Node{}, told: map[string]bool{}, lines: map[*tree.Source]*lines{},
	}
	r.crawl(main, &crumb{node: doc.Root})
	r.crawled = map[*tree.Node]bool{}
	for i := 0; i < len(r.order); i++ {
		r.aim(r.order[i])
	}
	r.findCircles()
	if len(r.order) == 0 {
		r.root = doc.Root
		return r, nil
	}
	root, err := r.open(doc.Root)
	r.root = root
	return r, err
}

// referenceOf is the text of "$ref", empty where there is none.
func referenceOf(n *tree.Node) string {
	if ref := n.Get("$ref"); n.Kind == tree.Object && ref.Is(tree.String) {
		return ref.Text
	}
	return ""
}

// crawl collects the references that a value holds.
func (r *resolution) crawl(in *written, c *crumb) {
	n := c.node
	if r.crawled != nil {
		if r.crawled[n] {
			return
		}
		r.crawled[n] = true
	}
	if referenceOf(n) != "" {
		if r.references[n] == nil {
			ref := &reference{at: n, in: in, from: c}
			r.references[n] = ref
			r.order = append(r.order, ref)
		}
		return
	}
	for i := range n.Members {
		if m := &n.Members[i]; isContainer(m.Value) {
			r.crawl(in, &crumb{c, m.Value, m.Name})
		}
	}
	for i, item := range n.Items {
		if isContainer(item) {
			f := frame{index: i}
			r.crawl(in, &crumb{c, item, f.key()})
		}
	}
}

// aim finds what a reference leads to.
func (r *resolution) aim(ref *reference) {
	text := referenceOf(ref.at)
	name, pointer, _ := strings.Cut(text, "#")
	in, err := r.document(ref.in, name)
	if err != nil {
		r.tell(ref, err.Error())
		return
	}
	t, err := r.target(in, pointer)
	if err != nil {
		if in == ref.in && t != nil {
			ref.astray = t.path
		}
		r.tell(ref, fmt.Sprintf("'%s' %s", text, err))
		return
	}
	ref.to = t
	if in != r.main {
		c := &crumb{node: in.root}
		for i, step := range t.path {
			c = &crumb{c, t.chain[i+1], step}
		}
		if isContainer(t.node()) {
			r.crawl(in, c)
		}
	}
}

// document is that of a reference's name, empty for the document itself.
func (r *resolution) document(from *written, name string) (*written, error) {
	if name == "" {
		return from, nil
	}
	if u, err := url.Parse(name); err != nil || u.Scheme != "" || u.Host != "" {
		return nil, fmt.Errorf("'%s' leads to another address; only files beside the description are read", clip(name))
	}
	decoded, err := url.PathUnescape(name)
	if err != nil || r.project == nil {
		return nil, fmt.Errorf("'%s' can't be read", clip(name))
	}
	name = spec.Join(from.file, decoded)
	if known := r.documents[name]; known != nil {
		return known, nil
	}
	root, err := r.project.Tree(name)
	if err != nil {
		return nil, err
	}
	d := &written{name, root}
	r.documents[name] = d
	return d, nil
}

var errNoTarget = errors.New("does not exist")

func (r *resolution) target(in *written, pointer string) (*target, error) {
	t := &target{in: in, chain: []*tree.Node{in.root}}
	if pointer != "" {
		if pointer[0] != '/' {
			return nil, errors.New("JSON pointer is invalid")
		}
		if decoded, err := url.PathUnescape(pointer); err == nil {
			pointer = decoded
		}
		for step := range strings.SplitSeq(pointer[1:], "/") {
			step = unescapePointer(step)
			t.path, t.chain = append(t.path, step), append(t.chain, t.node().Step(step))
		}
		if t.node() == nil {
			return t, errNoTarget
		}
	}
	if known := r.targets[t.node()]; known != nil {
		return known, nil
	}
	r.targets[t.node()] = t
	return t, nil
}

func unescapePointer(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// tell reports a reference that leads nowhere; of equal messages the first.
func (r *resolution) tell(ref *reference, message string) {
	if r.told[message] {
		return
	}
	r.told[message] = true
	path := append(ref.from.path(), "$ref")
	at := r.position(ref.in, path)
	r.broken = append(r.broken, Result{
		Rule: RuleInvalidReference, Message: message, Severity: Error,
		Path: path, File: at.file, Line: at.line, Column: at.column,
	})
}

// open gives a value with its references followed.
func (r *resolution) open(n *tree.Node) (*tree.Node, error) {
	if !isContainer(n) {
		return n, nil
	}
	if known := r.opened[n]; known != nil {
		return known, nil
	}
	if r.depth++; r.depth > maxDepth {
		return nil, fmt.Errorf("%s: references are nested deeper than %d", n.Position(), maxDepth)
	}
	defer func() { r.depth-- }()
	r.opened[n] = n
	out := n
	var err error
	if ref := r.references[n]; ref != nil {
		if ref.to != nil && !ref.circular {
			if out, err = r.open(ref.to.node()); err == nil && isContainer(out) {
				r.shared[out] = true
			}
		}
	} else if out, err = r.openMembers(n); err == nil {
		out, err = r.openItems(out, n)
	}
	r.opened[n] = out
	return out, err
}

func (r *resolution) openMembers(n *tree.Node) (*tree.Node, error) {
	out := n
	for i := range n.Members {
		before := n.Members[i].Value
		after, err := r.open(before)
		if err != nil {
			return nil, err
		}
		if after == before {
			continue
		}
		if out == n {
			c := tree.New(n, n.Kind, "")
			c.Members = slices.Clone(n.Members)
			out = c
		}
		out.Members[i].Value = after
		r.note(out, i, before)
	}
	if out != n {
		out.Index()
	}
	return out, nil
}

func (r *resolution) openItems(out, n *tree.Node) (*tree.Node, error) {
	for i, before := range n.Items {
		after, err := r.open(before)
		if err != nil {
			return nil, err
		}
		if after == before {
			continue
		}
		if out == n {
			c := tree.New(n, n.Kind, "")
			c.Items = slices.Clone(n.Items)
			out = c
		}
		out.Items[i] = after
		r.note(out, i, before)
	}
	return out, nil
}

func (r *resolution) note(parent *tree.Node, at int, before *tree.Node) {
	if r.references[before] != nil {
		r.edges[place{parent, at}] = before
	}
}

// way is how a member is come to from the value that holds it.
func (r *resolution) way(w way, at place, f *frame) way {
	if w.aside != nil {
		if w.aside = w.aside.Step(f.key()); !isContainer(w.aside) {
			w.aside = nil
		}
	}
	if w.through == atReference {
		w.through = behindReference
	}
	if w.shared = r.shared[f.node]; w.shared {
		if ref := r.edges[at]; ref != nil {
			if w.through == directly {
				w.through = atReference
			}
			if len(ref.Members) > 1 {
				w.aside = ref
			}
		}
	}
	return w
}
