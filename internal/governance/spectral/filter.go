package spectral

import (
	"errors"
	"fmt"
	"strings"
)

// scope is what the expression of a filter sees.
type scope struct {
	self *frame
	// parent is nil at the root.
	parent, grandparent *frame
	cursor              *cursor
	// realParent has @parent be the parent. Otherwise it is the parent of that, as
	// it is in Spectral but for the paths that its second engine evaluates.
	realParent bool
	// thrown tells that JavaScript would have thrown, as for a member of
	// undefined; the filter then selects nothing.
	thrown bool
	// err is why the rule can't be judged.
	err error
}

// expression computes a value.
type expression func(s *scope) value

// filter is the expression of a step.
type filter struct {
	text string
	eval expression
	// needs is a member without which the filter selects nothing; empty where
	// there is no such.
	needs string
	// wandering tells that it depends on where the value was found.
	wandering bool
	// parental tells that it uses @parent; realParent is that of scope.
	parental, realParent bool
}

// matches says whether the filter selects the value.
func (f *filter) matches(s *scope) bool {
	s.thrown = false
	v := f.eval(s)
	return !s.thrown && v.truthy()
}

const (
	maxExpression = 8 << 10
	maxNesting    = 64
)

func compileFilter(text string) (*filter, error) {
	e := &expressionParser{text: text}
	root, err := e.expression()
	if err != nil {
		return nil, err
	}
	if e.space(); e.at != len(text) {
		return nil, e.wrong("unexpected %s", clip(text[e.at:]))
	}
	return newFilter(text, root)
}

func newFilter(text string, root *syntax) (*filter, error) {
	c := compiler{}
	f := &filter{text: strings.TrimSpace(text), eval: c.compile(root), needs: needed(root), wandering: c.wandering, parental: c.parental}
	return f, c.err
}

// needed is a member that a value must have for the expression to be true.
func needed(n *syntax) string {
	switch {
	case n.op == "&&":
		if name := needed(n.parts[0]); name != "" {
			return name
		}
		return needed(n.parts[1])
	case n.op == "." && n.parts[0].op == "@" && n.parts[0].text == "@" && !isMethod(n.text):
		return n.text
	case n.op == "." || n.op == "call":
		return needed(n.parts[0])
	case (n.op == "==" || n.op == "===") && n.parts[1].op == "literal" && n.parts[1].literal.kind > nullValue:
		return needed(n.parts[0])
	}
	return ""
}

// isMethod says whether texts or lists have a member of this name.
func isMethod(name string) bool {
	_, known := methods[name]
	return known || name == "length" || name == "constructor"
}

type compiler struct {
	wandering, parental bool
	err                 error
}

func (c *compiler) refuse(format string, args ...any) expression {
	c.err = errors.Join(c.err, fmt.Errorf(format, args...))
	return func(*scope) value { return value{} }
}

func (c *compiler) compile(n *syntax) expression {
	switch n.op {
	case "literal":
		v := n.literal
		return func(*scope) value { return v }
	case "@":
		return c.special(n.text)
	case "name":
		return c.name(n.text)
	case "list":
		return c.listOf(n.parts)
	case ".":
		return c.member(c.compile(n.parts[0]), func(*scope) value { return stringValue(n.text) })
	case "[":
		return c.member(c.compile(n.parts[0]), c.compile(n.parts[1]))
	case "call":
		return c.call(n)
	case "?":
		test, yes, no := c.compile(n.parts[0]), c.compile(n.parts[1]), c.compile(n.parts[2])
		return func(s *scope) value {
			if test(s).truthy() {
				return yes(s)
			}
			return no(s)
		}
	}
	if len(n.parts) == 1 {
		return c.unary(n.op, c.compile(n.parts[0]))
	}
	return c.binary(n.op, c.compile(n.parts[0]), c.compile(n.parts[1]))
}

// special is a value that begins with @.
func (c *compiler) special(name string) expression {
	switch name {
	case "@":
		return func(s *scope) value { return valueOf(s.self.node) }
	case "@root":
		return func(s *scope) value { return valueOf(s.cursor.stack[0].node) }
	case "@property":
		return func(s *scope) value { return s.self.property() }
	case "@parent":
		c.parental = true
		return func(s *scope) value {
			parent := s.grandparent
			if s.realParent {
				parent = s.parent
			}
			if parent == nil {
				return value{}
			}
			return valueOf(parent.node)
		}
	case "@parentProperty":
		c.wandering = true
		return func(s *scope) value {
			if s.parent == nil || s.grandparent == nil {
				return value{}
			}
			return s.parent.property()
		}
	case "@path":
		c.wandering = true
		return func(s *scope) value { return stringValue(s.cursor.dump(s.self)) }
	}
	return c.refuse("%s isn't known: use @, @property, @parent, @parentProperty, @root or @path", name)
}

