package seclang

import (
	"strconv"
	"strings"
	"unsafe"

	"farrier.dev/farrier/internal/detect/seclang/operator"
	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// item is one thing that a target selects.
type item struct {
	variable *variable
	key      string
	text     string
	value    int32 // index of the value it comes from, or -1
	name     bool
}

// link runs one link over what its targets select and says whether it matched.
// With hits it looks only at texts among them.
func (r *run) link(p *program, at int, hits []hit) bool {
	l := &p.links[at]
	if l.test == nil {
		none := item{variable: &unknown, value: -1}
		r.matched(p, at, &none, "", nil)
		return true
	}
	found := false
	for i := range l.targets {
		t := &l.targets[i]
		if hits != nil && t.variable.kind != ofInput {
			continue // such targets are never sifted
		}
		r.items = r.gather(r.items[:0], p, t, hits)
		for j := range r.items {
			if r.exhausted {
				return found
			}
			if r.test(p, at, &r.items[j], hits != nil) {
				found = true
			}
		}
	}
	return found
}

var unknown = variable{name: "UNKNOWN"}

// test tries the forms of one item. If the item is sifted, its form is known to
// match; with multiMatch, one of its forms.
func (r *run) test(p *program, at int, it *item, sifted bool) bool {
	l := &p.links[at]
	found := false
	text := it.text
	if l.multi || len(l.steps) == 0 {
		found = r.try(p, at, it, text, sifted && !l.multi)
	}
	for i := range l.steps {
		f := &l.steps[i]
		out := r.transform(f, text)
		if l.multi {
			if !f.Changed(text, out) {
				continue
			}
			text = out
			found = r.try(p, at, it, text, sifted && !l.multi) || found
			continue
		}
		text = out
		if i == len(l.steps)-1 {
			found = r.try(p, at, it, text, sifted && !l.multi)
		}
	}
	return found
}

// transform applies one function. The result lives until the next but one.
func (r *run) transform(f *transform.Func, text string) string {
	if !f.Always && transform.MaskOf(text)&f.Trigger == 0 || f.Changes != nil && !f.Changes(text) {
		return text
	}
	r.charge(unitsTransform * len(text))
	b := &r.buffers[0]
	if overlaps(text, *b) {
		b = &r.buffers[1]
	}
	*b = f.Append((*b)[:0], text)
	return unsafe.String(unsafe.SliceData(*b), len(*b))
}

func overlaps(text string, b []byte) bool {
	return cap(b) > 0 && len(text) > 0 && unsafe.StringData(text) == unsafe.SliceData(b)
}

// try applies the test of a link to one form and notes a match.
func (r *run) try(p *program, at int, it *item, text string, sure bool) bool {
	l := &p.links[at]
	if !sure && r.eval(l.test, text, p) == l.test.negated {
		return false
	}
	// A form may live in a buffer that is used again.
	if text == it.text {
		text = it.text
	} else {
		text = strings.Clone(text)
	}
	r.matched(p, at, it, text, l.test)
	return true
}

// matched notes that a link matched an item in one form.
func (r *run) matched(p *program, at int, it *item, text string, t *test) {
	l := &p.links[at]
	r.charge(unitsMatch)
	var place []int
	if t != nil && !t.negated {
		place = r.capture(l, t, text)
	}
	name := it.variable.name
	if it.key != "" {
		name += ":" + it.key
	}
	r.matchedVar, r.matchedVarName = text, name
	r.matchedVars = append(r.matchedVars, item{
		variable: &matchedVars, key: name, text: text, value: it.value, name: it.name,
	})
	r.report(p, at, it, text, place)
	for i := range l.effects {
		r.apply(&l.effects[i], p)
	}
}

var (
	matchedVars      = variable{name: "MATCHED_VARS", kind: ofMatchedVars}
	matchedVarsNames = variable{name: "MATCHED_VARS_NAMES", kind: ofMatchedVarsNames}
)

// report adds a match unless the link told of this item already, in another form.
func (r *run) report(p *program, at int, it *item, text string, place []int) {
	value := it.value
	if int(value) >= len(r.in.Values) {
		value = -1
	}
	if n := len(r.matches); n > 0 {
		m := &r.matches[n-1]
		if m.Rule == p.rule && int(m.Link) == at && m.Value == value && m.Name == it.name &&
			m.Variable == it.variable.name && m.Key == it.key && value >= 0 {
			return
		}
	}
	r.matches = append(r.matches, Match{
		Rule: p.rule, Value: value, Name: it.name, Link: uint8(at), //nolint:gosec // Compile bounds the links
		Variable: it.variable.name, Key: it.key, Text: excerpt(text, place),
	})
}

const maxExcerpt = 64

// excerpt is at most 64 bytes of text around a match.
func excerpt(text string, place []int) string {
	if len(text) <= maxExcerpt {
		return text
	}
	if place == nil {
		return strings.Clone(text[:maxExcerpt])
	}
	start, end := place[0], place[1]
	if spare := maxExcerpt - (end - start); spare > 0 {
		start = max(0, min(start-spare/2, len(text)-maxExcerpt))
	}
	return strings.Clone(text[start:min(len(text), start+maxExcerpt)])
}

// capture finds where a test matched and sets TX:0 to TX:9 if any rule reads them.
func (r *run) capture(l *link, t *test, text string) []int {
	wanted := l.capture && r.set.reads != 0
	switch {
	case t.pattern != nil:
		return r.captureGroups(t.pattern, text, wanted)
	case t.phrases != nil:
		return r.capturePhrases(t.phrases, text, wanted)
	case t.sqli && wanted && r.set.reads&1 != 0:
		r.captures[0], _ = operator.SQLi(text)
	}
	return nil
}

// window bounds the text in which an excerpt is looked for.
const window = 4 << 10

func (r *run) captureGroups(p *pattern, text string, wanted bool) []int {
	if wanted && r.set.reads&(1<<min(p.groups, 9)-1) == 0 {
		wanted = false
	}
	if !wanted && len(text) <= maxExcerpt {
		return nil
	}
	if !wanted {
		text = text[:min(len(text), window)]
	}
	r.charge(unitsRegexp * len(text))
	place := p.find(text)
	if !wanted || place == nil {
		return place
	}
	for i := range min(len(place)/2, 9) {
		r.captures[i] = ""
		if place[2*i] >= 0 {
			r.captures[i] = text[place[2*i]:place[2*i+1]]
		}
	}
	return place
}

func (r *run) capturePhrases(p *phraseList, text string, wanted bool) []int {
	if !wanted && len(text) <= maxExcerpt {
		return nil
	}
	r.charge(unitsPhrases * len(text))
	start, end := p.next(text, 0)
	if end == 0 {
		return nil
	}
	place := []int{start, end}
	for i := 0; wanted && end > 0 && i < len(r.captures); i++ {
		r.captures[i] = text[start:end]
		start, end = p.next(text, end)
	}
	return place
}

// gather appends what a target selects.
func (r *run) gather(items []item, p *program, t *target, hits []hit) []item {
	if t.count {
		n := 0
		r.selected(p, t, nil, func(item) { n++ })
		key := t.key
		return append(items, item{variable: t.variable, key: key, text: strconv.Itoa(n), value: -1})
	}
	r.selected(p, t, hits, func(it item) { items = append(items, it) })
	return items
}

// selected calls yield for all that a target selects.
func (r *run) selected(p *program, t *target, hits []hit, yield func(item)) {
	var except []exclusion
	for i := range r.exceptions {
		if e := &r.exceptions[i]; e.rule == p && e.from.variable == t.variable.name {
			except = append(except, *e.from)
		}
	}
	v := t.variable
	wants := func(lower string) bool {
		return t.selects(lower) && !covered(t.excepted, lower) && !covered(except, lower)
	}
	one := func(text string) {
		if wants("") {
			yield(item{variable: v, text: text, value: -1})
		}
	}
	switch v.kind {
	case ofInput:
		r.selectedInput(t, wants, hits, yield)
	case ofTX:
		r.selectedTX(t, wants, yield)
	case ofMatchedVar:
		one(r.matchedVar)
	case ofMatchedVarName:
		one(r.matchedVarName)
	case ofMatchedVars, ofMatchedVarsNames:
		for i := range r.matchedVars {
			it := r.matchedVars[i]
			if v.kind == ofMatchedVarsNames {
				it.variable, it.text = &matchedVarsNames, it.key
			}
			if wants(strings.ToLower(it.key)) {
				yield(it)
			}
		}
	case ofRule:
		for _, key := range ruleFields {
			if text, ok := ruleField(p, key); ok && wants(key) {
				yield(item{variable: v, key: key, text: text, value: -1})
			}
		}
	case ofArgsSize:
		one(r.argsSize())
	case ofHighestSeverity:
		one(r.highestSeverity())
	case ofNothing:
	}
}

func (r *run) selectedInput(t *target, wants func(string) bool, hits []hit, yield func(item)) {
	v := t.variable
	for _, c := range v.in {
		for _, i := range r.valuesIn(c) {
			if hits != nil && !r.scratch.isHit(hits, i, v.names) {
				continue
			}
			if !wants(r.lowerKey(i)) {
				continue
			}
			val := r.value(i)
			it := item{variable: v, key: val.Key, text: val.Text, value: i}
			if v.names {
				it.text, it.name = val.Key, true
			}
			yield(it)
		}
	}
}

var ruleFields = []string{"id", "msg", "severity"}

func ruleField(p *program, key string) (string, bool) {
	switch {
	case key == "id":
		return strconv.Itoa(p.rule.ID), true
	case key == "msg" && p.rule.Message != "":
		return p.rule.Message, true
	case key == "severity" && p.rule.Severity != "":
		return strings.ToLower(p.rule.Severity), true
	}
	return "", false
}
