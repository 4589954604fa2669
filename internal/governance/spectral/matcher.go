package spectral

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
)

// matcher finds what many paths select in one walk. Each path is an automaton
// whose states are its steps; the states that are alive at a value form a set,
// and what a set becomes for a member of a name is computed once.
//
// A value that references lead to from many places is looked at below only once
// for each set: whatever it holds is written in one place, where results are
// told, so that looking again would find the same. Messages may name a place in
// another way when a reference led there, hence it is once directly and once
// through references.
type matcher struct {
	paths []*jsonPath
	sets  map[string]*stateSet
	// start is what is found at the root, first what is alive there.
	start outcome
	first *stateSet
	// resolved tells which values several places of a document share; nil has the
	// matcher look at all of them each time.
	resolved *resolution
	visited  map[visit]struct{}
	emit     func(path int, c *cursor, at int, key bool)
	cursor   cursor
	scope    scope
	left     int
	// check is asked now and then whether to go on.
	check func() error
	err   error
}

type visit struct {
	node    *tree.Node
	set     *stateSet
	through throughness
}

// throughness tells how references led to a value, as far as messages differ.
type throughness uint8

const (
	directly throughness = iota
	// atReference is right behind the first reference of the way, behindReference
	// anywhere further.
	atReference
	behindReference
)

// way is how the matcher came to a value.
type way struct {
	// shared tells that references lead to the value.
	shared  bool
	through throughness
	// aside is what is written beside the reference that led to it, nil where there
	// is nothing.
	aside *tree.Node
}

// state is a step of a path that is to be taken next.
type state struct{ path, step int32 }

// outcome is what follows from taking a step.
type outcome struct {
	states []state
	// found are paths that end here, behind those whose rest begins with a parent
	// or key.
	found  []int32
	behind []state
}

func (o *outcome) add(other *outcome) {
	o.states = append(o.states, other.states...)
	o.found = append(o.found, other.found...)
	o.behind = append(o.behind, other.behind...)
}

// stateSet is states that are alive together.
type stateSet struct {
	byName map[string]*transition
	// other is for names that no step has.
	other   *transition
	slices  []state
	filters []filterState
	// groups are the filters by the member that they need, "" for none.
	groups []filterGroup
	// dead tells that nothing can be found any more.
	dead bool
}

type filterState struct {
	state
	filter *filter
	next   outcome
	// end tells that next only ends a path.
	end bool
}

type filterGroup struct {
	needs   string
	filters []int
}

type transition struct {
	outcome
	set *stateSet
}

var (
	errVisits = errors.New("the references of the document open out to too many values")
	errSets   = errors.New("the path has too many steps at any depth")
)

func newMatcher(paths []*jsonPath) *matcher {
	m := &matcher{paths: paths, sets: map[string]*stateSet{}}
	for i, p := range paths {
		m.start.add(m.behind(state{int32(i), -1})) //nolint:gosec // rules are few
		if len(p.steps) > 0 && p.steps[0].kind == stepContainer {
			m.start.add(m.behind(state{int32(i), 0})) //nolint:gosec // rules are few
		}
	}
	m.first = m.set(slices.Clone(m.start.states))
	return m
}

func (m *matcher) step(s state) *step { return &m.paths[s.path].steps[s.step] }

// behind is where a path stands after the step of a state was taken.
func (m *matcher) behind(s state) *outcome {
	s.step++
	steps := m.paths[s.path].steps
	switch {
	case int(s.step) == len(steps):
		return &outcome{found: []int32{s.path}}
	case steps[s.step].kind == stepParent || steps[s.step].kind == stepKey:
		return &outcome{behind: []state{s}}
	}
	return &outcome{states: []state{s}}
}

// set is the one set of some states.
func (m *matcher) set(states []state) *stateSet {
	slices.SortFunc(states, func(a, b state) int {
		if a.path != b.path {
			return int(a.path - b.path)
		}
		return int(a.step - b.step)
	})
	states = slices.Compact(states)
	key := make([]byte, 0, 8*len(states))
	for _, s := range states {
		key = binary.BigEndian.AppendUint32(key, uint32(s.path)) //nolint:gosec // positive
		key = binary.BigEndian.AppendUint32(key, uint32(s.step)) //nolint:gosec // positive
	}
	if known := m.sets[string(key)]; known != nil {
		return known
	}
	set := &stateSet{byName: map[string]*transition{}}
	m.sets[string(key)] = set
	m.fill(set, states)
	return set
}

// fill computes what is the same for all members: carried and wildcard steps go
// to every transition.
func (m *matcher) fill(set *stateSet, states []state) {
	base := outcome{}
	named := map[string]*outcome{}
	for _, s := range states {
		st := m.step(s)
		if st.deep {
			base.states = append(base.states, s)
		}
		switch st.kind {
		case stepWildcard:
			base.add(m.behind(s))
		case stepNames:
			for _, name := range st.names {
				if named[name] == nil {
					named[name] = &outcome{}
				}
				named[name].add(m.behind(s))
			}
		case stepSlice, stepContainer:
			set.slices = append(set.slices, s)
		case stepFilter:
			next := m.behind(s)
			set.filters = append(set.filters, filterState{s, st.filter, *next, len(next.states) == 0})
		case stepParent, stepKey:
		}
	}
	for i, f := range set.filters {
		g := slices.IndexFunc(set.groups, func(g filterGroup) bool { return g.needs == f.filter.needs })
		if g < 0 {
			g = len(set.groups)
			set.groups = append(set.groups, filterGroup{needs: f.filter.needs})
		}
		set.groups[g].filters = append(set.groups[g].filters, i)
	}
	set.other = &transition{outcome: base}
	for name, o := range named {
		t := &transition{}
		t.add(&base)
		t.add(o)
		set.byName[name] = t
	}
	set.dead = len(set.filters)+len(set.slices)+len(named)+len(base.states)+len(base.found)+len(base.behind) == 0
}

