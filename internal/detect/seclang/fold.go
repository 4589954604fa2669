package seclang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang/syntax"
)

// folder walks the rules in the order in which they run and decides what
// settings alone decide: rules that never match vanish, rules that always match
// leave their variables behind, and what they skip vanishes, too.
type folder struct {
	c    *compiler
	flat []flatEntry
	tx   map[string]constant
	// unknown are prefixes of keys that some rule may have set.
	unknown []string
	// targets are flat indices to which a rule may jump; up to the last, what
	// runs is uncertain.
	targets []int
	// removers may take rules out of a run.
	removers []*control
	kept     []*program
	// pending are set by earlier links of the chain that is looked at.
	pending []*setvar
	jumps   map[*program]int // flat index
}

// constant is what is known of a variable of TX; one that was never set is
// known to be missing.
type constant struct {
	value   string
	known   bool
	missing bool
}

func (c *compiler) fold(flat []flatEntry) error {
	f := &folder{c: c, flat: flat, tx: map[string]constant{}, jumps: map[*program]int{}}
	for i := 0; i < len(flat); {
		next, err := f.entry(i)
		if err != nil {
			return err
		}
		i = next
	}
	f.resolve()
	c.set.constants = map[string]string{}
	for key, v := range f.tx {
		if v.known && !v.missing {
			c.set.constants[key] = v.value
		}
	}
	return nil
}

// entry folds one rule and gives the index of the next.
func (f *folder) entry(i int) (int, error) {
	p := f.flat[i].program
	if p == nil {
		return i + 1, nil
	}
	times := f.matches(p)
	if len(times) == 0 { // never
		f.c.set.folded = append(f.c.set.folded, p.rule.ID)
		return i + 1, nil
	}
	jump, err := f.jump(i)
	if err != nil {
		return 0, err
	}
	if f.certain(p, i) && !slices.Contains(times, uncertain) && f.foldEffects(p, times) {
		f.c.set.folded = append(f.c.set.folded, p.rule.ID)
		if p.rule.Severity != "" && !p.silent {
			f.c.set.certain = append(f.c.set.certain, p.rule)
		}
		if jump > 0 && !f.entered(i, jump) {
			for _, e := range f.flat[i+1 : jump] {
				if e.program != nil {
					f.c.set.folded = append(f.c.set.folded, e.program.rule.ID)
				}
			}
			return jump, nil
		}
		if jump == 0 {
			return i + 1, nil
		}
	}
	f.keep(p, jump)
	return i + 1, nil
}

// jump is the flat index at which a match goes on, 0 for the next.
func (f *folder) jump(i int) (int, error) {
	p := f.flat[i].program
	if name := p.meta.skipAfter; name != "" {
		for j := i + 1; j < len(f.flat); j++ {
			if f.flat[j].marker == name && f.flat[j].program == nil {
				return j + 1, nil
			}
		}
		return 0, &syntax.Error{
			Pos:     p.links[0].at,
			Problem: fmt.Sprintf("skipAfter:%s: no SecMarker %s follows: add one", name, name),
		}
	}
	j := i + 1
	for n := p.meta.skip; n > 0 && j < len(f.flat) && f.flat[j].phase == f.flat[i].phase; n-- {
		j++
	}
	if p.meta.skip == 0 {
		return 0, nil
	}
	return j, nil
}

// certain says whether the rule runs whatever the input is.
func (f *folder) certain(p *program, i int) bool {
	for _, t := range f.targets {
		if t > i {
			return false
		}
	}
	return !slices.ContainsFunc(f.removers, func(c *control) bool { return c.off || c.covers(p.rule) })
}

// entered says whether a rule may jump to somewhere between.
func (f *folder) entered(from, to int) bool {
	return slices.ContainsFunc(f.targets, func(t int) bool { return t > from && t < to })
}

const uncertain = -1

// matches tells for each link how often it matches; uncertain where that
// depends on the input. It is empty when the rule never matches.
func (f *folder) matches(p *program) []int {
	times := make([]int, len(p.links))
	defer func() { f.pending = nil }()
	for i := range p.links {
		times[i] = f.linkMatches(&p.links[i])
		for _, e := range p.links[i].effects {
			if e.set != nil {
				f.pending = append(f.pending, e.set)
			}
		}
		if times[i] == 0 && i == 0 {
			return nil
		}
		if times[i] == 0 {
			times[i] = uncertain // what the first links do must be done
		}
	}
	return times
}

func (f *folder) linkMatches(l *link) int {
	if l.test == nil {
		return 1
	}
	if l.test.argument != nil {
		l.test.argument = l.test.argument.fold(f.constantToken)
		if _, ok := l.test.argument.literal(); !ok {
			return f.uncertainTargets(l)
		}
	}
	times := 0
	for i := range l.targets {
		t := &l.targets[i]
		if t.variable.kind != ofTX || t.expr != nil || t.key == "" || l.multi || len(t.excepted) > 0 {
			return uncertain
		}
		v := f.get(t.key)
		if !v.known {
			return uncertain
		}
		text := v.value
		switch {
		case t.count && v.missing:
			text = "0"
		case t.count:
			text = "1"
		case v.missing:
			continue
		}
		for j := range l.steps {
			text = string(l.steps[j].Append(nil, text))
		}
		if l.holds(text) {
			times++
		}
	}
	return times
}

