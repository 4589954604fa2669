package schema

import "strconv"

// freeOfCharge is how many members or items are passed over for one step.
const freeOfCharge = 8

func (r *run) objectRules(o *objectRules, it *item, i int32) bool {
	ok := r.size(o.least, o.most, it.count, i, "properties")
	if !ok && r.full() {
		return false
	}
	if r.telling && !r.tellMissing(o, it, i) {
		ok = false
	}
	if r.deep && o.shaped {
		r.objects = append(r.objects, i)
	}
	if o.properties == nil && o.patterns == nil && o.rest == nil && o.names == nil {
		return ok
	}
	if !r.pay(int(it.count) / freeOfCharge) {
		return false
	}
	required := 0
	for m := i + 1; m < it.next && (ok || !r.full()); m = r.d.items[m+1].next {
		name := r.d.bytes(&r.d.items[m])
		p := o.properties[string(name)]
		if p.required {
			required++
		}
		described := false
		if p.schema != nil {
			described = true
			ok = r.child(p.schema, m+1) && ok
		}
		for k := range o.patterns {
			if r.matches(o.patterns[k].pattern, name) {
				described = true
				ok = r.child(o.patterns[k].schema, m+1) && ok
			}
		}
		if !described && o.rest != nil {
			described = true
			ok = r.additional(o.rest, m, i) && ok
		}
		if described {
			r.mark(m + 1)
		}
		if o.names != nil {
			ok = r.name(o.names, m, i) && ok
		}
	}
	return ok && (required == len(o.required) || r.telling)
}

// additional judges a member that neither properties nor patternProperties
// describe.
func (r *run) additional(n *node, m, i int32) bool {
	if !n.never {
		return r.child(n, m+1)
	}
	if r.telling {
		return r.tell(i, "not described: "+Shorten(string(r.d.bytes(&r.d.items[m]))))
	}
	return false
}

func (r *run) name(n *node, m, i int32) bool {
	telling := r.telling
	r.telling = false
	ok := r.child(n, m)
	r.telling = telling
	return ok || r.tell(i, "a property has a name that is not allowed")
}

// tellMissing tells the required members that are not there.
func (r *run) tellMissing(o *objectRules, it *item, i int32) bool {
	var missing []string
	for _, name := range o.required {
		if r.member(name, it, i) < 0 {
			missing = append(missing, name)
		}
	}
	return missing == nil || r.tell(i, "required, but missing: "+listed(missing))
}

// size judges a number of items, members or characters.
func (r *run) size(least, most, n, i int32, what string) bool {
	switch {
	case n < least:
		if r.telling {
			return r.tell(i, "must have at least "+strconv.Itoa(int(least))+" "+what)
		}
		return false
	case most >= 0 && n > most:
		if r.telling {
			return r.tell(i, "must have at most "+strconv.Itoa(int(most))+" "+what)
		}
		return false
	}
	return true
}

func (r *run) arrays(a *arrayRules, it *item, i int32) bool {
	ok := r.size(a.least, a.most, it.count, i, "items")
	if !ok && r.full() {
		return false
	}
	if !r.pay(int(it.count) / freeOfCharge) {
		return false
	}
	m := i + 1
	for at := 0; at < len(a.prefix) && m < it.next && (ok || !r.full()); at++ {
		ok = r.child(a.prefix[at], m) && ok
		r.mark(m)
		m = r.d.items[m].next
	}
	for ; a.items != nil && m < it.next && (ok || !r.full()); m = r.d.items[m].next {
		ok = r.child(a.items, m) && ok
		r.mark(m)
	}
	if a.contains != nil && (ok || !r.full()) {
		ok = r.contains(a, it, i) && ok
	}
	if a.unique && (ok || !r.full()) && !r.differ(it, i) {
		ok = r.tell(i, "items must differ")
	}
	return ok && !r.stuck
}

func (r *run) contains(a *arrayRules, it *item, i int32) bool {
	count := int32(0)
	telling := r.telling
	r.telling = false
	for m := i + 1; m < it.next && !r.stuck; m = r.d.items[m].next {
		base, objects := len(r.marks), len(r.objects)
		if r.child(a.contains, m) {
			count++
			r.mark(m)
		} else {
			r.marks, r.objects = r.marks[:base], r.objects[:objects]
		}
		if count >= a.containsLeast && a.containsMost < 0 && r.track == 0 {
			break
		}
	}
	r.telling = telling
	if count < a.containsLeast || a.containsMost >= 0 && count > a.containsMost {
		return r.tell(i, "has not the right number of matching items")
	}
	return true
}
