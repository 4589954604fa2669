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

func (r *run) selectedTX(t *target, wants func(string) bool, yield func(item)) {
	add := func(key, value string) {
		if wants(key) {
			yield(item{variable: t.variable, key: key, text: value, value: -1})
		}
	}
	if t.expr == nil && t.key != "" {
		if v, ok := r.getTX(t.key); ok {
			add(t.key, v)
		}
		return
	}
	for i := range r.captures {
		add(strconv.Itoa(i), r.captures[i])
	}
	add("10", "")
	for i := range r.tx {
		if !r.tx[i].deleted {
			add(r.tx[i].key, r.tx[i].value)
		}
	}
	for _, key := range r.set.constantKeys {
		if !slices.ContainsFunc(r.tx, func(v txVariable) bool { return v.key == key }) {
			add(key, r.set.constants[key])
		}
	}
}

// apply does what a link does on a match.
func (r *run) apply(e *effect, p *program) {
	if e.ctl != nil {
		r.control(e.ctl, p)
		return
	}
	key := strings.ToLower(r.expand(e.set.key, p))
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
	if c.off {
		r.off = by.rule.Phase
		return
	}
	for i, p := range r.set.rules {
		if !c.covers(p.rule) {
			continue
		}
		if c.target != nil {
			r.exceptions = append(r.exceptions, exception{rule: p, from: c.target})
			continue
		}
		if len(r.removed) == 0 {
			n := (len(r.set.rules) + 63) / 64
			r.removed = slices.Grow(r.removed, n)[:n]
			clear(r.removed)
		}
		r.removed[i/64] |= 1 << (i % 64)
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
