package schema

import "unicode/utf8"

// costOfPattern is how many bytes of a text a pattern may look at for one step.
const costOfPattern = 4

func (r *run) texts(t *textRules, it *item, i int32) bool {
	ok := it.opaque || r.size(t.least, t.most, it.count, i, "characters")
	if !ok && r.full() {
		return false
	}
	for _, p := range t.patterns {
		if !r.matches(p, r.d.bytes(it)) {
			if ok = false; r.telling {
				r.tell(i, "must match the pattern "+p.String())
			}
		}
	}
	if t.format != nil && (ok || !r.full()) && !t.format.text(r.d.bytes(it)) {
		ok = r.format(t.format, i)
	}
	return ok
}

func (r *run) format(f *format, i int32) bool {
	if r.telling {
		return r.tell(i, "must have the format "+f.name)
	}
	return false
}

// matches says whether a pattern is found in a text. Where that takes too long
// the whole value does.
func (r *run) matches(p *Pattern, text []byte) bool {
	if !r.pay(len(text)/costOfPattern + p.cost()) {
		return false
	}
	ok, done := p.match(text, &r.text)
	if !done {
		r.stuck = true
	}
	return ok && done
}

func (r *run) numbers(rules *numberRules, it *item, i int32) bool {
	n := decimalOf(r.d.bytes(it))
	ok := true
	for k := range rules.bounds {
		b := &rules.bounds[k]
		over := n.compare(b.at) * b.side
		if over < 0 || over == 0 && !b.exclusive {
			continue
		}
		if ok = false; !r.telling {
			return false
		}
		r.tell(i, b.rule())
	}
	for k := range rules.steps {
		if n.long != nil {
			r.pay(len(n.long))
		}
		if n.multipleOf(rules.steps[k].of) {
			continue
		}
		if ok = false; !r.telling {
			return false
		}
		r.tell(i, "must be a multiple of "+rules.steps[k].text)
	}
	if rules.format != nil && (ok || !r.full()) && !rules.format.number(n) {
		ok = r.format(rules.format, i)
	}
	return ok
}

func (b *bound) rule() string {
	switch {
	case b.exclusive && b.side < 0:
		return "must be more than " + b.text
	case b.exclusive:
		return "must be less than " + b.text
	case b.side < 0:
		return "must be at least " + b.text
	}
	return "must be at most " + b.text
}

// listed judges a value by enum or const.
func (r *run) listed(v *values, it *item, i int32) bool {
	if r.among(v, it, i) {
		return true
	}
	if v.only {
		return r.tell(i, "must be the one value described")
	}
	return r.tell(i, "must be one of the listed values")
}

func (r *run) among(v *values, it *item, i int32) bool {
	switch it.kind {
	case isNull:
		return v.null
	case isBoolean:
		return v.truth[index(it.truth)]
	case isString:
		return v.texts[string(r.d.bytes(it))]
	case isNumber:
		if len(v.numbers) == 0 {
			return false
		}
		n := decimalOf(r.d.bytes(it))
		r.pay(len(v.numbers) / 8)
		for _, m := range v.numbers {
			if n.compare(m) == 0 {
				return true
			}
		}
		return false
	default:
		return r.amongOthers(v, it, i)
	}
}

// amongOthers judges an array or object.
func (r *run) amongOthers(v *values, it *item, i int32) bool {
	for _, other := range v.others {
		if r.pay(int(min(v.in.items[other].next-other, it.next-i))) && r.d.equal(i, v.in, other) {
			return true
		}
	}
	return false
}

// runes appends the characters of a text.
func runes(dst []rune, text []byte) []rune {
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		dst, text = append(dst, c), text[n:]
	}
	return dst
}