// transitionOf is what a set becomes for a member; its set is made when it is
// first needed.
func (m *matcher) transitionOf(set *stateSet, f *frame) *transition {
	t := set.other
	if len(set.byName) > 0 {
		if named := set.byName[f.key()]; named != nil {
			t = named
		}
	}
	if t.set == nil {
		t.set = m.set(slices.Clone(t.states))
	}
	return t
}

// run walks a document.
func (m *matcher) run(root *tree.Node) error {
	m.visited = map[visit]struct{}{}
	m.cursor.stack = append(m.cursor.stack[:0], frame{node: root, index: -1})
	m.scope = scope{cursor: &m.cursor}
	m.deliver(&m.start)
	if isContainer(root) {
		m.below(m.first, way{})
	}
	return m.err
}

// below looks at what the value on top of the stack holds.
func (m *matcher) below(set *stateSet, w way) {
	if m.err != nil || set.dead {
		return
	}
	n := m.cursor.top().node
	if w.shared && w.aside == nil {
		v := visit{n, set, w.through}
		if _, seen := m.visited[v]; seen {
			return
		}
		m.visited[v] = struct{}{}
	}
	if !m.spend(1 + len(n.Members) + len(n.Items)) {
		return
	}
	for i := range n.Members {
		member := &n.Members[i]
		m.child(set, frame{node: member.Value, name: member.Name, index: -1}, i, w)
	}
	for i, item := range n.Items {
		m.child(set, frame{node: item, index: i}, i, w)
	}
}

const (
	// maxDepth bounds how deep references may nest values.
	maxDepth = 2000
	// maxSets bounds what paths with many steps at any depth come to.
	maxSets = 20_000
	// checkEvery is after how many values the time is looked at.
	checkEvery = 5000
)

// spend counts values that are looked at, and says whether to go on.
func (m *matcher) spend(values int) bool {
	before := m.left / checkEvery
	m.left -= values
	switch {
	case m.err != nil:
	case m.left < 0:
		m.err = errVisits
	case len(m.cursor.stack) > maxDepth:
		m.err = fmt.Errorf("the references of the document are nested deeper than %d", maxDepth)
	case len(m.sets) > maxSets:
		m.err = errSets
	case m.left/checkEvery != before:
		m.err = m.check()
	}
	return m.err == nil
}

func (m *matcher) child(set *stateSet, f frame, position int, w way) {
	t := m.transitionOf(set, &f)
	parent := m.cursor.top().node
	m.cursor.stack = append(m.cursor.stack, f)
	m.deliver(&t.outcome)
	next := t.set
	if len(set.filters)+len(set.slices) > 0 {
		if more := m.conditional(set); len(more) > 0 {
			next = m.set(append(more, t.states...))
		}
	}
	if isContainer(f.node) {
		if m.resolved != nil {
			w = m.resolved.way(w, place{parent, position}, &f)
		}
		m.below(next, w)
	}
	m.cursor.stack = m.cursor.stack[:len(m.cursor.stack)-1]
}

// conditional takes the steps whose effect depends on the value, and gives the
// states that follow.
func (m *matcher) conditional(set *stateSet) []state {
	var more []state
	self, parent := m.cursor.at(0), m.cursor.at(1)
	for _, s := range set.slices {
		if m.step(s).selects(parent, self) {
			next := m.behind(s)
			more = append(more, next.states...)
			m.deliver(next)
		}
	}
	for i := range set.groups {
		g := &set.groups[i]
		if g.needs != "" && (self.node.Kind != tree.Object || self.node.Get(g.needs) == nil) {
			continue
		}
		for _, index := range g.filters {
			f := &set.filters[index]
			if m.holds(f.filter) {
				more = append(more, f.next.states...)
				m.deliver(&f.next)
			}
		}
	}
	return more
}

// holds evaluates a filter for the value on top of the stack.
func (m *matcher) holds(f *filter) bool {
	m.scope.realParent = f.realParent
	m.scope.self, m.scope.parent, m.scope.grandparent = m.cursor.at(0), m.cursor.at(1), m.cursor.at(2)
	is := f.matches(&m.scope)
	if m.scope.err != nil && m.err == nil {
		m.err = fmt.Errorf("the filter %s: %w", clip(f.text), m.scope.err)
	}
	return is
}

// deliver tells of the paths that end at the value on top of the stack, and goes
// on with those that lead up from it.
func (m *matcher) deliver(o *outcome) {
	for _, path := range o.found {
		m.emit(int(path), &m.cursor, len(m.cursor.stack)-1, false)
	}
	for _, s := range o.behind {
		m.climb(s)
	}
}
