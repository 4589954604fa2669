package structure

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// object holds an object against the one of the grammar.
func (c *Check) object(n *tree.Node, o *object) {
	if n.Kind != tree.Object || c.seen[visit{n, o}] {
		return
	}
	c.seen[visit{n, o}] = true
	if o.choice != nil {
		c.choose(n, o)
		return
	}
	for i := range n.Members {
		if c.stopped {
			return
		}
		m := &n.Members[i]
		if v := o.field(m.Name); v != nil {
			if v != anything {
				c.into(m.Name, m.Value, v, m.Name)
			}
			continue
		}
		c.unknown(n, m, o)
	}
	for _, name := range o.names {
		if n.Member(name) == nil {
			c.wrong(n, "missing-field", "the field %s is missing in the %s object; add it", name, spaced(o.name))
		}
	}
	for _, r := range o.rules {
		c.rule(n, o, r)
	}
	if c.Visit != nil && !c.stopped {
		c.Visit(o.name, n, c.here())
	}
}

// choose holds an object against the one that its field tells it is.
func (c *Check) choose(n *tree.Node, o *object) {
	value := n.Get(o.choice.field)
	switch {
	case value == nil:
		c.wrong(n, "missing-field", "the field %s is missing in the %s object; it must be one of %s", o.choice.field, spaced(o.name), strings.Join(o.choice.words, ", "))
	case value.Kind != tree.String || o.choice.of[value.Text] == nil:
		c.path = append(c.path, o.choice.field)
		c.wrong(value, "wrong-value", "%s must be one of %s", o.choice.field, strings.Join(o.choice.words, ", "))
		c.path = c.path[:len(c.path)-1]
	default:
		c.object(n, o.choice.of[value.Text])
		if c.Visit != nil && !c.stopped {
			c.Visit(o.name, n, c.here())
		}
	}
}

func (c *Check) unknown(n *tree.Node, m *tree.Member, o *object) {
	rule, message := "unknown-field", "the field "+clip(m.Name)+" is unknown in the "+spaced(o.name)+" object; "
	near := o.near(m.Name)
	switch {
	case o.other != "":
		rule, message = o.otherRule, clip(m.Name)+": "+o.other
	case near != "" && n.Get(near) == nil:
		message += "did you mean " + near + "?"
	case o.extensions:
		message += "remove it, or make it an extension by a name that begins with x-"
	default:
		message += "remove it"
	}
	p := Problem{File: m.Value.File(), Line: int(m.Line), Column: int(m.Column), Rule: rule, Message: message}
	if !c.outside {
		p.Path = append(slices.Clone(c.path), m.Name)
	}
	c.report(p)
}

// near is the field whose name is most like another, empty for none.
func (o *object) near(name string) string {
	const most = 2
	found, least := "", most+1
	if len(name) > 40 {
		return ""
	}
	for candidate := range o.fields {
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d < least || d == least && d <= most && candidate < found {
			found, least = candidate, d
		}
	}
	if least > most || least >= len(name)-1 {
		return ""
	}
	return found
}

// distance is how many letters must be put in, left out or changed to make one
// text of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := above
			if a[i] != b[j] {
				cost++
			}
			above = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// rule holds the names of an object against a condition.
func (c *Check) rule(n *tree.Node, o *object, r rule) {
	var found []string
	for _, name := range r.names {
		if n.Member(name) != nil {
			found = append(found, name)
		}
	}
	all := strings.Join(r.names, ", ")
	switch r.kind {
	case exactlyOne:
		if len(found) == 0 {
			c.wrong(n, "missing-field", "the %s object must have one of the fields %s", spaced(o.name), all)
		}
		fallthrough
	case atMostOne:
		if len(found) > 1 {
			c.wrong(n, "exclusive-fields", "the %s object must not have both %s; remove one", spaced(o.name), strings.Join(found, " and "))
		}
	case atLeastOne:
		if len(found) == 0 {
			c.wrong(n, "missing-field", "the %s object must have at least one of the fields %s", spaced(o.name), all)
		}
	case without:
		if len(found) > 1 && found[0] == r.names[0] {
			c.wrong(n, "exclusive-fields", "beside %s the %s object must not have %s", found[0], spaced(o.name), strings.Join(found[1:], ", "))
		}
	case filled, single:
		count := len(n.Members)
		for i := range n.Members {
			if o.extensions && strings.HasPrefix(n.Members[i].Name, "x-") {
				count--
			}
		}
		if count == 0 {
			c.wrong(n, "empty", "the %s object must not be empty", spaced(o.name))
		} else if r.kind == single && count > 1 {
			c.wrong(n, "exclusive-fields", "the %s object must have one field, and has %d", spaced(o.name), count)
		}
	}
}

// clip shortens what strangers wrote for a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
