package spectral

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// judging is the holding of one document against a ruleset.
type judging struct {
	ctx      context.Context //nolint:containedctx // it lives for one call
	set      *Ruleset
	rules    *ruleset
	document *spec.Document
	resolved *resolution
	results  []Result
	seen     map[sighting]bool
	errs     []error
	dir      string
	once     map[any]any
}

// sighting is what two results have in common that are told once.
type sighting struct {
	rule          *rule
	in            *written
	message, path string
}

// run is one rule while it is judged.
type run struct {
	*judging
	rule *rule
	err  error
	// wandered tells that a function asked for the path.
	wandered bool
	// scripts is how long the rule's scripts have run.
	scripts time.Duration
}

func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

var errTime = errors.New("took longer than the ruleset may take, and was stopped")

// check says whether there is time left.
func (j *judging) check() error {
	if err := j.ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return errTime
	} else if err != nil {
		return err
	}
	return nil
}

// Judge holds a document against the rules. Results are in the order of files,
// lines and rules, each once. An error names the rules that could not be judged;
// the results of the others are given too. The project of the document is read from
// meanwhile.
func (r *Ruleset) Judge(ctx context.Context, doc *spec.Document) ([]Result, error) {
	if doc.Root == nil {
		return nil, fmt.Errorf("%s: rulesets of Spectral judge descriptions in YAML and JSON, and RAML", doc.File)
	}
	size := 0
	if doc.Root.Source != nil {
		size = len(doc.Root.Source.Text)
	}
	ctx, cancel := context.WithTimeout(ctx, whole*r.limits.Time*time.Duration(1+size>>20))
	defer cancel()
	rules, err := r.forFile(doc.File)
	if err != nil {
		return nil, err
	}
	j := &judging{ctx: ctx, set: r, rules: rules, document: doc, seen: map[sighting]bool{}, dir: path.Dir(r.file)}
	if j.resolved, err = resolve(doc); err != nil {
		return nil, err
	}
	if r.engine != nil {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		r.engine.use(ctx)
	}
	j.results = append(j.results, j.resolved.broken...)
	j.judge()
	return j.sorted(), errors.Join(j.errs...)
}

func (j *judging) judge() {
	root := j.resolved.root
	var formats []*format
	for _, f := range j.rules.formats {
		if f.is(root) {
			formats = append(formats, f)
		}
	}
	if len(formats) == 0 && len(j.rules.formats) > 0 {
		j.unrecognized()
	}
	passes := map[bool]*pass{true: {root: root, resolved: true}, false: {root: j.document.Root}}
	var runs []*run
	for _, name := range j.rules.order {
		one := j.rules.rules[name]
		if !one.enabled || !one.fits(formats) {
			continue
		}
		texts, err := one.paths(formats, false)
		if err != nil {
			j.errs = append(j.errs, err)
			continue
		}
		r := &run{judging: j, rule: one}
		runs = append(runs, r)
		for _, text := range texts {
			passes[one.resolved].add(j.set.paths[text], r)
		}
	}
	for _, resolved := range []bool{true, false} {
		j.walk(passes[resolved])
	}
	for _, r := range runs {
		if r.err != nil {
			j.errs = append(j.errs, fmt.Errorf("rule %s: %w", r.rule.name, r.err))
		}
	}
}

func (j *judging) unrecognized() {
	names := make([]string, len(j.rules.formats))
	for i, f := range j.rules.formats {
		names[i] = f.title
	}
	at := j.resolved.position(j.resolved.main, nil)
	j.results = append(j.results, Result{
		Rule: RuleUnrecognizedFormat, Severity: Warn, File: at.file, Line: at.line, Column: at.column,
		Message: "The provided document does not match any of the registered formats [" + strings.Join(names, ", ") + "]",
	})
}

// pass is one view of a document and the rules that judge it.
type pass struct {
	root     *tree.Node
	resolved bool
	paths    []*jsonPath
	runs     [][]*run
}

func (p *pass) add(path *jsonPath, r *run) {
	i := slices.Index(p.paths, path)
	if i < 0 {
		i = len(p.paths)
		p.paths, p.runs = append(p.paths, path), append(p.runs, nil)
	}
	if !slices.Contains(p.runs[i], r) {
		p.runs[i] = append(p.runs[i], r)
	}
}

