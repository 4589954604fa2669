package spectral

import (
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// definition is a ruleset as it is written, in whatever language.
type definition struct {
	// file is that it was read from, empty for built-in ones.
	file      string
	extends   []extension
	rules     []ruleDefinition
	aliases   map[string]alias
	formats   []*format
	overrides []override
	docs      string
}

// extension is another ruleset and what of it applies: "recommended", "all" or
// "off"; explicit where the ruleset says so.
type extension struct {
	of       *definition
	applies  string
	explicit bool
}

// alias is paths by a name. Targets apply to formats, the last that fits.
type alias struct {
	paths   []string
	targets []aliasTarget
}

type aliasTarget struct {
	formats []*format
	paths   []string
}

// override is a part of a ruleset that applies to some files.
type override struct {
	files []string
	definition
}

// ruleDefinition is what a ruleset says of a rule: a change of another's, or a
// rule.
type ruleDefinition struct {
	name string
	at   *tree.Node
	// on is set by true and false; severity by a severity alone.
	on       *bool
	severity *Severity
	full     *ruleBody
}

// ruleBody is a rule as it is written; nil fields are those that it doesn't name.
type ruleBody struct {
	description, message, docs *string
	severity                   *Severity
	recommended, resolved      *bool
	formats                    []*format
	hasFormats                 bool
	given                      []string
	then                       []then
}

// then is what is done with each value.
type then struct {
	field *fieldPath
	name  string
	check Check
}

// fieldPath is the field of a then.
type fieldPath struct {
	keys  bool
	path  *jsonPath
	steps []string
}

// ruleset is one definition with the rules of all that it extends.
type ruleset struct {
	definition *definition
	order      []string
	rules      map[string]*rule
	formats    []*format
	targets    bool
}

// rule is a rule as it applies.
type rule struct {
	name                       string
	description, message, docs string
	described, hasMessage      bool
	severity                   Severity
	recommended, enabled       bool
	resolved                   bool
	formats                    []*format
	anyFormat                  bool
	given                      []string
	aliases                    *ruleset
	owner                      *ruleset
	then                       []then
	// pointers are severities of places: by files, then by pointer.
	pointers []pointerSeverity
}

type pointerSeverity struct {
	files    string
	pointer  string
	severity Severity
}

// builder makes rulesets of definitions.
type builder struct {
	stack []*definition
	rules int
	most  int
}

func (b *builder) build(d *definition, applies string, explicit bool) (*ruleset, error) {
	r := &ruleset{definition: d, rules: map[string]*rule{}}
	for _, a := range d.aliases {
		r.targets = r.targets || a.paths == nil
	}
	b.stack = append(b.stack, d)
	var extended []*ruleset
	for _, e := range d.extends {
		if slices.Contains(b.stack, e.of) {
			continue
		}
		other, err := b.build(e.of, e.applies, e.explicit)
		if err != nil {
			return nil, err
		}
		extended = append(extended, other)
	}
	b.stack = b.stack[:len(b.stack)-1]
	r.addFormats(d.formats)
	for _, other := range extended {
		r.addFormats(other.formats)
		for _, name := range other.order {
			one := other.rules[name]
			r.put(one)
			if explicit {
				one.enabled = enables(applies, one)
			}
		}
	}
	for i := range d.rules {
		if b.rules++; b.rules > b.most {
			return nil, fmt.Errorf("the ruleset has more than %d rules", b.most)
		}
		if err := r.apply(&d.rules[i], applies, explicit); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func enables(applies string, r *rule) bool {
	return applies == "all" || applies == "recommended" && r.recommended
}

func (r *ruleset) put(one *rule) {
	if r.rules[one.name] == nil {
		r.order = append(r.order, one.name)
	}
	r.rules[one.name] = one
}

func (r *ruleset) addFormats(list []*format) {
	for _, f := range list {
		if !slices.Contains(r.formats, f) {
			r.formats = append(r.formats, f)
		}
	}
}

// apply is what a definition does to a rule.
func (r *ruleset) apply(d *ruleDefinition, applies string, explicit bool) error {
	one := r.rules[d.name]
	switch {
	case one == nil && d.full == nil:
		return tree.Wrong(d.at, "rule %s: no ruleset that this one extends has it", d.name)
	case d.on != nil:
		one.enabled = *d.on
	case d.severity != nil:
		one.severity = *d.severity
		one.enabled = *d.severity != Off
	case one == nil:
		if d.full.given == nil || d.full.then == nil {
			return tree.Wrong(d.at, "rule %s: a new rule needs given and then", d.name)
		}
		one = &rule{name: d.name, severity: Warn, recommended: true, resolved: true, anyFormat: true, owner: r, aliases: r}
		one.assign(d.full)
		one.enabled = one.recommended
		r.put(one)
	default:
		if d.full.given != nil {
			one.aliases = r
		}
		one.assign(d.full)
		one.enabled = true
	}
	if one.owner == r || explicit {
		one.enabled = enables(applies, one)
	}
	switch {
	case !one.anyFormat:
		r.addFormats(one.formats)
	case len(one.owner.definition.formats) > 0:
		one.formats, one.anyFormat = one.owner.definition.formats, false
	}
	if r.definition.docs != "" && one.docs == "" {
		one.docs = r.definition.docs + "#" + d.name
	}
	return nil
}

func (one *rule) assign(b *ruleBody) {
	set := func(to *string, from *string) bool {
		if from != nil {
			*to = *from
		}
		return from != nil
	}
	one.described = set(&one.description, b.description) || one.described
	one.hasMessage = set(&one.message, b.message) || one.hasMessage
	set(&one.docs, b.docs)
	if b.severity != nil {
		one.severity = *b.severity
	}
	if b.recommended != nil {
		one.recommended = *b.recommended
	}
	if b.resolved != nil {
		one.resolved = *b.resolved
	}
	if b.hasFormats {
		one.formats, one.anyFormat = b.formats, false
	}
	if b.given != nil {
		one.given = b.given
	}
	if b.then != nil {
		one.then = b.then
	}
}

// fits says whether the rule judges a document of some formats.
func (one *rule) fits(formats []*format) bool {
	return one.anyFormat || slices.ContainsFunc(one.formats, func(f *format) bool { return slices.Contains(formats, f) })
}

// paths are those of given, aliases opened for the formats of a document; nil
// stands for no formats at all, and every for all that there may be.
func (one *rule) paths(formats []*format, every bool) ([]string, error) {
	var out []string
	for _, g := range one.given {
		list, err := one.aliases.open(g, formats, every, nil)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", one.name, err)
		}
		out = append(out, list...)
	}
	return out, nil
}

// maxPaths bounds what aliases open out to.
const maxPaths = 1000

// open replaces the alias that an expression begins with.
func (r *ruleset) open(text string, formats []*format, every bool, stack []string) ([]string, error) {
	rest, found := strings.CutPrefix(text, "#")
	if !found {
		return []string{text}, nil
	}
	end := strings.IndexFunc(rest, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
	if end < 0 {
		end = len(rest)
	}
	name := rest[:end]
	if slices.Contains(stack, name) {
		return nil, fmt.Errorf("the alias %s refers to itself", name)
	}
	a, known := r.definition.aliases[name]
	if !known {
		return nil, fmt.Errorf("the alias %q is not defined", name)
	}
	var out []string
	for _, p := range a.choose(formats, every) {
		list, err := r.open(p+rest[end:], formats, every, append(slices.Clone(stack), name))
		if err != nil {
			return nil, err
		}
		if out = append(out, list...); len(out) > maxPaths {
			return nil, fmt.Errorf("the alias %s opens out to more than %d paths", name, maxPaths)
		}
	}
	return out, nil
}

func (a *alias) choose(formats []*format, every bool) []string {
	if a.paths != nil {
		return a.paths
	}
	var all []string
	for i := len(a.targets) - 1; i >= 0; i-- {
		t := &a.targets[i]
		if every {
			all = append(all, t.paths...)
			continue
		}
		if slices.ContainsFunc(t.formats, func(f *format) bool { return slices.Contains(formats, f) }) {
			return t.paths
		}
	}
	return all
}