// uncertainTargets is 0 if there is nothing to test: all variables are missing.
func (f *folder) uncertainTargets(l *link) int {
	for i := range l.targets {
		t := &l.targets[i]
		if t.variable.kind != ofTX || t.expr != nil || t.key == "" || t.count {
			return uncertain
		}
		if v := f.get(t.key); !v.known || !v.missing {
			return uncertain
		}
	}
	return 0
}

// holds applies a test whose argument is literal.
func (l *link) holds(text string) bool {
	t := l.test
	var ok bool
	switch {
	case t.pattern != nil:
		ok = t.pattern.match(text)
	case t.phrases != nil:
		_, end := t.phrases.next(text, 0)
		ok = end > 0
	case t.compare != nil:
		argument, _ := t.argument.literal()
		ok = t.compare(argument, text)
	default:
		ok = t.match(text)
	}
	return ok != t.negated
}

func (f *folder) get(key string) constant {
	if _, captured := group(key); captured {
		return constant{}
	}
	if slices.ContainsFunc(f.pending, func(s *setvar) bool { return s.maySet(key) }) {
		return constant{}
	}
	if v, ok := f.tx[key]; ok {
		return v
	}
	for _, prefix := range f.unknown {
		if strings.HasPrefix(key, prefix) {
			return constant{}
		}
	}
	return constant{known: true, missing: true}
}

func (f *folder) constantToken(t token) (string, bool) {
	if t.from.kind != ofTX {
		return "", false
	}
	v := f.get(t.key)
	if v.missing {
		return t.text, true
	}
	return v.value, v.known
}

// foldEffects does what a rule that always matches does, if that is known.
func (f *folder) foldEffects(p *program, times []int) bool {
	saved := maps.Clone(f.tx)
	for i := range p.links {
		for range times[i] {
			for _, e := range p.links[i].effects {
				if e.set == nil || !f.foldSetvar(e.set) {
					f.tx = saved
					return false
				}
			}
		}
	}
	return true
}

func (f *folder) foldSetvar(s *setvar) bool {
	key, ok := s.key.fold(f.constantToken).literal()
	if !ok {
		return false
	}
	key = strings.ToLower(key)
	if f.read(key) {
		return false // a rule that is kept must find the value of its time
	}
	current := f.get(key)
	value, ok := s.value.fold(f.constantToken).literal()
	if !ok || !current.known {
		return false
	}
	if s.delete {
		f.tx[key] = constant{known: true, missing: true}
		return true
	}
	if v, ok := assigned(current.value, value); ok {
		f.tx[key] = constant{value: v, known: true}
	}
	return true
}

// keep leaves a rule for run time, where it may or may not match.
func (f *folder) keep(p *program, jump int) {
	f.kept = append(f.kept, p)
	if jump > 0 {
		f.jumps[p] = jump
		f.targets = append(f.targets, jump)
	}
	var sets []*setvar
	for i := range p.links {
		for _, e := range p.links[i].effects {
			switch {
			case e.set != nil:
				sets = append(sets, e.set)
				f.forget(e.set)
			case e.ctl.target == nil:
				f.removers = append(f.removers, e.ctl)
			}
		}
	}
	// What it reads may be something else later.
	for _, s := range sets {
		s.key, s.value = s.key.fold(f.constantToken), s.value.fold(f.constantToken)
	}
}

// read says whether a rule kept so far reads a variable as what it looks at.
func (f *folder) read(key string) bool {
	for _, p := range f.kept {
		for i := range p.links {
			for j := range p.links[i].targets {
				t := &p.links[i].targets[j]
				if t.variable.kind == ofTX && t.selects(key) {
					return true
				}
			}
		}
	}
	return false
}

// maySet says whether the key is one that is set, as far as known.
func (s *setvar) maySet(key string) bool {
	if name, ok := s.key.literal(); ok {
		return strings.ToLower(name) == key
	}
	return strings.HasPrefix(key, strings.ToLower(s.key.prefix()))
}

// forget marks what a rule may set as unknown.
func (f *folder) forget(s *setvar) {
	if key, ok := s.key.literal(); ok {
		key = strings.ToLower(key)
		if v := f.get(key); v.known && !v.missing {
			f.c.initial[key] = v.value
		}
		f.tx[key] = constant{}
		return
	}
	prefix := strings.ToLower(s.key.prefix())
	f.unknown = append(f.unknown, prefix)
	for key, v := range f.tx {
		if strings.HasPrefix(key, prefix) {
			if v.known && !v.missing {
				f.c.initial[key] = v.value
			}
			f.tx[key] = constant{}
		}
	}
}

// resolve turns flat indices of jumps into indices of kept rules.
func (f *folder) resolve() {
	f.c.set.rules = f.kept
	for p, jump := range f.jumps {
		i, _ := slices.BinarySearchFunc(f.kept, jump, func(p *program, at int) int { return p.flat - at })
		p.jump = int32(i) //nolint:gosec // there are not that many rules
	}
	slices.Sort(f.c.set.folded)
}
