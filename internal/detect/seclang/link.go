package seclang

import (
	"slices"
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
	if !r.afford(unitsTransform * len(text)) {
		return text
	}
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
		text = r.join(text)
	}
	r.matched(p, at, it, text, l.test)
	return true
}

// matched notes that a link matched an item in one form.
func (r *run) matched(p *program, at int, it *item, text string, t *test) {
	l := &p.links[at]
	r.charge(unitsMatch)
	var place [2]int
	if t != nil && !t.negated {
		place = r.capture(p.reads|r.set.reads, l, t, text)
	}
	if p.noted || r.set.noted {
		name := it.variable.name
		if it.key != "" {
			name = r.join(name, ":", it.key)
		}
		r.matchedVar, r.matchedVarName = text, name
		r.matchedVars = append(r.matchedVars, item{
			variable: &matchedVars, key: name, text: text, value: it.value, name: it.name,
		})
	}
	if !p.silent {
		r.report(p, at, it, text, place)
	}
	for i := range l.effects {
		r.apply(&l.effects[i], p)
	}
}

var (
	matchedVars      = variable{name: "MATCHED_VARS", kind: ofMatchedVars}
	matchedVarsNames = variable{name: "MATCHED_VARS_NAMES", kind: ofMatchedVarsNames}
)

// report adds a match unless the link told of this item already, in another
// form. Its strings may live no longer than the run.
func (r *run) report(p *program, at int, it *item, text string, place [2]int) {
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

// found copies the matches out of what the next run will use again.
func (r *run) found() []Match {
	if len(r.matches) == 0 {
		return nil
	}
	out := slices.Clone(r.matches)
	for i := range out {
		m := &out[i]
		m.Text = strings.Clone(m.Text)
		if m.Value < 0 || m.Variable == matchedVars.name || m.Variable == matchedVarsNames.name {
			m.Key = strings.Clone(m.Key)
		}
	}
	return out
}

const maxExcerpt = 64

// excerpt is at most 64 bytes of text around a match, whose place is empty
// where it is not known.
func excerpt(text string, place [2]int) string {
	if len(text) <= maxExcerpt {
		return text
	}
	start, end := place[0], place[1]
	if spare := maxExcerpt - (end - start); spare > 0 {
		start = max(0, min(start-spare/2, len(text)-maxExcerpt))
	}
	return text[start:min(len(text), start+maxExcerpt)]
}

// capture finds where a test matched, and sets those of TX:0 to TX:9 that some
// rule reads.
func (r *run) capture(reads uint16, l *link, t *test, text string) (place [2]int) {
	if !l.capture {
		reads = 0
	}
	switch {
	case t.pattern != nil:
		return r.captureGroups(t.pattern, text, reads&(1<<min(t.pattern.groups, 9)-1) != 0)
	case t.phrases != nil:
		return r.capturePhrases(t.phrases, text, reads != 0)
	case t.sqli && reads&1 != 0 && r.affordEval(t, text):
		r.captures[0], _ = operator.SQLi(text)
	}
	return place
}

// window bounds the text in which an excerpt is looked for.
const window = 4 << 10

func (r *run) captureGroups(p *pattern, text string, wanted bool) [2]int {
	switch {
	case !wanted && len(text) <= maxExcerpt:
		return [2]int{}
	case !wanted:
		text = text[:min(len(text), window)]
	case p.line && strings.IndexByte(text, '\n') < 0:
		r.captures[0] = text
		return [2]int{0, len(text)}
	}
	if !r.afford(unitsRegexp * len(text)) {
		return [2]int{}
	}
	place := p.find(text)
	if place == nil {
		return [2]int{}
	}
	for i := range min(len(place)/2, 9) {
		if !wanted {
			break
		}
		r.captures[i] = ""
		if place[2*i] >= 0 {
			r.captures[i] = text[place[2*i]:place[2*i+1]]
		}
	}
	return [2]int{place[0], place[1]}
}

func (r *run) capturePhrases(p *phraseList, text string, wanted bool) [2]int {
	if !wanted && len(text) <= maxExcerpt {
		return [2]int{}
	}
	if !r.afford(unitsPhrases * len(text)) {
		return [2]int{}
	}
	start, end := p.next(text, 0)
	place := [2]int{start, end}
	for i := 0; wanted && end > 0 && i < len(r.captures); i++ {
		r.captures[i] = text[start:end]
		start, end = p.next(text, end)
	}
	return place
}

// gather appends what a target selects; with hits, only values among them.
func (r *run) gather(items []item, p *program, t *target, hits []hit) []item {
	if t.count {
		n := len(r.selected(items, p, t, nil))
		return append(items[:0], item{variable: t.variable, key: t.key, text: strconv.Itoa(n), value: -1})
	}
	return r.selected(items, p, t, hits)
}

// wants says whether a target takes a key, given in lower case.
func (r *run) wants(p *program, t *target, lower string) bool {
	if !t.selects(lower) || len(t.excepted) > 0 && covered(t.excepted, lower) {
		return false
	}
	for _, c := range r.exceptions {
		if c.target.variable == t.variable.name && c.rules.has(p.index) && c.target.covers(lower) {
			return false
		}
	}
	return true
}

func (r *run) selected(items []item, p *program, t *target, hits []hit) []item {
	v := t.variable
	text := ""
	switch v.kind {
	case ofInput:
		return r.selectedInput(items, p, t, hits)
	case ofTX:
		return r.selectedTX(items, p, t)
	case ofMatchedVars, ofMatchedVarsNames:
		for _, it := range r.matchedVars {
			if v.kind == ofMatchedVarsNames {
				it.variable, it.text = &matchedVarsNames, it.key
			}
			if r.wants(p, t, strings.ToLower(it.key)) {
				items = append(items, it)
			}
		}
		return items
	case ofRule:
		for _, key := range ruleFields {
			if text, ok := ruleField(p, key); ok && r.wants(p, t, key) {
				items = append(items, item{variable: v, key: key, text: text, value: -1})
			}
		}
		return items
	case ofMatchedVar:
		text = r.matchedVar
	case ofMatchedVarName:
		text = r.matchedVarName
	case ofArgsSize:
		text = r.argsSize()
	case ofHighestSeverity:
		text = r.highestSeverity()
	case ofNothing:
		return items
	}
	if r.wants(p, t, "") {
		items = append(items, item{variable: v, text: text, value: -1})
	}
	return items
}

func (r *run) selectedInput(items []item, p *program, t *target, hits []hit) []item {
	v := t.variable
	all := t.expr == nil && t.key == "" && len(t.excepted) == 0 && len(r.exceptions) == 0
	for _, c := range v.in {
		for _, i := range r.valuesIn(c) {
			if hits != nil && !r.scratch.isHit(hits, i, v.names) {
				continue
			}
			if !all && !r.wants(p, t, r.lowerKey(i)) {
				continue
			}
			val := r.value(i)
			it := item{variable: v, key: val.Key, text: val.Text, value: i}
			if v.names {
				it.text, it.name = val.Key, true
			}
			items = append(items, it)
		}
	}
	return items
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
