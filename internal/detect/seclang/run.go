package seclang

import (
	"slices"
	"strconv"
	"sync"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

// run is the state of one run. It is kept in a pool.
type run struct {
	set   *Set
	in    *Input
	meter *automaton.Meter
	// order has the indices of values by collection, from offsets[c] to
	// offsets[c+1]; those beyond the input are the set's defaults.
	order   []int32
	offsets [collections + 1]int32
	lower   []string // lower-case keys, where already needed
	items   []item
	buffers [2][]byte

	tx             []txVariable
	captures       [10]string
	matchedVar     string
	matchedVarName string
	matchedVars    []item
	highest        int
	removed        ruleSet    // rules that a ctl took out
	exceptions     []*control // what it took out of rules
	off            int        // the phase in which a ctl switched the rest off

	matches   []Match
	arena     []byte
	text      []byte // of a macro under way
	exhausted bool
	scratch   scratch // of the sieve
}

type txVariable struct {
	key, value string
	deleted    bool
}

const noSeverity = 255

// pool keeps runs for reuse.
type pool struct{ runs sync.Pool }

func (p *pool) get(s *Set) *run {
	if r, ok := p.runs.Get().(*run); ok {
		return r
	}
	return &run{set: s}
}

// maxKept bounds, in elements, what a kept run holds on to.
const maxKept = 1 << 13

func (p *pool) put(r *run) {
	if cap(r.order) > maxKept || cap(r.matches) > maxKept || cap(r.arena)+cap(r.text) > maxKept<<4 || cap(r.buffers[0])+cap(r.buffers[1]) > maxKept<<4 || !r.scratch.small() {
		return
	}
	r.in, r.meter = nil, nil
	clear(r.matches[:cap(r.matches)])
	clear(r.lower)
	clear(r.items[:cap(r.items)])
	clear(r.tx[:cap(r.tx)])
	clear(r.matchedVars[:cap(r.matchedVars)])
	clear(r.exceptions[:cap(r.exceptions)])
	clear(r.captures[:])
	r.matchedVar, r.matchedVarName = "", ""
	r.scratch.forget()
	p.runs.Put(r)
}

func (r *run) run(in *Input, m *automaton.Meter) Result {
	if m == nil {
		m = &automaton.Meter{Left: 1 << 62}
	}
	r.begin(in, m)
	for _, rule := range r.set.certain {
		r.matches = append(r.matches, Match{Rule: rule, Value: -1, Variable: unknown.name})
	}
	if r.set.sieve != nil {
		r.sifted()
	} else {
		r.exact()
	}
	return Result{Matches: r.found(), Exhausted: r.exhausted}
}

func (r *run) begin(in *Input, m *automaton.Meter) {
	r.in, r.meter, r.exhausted, r.off = in, m, false, 0
	r.tx, r.matchedVars, r.exceptions = r.tx[:0], r.matchedVars[:0], r.exceptions[:0]
	r.removed, r.matches, r.arena = r.removed[:0], r.matches[:0], r.arena[:0]
	r.highest = noSeverity
	r.sort()
	r.lower = slices.Grow(r.lower[:0], len(in.Values))[:len(in.Values)]
}

// sort orders values by collection, keeping their order within.
func (r *run) sort() {
	var count [collections + 1]int32
	for i := range r.in.Values {
		count[collectionOf(&r.in.Values[i])]++
	}
	missing := 0
	for i := range r.set.defaults {
		if c := r.set.defaults[i].In; count[c] == 0 {
			count[c] = -1
			missing++
		}
	}
	at := int32(0)
	for c := range collections {
		r.offsets[c] = at
		if count[c] < 0 {
			count[c] = 1
		}
		at += count[c]
	}
	r.offsets[collections] = at
	r.order = slices.Grow(r.order[:0], int(at))[:at]
	next := r.offsets
	for i := range r.in.Values {
		c := collectionOf(&r.in.Values[i])
		r.order[next[c]] = int32(i) //nolint:gosec // bounded by the input
		next[c]++
	}
	for i := range r.set.defaults {
		if c := r.set.defaults[i].In; next[c] == r.offsets[c] {
			r.order[next[c]] = int32(len(r.in.Values) + i) //nolint:gosec // bounded by the input
			next[c]++
		}
	}
}

// collectionOf is None for a value of no known collection.
func collectionOf(v *Value) Collection {
	if v.In < collections {
		return v.In
	}
	return None
}

// valuesIn are the indices of the values of one collection.
func (r *run) valuesIn(c Collection) []int32 { return r.order[r.offsets[c]:r.offsets[c+1]] }

func (r *run) value(i int32) *Value {
	if n := int32(len(r.in.Values)); i >= n { //nolint:gosec // bounded by the input
		return &r.set.defaults[i-n]
	}
	return &r.in.Values[i]
}

// lowerKey is the key of a value in lower case.
func (r *run) lowerKey(i int32) string {
	if int(i) >= len(r.lower) {
		return ""
	}
	key := r.in.Values[i].Key
	if r.lower[i] == "" && key != "" {
		r.lower[i] = r.lowered(key)
	}
	return r.lower[i]
}

func (r *run) charge(units int) {
	r.meter.Left -= int64(units)
	if r.meter.Left < 0 {
		r.exhausted = true
	}
}

// afford charges for work that is about to be done. False: the meter does not
// allow it, and it must not be done.
func (r *run) afford(units int) bool {
	if r.meter.Left < int64(units) {
		r.exhausted = true
		r.meter.Left = min(r.meter.Left, 0) - 1
		return false
	}
	r.meter.Left -= int64(units)
	return true
}

// exact runs each rule over each value.
func (r *run) exact() {
	rules := r.set.rules
	for i := 0; i < len(rules) && !r.exhausted; {
		i = r.rule(i, nil)
	}
}

// rule runs one rule and tells the index of the next.
func (r *run) rule(i int, hits []hit) (next int) {
	p := r.set.rules[i]
	if r.off > 0 && p.rule.Phase > r.off {
		return len(r.set.rules)
	}
	if len(r.removed) > 0 && r.removed.has(i) {
		return i + 1
	}
	r.matchedVars = r.matchedVars[:0]
	before := len(r.matches)
	for l := range p.links {
		var of []hit
		if l == 0 {
			of = hits
		}
		if !r.link(p, l, of) {
			r.matches = r.matches[:before]
			return i + 1
		}
	}
	r.noteSeverity(p)
	if p.jump > 0 {
		return int(p.jump)
	}
	return i + 1
}

func (r *run) noteSeverity(p *program) {
	if p.rule.Severity == "" {
		return
	}
	r.highest = min(r.highest, slices.Index(severities[:], p.rule.Severity))
}

func (r *run) highestSeverity() string { return strconv.Itoa(r.highest) }

func (r *run) argsSize() string {
	n := 0
	for _, c := range [...]Collection{ArgsGet, ArgsPost} {
		for _, i := range r.valuesIn(c) {
			n += len(r.value(i).Key) + len(r.value(i).Text)
		}
	}
	return strconv.Itoa(n)
}
