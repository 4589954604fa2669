package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// reader turns documents into typed resources.
type reader struct {
	set      *Set
	problems *problems
	// onDisk says that files which manifests name may be read.
	onDisk bool
}

// object reads the keys of a mapping, strictly: whoever reads it asks for every
// key that is known and then calls close, which reports all others. A nil
// object has no keys.
type object struct {
	r     *reader
	n     *node
	at    position // of the key that leads here
	path  string
	known []string
}

func (r *reader) object(n *node, at position, path string) *object {
	if n.null() {
		return nil
	}
	if n.kind != mapping {
		r.problems.errorf(at, fieldOr(path), "must be a mapping of keys and values, not %s", n.what())
		return nil
	}
	return &object{r: r, n: n, at: at, path: path}
}

// field is the path of a key, or of the object itself when key is empty.
func (o *object) field(key string) string {
	if key == "" {
		return o.path
	}
	return join(o.path, key)
}

// pair is the key with its value, nil when it is absent or empty.
func (o *object) pair(key string) *pair {
	if o == nil {
		return nil
	}
	o.known = append(o.known, key)
	p := o.n.find(key)
	if p == nil || p.value.null() {
		return nil
	}
	return p
}

// need is as pair, and reports when there is none.
func (o *object) need(key string) *pair {
	p := o.pair(key)
	if p == nil && o != nil {
		at := o.at
		if empty := o.n.find(key); empty != nil {
			if empty.value.bad {
				return nil // reported already
			}
			at = empty.position
		}
		o.r.problems.errorf(at, o.field(key), "required, but missing")
	}
	return p
}

func (o *object) errorf(at position, key, format string, args ...any) {
	o.r.problems.errorf(at, o.field(key), format, args...)
}

func (o *object) warnf(at position, key, format string, args ...any) {
	o.r.problems.warnf(at, o.field(key), format, args...)
}

func (o *object) textOf(p *pair) (string, bool) {
	if p == nil {
		return "", false
	}
	text, ok := p.value.value.(string)
	if !ok || p.value.kind != scalar {
		mend := ""
		if p.value.kind == scalar {
			mend = "; put it in quotes"
		}
		o.errorf(p.position, p.key, "must be text, not %s%s", p.value.what(), mend)
		return "", false
	}
	return text, true
}

// text is "" and false when the key is absent or wrong.
func (o *object) text(key string) (string, bool) { return o.textOf(o.pair(key)) }

func (o *object) needText(key string) (string, bool) {
	p := o.need(key)
	text, ok := o.textOf(p)
	if ok && text == "" {
		o.errorf(p.position, key, "required, but empty")
		return "", false
	}
	return text, ok
}

// choice is one of some words; the first of them when the key is absent.
func (o *object) choice(key string, words ...string) string {
	p := o.pair(key)
	text, ok := o.textOf(p)
	switch {
	case !ok:
		return words[0]
	case slices.Contains(words, text):
		return text
	}
	mend := ""
	if near := closest(text, words); near != "" && len(words) > 1 {
		mend = "; did you mean " + near + "?"
	}
	o.errorf(p.position, key, "must be %s%s", strings.TrimPrefix(strings.Join(words, " or "), " or "), mend)
	return words[0]
}

// integer is within low and high; otherwise it is reported and false.
func (o *object) integer(key string, low, high int64) (int64, bool) {
	p := o.pair(key)
	if p == nil {
		return 0, false
	}
	number, _ := p.value.value.(json.Number)
	i, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || i < low || i > high {
		o.errorf(p.position, key, "must be a whole number from %d to %d", low, high)
		return 0, false
	}
	return i, true
}

func (o *object) boolean(key string) bool {
	p := o.pair(key)
	if p == nil {
		return false
	}
	b, ok := p.value.value.(bool)
	if !ok {
		o.errorf(p.position, key, "must be true or false, not %s", p.value.what())
	}
	return b
}

func (o *object) object(key string) *object {
	p := o.pair(key)
	if p == nil {
		return nil
	}
	return o.r.object(p.value, p.position, o.field(key))
}

