package scim

import (
	"strings"
	"time"
)

// Match reports whether a resource is what a filter asks for.
func (f *Filter) Match(resource map[string]any) bool {
	return f == nil || f.root.match(resource)
}

// Equal are the values that some attributes must have, by name as userName or
// members.value: whatever else the filter asks, nothing else can match. With them a
// database finds what may match.
func (f *Filter) Equal() map[string]string {
	out := map[string]string{}
	if f != nil {
		f.root.equal(out)
	}
	return out
}

func (n *node) equal(out map[string]string) {
	switch n.op {
	case "and":
		n.left.equal(out)
		n.right.equal(out)
	case "has":
		inner := map[string]string{}
		n.within.equal(inner)
		if value, ok := inner["value"]; ok {
			out[n.attr.name+".value"] = value
		}
	case "eq":
		text, ok := n.value.(string)
		if !ok || n.attr.dropped {
			return
		}
		name := n.attr.name
		if at := n.valued(); at != n.attr {
			name += "." + at.name
		}
		out[name] = text
	}
}

// Mentions reports whether the answer depends on an attribute.
func (f *Filter) Mentions(name string) bool { return f != nil && f.root.mentions(name) }

func (n *node) mentions(name string) bool {
	return n != nil && (n.attr != nil && n.attr.name == name || n.left.mentions(name) || n.right.mentions(name))
}

func (n *node) match(at map[string]any) bool {
	switch n.op {
	case "and":
		return n.left.match(at) && n.right.match(at)
	case "or":
		return n.left.match(at) || n.right.match(at)
	case "not":
		return !n.left.match(at)
	case "has":
		for _, element := range elements(at[n.attr.name]) {
			if n.within.match(element) {
				return true
			}
		}
		return false
	}
	values := n.values(at)
	if n.op == "pr" {
		return len(values) > 0
	}
	if n.value == nil {
		return (len(values) == 0) == (n.op == "eq")
	}
	for _, have := range values {
		if compare(n.op, n.valued(), have, n.value) {
			return true
		}
	}
	return len(values) == 0 && n.op == "ne"
}

// values are the values that a comparison looks at; none of what is not there.
func (n *node) values(at map[string]any) (list []any) {
	value, there := at[n.attr.name]
	switch {
	case n.attr.dropped || !there:
		return nil
	case n.attr.subs == nil:
		return present(list, value)
	case !n.attr.multi:
		inner, ok := value.(map[string]any)
		switch {
		case !ok:
			return nil
		case n.sub == nil: // only pr
			return []any{inner}
		}
		return present(list, inner[n.sub.name])
	}
	name := n.valued().name
	for _, element := range elements(value) {
		if n.within == nil || n.within.match(element) {
			list = present(list, element[name])
		}
	}
	return list
}

func present(list []any, value any) []any {
	if texts, ok := value.([]string); ok {
		for _, text := range texts {
			list = append(list, text)
		}
		return list
	}
	if value == nil || value == "" {
		return list
	}
	return append(list, value)
}

// elements are the values of an attribute with many.
func elements(value any) []map[string]any {
	list, _ := value.([]map[string]any)
	return list
}

func compare(op string, at *attribute, have, want any) bool {
	if b, ok := have.(bool); ok {
		return (b == want) == (op == "eq")
	}
	a, b := textOf(have), textOf(want)
	if at.kind == timeKind {
		x, _ := instant(a)
		y, ok := instant(b)
		if ok && (op == "eq" || op == "ne" || len(op) == 2 && (op[0] == 'g' || op[0] == 'l')) {
			return ordered(op, x.Compare(y))
		}
	}
	if !at.exact {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	switch op {
	case "co":
		return strings.Contains(a, b)
	case "sw":
		return strings.HasPrefix(a, b)
	case "ew":
		return strings.HasSuffix(a, b)
	}
	return ordered(op, strings.Compare(a, b))
}

func ordered(op string, order int) bool {
	switch op {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	}
	return order <= 0
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

// instant is a time as RFC 3339 writes it.
func instant(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// truth is a boolean, or what some providers write for one.
func truth(value any) (b, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
			return strings.EqualFold(v, "true"), true
		}
	}
	return false, false
}
