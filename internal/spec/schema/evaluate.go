package schema

import (
	"strings"
)

// run is one value held against one schema. It lives in the document, whose
// memory it uses.
type run struct {
	d *Document
	// left are the steps that it may still cost; stuck tells that it costs more.
	left, depth int
	stuck       bool
	// telling tells that violations are kept in found, most at most; otherwise the
	// first ends the run.
	telling bool
	most    int
	found   []Violation
	// track, when more than 0, has those members and items that a schema describes
	// put into marks: some schema around asks for the others. deep tells that marks
	// are kept to the end, of all that is nested.
	track int
	deep  bool
	marks []int32
	// objects are those whose properties are named, kept like marks where deep.
	objects []int32
	// stamps tell what was marked last, by item.
	stamps []uint32
	stamp  uint32
	sums   []sum
	text   []rune
}

// run prepares the evaluation of the document.
func (d *Document) run(s *Schema) *run {
	r := &d.state
	*r = run{
		d: d, left: s.steps + stepsPerItem*len(d.items), marks: r.marks[:0], objects: r.objects[:0],
		stamps: r.stamps, stamp: r.stamp, sums: r.sums, text: r.text,
	}
	return r
}

// pay takes steps, and is false when there are none left.
func (r *run) pay(steps int) bool {
	if r.left -= steps; r.left < 0 {
		r.stuck = true
	}
	return !r.stuck
}

// full tells that nothing more has to be looked at.
func (r *run) full() bool {
	return r.stuck || !r.telling || len(r.found) >= r.most
}

// node says whether the item i satisfies a schema. While violations are told it
// goes on after the first.
func (r *run) node(n *node, i int32) bool {
	if n.never {
		return r.tell(i, "not allowed here")
	}
	if r.depth >= maxDepth {
		r.stuck = true
	}
	if !r.pay(1) {
		return false
	}
	it := &r.d.items[i]
	if n.types&it.kind == 0 && (it.kind != isNumber || n.types&isInteger == 0 || !r.d.whole(it)) {
		if r.telling {
			return r.tell(i, "must be "+strings.Join(n.names, " or ")+", not "+r.d.typeName(it))
		}
		return false
	}
	r.depth++
	ok := r.rules(n, it, i)
	r.depth--
	return ok
}

func (r *run) rules(n *node, it *item, i int32) bool {
	base := len(r.marks)
	asks := n.more != nil && (it.kind == isObject && n.more.restProperties != nil || it.kind == isArray && n.more.restItems != nil)
	if asks {
		r.track++
	}
	ok := n.values == nil || r.listed(n.values, it, i)
	if !ok && r.full() {
		if asks {
			r.track--
		}
		return false
	}
	switch {
	case it.kind == isString && n.text != nil:
		ok = r.texts(n.text, it, i) && ok
	case it.kind == isNumber && n.number != nil:
		ok = r.numbers(n.number, it, i) && ok
	case it.kind == isArray && n.array != nil:
		ok = r.arrays(n.array, it, i) && ok
	case it.kind == isObject && n.object != nil:
		ok = r.objectRules(n.object, it, i) && ok
	}
	if n.more != nil && (ok || !r.full()) {
		ok = r.applied(n.more, it, i) && ok
	}
	if !asks {
		return ok
	}
	r.track--
	if ok || !r.full() {
		ok = r.rest(n.more, it, i, base) && ok
	}
	return ok
}

// child judges a value inside the one that is judged.
func (r *run) child(n *node, i int32) bool {
	if n.open {
		return true
	}
	track, base := r.track, len(r.marks)
	if !r.deep {
		r.track = 0
	}
	ok := r.node(n, i)
	if r.track = track; !r.deep {
		r.marks = r.marks[:base]
	}
	return ok
}

// mark notes that a schema describes a member's value or an item.
func (r *run) mark(i int32) {
	if r.track > 0 {
		r.marks = append(r.marks, i)
	}
}

// quietly judges the same value without telling what is wrong. Where it is, marks
// are taken back.
func (r *run) quietly(n *node, i int32) bool {
	telling, base, objects := r.telling, len(r.marks), len(r.objects)
	r.telling = false
	ok := r.node(n, i)
	if r.telling = telling; !ok {
		r.marks, r.objects = r.marks[:base], r.objects[:objects]
	}
	return ok
}

