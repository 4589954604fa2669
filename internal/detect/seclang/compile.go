package seclang

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"farrier.dev/farrier/internal/detect/seclang/syntax"
	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// program is a rule that can be run, with what is chained to it.
type program struct {
	rule  *Rule
	meta  metadata
	links []link
	// jump is the index of the rule to go on with after a match, 0: the next.
	jump  int32
	flat  int // index in the order before folding
	index int // in Set.rules
	// reads says which captured groups the rule reads that it set itself.
	reads uint16
	// silent rules keep the books of others and are not reported.
	silent bool
	// noted says that MATCHED_VAR and its kin may be read after a match.
	noted bool
}

// link is a rule or one chained to another.
type link struct {
	at      syntax.Position
	targets []target
	steps   []transform.Func
	multi   bool
	capture bool
	test    *test // nil: matches always
	effects []effect
}

// compiler turns directives into rules.
type compiler struct {
	fsys     fs.FS
	options  Options
	entries  []*entry
	byID     map[int]*entry
	defaults map[int][]syntax.Action
	set      *Set
	included int
	// initial are variables whose first value is known, and that rules change.
	initial map[string]string
}

// entry is a rule or a marker, in the order of the sources.
type entry struct {
	marker string
	rule   *syntax.Rule
	dir    string
	meta   metadata
}

const maxIncludes = 1000

// Compile reads the sources in order. Files named by Include, @pmFromFile and
// @ipMatchFromFile are read from fsys. What it does not know, it refuses: errors
// begin with file:line.
func Compile(fsys fs.FS, sources []Source, o Options) (*Set, error) {
	if len(o.Phases) == 0 {
		o.Phases = []int{1, 2}
	}
	c := &compiler{
		fsys: fsys, options: o, set: &Set{},
		byID: map[int]*entry{}, defaults: map[int][]syntax.Action{}, initial: map[string]string{},
	}
	for _, s := range sources {
		if err := c.read(s.Name, s.Text, "."); err != nil {
			return nil, err
		}
	}
	flat, err := c.programs()
	if err != nil {
		return nil, err
	}
	if err := c.fold(flat); err != nil {
		return nil, err
	}
	c.finish()
	c.index()
	if !o.Exact {
		if c.set.sieve, err = newSieve(c.set, o); err != nil {
			return nil, fmt.Errorf("compiling the sieve: %w", err)
		}
	}
	return c.set, nil
}

func (c *compiler) read(name, text, dir string) error {
	directives, err := syntax.Parse(name, text)
	if err != nil {
		return err
	}
	for i := range directives {
		if err := c.directive(&directives[i], dir); err != nil {
			var s *syntax.Error
			if errors.As(err, &s) { // of an included file, or of a link of a chain
				return err
			}
			return &syntax.Error{Pos: directives[i].Pos, Problem: err.Error()}
		}
	}
	return nil
}

func (c *compiler) include(pattern, dir string) error {
	pattern = path.Join(dir, pattern)
	names, err := fs.Glob(c.fsys, pattern)
	if err != nil {
		return fmt.Errorf("include %s: %w", pattern, err)
	}
	if len(names) == 0 {
		names = []string{pattern}
	}
	for _, name := range names {
		if c.included++; c.included > maxIncludes {
			return fmt.Errorf("more than %d files are included: look for a file that includes itself", maxIncludes)
		}
		text, err := fs.ReadFile(c.fsys, name)
		if err != nil {
			return fmt.Errorf("include %s: %w", name, err)
		}
		if err := c.read(name, string(text), path.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// add appends a SecRule or SecAction.
func (c *compiler) add(r *syntax.Rule, dir string) error {
	e := &entry{rule: r, dir: dir, meta: metadata{phase: 2}}
	if err := e.meta.read(r.Actions); err != nil {
		return err
	}
	if e.meta.id == 0 {
		return errors.New("the rule has no id: add the action id with a number that no other rule has")
	}
	if c.byID[e.meta.id] != nil {
		return fmt.Errorf("another rule has the id %d, too: give this one its own", e.meta.id)
	}
	for l := r.Chained; l != nil; l = l.Chained {
		for _, a := range l.Actions {
			if disruptive[a.Name] {
				return &syntax.Error{Pos: l.Pos, Problem: fmt.Sprintf(
					"the action %s must stand in the first rule of the chain: move it to rule %d", a.Name, e.meta.id)}
			}
		}
	}
	// Defaults hold for the rules that follow them.
	for l, phase := r, e.meta.phase; l != nil; l, phase = l.Chained, 2 {
		if d := c.defaults[phase]; len(d) > 0 {
			l.Actions = slices.Concat(d, l.Actions)
		}
	}
	c.byID[e.meta.id] = e
	c.entries = append(c.entries, e)
	return nil
}

func (c *compiler) ignore(at, what, reason string) {
	c.set.ignored = append(c.set.ignored, Ignored{Position: at, What: what, Reason: reason})
}

// step of the flat order in which everything runs: phase by phase, and markers
// in each.
type flatEntry struct {
	marker  string
	phase   int
	program *program
}

func (c *compiler) programs() ([]flatEntry, error) {
	var flat []flatEntry
	for _, phase := range c.options.Phases {
		for _, e := range c.entries {
			switch {
			case e.rule == nil:
				flat = append(flat, flatEntry{marker: e.marker, phase: phase})
			case e.meta.phase == phase:
				p, err := c.program(e)
				if err != nil {
					return nil, err
				}
				p.flat = len(flat)
				flat = append(flat, flatEntry{phase: phase, program: p})
			}
		}
	}
	return flat, nil
}

func (c *compiler) program(e *entry) (*program, error) {
	p := &program{
		meta: e.meta, silent: e.meta.silent,
		rule: &Rule{
			ID: e.meta.id, Phase: e.meta.phase, Message: e.meta.msg, Severity: e.meta.severity,
			Tags: e.meta.tags, File: e.rule.Pos.File, Line: e.rule.Pos.Line,
		},
	}
	for r := e.rule; r != nil; r = r.Chained {
		if len(p.links) > 255 {
			return nil, &syntax.Error{Pos: r.Pos, Problem: "more than 255 rules are chained"}
		}
		l, err := c.link(r, e.dir)
		if err != nil {
			return nil, &syntax.Error{Pos: r.Pos, Problem: err.Error()}
		}
		p.links = append(p.links, l)
	}
	return p, nil
}

func (c *compiler) link(r *syntax.Rule, dir string) (link, error) {
	l := link{at: r.Pos}
	for _, a := range r.Actions {
		if err := c.act(&l, a, r.Pos.String()); err != nil {
			return l, err
		}
	}
	if len(r.Variables) == 0 {
		return l, nil
	}
	var err error
	if l.targets, err = compileTargets(r.Variables); err != nil {
		return l, err
	}
	l.test, err = c.compileTest(r.Operator, dir)
	return l, err
}

// dataFile reads the lines of a file of phrases or addresses.
func (c *compiler) dataFile(name, dir string) (string, error) {
	tried := path.Join(dir, name)
	text, err := fs.ReadFile(c.fsys, tried)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		text, err = fs.ReadFile(c.fsys, path.Clean(name))
	}
	if err != nil {
		return "", fmt.Errorf("the data file %s: %w", tried, err)
	}
	return string(text), nil
}
