package validation

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation/graph"
)

// Limits of a profile.
const (
	// MaxBytes is how long a profile may be.
	MaxBytes = 4 << 20
	// maxDepth is how deep constraints may be nested.
	maxDepth = 40
	// maxErrors is how many mistakes are told at once.
	maxErrors = 20
	// maxPattern is how long a regular expression may be.
	maxPattern = 8 << 10
)

// Load reads a profile. What it does not understand is an error that tells the
// line: a rule that is silently left out protects nobody.
func Load(src *tree.Source) (*Profile, error) { return LoadWith(src, nil) }

// LoadWith reads a profile whose parameters are filled with the given values
// where there is one, otherwise with their defaults.
func LoadWith(src *tree.Source, parameters map[string]string) (*Profile, error) {
	first, _, _ := bytes.Cut(bytes.TrimPrefix(src.Text, []byte("\xef\xbb\xbf")), []byte("\n"))
	if string(bytes.TrimSpace(first)) != Header {
		return nil, &tree.Error{File: src.Name, Line: 1, Problem: "not a validation profile: the first line must be " + Header}
	}
	root, err := tree.Read(src, tree.Options{MaxBytes: MaxBytes, MaxDepth: 4 * maxDepth})
	if err != nil {
		return nil, err
	}
	l := &loader{prefixes: graph.Prefixes(), parameters: parameters, profile: &Profile{}}
	l.load(root)
	for name := range parameters {
		if !slices.ContainsFunc(l.profile.Parameters, func(p Parameter) bool { return p.Name == name }) {
			l.fail(root, "there is no parameter %s in this profile", name)
		}
	}
	if l.errs == nil {
		if l.profile.rego, err = l.module.compile(src.Name); err != nil {
			l.errs = append(l.errs, err)
		}
	}
	if l.errs != nil {
		return nil, errors.Join(l.errs...)
	}
	return l.profile, nil
}

// loader reads one profile.
type loader struct {
	prefixes   map[string]string
	parameters map[string]string
	profile    *Profile
	module     regoModule
	errs       []error
	depth      int
}

// fail remembers a mistake at a place.
func (l *loader) fail(at *tree.Node, format string, args ...any) {
	if len(l.errs) < maxErrors {
		l.errs = append(l.errs, tree.Wrong(at, format, args...))
	}
}

// failName remembers a mistake at the name of a member.
func (l *loader) failName(in *tree.Node, m *tree.Member, format string, args ...any) {
	at := tree.New(in, tree.Null, "")
	at.Line, at.Column = m.Line, m.Column
	l.fail(at, format, args...)
}

