package scan

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/scan/selector"
)

//go:embed rules/*.yaml
var builtin embed.FS

// Rules are rules that can be asked together. They may be used by many at once.
type Rules struct {
	all  []*rule
	byID map[string]*rule
	// starts are the items of rules by the names of the elements that they can
	// choose; selector.Any stands for any.
	starts map[document.Name][]start
}

// start is an item of a rule.
type start struct {
	rule  *rule
	match *match
}

// Builtin are the rules that Farrier comes with.
func Builtin() (*Rules, error) { return readBuiltin(true) }

// BuiltinBrief are the rules that Farrier comes with, without their examples, which
// are most of what there is to read. They find the same.
func BuiltinBrief() (*Rules, error) { return readBuiltin(false) }

func readBuiltin(examples bool) (*Rules, error) {
	rules, err := readRules(builtin, "rules", "rules", examples)
	if err != nil {
		return nil, fmt.Errorf("reading the rules that are built in: %w", err)
	}
	return newRules(rules)
}

// With are these rules and those of a folder of the user's own rule files, whose
// ids must be others. Names in errors begin with shown.
func (r *Rules) With(files fs.FS, shown string) (*Rules, error) {
	own, err := readRules(files, ".", shown, true)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("%s has no rule files: they are named <ID>.yaml", shown)
	}
	for _, o := range own {
		o.Own = true
	}
	return newRules(slices.Concat(r.all, own))
}

// newRules puts rules together. With an error it gives those that fit.
func newRules(all []*rule) (*Rules, error) {
	r := &Rules{all: all, byID: map[string]*rule{}, starts: map[document.Name][]start{}}
	slices.SortStableFunc(r.all, func(a, b *rule) int { return strings.Compare(a.ID, b.ID) })
	for _, own := range suppressionRules() {
		r.byID[own.ID] = &rule{RuleInfo: own}
	}
	var wrong []error
	for _, x := range r.all {
		if other := r.byID[x.ID]; other != nil {
			wrong = append(wrong, fmt.Errorf("%s: there is already a rule %s; rules of your own need other ids", x.node.Position(), x.ID))
			continue
		}
		r.byID[x.ID] = x
		x.index(r)
	}
	for _, x := range r.all {
		for _, id := range x.unless {
			if r.byID[id] == nil {
				wrong = append(wrong, fmt.Errorf("%s: unless names %s, which is no rule", x.node.Get("unless").Position(), id))
			}
		}
	}
	return r, errors.Join(wrong...)
}

func (x *rule) index(r *Rules) {
	for _, m := range x.matches {
		seen := map[document.Name]bool{}
		for _, name := range m.selector.Names() {
			if !seen[name] {
				seen[name] = true
				r.starts[name] = append(r.starts[name], start{x, m})
			}
		}
	}
}

// startingAt calls visit with each item that can choose an element of a name.
func (r *Rules) startingAt(name document.Name, visit func(start)) {
	keys := [...]document.Name{name, {Space: name.Space, Local: selector.Any}, {Space: selector.Any, Local: name.Local}, {Space: selector.Any, Local: selector.Any}}
	for _, key := range keys {
		for _, s := range r.starts[key] {
			visit(s)
		}
	}
}

// Info describes the rules, in the order of their ids.
func (r *Rules) Info() []RuleInfo {
	out := make([]RuleInfo, 0, len(r.all))
	for _, x := range r.all {
		out = append(out, x.info())
	}
	out = append(out, suppressionRules()...)
	slices.SortFunc(out, func(a, b RuleInfo) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (x *rule) info() RuleInfo {
	info := x.RuleInfo
	for _, e := range x.bad {
		info.Bad = append(info.Bad, e.shown())
	}
	for _, e := range x.good {
		info.Good = append(info.Good, e.shown())
	}
	return info
}
