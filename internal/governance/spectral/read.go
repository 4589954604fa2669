package spectral

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// reader turns a ruleset that is written in YAML or JSON into a definition.
type reader struct {
	load *loading
	file string
	// functions are those that only this ruleset knows.
	functions map[string]Function
}

// rulesetMembers are what a ruleset may hold; it is never changed.
var rulesetMembers = []string{
	"extends", "rules", "aliases", "formats", "overrides", "except", "parserOptions", "functions", "functionsDir",
	"documentationUrl", "description", "$schema",
}

// known refuses members that aren't.
func known(n *tree.Node, what string, names []string) error {
	if !n.Is(tree.Object) {
		return tree.Wrong(n, "%s must be an object", what)
	}
	for _, m := range n.Members {
		if !slices.Contains(names, m.Name) && !strings.HasPrefix(m.Name, "x-") {
			return tree.Wrong(m.Value, "%s has no %q; known are %s", what, m.Name, strings.Join(names, ", "))
		}
	}
	return nil
}

func (r *reader) ruleset(n *tree.Node, d *definition) error {
	if err := known(n, "a ruleset", rulesetMembers); err != nil {
		return err
	}
	if n.Get("extends") == nil && n.Get("rules") == nil && n.Get("overrides") == nil {
		return tree.Wrong(n, "a ruleset needs rules, extends or overrides")
	}
	if err := r.declared(n); err != nil {
		return err
	}
	if err := r.parts(n, d); err != nil {
		return err
	}
	for _, item := range n.Get("overrides").List() {
		if err := r.override(item, d); err != nil {
			return err
		}
	}
	for _, m := range n.Get("except").Fields() {
		o := override{files: []string{m.Name}}
		if strings.HasPrefix(m.Name, "#") {
			o.files[0] = "**" + m.Name
		}
		for _, name := range m.Value.List() {
			off := Off
			o.rules = append(o.rules, ruleDefinition{name: name.Str(), at: name, severity: &off})
		}
		d.overrides = append(d.overrides, o)
	}
	return nil
}

func (r *reader) override(n *tree.Node, d *definition) error {
	if err := known(n, "an override", append([]string{"files"}, rulesetMembers...)); err != nil {
		return err
	}
	var o override
	for _, f := range n.Get("files").List() {
		o.files = append(o.files, f.Str())
	}
	if len(o.files) == 0 {
		return tree.Wrong(n, "an override needs files")
	}
	if err := r.parts(n, &o.definition); err != nil {
		return err
	}
	d.overrides = append(d.overrides, o)
	return nil
}

// declared loads the functions that a ruleset names.
func (r *reader) declared(n *tree.Node) error {
	dir := n.Get("functionsDir").Str()
	if dir == "" {
		dir = "functions"
	}
	if r.functions == nil {
		r.functions = map[string]Function{}
	}
	for _, item := range n.Get("functions").List() {
		name, schema := item.Str(), (*tree.Node)(nil)
		if item.Is(tree.Array) && len(item.Items) > 0 {
			name = item.Items[0].Str()
			if len(item.Items) > 1 {
				schema = item.Items[1]
			}
		}
		if name == "" {
			return tree.Wrong(item, "a function must be the name of a file in %s", dir)
		}
		f, err := r.load.function(r.file, dir, name, schema)
		if err != nil {
			return tree.Wrong(item, "function %s: %s", name, err)
		}
		r.functions[name] = f
	}
	return nil
}

// parts reads what rulesets and overrides have in common.
func (r *reader) parts(n *tree.Node, d *definition) error {
	var err error
	if d.formats, err = r.formats(n.Get("formats")); err != nil {
		return err
	}
	d.docs = n.Get("documentationUrl").Str()
	if err := r.extensions(n.Get("extends"), d); err != nil {
		return err
	}
	if err := r.aliases(n.Get("aliases"), d); err != nil {
		return err
	}
	rules := n.Get("rules")
	if rules != nil && !rules.Is(tree.Object) {
		return tree.Wrong(rules, "rules must be an object of rules")
	}
	for _, m := range rules.Fields() {
		one, err := r.rule(&m)
		if err != nil {
			return err
		}
		d.rules = append(d.rules, *one)
	}
	return nil
}

func (r *reader) formats(n *tree.Node) ([]*format, error) {
	var out []*format
	if n != nil && !n.Is(tree.Array) {
		return nil, tree.Wrong(n, "formats must be a list")
	}
	for _, item := range n.List() {
		f := r.load.formats.find(item.Str())
		if f == nil {
			f = r.load.engine.format(item.Str())
		}
		if f == nil {
			return nil, tree.Wrong(item, "the format %q isn't known", item.Str())
		}
		out = append(out, f)
	}
	return out, nil
}

func (r *reader) extensions(n *tree.Node, d *definition) error {
	list := n.List()
	if n.Is(tree.String) || n.Is(tree.Object) {
		list = []*tree.Node{n}
	} else if n != nil && !n.Is(tree.Array) {
		return tree.Wrong(n, "extends must be a name or a list")
	}
	for _, item := range list {
		e := extension{applies: "recommended"}
		name := item
		if item.Is(tree.Array) && len(item.Items) == 2 {
			name, e.applies, e.explicit = item.Items[0], item.Items[1].Str(), true
		}
		if name.Is(tree.Object) && r.load.engine.used() {
			// Scripts extend the ruleset itself.
			e.of = &definition{file: r.file}
			if err := (&reader{load: r.load, file: r.file}).ruleset(name, e.of); err != nil {
				return err
			}
			d.extends = append(d.extends, e)
			continue
		}
		if !name.Is(tree.String) || !slices.Contains([]string{"recommended", "all", "off"}, e.applies) {
			return tree.Wrong(item, "extends must be the name of a ruleset, or [name, all], [name, recommended] or [name, off]")
		}
		of, err := r.load.ruleset(r.file, name.Text)
		if err != nil {
			return tree.Wrong(item, "extends %s: %s", name.Text, err)
		}
		e.of = of
		d.extends = append(d.extends, e)
	}
	return nil
}

func (r *reader) aliases(n *tree.Node, d *definition) error {
	if n == nil {
		return nil
	}
	if !n.Is(tree.Object) {
		return tree.Wrong(n, "aliases must be an object")
	}
	d.aliases = map[string]alias{}
	for _, m := range n.Members {
		a := alias{}
		if targets := m.Value.Get("targets"); targets.Is(tree.Array) {
			for _, t := range targets.Items {
				formats, err := r.formats(t.Get("formats"))
				if err != nil {
					return err
				}
				given, err := texts(t.Get("given"))
				if err != nil {
					return err
				}
				a.targets = append(a.targets, aliasTarget{formats, given})
			}
		} else {
			given, err := texts(m.Value)
			if err != nil {
				return err
			}
			a.paths = given
		}
		d.aliases[m.Name] = a
	}
	return nil
}

// texts are a list of texts, or one.
func texts(n *tree.Node) ([]string, error) {
	if n.Is(tree.String) {
		return []string{n.Text}, nil
	}
	if !n.Is(tree.Array) || len(n.Items) == 0 {
		return nil, tree.Wrong(n, "must be a path or a list of paths")
	}
	out := make([]string, len(n.Items))
	for i, item := range n.Items {
		if !item.Is(tree.String) {
			return nil, tree.Wrong(item, "a path must be a text")
		}
		out[i] = item.Text
	}
	return out, nil
}