// known refuses members that mean nothing.
func (l *loader) known(n *tree.Node, what string, names ...string) bool {
	if !n.Is(tree.Object) {
		l.fail(n, "%s must be an object", what)
		return false
	}
	for i := range n.Members {
		if m := &n.Members[i]; !slices.Contains(names, m.Name) {
			l.failName(n, m, "%s: unknown field %q; known are %s", what, clip(m.Name), strings.Join(names, ", "))
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func (l *loader) load(root *tree.Node) {
	if !l.known(root, "the profile", "profile", "description", "tags", "prefixes", "violation", "warning", "info",
		"disabled", "validations", "rego_extensions") {
		return
	}
	l.profile.Name = l.text(root.Get("profile"), "profile")
	if l.profile.Name == "" {
		l.fail(root, "the profile has no name; add profile: NAME")
	}
	l.profile.Description = l.text(root.Get("description"), "description")
	l.profile.Tags = l.texts(root.Get("tags"), "tags")
	for _, m := range root.Get("prefixes").Fields() {
		l.prefixes[m.Name] = l.text(m.Value, "the prefix "+m.Name)
	}
	if code := root.Get("rego_extensions"); code != nil {
		l.module.extend(code, l.text(code, "rego_extensions"))
	}
	severities := l.severities(root)
	validations := root.Get("validations")
	if validations != nil && !validations.Is(tree.Object) {
		l.fail(validations, "validations must be an object of rules by their names")
	}
	for i := range validations.Fields() {
		m := &validations.Members[i]
		l.rule(validations, m, severities)
	}
	for id, listed := range severities {
		if validations.Get(id) == nil {
			l.fail(listed.at, "rule %s is listed, but there is no validation of this name", clip(id))
		}
	}
}

type listed struct {
	severity Severity
	disabled bool
	at       *tree.Node
}

// severities reads the lists of rules.
func (l *loader) severities(root *tree.Node) map[string]listed {
	all := map[string]listed{}
	for _, s := range []Severity{Violation, Warning, Info} {
		list := root.Get(string(s))
		l.texts(list, string(s))
		for _, item := range list.List() {
			if other, twice := all[item.Str()]; twice {
				l.fail(item, "rule %s is listed as %s already", clip(item.Str()), other.severity)
				continue
			}
			all[item.Str()] = listed{severity: s, at: item}
		}
	}
	list := root.Get("disabled")
	l.texts(list, "disabled")
	for _, item := range list.List() {
		was := all[item.Str()]
		was.disabled, was.at = true, item
		all[item.Str()] = was
	}
	return all
}

// ruleFields stand beside the constraint of a rule.
func ruleFields() []string {
	return []string{"message", "targetClass", "aspect", "documentation", "examples", "name"}
}

func (l *loader) rule(in *tree.Node, m *tree.Member, severities map[string]listed) {
	n := m.Value
	if !n.Is(tree.Object) {
		l.failName(in, m, "rule %s must be an object", clip(m.Name))
		return
	}
	s, found := severities[m.Name]
	r := Rule{ID: m.Name, Severity: s.severity, Line: int(m.Line), Disabled: !found || s.disabled}
	if r.Severity == "" {
		r.Severity = Violation
	}
	r.Message = l.text(n.Get("message"), "message")
	if r.Message == "" {
		r.Message = m.Name
	}
	r.message = l.message(tree.New(n.Get("message"), tree.String, r.Message))
	r.Documentation = l.text(n.Get("documentation"), "documentation")
	if aspect := n.Get("aspect"); aspect.Is(tree.String) {
		r.Aspects = []string{aspect.Text}
	} else {
		r.Aspects = l.texts(aspect, "aspect")
	}
	l.ruleExamples(&r, n.Get("examples"))
	class := n.Get("targetClass")
	if class == nil {
		l.failName(in, m, "rule %s has no targetClass", clip(m.Name))
	} else if iri, err := l.iri(l.text(class, "targetClass")); err != nil {
		l.fail(class, "targetClass: %v", err)
	} else {
		r.TargetClass = iri
	}
	r.check = l.expression(n, "rule "+clip(m.Name), ruleFields()...)
	l.profile.rules = append(l.profile.rules, r)
}

// ruleExamples reads examples: one text or several for each of valid and invalid.
func (l *loader) ruleExamples(r *Rule, n *tree.Node) {
	if n == nil || !l.known(n, "examples", "valid", "invalid") {
		return
	}
	of := func(name string) []string {
		switch e := n.Get(name); {
		case e == nil:
			return nil
		case e.Is(tree.Array):
			return l.texts(e, name)
		default:
			return []string{l.text(e, name)}
		}
	}
	r.Valid, r.Invalid = of("valid"), of("invalid")
}

// text is a text, parameters filled.
func (l *loader) text(n *tree.Node, what string) string {
	if n == nil {
		return ""
	}
	switch n.Kind {
	case tree.String, tree.Number, tree.Bool:
		return l.fill(n).Text
	case tree.Null, tree.Array, tree.Object, tree.Include:
	}
	l.fail(n, "%s must be a text, not %s", what, n.Kind)
	return ""
}

func (l *loader) texts(n *tree.Node, what string) []string {
	if n == nil {
		return nil
	}
	if !n.Is(tree.Array) {
		if !n.Is(tree.Null) {
			l.fail(n, "%s must be a list", what)
		}
		return nil
	}
	var out []string
	for _, item := range n.Items {
		out = append(out, l.text(item, what))
	}
	return out
}

var (
	parameter = regexp.MustCompile(`\$\{\{\s*([A-Za-z_][\w.-]*)\s*(?::(.*?))?\}\}`)
	jsonValue = regexp.MustCompile(`^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|true|false)$`)
)

// fill puts values into the parameters of a text. One that is nothing else may
// become a number or boolean.
func (l *loader) fill(n *tree.Node) *tree.Node {
	if !n.Is(tree.String) || !strings.Contains(n.Text, "${{") {
		return n
	}
	text := parameter.ReplaceAllStringFunc(n.Text, func(match string) string {
		m := parameter.FindStringSubmatch(match)
		name, value := m[1], m[2]
		if !slices.ContainsFunc(l.profile.Parameters, func(p Parameter) bool { return p.Name == name }) {
			l.profile.Parameters = append(l.profile.Parameters, Parameter{name, value, int(n.Line)})
		}
		if given, ok := l.parameters[name]; ok {
			value = given
		}
		return value
	})
	out := tree.New(n, tree.String, text)
	if jsonValue.MatchString(text) && parameter.FindString(n.Text) == n.Text {
		out.Kind = tree.Number
		if text == "true" || text == "false" {
			out.Kind = tree.Bool
		}
	}
	return out
}

// iri opens the short name of a class or property, "prefix.name".
func (l *loader) iri(name string) (string, error) {
	prefix, local, found := strings.Cut(name, ".")
	if !found || local == "" {
		return "", fmt.Errorf("%q is no name of the form prefix.name", clip(name))
	}
	base, known := l.prefixes[prefix]
	if !known {
		return "", fmt.Errorf("unknown prefix %q; known are %s", clip(prefix), strings.Join(slices.Sorted(maps.Keys(l.prefixes)), ", "))
	}
	return base + local, nil
}
