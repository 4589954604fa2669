package validation

import (
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/governance/validation/graph"
)

// path is a way through the graph: a sequence of steps, each of which may lead
// on through any of several properties. "/" binds looser than "|":
// "a / b | c" is a, then b or c.
type path struct {
	steps []step
}

// step is one step of a path: alternatives of which each leads on.
type step struct {
	alternatives []alternative
}

// alternative is a property, or a path in parentheses.
type alternative struct {
	property string
	// inverse leads to the nodes that have this one as value of the property.
	inverse bool
	// extension leads to the annotation of this name.
	extension bool
	group     *path
}

// Limits of paths.
const (
	maxPathBytes = 2000
	maxPathDepth = 16
)

// pathParser reads a path.
type pathParser struct {
	l     *loader
	rest  string
	depth int
}

// path reads a path:
//
//	path        = step *("/" step)
//	step        = alternative *("|" alternative)
//	alternative = ("(" path ")" / prefix "." name / "@type") ["^"]
func (l *loader) path(text string) (*path, error) {
	if len(text) > maxPathBytes {
		return nil, fmt.Errorf("the path is longer than %d bytes", maxPathBytes)
	}
	p := &pathParser{l: l, rest: text}
	out, err := p.path()
	if err == nil && p.peek() != 0 {
		err = fmt.Errorf("%q stands behind the path", clip(p.rest))
	}
	return out, err
}

// peek is the next character that is no space, 0 at the end.
func (p *pathParser) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *pathParser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *pathParser) path() (*path, error) {
	if p.depth++; p.depth > maxPathDepth {
		return nil, fmt.Errorf("parentheses are nested deeper than %d", maxPathDepth)
	}
	defer func() { p.depth-- }()
	out := &path{}
	for {
		s, err := p.step()
		if err != nil {
			return nil, err
		}
		out.steps = append(out.steps, s)
		if !p.take('/') {
			return out, nil
		}
	}
}

func (p *pathParser) step() (step, error) {
	var s step
	for {
		a, err := p.alternative()
		if err != nil {
			return s, err
		}
		s.alternatives = append(s.alternatives, a)
		if !p.take('|') {
			return s, nil
		}
	}
}

func (p *pathParser) alternative() (alternative, error) {
	var a alternative
	if p.take('(') {
		group, err := p.path()
		if err != nil {
			return a, err
		}
		if !p.take(')') {
			return a, fmt.Errorf("a parenthesis is not closed")
		}
		if p.peek() == '^' {
			return a, fmt.Errorf("^ stands behind a parenthesis; it belongs behind a property")
		}
		a.group = group
		return a, nil
	}
	name := p.name()
	if name == "" {
		return a, fmt.Errorf("a property is missing before %q", clip(p.rest))
	}
	if name == "@type" {
		a.property = name
		return a, nil
	}
	iri, err := p.l.iri(name)
	if err != nil {
		return a, err
	}
	if a.property = iri; strings.HasPrefix(iri, graph.Extensions) {
		a.extension, a.property = true, strings.TrimPrefix(iri, graph.Extensions)
	}
	if a.inverse = p.take('^'); a.inverse && a.extension {
		return a, fmt.Errorf("the way back from an annotation is not known")
	}
	return a, nil
}

// name takes a name as it is written: all up to a space or an operator.
func (p *pathParser) name() string {
	p.peek()
	end := strings.IndexAny(p.rest, " \t\r\n/|()^")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	return name
}

// values are where a path leads from a node, in the order of the graph, each as
// often as there is a way to it.
func (p *path) values(e *evaluation, from *graph.Node) []graph.Value {
	return p.follow(e, []graph.Value{{Node: from}})
}

func (p *path) follow(e *evaluation, at []graph.Value) []graph.Value {
	for _, s := range p.steps {
		var next []graph.Value
		for _, v := range at {
			if v.Node == nil || e.stopped() {
				continue
			}
			for i := range s.alternatives {
				next = append(next, s.alternatives[i].follow(e, v)...)
			}
		}
		// Ways that meet go on as one; only the last step may count twice.
		if at = next; len(p.steps) > 1 {
			at = distinctNodes(at)
		}
	}
	return at
}

func (a *alternative) follow(e *evaluation, v graph.Value) []graph.Value {
	switch {
	case a.group != nil:
		return a.group.follow(e, []graph.Value{v})
	case a.property == "@type":
		var out []graph.Value
		for _, c := range v.Node.Classes {
			out = append(out, graph.Value{Scalar: c})
		}
		return out
	case a.inverse:
		var out []graph.Value
		for _, n := range e.graph.Subjects(v.Node, a.property) {
			out = append(out, graph.Value{Node: n})
		}
		return out
	case a.extension:
		var out []graph.Value
		for _, name := range v.Node.Get(graph.PropCustom) {
			for _, value := range v.Node.Get(name.IRI) {
				if value.Node != nil && value.Node.Text(graph.PropExtensionName) == a.property {
					out = append(out, value)
				}
			}
		}
		return out
	}
	return v.Node.Get(a.property)
}

// distinctNodes leaves out nodes that stand in the list already.
func distinctNodes(values []graph.Value) []graph.Value {
	if len(values) < 2 {
		return values
	}
	seen := make(map[*graph.Node]bool, len(values))
	out := values[:0:0]
	for _, v := range values {
		if v.Node == nil || !seen[v.Node] {
			out = append(out, v)
		}
		if v.Node != nil {
			seen[v.Node] = true
		}
	}
	return out
}

// distinct leaves out values that stand in the list already.
func distinct(values []graph.Value) []graph.Value {
	if len(values) < 2 {
		return values
	}
	seen := make(map[graph.Value]bool, len(values))
	out := values[:0:0]
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