func (o *object) needObject(key string) *object {
	p := o.need(key)
	if p == nil {
		return nil
	}
	return o.r.object(p.value, p.position, o.field(key))
}

// items are the values of a list.
func (o *object) items(key string) []*node {
	p := o.pair(key)
	if p == nil {
		return nil
	}
	if p.value.kind != list {
		o.errorf(p.position, key, "must be a list, not %s", p.value.what())
		return nil
	}
	return p.value.items
}

// objects are the mappings of a list.
func (o *object) objects(key string) []*object {
	var objects []*object
	for i, item := range o.items(key) {
		path := o.field(key) + "[" + strconv.Itoa(i) + "]"
		inner := o.r.object(item, item.position, path)
		if inner == nil {
			if item.null() {
				o.r.problems.errorf(item.position, path, "an empty item; remove it")
			}
			continue
		}
		objects = append(objects, inner)
	}
	return objects
}

// texts checks a list of strings.
func (o *object) texts(key string) {
	for i, item := range o.items(key) {
		text, ok := item.value.(string)
		if !ok || text == "" {
			o.r.problems.errorf(item.position, o.field(key)+"["+strconv.Itoa(i)+"]", "must be text, not %s", item.what())
		}
	}
}

// words are the text values of a mapping with free keys.
func (o *object) words(key string) map[string]string {
	inner := o.object(key)
	if inner == nil {
		return nil
	}
	words := make(map[string]string, len(inner.n.pairs))
	for _, p := range inner.n.pairs {
		if text, ok := inner.text(p.key); ok {
			words[p.key] = text
		} else if p.value.null() {
			inner.errorf(p.position, p.key, "must be text, not empty")
		}
	}
	return words
}

// scalars are the values of a mapping with free keys, numbers and booleans as
// text.
func (o *object) scalars(key string) map[string]string {
	inner := o.object(key)
	if inner == nil {
		return nil
	}
	values := make(map[string]string, len(inner.n.pairs))
	for _, p := range inner.n.pairs {
		if p.value.kind != scalar || p.value.null() {
			inner.errorf(p.position, p.key, "must be text, not %s", p.value.what())
			continue
		}
		values[p.key] = fmt.Sprint(p.value.value)
	}
	return values
}

// rename takes a key that is in use in the field as another, with a warning.
func (o *object) rename(from, to string) {
	if o == nil {
		return
	}
	p := o.n.find(from)
	if p == nil {
		return
	}
	if o.n.find(to) != nil {
		o.known = append(o.known, from)
		o.errorf(p.position, from, "stands beside %s, which means the same; remove one", to)
		return
	}
	o.warnf(p.position, from, "read as %s; write it so", to)
	p.key = to
}

// close reports the keys that nobody asked for.
func (o *object) close() {
	if o == nil {
		return
	}
	for _, p := range o.n.pairs {
		if slices.Contains(o.known, p.key) {
			continue
		}
		mend := "remove it"
		if near := closest(p.key, o.known); near != "" {
			mend = "did you mean " + near + "?"
		} else if len(o.known) > 0 && len(o.known) <= 16 {
			mend = "known are " + strings.Join(o.known, ", ")
		}
		o.r.problems.errorf(p.position, join(o.path, p.key), "unknown key; %s", mend)
	}
}

// reference reads name and namespace of a resource that another one refers to.
func (o *object) reference(namespace string) (revision.Name, bool) {
	name, ok := o.needText("name")
	if given, found := o.text("namespace"); found {
		namespace = given
	}
	return revision.Name{Namespace: namespace, Name: name}, ok
}

// closest is the word most like a wrong one, "" when none is near.
func closest(wrong string, words []string) string {
	best, limit := "", max(1, len(wrong)/3)
	if len(wrong) > 64 {
		return ""
	}
	for _, word := range words {
		if strings.EqualFold(wrong, word) {
			return word
		}
		if d := distance(strings.ToLower(wrong), strings.ToLower(word)); d <= limit {
			best, limit = word, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, remove, change or swap with the
// next one that makes a of b.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
