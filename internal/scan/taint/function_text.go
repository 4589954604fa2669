package taint

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// textual is the result of a function over texts.
func (e *evaluator) textual(c *invocation, m *model) *Value {
	switch m.result {
	case joinedBy:
		return joinBy(c.arg(0), c.arg(1))
	case splitBy:
		return e.split(c)
	case withReplacement:
		return e.with(c)
	case replacedAll:
		return replaceText(c.arg(0), constantPattern(c.arg(1)), c.arg(2))
	case afterLast:
		v := cutting(c.arg(0))
		if t, ok := Text(c.arg(1)); ok && v != nil {
			v = Clean(v, withoutChars(t))
		}
		return v
	case found:
		return e.foundIn(c)
	case written:
		return e.write(c)
	default:
		c.evaluate()
		v := cutting(c.arg(0))
		// What was harmless in its encoded form is not any more.
		v = eachMark(v, func(m Mark) Mark {
			m.Clean &^= Injection
			return m
		})
		return v
	}
}

// withoutChars are the kinds that a text is harmless for in which a separator of one
// character does not occur. A name without "/" stays in its folder.
func withoutChars(separator string) Kind {
	if len(separator) != 1 {
		return 0
	}
	k := everything.without(charsOf(separator)).clean()
	if separator == "/" || separator == `\` {
		k |= FilePath
	}
	return k
}

// joinBy is a text of the elements of an array with a separator between them.
func joinBy(v, separator *Value) *Value {
	if v == nil {
		return cutting(separator)
	}
	if v.Type == NullType {
		return v
	}
	if items, ok := Exact(v); ok {
		parts := make([]*Value, 0, 2*len(items))
		for i, x := range items {
			if i > 0 {
				parts = append(parts, separator)
			}
			parts = append(parts, x)
		}
		return Concat(parts...)
	}
	x := Element(v)
	if t, ok := Text(separator); ok && strings.ContainsAny(t, `/\`) {
		x = eachMark(x, func(m Mark) Mark {
			m.Clean &^= FilePath
			return m
		})
	}
	if x == nil {
		return Of(TextType)
	}
	return Concat(x, separator, x)
}

// split is an array of the parts of a text.
func (e *evaluator) split(c *invocation) *Value {
	v := cutting(c.arg(0))
	if v == nil {
		return nil
	}
	v.Type = TextType
	if _, ok := unwrap(c.argNode(1)).(*syntax.Regex); ok {
		if chars, ok := removed(e.regexpOf(c.argNode(1), c.frame)); ok {
			k := everything.without(chars).clean()
			if chars.hasAny("/") {
				k |= FilePath
			}
			v = Clean(v, k)
		}
	} else if t, ok := Text(c.arg(1)); ok {
		v = Clean(v, withoutChars(t))
	}
	return ArrayOf(v)
}

// foundIn are the parts of a text that a regular expression matches.
func (e *evaluator) foundIn(c *invocation) *Value {
	c.evaluate()
	v := cutting(c.arg(0))
	if v == nil {
		return nil
	}
	v.Type = TextType
	if n := c.argNode(1); n != nil {
		if chars, ok := matched(e.regexpOf(n, c.frame)); ok {
			v = Clean(v, chars.clean())
		}
	}
	if c.fn.name == "scan" {
		return ArrayOf(ArrayOf(v))
	}
	return ArrayOf(v)
}

// write is a value as the text of a format. JSON has no line breaks in texts.
func (e *evaluator) write(c *invocation) *Value {
	c.evaluate()
	v := scalarAny(c.arg(0))
	if v == nil {
		return Of(TextType)
	}
	v.Type = TextType
	format, ok := Text(c.arg(1))
	switch {
	case ok && strings.Contains(format, "json"):
		return Clean(v, Log|Header)
	case ok && strings.Contains(format, "xml"):
		return Clean(v, XML|HTML)
	}
	return v
}

// with is "x replace pattern with text", "x update path with value" and "x mask
// field with text".
func (e *evaluator) with(c *invocation) *Value {
	before, ok := unwrap(c.argNode(0)).(*syntax.Call)
	if !ok || len(before.Args) < 2 {
		return mix(c.all())
	}
	fn := e.functionOf(before.Function, c.frame)
	name := ""
	if fn != nil {
		name = fn.name[strings.LastIndexByte(fn.name, ':')+1:]
	}
	v := e.eval(before.Args[0], c.frame)
	switch name {
	case "replace":
		return e.replace(v, before.Args[1], c)
	case "update":
		path := e.fieldNames(before.Args[1], c.frame)
		old := v
		for _, n := range path {
			old = Field(old, n)
		}
		now := e.apply(c.callback(1), []*Value{old, nil})
		if path == nil {
			return Join(v, mix([]*Value{now}))
		}
		return set(v, path, now)
	case "mask":
		for _, n := range e.fieldNames(before.Args[1], c.frame) {
			v = Without(v, n)
		}
		return v
	}
	return mix(c.all())
}

// pattern is what is replaced in a text: a constant or a regular expression.
type pattern struct {
	text   string
	regexp bool
	known  bool
}

func constantPattern(v *Value) pattern {
	t, ok := Text(v)
	return pattern{text: t, known: ok}
}

func (e *evaluator) replace(v *Value, what syntax.Node, c *invocation) *Value {
	var p pattern
	if _, ok := unwrap(what).(*syntax.Regex); ok || e.holdsRegexp(what, c.frame) {
		p = pattern{text: e.regexpOf(what, c.frame), regexp: true, known: true}
	} else {
		p = constantPattern(e.eval(what, c.frame))
	}
	groups := cutting(v)
	by := e.apply(c.callback(1), []*Value{ArrayOf(groups), Of(NumberType)})
	return replaceText(v, p, by)
}

// holdsRegexp says that a node is a variable whose value is a regular expression.
func (e *evaluator) holdsRegexp(n syntax.Node, f *frame) bool {
	name, ok := unwrap(n).(*syntax.Name)
	for g := f; ok && g != nil; g = g.parent {
		if b, found := g.names[name.Name]; found {
			_, is := unwrap(b.node).(*syntax.Regex)
			return is
		}
	}
	return false
}

// replaceText is v with by in the place of what a pattern finds.
func replaceText(v *Value, p pattern, by *Value) *Value {
	if v == nil {
		return mix([]*Value{by})
	}
	if !p.known || len(v.Pieces) == 0 {
		rest := cutting(v)
		rest.Type = TextType
		if p.known {
			rest = Clean(rest, cleanByReplacing(p, by))
		}
		if !hasMarks(by) {
			return rest
		}
		return Concat(rest, by)
	}
	split := p.splitter()
	var parts []*Value
	for _, q := range v.Pieces {
		if q.Hole != nil {
			parts = append(parts, Clean(q.Hole, cleanByReplacing(p, by)))
			continue
		}
		for i, t := range split(q.Text) {
			if i > 0 {
				parts = append(parts, by)
			}
			parts = append(parts, Constant(t))
		}
	}
	return Concat(parts...)
}

// splitter takes a text apart where the pattern is found.
func (p pattern) splitter() func(string) []string {
	const most = maxPieces
	if !p.regexp {
		if p.text == "" {
			return func(t string) []string { return []string{t} }
		}
		return func(t string) []string { return strings.SplitN(t, p.text, most) }
	}
	re, err := regexp.Compile(p.text)
	if err != nil || len(p.text) > 2000 {
		return func(t string) []string { return []string{t} }
	}
	return func(t string) []string { return re.Split(t, most) }
}

// cleanByReplacing are the kinds that a text is harmless for when everything that a
// pattern finds in it was replaced.
func cleanByReplacing(p pattern, by *Value) Kind {
	t, ok := Text(by)
	if !ok {
		return 0
	}
	var gone charset
	switch {
	case p.regexp:
		if gone, ok = removed(p.text); !ok {
			return 0
		}
	case len(p.text) == 1:
		gone = charsOf(p.text)
	default:
		return 0
	}
	k := replaced(gone, t).clean()
	if gone.hasAny("'") && (t == "''" || t == `\'`) {
		k |= SQL | SOQL
	}
	if gone.hasAny("<") && strings.HasPrefix(t, "&") {
		k |= HTML | XML
	}
	return k
}