func (r *run) applied(a *applied, it *item, i int32) bool {
	ok := true
	if a.reference != nil {
		ok = r.node(a.reference, i)
	}
	for _, n := range a.all {
		if !ok && r.full() {
			return false
		}
		ok = r.node(n, i) && ok
	}
	if a.any != nil && (ok || !r.full()) {
		ok = r.any(a.any, it, i) && ok
	}
	if a.one != nil && (ok || !r.full()) {
		ok = r.one(a.one, it, i) && ok
	}
	if a.not != nil && (ok || !r.full()) {
		base, objects := len(r.marks), len(r.objects)
		if r.quietly(a.not, i) {
			ok = r.tell(i, "matches what it must not")
		}
		r.marks, r.objects = r.marks[:base], r.objects[:objects]
	}
	if a.condition != nil && (ok || !r.full()) {
		next := a.otherwise
		if r.quietly(a.condition, i) {
			next = a.then
		}
		ok = (next == nil || r.node(next, i)) && ok
	}
	if it.kind == isObject && (ok || !r.full()) {
		for k := range a.needs {
			ok = r.need(&a.needs[k], it, i) && ok
		}
	}
	return ok && !r.stuck
}

// chosen is the alternative that the discriminator names, -1 for none.
func (r *run) chosen(a *alternatives, it *item, i int32) int {
	if a.tag == "" || it.kind != isObject {
		return -1
	}
	at := r.member(a.tag, it, i)
	if at < 0 || r.d.items[at].kind != isString {
		return -1
	}
	if k, ok := a.tagged[string(r.d.bytes(&r.d.items[at]))]; ok {
		return k
	}
	return -1
}

func (r *run) any(a *alternatives, it *item, i int32) bool {
	first := r.chosen(a, it, i)
	ok := first >= 0 && r.quietly(a.list[first], i)
	for k, n := range a.list {
		if ok && r.track == 0 || r.stuck {
			break
		}
		if k != first && r.quietly(n, i) {
			ok = true
		}
	}
	if ok || r.stuck {
		return ok && !r.stuck
	}
	return r.none(a, first, i)
}

// none tells that no alternative matches.
func (r *run) none(a *alternatives, chosen int, i int32) bool {
	if !r.telling {
		return false
	}
	if chosen >= 0 && !r.node(a.list[chosen], i) {
		return false
	}
	return r.tell(i, "matches none of the alternatives")
}

func (r *run) one(a *alternatives, it *item, i int32) bool {
	count := 0
	for _, n := range a.list {
		if r.quietly(n, i) {
			if count++; count > 1 {
				return r.tell(i, "matches several alternatives, and must match one")
			}
		}
		if r.stuck {
			return false
		}
	}
	if count == 0 {
		return r.none(a, r.chosen(a, it, i), i)
	}
	return true
}

func (r *run) need(n *need, it *item, i int32) bool {
	if r.member(n.name, it, i) < 0 {
		return true
	}
	if n.schema != nil {
		return r.node(n.schema, i)
	}
	var missing []string
	for _, name := range n.names {
		if r.member(name, it, i) < 0 {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return true
	}
	return r.tell(i, "required, but missing: "+listed(missing))
}

// member finds the value of a member, -1 when there is none.
func (r *run) member(name string, it *item, i int32) int32 {
	r.pay(int(it.count)/8 + 1)
	for m := i + 1; m < it.next && !r.stuck; m = r.d.items[m+1].next {
		if string(r.d.bytes(&r.d.items[m])) == name {
			return m + 1
		}
	}
	return -1
}

// rest judges what no other schema of the value has marked.
func (r *run) rest(a *applied, it *item, i int32, base int) bool {
	if len(r.stamps) < len(r.d.items) {
		r.stamps, r.stamp = make([]uint32, len(r.d.items)+len(r.d.items)/2), 0
	}
	if r.stamp++; r.stamp == 0 {
		clear(r.stamps)
		r.stamp = 1
	}
	now := r.stamp
	r.pay((len(r.marks) - base) / 8)
	for _, m := range r.marks[base:] {
		r.stamps[m] = now
	}
	n, at, width := a.restItems, i+1, int32(0)
	if it.kind == isObject {
		n, at, width = a.restProperties, i+2, 1
	}
	ok := true
	for ; at < it.next && (ok || !r.full()); at = r.d.items[at].next + width {
		if r.stamps[at] == now {
			continue
		}
		ok = r.child(n, at) && ok
		r.mark(at)
	}
	return ok && !r.stuck
}
