package seclang

import (
	"slices"
	"strconv"
	"strings"
)

// getTX reads a variable of TX, whose key is in lower case.
func (r *run) getTX(key string) (string, bool) {
	if n, ok := group(key); ok {
		if n > 9 {
			return "", true
		}
		return r.captures[n], true
	}
	for i := range r.tx {
		if r.tx[i].key == key {
			return r.tx[i].value, !r.tx[i].deleted
		}
	}
	v, ok := r.set.constants[key]
	return v, ok
}

// group reads the key of a captured group. There is a tenth that is always
// empty, as in Coraza.
func group(key string) (int, bool) {
	if len(key) == 1 && key[0] >= '0' && key[0] <= '9' {
		return int(key[0] - '0'), true
	}
	return 10, key == "10"
}

func (r *run) setTX(key, value string, deleted bool) {
	if n, ok := group(key); ok {
		if n <= 9 {
			r.captures[n] = value
		}
		return
	}
	for i := range r.tx {
		if r.tx[i].key == key {
			r.tx[i] = txVariable{key, value, deleted}
			return
		}
	}
	r.tx = append(r.tx, txVariable{key, value, deleted})
}

func (r *run) selectedTX(items []item, p *program, t *target) []item {
	if t.expr == nil && t.key != "" {
		if v, ok := r.getTX(t.key); ok {
			items = r.addTX(items, p, t, t.key, v)
		}
		return items
	}
	for i := range r.captures {
		items = r.addTX(items, p, t, digits[i:i+1], r.captures[i])
	}
	items = r.addTX(items, p, t, "10", "")
	for i := range r.tx {
		if !r.tx[i].deleted {
			items = r.addTX(items, p, t, r.tx[i].key, r.tx[i].value)
		}
	}
	for _, key := range r.set.constantKeys {
		if !slices.ContainsFunc(r.tx, func(v txVariable) bool { return v.key == key }) {
			items = r.addTX(items, p, t, key, r.set.constants[key])
		}
	}
	return items
}

const digits = "0123456789"

func (r *run) addTX(items []item, p *program, t *target, key, value string) []item {
	if !r.wants(p, t, key) {
		return items
	}
	return append(items, item{variable: t.variable, key: key, text: value, value: -1})
}

// apply does what a link does on a match.
func (r *run) apply(e *effect, p *program) {
	if e.ctl != nil {
		r.control(e.ctl, p)
		return
	}
	key := r.lowered(r.expand(e.set.key, p))
	if e.set.delete {
		r.setTX(key, "", true)
		return
	}
	current, _ := r.getTX(key)
	if v, ok := assigned(current, r.expand(e.set.value, p)); ok {
		r.setTX(key, v, false)
	}
}

// assigned is the new value of a variable: a sum where the value begins with a
// sign and a number, else the value. It is not ok where nothing changes.
func assigned(current, value string) (string, bool) {
	if value == "" || value[0] != '+' && value[0] != '-' {
		return value, true
	}
	by := 0
	if len(value) > 1 {
		var err error
		if by, err = strconv.Atoi(value[1:]); err != nil {
			// The macro of a variable that does not exist changes nothing.
			return value, !strings.HasPrefix(value[1:], "tx.")
		}
	}
	n := 0
	if current != "" {
		var err error
		if n, err = strconv.Atoi(current); err != nil {
			return "", false
		}
	}
	if value[0] == '-' {
		by = -by
	}
	return strconv.Itoa(n + by), true
}

func (r *run) control(c *control, by *program) {
	switch {
	case c.off:
		r.off = by.rule.Phase
	case c.target != nil:
		r.exceptions = append(r.exceptions, c)
	default:
		if len(r.removed) == 0 {
			r.removed = slices.Grow(r.removed, len(c.rules))[:len(c.rules)]
			clear(r.removed)
		}
		r.removed.or(c.rules)
	}
}

func (c *control) covers(r *Rule) bool {
	switch {
	case c.tag != "":
		return slices.Contains(r.Tags, c.tag)
	case c.msg != "":
		return r.Message == c.msg
	}
	return r.ID >= c.from && r.ID <= c.to
}
