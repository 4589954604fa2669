package selector

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

type matcher = *regexp.Regexp

// function is a function of selectors.
type function struct {
	result kind
	// least and most bound the number of arguments; paths says that the first must be
	// a path, pattern that the second is a regular expression.
	least, most    int
	paths, pattern bool
	run            func(c *scope, f *call) result
}

func functionNames() string {
	return strings.Join(slices.Sorted(maps.Keys(functions())), ", ")
}

// check says what is wrong with the arguments, empty for nothing.
func (e *call) check() string {
	switch {
	case len(e.args) < e.least || len(e.args) > e.most:
		return e.name + " has another number of arguments"
	case e.paths && len(e.args) > 0 && e.args[0].gives() != nodes:
		return "the argument of " + e.name + " must be a path, as @name"
	}
	if !e.pattern {
		return ""
	}
	c, ok := e.args[1].(constant)
	if !ok || c.kind != texts {
		return "the regular expression of " + e.name + " must stand there as a text"
	}
	re, err := regexp.Compile(c.texts[0])
	if err != nil {
		return "the regular expression of " + e.name + ": " + err.Error()
	}
	e.compiled = re
	return ""
}

func functions() map[string]*function {
	return map[string]*function{
		// What every language has.
		"not":         {result: truth, least: 1, most: 1, run: func(c *scope, f *call) result { return yes(!f.args[0].eval(c).isTrue()) }},
		"true":        {result: truth, run: func(*scope, *call) result { return yes(true) }},
		"false":       {result: truth, run: func(*scope, *call) result { return yes(false) }},
		"count":       {result: number, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return amount(len(f.args[0].eval(c).items)) }},
		"number":      {result: number, least: 1, most: 1, run: asNumber},
		"position":    {result: number, run: func(c *scope, _ *call) result { return amount(c.position) }},
		"last":        {result: number, run: func(c *scope, _ *call) result { return amount(c.last) }},
		"contains":    {result: truth, least: 2, most: 2, run: pairs(strings.Contains)},
		"starts-with": {result: truth, least: 2, most: 2, run: pairs(strings.HasPrefix)},
		"ends-with":   {result: truth, least: 2, most: 2, run: pairs(strings.HasSuffix)},
		"matches":     {result: truth, least: 2, most: 2, pattern: true, run: matches},
		"one-of":      {result: truth, least: 2, most: 60, run: oneOf},
		"lower-case":  {result: texts, least: 1, most: 1, run: mapped(strings.ToLower)},
		"upper-case":  {result: texts, least: 1, most: 1, run: mapped(strings.ToUpper)},
		"trim":        {result: texts, least: 1, most: 1, run: mapped(strings.TrimSpace)},
		"length":      {result: number, least: 1, most: 1, run: length},
		"exists":      {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(len(f.args[0].eval(c).items) > 0) }},
		"has":         {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(len(f.args[0].eval(c).items) > 0) }},
		"empty":       {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(!some(c, f, filled)) }},

		// What values are.
		"literal":     {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(some(c, f, isLiteral)) }},
		"placeholder": {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(some(c, f, hasPlaceholder)) }},
		"expression":  {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(some(c, f, hasExpression)) }},
		"encrypted":   {result: truth, least: 1, most: 1, paths: true, run: func(c *scope, f *call) result { return yes(some(c, f, isEncrypted)) }},
		"secure":      {result: truth, least: 1, most: 1, paths: true, run: secure},
		"known":       {result: truth, least: 1, most: 1, paths: true, run: isKnown},
		"value":       {result: texts, least: 1, most: 1, paths: true, run: value},
		"secret-name": {result: truth, least: 0, most: 1, run: secretName},

		// Where things are.
		"name":       {result: texts, most: 1, paths: true, run: nameOf},
		"local-name": {result: texts, most: 1, paths: true, run: nameOf},
		"namespace":  {result: texts, most: 1, paths: true, run: spaceOf},
		"current":    {result: nodes, run: func(c *scope, _ *call) result { return one(c.current) }},
		"config":     {result: nodes, most: 1, paths: true, run: config},
		"ref":        {result: nodes, least: 1, most: 1, paths: true, run: config},
		"flow":       {result: nodes, run: flow},
		"project":    {result: nodes, least: 1, most: 1, paths: true, run: project},
		"file-name":  {result: texts, run: fileName},
		"major":      {result: number, run: func(c *scope, _ *call) result { return amount(c.env.Project.Major) }},
		"is-domain":  {result: truth, run: func(c *scope, _ *call) result { return yes(c.env.Project.Kind == mule.Domain) }},
	}
}

func yes(b bool) result   { return result{kind: truth, truth: b} }
func amount(n int) result { return result{kind: number, number: float64(n)} }

func one(e *document.Element) result {
	r := result{kind: nodes}
	if e != nil {
		r.items = []Item{{Element: e}}
	}
	return r
}

func some(c *scope, f *call, is func(string) bool) bool {
	return slices.ContainsFunc(f.args[0].eval(c).strings(), is)
}

func filled(s string) bool         { return strings.TrimSpace(s) != "" }
func hasPlaceholder(s string) bool { return strings.Contains(s, "${") }
func hasExpression(s string) bool  { return strings.Contains(s, "#[") }
func isEncrypted(s string) bool    { return strings.HasPrefix(strings.TrimSpace(s), "![") }

