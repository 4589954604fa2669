package spectral

import (
	"slices"
	"strconv"
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

// ruleMembers are what a rule may hold; it is never changed.
var ruleMembers = []string{
	"description", "message", "documentationUrl", "severity", "recommended", "resolved", "formats", "given", "then",
	"tags", "type", "enabled", "summary", "extensions",
}

func (r *reader) rule(m *tree.Member) (*ruleDefinition, error) {
	out := &ruleDefinition{name: m.Name, at: m.Value}
	n := m.Value
	switch n.Kind {
	case tree.Bool:
		on := n.IsTrue()
		out.on = &on
		return out, nil
	case tree.String, tree.Number:
		severity, err := severityOf(n)
		out.severity = &severity
		return out, wrongRule(m.Name, n, err)
	case tree.Object:
	case tree.Null, tree.Array, tree.Include:
		return nil, tree.Wrong(n, "rule %s: must be an object, a severity, true or false", m.Name)
	}
	body, err := r.body(n)
	out.full = body
	return out, wrongRule(m.Name, n, err)
}

// wrongRule says in which rule a mistake is.
func wrongRule(name string, n *tree.Node, err error) error {
	if err == nil {
		return nil
	}
	if at, ok := errorAt(err); ok {
		at.Problem = "rule " + name + ": " + at.Problem
		return at
	}
	return tree.Wrong(n, "rule %s: %s", name, err)
}

func (r *reader) body(n *tree.Node) (*ruleBody, error) {
	if err := known(n, "a rule", ruleMembers); err != nil {
		return nil, err
	}
	b := &ruleBody{}
	for name, to := range map[string]**string{"description": &b.description, "message": &b.message, "documentationUrl": &b.docs} {
		if v := n.Get(name); v.Is(tree.String) {
			*to = &v.Text
		} else if v != nil {
			return nil, tree.Wrong(v, "%s must be a text", name)
		}
	}
	for name, to := range map[string]**bool{"recommended": &b.recommended, "resolved": &b.resolved} {
		if v := n.Get(name); v != nil {
			on, err := flagOption(n, name)
			if err != nil {
				return nil, err
			}
			*to = &on
		}
	}
	if v := n.Get("severity"); v != nil {
		severity, err := severityOf(v)
		if err != nil {
			return nil, err
		}
		b.severity = &severity
	}
	var err error
	b.hasFormats = n.Get("formats") != nil
	if b.formats, err = r.formats(n.Get("formats")); err != nil {
		return nil, err
	}
	if v := n.Get("given"); v != nil {
		if b.given, err = texts(v); err != nil {
			return nil, err
		}
	}
	return b, r.thens(n.Get("then"), b)
}

func (r *reader) thens(n *tree.Node, b *ruleBody) error {
	list := n.List()
	if n.Is(tree.Object) {
		list = []*tree.Node{n}
	} else if n != nil && len(list) == 0 {
		return tree.Wrong(n, "then must be an object or a list of objects")
	}
	for _, item := range list {
		if err := known(item, "then", []string{"field", "function", "functionOptions"}); err != nil {
			return err
		}
		t := then{name: item.Get("function").Str()}
		make := r.function(t.name)
		if make == nil {
			return tree.Wrong(item, "the function %q isn't known", t.name)
		}
		var err error
		options := item.Get("functionOptions")
		if options.Is(tree.Null) {
			options = nil
		}
		if t.check, err = make(options); err != nil {
			if _, placed := errorAt(err); placed {
				return err
			}
			return tree.Wrong(item, "function %s: %s", t.name, err)
		}
		if t.field, err = readField(item.Get("field")); err != nil {
			return err
		}
		b.then = append(b.then, t)
	}
	return nil
}

func (r *reader) function(name string) Function {
	for _, known := range []map[string]Function{r.functions, r.load.options.Functions, r.load.core} {
		if f := known[name]; f != nil {
			return f
		}
	}
	if strings.HasPrefix(name, "\x00") {
		return r.load.engine.scripted(name)
	}
	return nil
}

func readField(n *tree.Node) (*fieldPath, error) {
	if n == nil {
		return nil, nil //nolint:nilnil // no field is no mistake
	}
	if !n.Is(tree.String) || n.Text == "" {
		return nil, tree.Wrong(n, "field must be a text")
	}
	f, err := parseField(n.Text)
	if err != nil {
		return nil, tree.Wrong(n, "field: %s", err)
	}
	return f, nil
}

func parseField(text string) (*fieldPath, error) {
	switch {
	case text == "@key":
		return &fieldPath{keys: true}, nil
	case strings.HasPrefix(text, "$"):
		p, err := parsePath(text)
		return &fieldPath{path: p}, err
	}
	return &fieldPath{steps: propertyPath(text)}, nil
}

// propertyPath splits "a.b[0]['c']" into its names.
func propertyPath(text string) []string {
	var out []string
	for text != "" {
		switch {
		case text[0] == '.':
			text = text[1:]
		case text[0] == '[':
			inner, rest, found := strings.Cut(text[1:], "]")
			if !found {
				return append(out, text)
			}
			out, text = append(out, strings.Trim(inner, `'"`)), rest
		default:
			end := strings.IndexAny(text, ".[")
			if end < 0 {
				end = len(text)
			}
			out, text = append(out, text[:end]), text[end:]
		}
	}
	return out
}

func severityOf(n *tree.Node) (Severity, error) {
	for s := Error; s <= Hint; s++ {
		if n.Text == s.String() {
			return s, nil
		}
	}
	if i, err := strconv.Atoi(n.Text); err == nil && i >= int(Off) && i <= int(Hint) {
		return Severity(i), nil
	}
	if n.Text == "off" {
		return Off, nil
	}
	return Off, tree.Wrong(n, "the severity %q must be one of error, warn, info, hint, off", n.Text)
}
