package spectral

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

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
		switch text[0] {
		case '.':
			text = text[1:]
		case '[':
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
	if i, err := strconv.ParseInt(n.Text, 10, 8); err == nil && i >= int64(Off) && i <= int64(Hint) {
		return Severity(i), nil
	}
	if n.Text == "off" {
		return Off, nil
	}
	return Off, tree.Wrong(n, "the severity %q must be one of error, warn, info, hint, off", n.Text)
}