func isLiteral(s string) bool {
	return filled(s) && !hasPlaceholder(s) && !hasExpression(s) && !isEncrypted(s)
}

func asNumber(c *scope, f *call) result {
	for _, s := range f.args[0].eval(c).strings() {
		return result{kind: number, number: toNumber(s)}
	}
	return result{kind: number, number: toNumber("")}
}

// pairs holds where a test holds for any pair of values.
func pairs(test func(s, part string) bool) func(c *scope, f *call) result {
	return func(c *scope, f *call) result {
		for _, s := range f.args[0].eval(c).strings() {
			for _, part := range f.args[1].eval(c).strings() {
				if c.env.spend() && test(s, part) {
					return yes(true)
				}
			}
		}
		return yes(false)
	}
}

func matches(c *scope, f *call) result { return yes(some(c, f, f.compiled.MatchString)) }

func oneOf(c *scope, f *call) result {
	have := f.args[0].eval(c).strings()
	for _, arg := range f.args[1:] {
		for _, s := range arg.eval(c).strings() {
			if slices.Contains(have, s) {
				return yes(true)
			}
		}
	}
	return yes(false)
}

func mapped(change func(string) string) func(c *scope, f *call) result {
	return func(c *scope, f *call) result {
		have := f.args[0].eval(c).strings()
		out := make([]string, len(have))
		for i, s := range have {
			out[i] = change(s)
		}
		return result{kind: texts, texts: out}
	}
}

func length(c *scope, f *call) result {
	longest := 0
	for _, s := range f.args[0].eval(c).strings() {
		longest = max(longest, utf8.RuneCountInString(s))
	}
	return amount(longest)
}

// secure holds where a secure property stands in a value.
func secure(c *scope, f *call) result {
	return yes(some(c, f, func(s string) bool {
		if strings.Contains(s, "${secure::") {
			return true
		}
		for rest := s; ; {
			_, behind, found := strings.Cut(rest, "${")
			name, after, closed := strings.Cut(behind, "}")
			if !found || !closed || !c.env.spend() {
				return false
			}
			for _, p := range c.env.Project.Properties.Named(strings.TrimSpace(name)) {
				if p.Secure {
					return true
				}
			}
			rest = after
		}
	}))
}

// isKnown holds where every placeholder of a value is known, and it is no expression.
func isKnown(c *scope, f *call) result {
	return yes(some(c, f, func(s string) bool {
		return !hasExpression(s) && !slices.ContainsFunc(c.env.values(s, 0), hasPlaceholder)
	}))
}

func value(c *scope, f *call) result {
	out := result{kind: texts}
	for _, s := range f.args[0].eval(c).strings() {
		out.texts = append(out.texts, c.env.values(s, 0)...)
	}
	return out
}

// secretName holds where a name is one of a secret: a text, the name of an
// attribute, or without argument the name of the node at hand.
func secretName(c *scope, f *call) result {
	if len(f.args) == 0 {
		return yes(classify.SecretName(c.at.name()))
	}
	r := f.args[0].eval(c)
	if r.kind == nodes {
		return yes(slices.ContainsFunc(r.items, func(i Item) bool { return classify.SecretName(i.name()) }))
	}
	return yes(slices.ContainsFunc(r.strings(), classify.SecretName))
}

func (i Item) name() string {
	if i.Attr != nil {
		return i.Attr.Name.Local
	}
	return i.Element.Name.Local
}

// nameOf is the local name of nodes.
func nameOf(c *scope, f *call) result {
	return described(c, f, func(i Item) string { return i.name() })
}

func spaceOf(c *scope, f *call) result {
	return described(c, f, func(i Item) string { return i.Element.Name.Space })
}

func described(c *scope, f *call, as func(Item) string) result {
	items := []Item{c.at}
	if len(f.args) > 0 {
		items = f.args[0].eval(c).items
	}
	out := result{kind: texts}
	for _, item := range items {
		out.texts = append(out.texts, as(item))
	}
	return out
}

// config is the configuration that an attribute names, config-ref if none is given.
func config(c *scope, f *call) result {
	if len(f.args) == 0 {
		return one(c.env.global(c.at.Element.Value("config-ref")))
	}
	out := result{kind: nodes}
	for _, name := range f.args[0].eval(c).strings() {
		out.items = append(out.items, one(c.env.global(name)).items...)
	}
	return out
}

// flow is the flow, sub-flow or configuration that the element stands in.
func flow(c *scope, _ *call) result {
	e := c.at.Element
	for e != nil && e.Parent != nil && e.Parent.Parent != nil {
		e = e.Parent
	}
	return one(e)
}

// project is all elements of a name in the project.
func project(c *scope, f *call) result {
	p, ok := f.args[0].(*path)
	if !ok || len(p.steps) != 1 || p.start != nil {
		return result{kind: nodes}
	}
	s := &p.steps[0]
	out := result{kind: nodes}
	for _, e := range c.env.all(s.name) {
		out.items = s.keep(c, out.items, Item{Element: e})
	}
	out.items = s.filter(c, out.items)
	return out
}

func fileName(c *scope, _ *call) result {
	return result{kind: texts, texts: []string{c.at.Element.Document.Name}}
}
