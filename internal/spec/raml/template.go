package raml

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

func containsParameter(text string) bool { return strings.Contains(text, "<<") }

// parameter is "<<name | !function>>" in a text.
type parameter struct {
	name      string
	functions []string
}

// parseTemplate cuts a text into what stands as it is and its parameters, one
// after each piece but the last. The problem is empty when there is none.
func (r *reader) parseTemplate(text string) (pieces []string, params []parameter, problem string) {
	for {
		before, rest, found := strings.Cut(text, "<<")
		if !found {
			return append(pieces, text), params, ""
		}
		inside, after, closed := strings.Cut(rest, ">>")
		if !closed {
			return nil, nil, "a parameter begins with << and never ends with >>"
		}
		p, problem := r.parseParameter(inside)
		if problem != "" {
			return nil, nil, problem
		}
		pieces, params, text = append(pieces, before), append(params, p), after
	}
}

func (r *reader) parseParameter(inside string) (parameter, string) {
	steps := strings.Split(inside, "|")
	p := parameter{name: strings.TrimSpace(steps[0])}
	if p.name == "" || strings.ContainsAny(p.name, "! <") {
		return p, "<<" + clip(inside) + ">> is no parameter; write <<name>> or <<name | !function>>"
	}
	for _, step := range steps[1:] {
		name, ok := strings.CutPrefix(strings.TrimSpace(step), "!")
		_, known := transform(name, "")
		functions := functionNames
		if r.old {
			known, functions = name == "singularize" || name == "pluralize", "!singularize, !pluralize"
		}
		if !ok || !known {
			return p, "there is no function " + clip(strings.TrimSpace(step)) + "; functions are " + functions
		}
		p.functions = append(p.functions, name)
	}
	return p, ""
}

// templateSyntax judges the parameters in a template.
func (r *reader) templateSyntax(n *tree.Node) {
	if n.Is(tree.String) && containsParameter(n.Text) {
		if _, _, problem := r.parseTemplate(n.Text); problem != "" {
			r.wrong(n, "raml-template", "%s", problem)
		}
	}
	for _, item := range n.List() {
		r.templateSyntax(item)
	}
	for _, m := range n.Fields() {
		if containsParameter(m.Name) {
			if _, _, problem := r.parseTemplate(m.Name); problem != "" {
				r.wrong(r.at(n, m), "raml-template", "%s", problem)
			}
		}
		r.templateSyntax(m.Value)
	}
}

// parametersIn collects the names of the parameters in a template.
func (r *reader) parametersIn(n *tree.Node, names map[string]bool) {
	collect := func(text string) {
		if !containsParameter(text) {
			return
		}
		_, params, _ := r.parseTemplate(text)
		for _, p := range params {
			names[p.name] = true
		}
	}
	if n.Is(tree.String) {
		collect(n.Text)
	}
	for _, item := range n.List() {
		r.parametersIn(item, names)
	}
	for _, m := range n.Fields() {
		collect(m.Name)
		r.parametersIn(m.Value, names)
	}
}

// filling puts arguments into a copy of a template.
type filling struct {
	r    *reader
	what string
	// place is where the template is applied; its problems stand there.
	place *tree.Node
	args  map[string]*tree.Node
	used  map[string]bool
	// outer is the scope of the place.
	outer *scope
}

// fill is a template with its arguments; what has no parameters is shared.
func (f *filling) fill(n *tree.Node) *tree.Node {
	switch n.Kind {
	case tree.String:
		if containsParameter(n.Text) {
			return f.text(n)
		}
	case tree.Array:
		if items, changed := f.items(n.Items); changed {
			out := f.blended(n)
			out.Items = items
			return out
		}
	case tree.Object:
		if members, changed := f.members(n); changed {
			out := f.blended(n)
			out.Members = members
			out.Index()
			return out
		}
	case tree.Null, tree.Bool, tree.Number, tree.Include:
	}
	return n
}

// blended is an empty copy whose names are looked up in the template's scope and
// then in that of the place.
func (f *filling) blended(n *tree.Node) *tree.Node {
	f.r.spend(1, f.place)
	out := tree.New(n, n.Kind, "")
	out.Source = f.r.sourceIn(n, f.outer)
	return out
}

// sourceIn is the source of a value whose names may be known in one more scope.
func (r *reader) sourceIn(n *tree.Node, more *scope) *tree.Source {
	own := r.scopeOf(n, nil)
	if own == nil || more == nil {
		return n.Source
	}
	if both := r.blend(own, more); both != own {
		return r.source(n.Source, both)
	}
	return n.Source
}

func (f *filling) items(items []*tree.Node) (out []*tree.Node, changed bool) {
	for i, item := range items {
		filled := f.fill(item)
		if filled != item && !changed {
			changed = true
			out = append(make([]*tree.Node, 0, len(items)), items[:i]...)
		}
		if changed {
			out = append(out, filled)
		}
	}
	f.r.spend(len(out), f.place)
	return out, changed
}

func (f *filling) members(n *tree.Node) (out []tree.Member, changed bool) {
	for i, m := range n.Members {
		filled := m
		filled.Value = f.fill(m.Value)
		if containsParameter(m.Name) {
			filled.Name = f.text(tree.NewText(f.r.at(n, m), m.Name)).Str()
		}
		if (filled.Value != m.Value || filled.Name != m.Name) && !changed {
			changed = true
			out = append(make([]tree.Member, 0, len(n.Members)), n.Members[:i]...)
		}
		if changed {
			out = append(out, filled)
		}
	}
	f.r.spend(len(out), f.place)
	return out, changed
}

// text is what a text with parameters becomes: an argument as it is when there
// is nothing else.
func (f *filling) text(n *tree.Node) *tree.Node {
	pieces, params, problem := f.r.parseTemplate(n.Text)
	if problem != "" {
		f.r.wrong(n, "raml-template", "%s", problem)
		return tree.New(n, tree.Null, "")
	}
	if len(params) == 1 && pieces[0] == "" && pieces[1] == "" && len(params[0].functions) == 0 {
		if v := f.argument(params[0].name); v != nil {
			f.r.spend(f.r.size(v), f.place)
			return v
		}
		return tree.New(n, tree.Null, "")
	}
	var b strings.Builder
	for i, p := range params {
		b.WriteString(pieces[i])
		v := f.argument(p.name)
		switch {
		case v == nil:
			return tree.New(n, tree.Null, "")
		case v.Is(tree.Object) || v.Is(tree.Array):
			f.r.wrong(f.place, "raml-template-argument", "the parameter %s of %s stands within a text and needs a text", p.name, f.what)
			return tree.New(n, tree.Null, "")
		}
		text := v.Text
		for _, name := range p.functions {
			text, _ = transform(name, text)
		}
		b.WriteString(text)
		if b.Len() > maxText {
			f.r.wrong(f.place, "raml-too-large", "the parameters of %s make a text longer than %d bytes", f.what, maxText)
			return tree.New(n, tree.Null, "")
		}
	}
	b.WriteString(pieces[len(params)])
	f.r.spend(1+b.Len()/64, f.place)
	out := tree.NewText(n, b.String())
	if strings.Contains(out.Text, ".") {
		f.r.computed[position{n.File(), n.Line, n.Column}] = true
	}
	out.Source = f.r.sourceIn(n, f.outer)
	return out
}

func (f *filling) argument(name string) *tree.Node {
	f.used[name] = true
	v := f.args[name]
	if v == nil {
		f.r.wrong(f.place, "raml-missing-parameter", "%s needs the parameter %q", f.what, clip(name))
	}
	return v
}