// walk judges a view: once, sharing what references share, for rules that only
// depend on the value, and once for the others.
func (j *judging) walk(p *pass) {
	still, moving := &pass{root: p.root, resolved: p.resolved}, &pass{root: p.root, resolved: p.resolved}
	for i, path := range p.paths {
		for _, r := range p.runs[i] {
			if path.wandering || p.resolved && j.set.wanders(r.rule.name) {
				moving.add(path, r)
			} else {
				still.add(path, r)
			}
		}
	}
	j.match(still, true)
	for i, path := range still.paths {
		for _, r := range still.runs[i] {
			if r.wandered && p.resolved && len(j.resolved.shared) > 0 {
				j.set.markWandering(r.rule.name)
				moving.add(path, r)
			}
		}
	}
	j.match(moving, false)
}

func (r *Ruleset) wanders(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wandering[name]
}

func (r *Ruleset) markWandering(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wandering == nil {
		r.wandering = map[string]bool{}
	}
	r.wandering[name] = true
}

// match walks a view with some rules.
func (j *judging) match(p *pass, shared bool) {
	if len(p.paths) == 0 {
		return
	}
	m := newMatcher(p.paths)
	m.left, m.check = j.set.limits.Visits, j.check
	if shared && p.resolved {
		m.resolved = j.resolved
	}
	m.emit = func(path int, c *cursor, at int, key bool) {
		for _, r := range p.runs[path] {
			if r.err == nil && m.err == nil {
				r.lint(p, c, at, key)
			}
		}
	}
	if err := m.run(p.root); err != nil {
		names := []string{}
		for _, runs := range p.runs {
			for _, r := range runs {
				if !slices.Contains(names, r.rule.name) {
					names = append(names, r.rule.name)
				}
			}
		}
		if len(names) > 5 {
			names = append(names[:5], fmt.Sprintf("and %d more", len(names)-5))
		}
		j.errs = append(j.errs, fmt.Errorf("rule %s: %w", strings.Join(names, ", "), err))
	}
}

// lint judges a value that the rule selected.
func (r *run) lint(p *pass, c *cursor, at int, key bool) {
	if err := r.check(); err != nil {
		r.fail(err)
		return
	}
	f := &c.stack[at]
	in := Input{Value: f.node, Root: p.root, Unresolved: r.document.Root, Document: r.document, Rule: r.rule.name, run: r}
	if key {
		in.Value = tree.NewText(f.node, f.key())
	}
	in.at = c.stack[:at+1]
	for i := range r.rule.then {
		t := &r.rule.then[i]
		if t.field == nil || !isContainer(in.Value) {
			r.call(t, in, nil)
			continue
		}
		r.fields(t, in)
	}
}

// fields judges the fields of a value that a then names.
func (r *run) fields(t *then, in Input) {
	value := in.Value
	switch {
	case t.field.keys:
		for _, m := range value.Members {
			in.Value = tree.NewText(m.Value, m.Name)
			r.call(t, in, []string{m.Name})
		}
		for i, item := range value.Items {
			f := frame{index: i}
			in.Value = tree.NewText(item, f.key())
			r.call(t, in, []string{f.key()})
		}
		if len(value.Members)+len(value.Items) == 0 {
			in.Value = nil
			r.call(t, in, nil)
		}
	case t.field.path != nil:
		r.selected(t, in)
	default:
		in.Value = value.At(t.field.steps...)
		r.call(t, in, t.field.steps)
	}
}

// selected judges what the path of a field selects.
func (r *run) selected(t *then, in Input) {
	m := newMatcher([]*jsonPath{t.field.path})
	m.left, m.check = r.set.limits.Visits, r.check
	found := false
	value := in.Value
	m.emit = func(_ int, c *cursor, at int, key bool) {
		found = true
		in.Value = c.stack[at].node
		if key {
			in.Value = tree.NewText(in.Value, c.stack[at].key())
		}
		r.call(t, in, c.path(at))
	}
	if err := m.run(value); err != nil {
		r.fail(err)
	}
	if !found {
		in.Value = nil
		r.call(t, in, nil)
	}
}

// call runs a function and keeps what it complains of.
func (r *run) call(t *then, in Input, field []string) {
	if r.err != nil {
		return
	}
	in.field = field
	for _, p := range t.check(&in) {
		path := p.Path
		if path == nil {
			path = append(in.place(), p.Below...)
		}
		r.keep(p.Message, path)
	}
}

// place leads from the root to the value.
func (in *Input) place() []string {
	c := cursor{in.at}
	return append(c.path(len(in.at)-1), in.field...)
}

// last is the name of the value, empty at the root.
func (in *Input) last() string {
	if len(in.field) > 0 {
		return in.field[len(in.field)-1]
	}
	if len(in.at) > 1 {
		return in.at[len(in.at)-1].key()
	}
	return ""
}