func (c *compiler) name(name string) expression {
	switch name {
	case "undefined":
		return func(*scope) value { return value{} }
	case "Array", "Object", "Number", "String", "JSON", "Math":
		return func(*scope) value { return value{kind: constructorValue, text: name} }
	}
	return c.refuse("%s is not defined", name)
}

func (c *compiler) listOf(parts []*syntax) expression {
	items := c.all(parts)
	return func(s *scope) value {
		out := value{kind: listValue, list: make([]value, len(items))}
		for i, item := range items {
			out.list[i] = item(s)
		}
		return out
	}
}

func (c *compiler) all(parts []*syntax) []expression {
	out := make([]expression, len(parts))
	for i, p := range parts {
		out[i] = c.compile(p)
	}
	return out
}

func (c *compiler) member(of, name expression) expression {
	return func(s *scope) value {
		v := of(s)
		if s.thrown {
			return value{}
		}
		return memberOf(s, v, name(s))
	}
}

// memberOf is v[name].
func memberOf(s *scope, v, name value) value {
	switch v.kind {
	case undefinedValue, nullValue:
		s.thrown = true
	case nodeValue:
		if member := valueOf(v.node.Step(name.String())); member.kind != undefinedValue {
			return member
		}
		if name.text == "length" && v.isArray() {
			return numericValue(float64(len(v.node.Items)))
		}
	case listValue:
		if name.text == "length" {
			return numericValue(float64(len(v.list)))
		}
		if i := int(name.numeric()); name.kind == numberValue && i >= 0 && i < len(v.list) {
			return v.list[i]
		}
	case textValue:
		units := utf16Of(v.text)
		if name.text == "length" {
			return numericValue(float64(len(units)))
		}
		if i := int(name.numeric()); name.kind == numberValue && i >= 0 && i < len(units) {
			return stringValue(textOf(units[i : i+1]))
		}
	case constructorValue:
		if name.text == "name" {
			return stringValue(v.text)
		}
	case boolValue, numberValue, regexValue:
	}
	if _, is := methods[name.text]; is && (v.kind == textValue || v.isArray()) {
		return value{kind: constructorValue, text: name.text}
	}
	if name.text == "constructor" {
		return value{kind: constructorValue, text: constructorOf(v)}
	}
	return value{}
}

func constructorOf(v value) string {
	switch {
	case v.isArray():
		return "Array"
	case v.kind == regexValue:
		return "RegExp"
	case v.kind == nodeValue:
		return "Object"
	}
	name := v.typeName()
	return strings.ToUpper(name[:1]) + name[1:]
}

func (c *compiler) unary(op string, of expression) expression {
	switch op {
	case "!":
		return func(s *scope) value { return truthValue(!of(s).truthy()) }
	case "-":
		return func(s *scope) value { return numericValue(-of(s).numeric()) }
	case "+":
		return func(s *scope) value { return numericValue(of(s).numeric()) }
	case "typeof":
		return func(s *scope) value { return stringValue(of(s).typeName()) }
	}
	return func(*scope) value { return value{} }
}

func (c *compiler) call(n *syntax) expression {
	callee, arguments := n.parts[0], c.all(n.parts[1:])
	if callee.op == "@" {
		return c.typeTest(callee.text)
	}
	if callee.op != "." {
		return c.refuse("only methods can be called")
	}
	run, known := methods[callee.text]
	if !known {
		return c.refuse("the method %s isn't known", callee.text)
	}
	of := c.compile(callee.parts[0])
	ofProperty := callee.parts[0].op == "@" && callee.parts[0].text == "@property"
	return func(s *scope) value {
		self := of(s)
		if ofProperty && self.kind == numberValue {
			self = stringValue(self.String())
		}
		list := make([]value, len(arguments))
		for i, argument := range arguments {
			list[i] = argument(s)
		}
		if s.thrown || self.kind == undefinedValue || self.kind == nullValue {
			s.thrown = true
			return value{}
		}
		return run(s, self, list)
	}
}

// typeTest is as "@string()".
func (c *compiler) typeTest(name string) expression {
	var is func(v value) bool
	switch name {
	case "@string", "@number", "@boolean":
		is = func(v value) bool { return v.typeName() == name[1:] }
	case "@scalar":
		is = func(v value) bool { return v.kind != nodeValue }
	case "@array":
		is = value.isArray
	case "@null":
		is = func(v value) bool { return v.kind == nullValue }
	case "@object":
		is = func(v value) bool { return v.kind == nodeValue }
	case "@integer":
		is = func(v value) bool { return v.kind == numberValue && v.number == float64(int64(v.number)) }
	default:
		return c.refuse("%s() isn't known: use %s", name, strings.Join(typeNames, ", "))
	}
	return func(s *scope) value { return truthValue(is(valueOf(s.self.node))) }
}
