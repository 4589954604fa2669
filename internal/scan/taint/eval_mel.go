package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/mule"
)

// methods are the methods of Java objects that expressions of Mule 3 call, and how
// their results are made: of the object and the arguments as functions of the core
// are of their arguments.
var methods = map[string]*model{
	"toString": {result: sameShape}, "trim": {result: sameShape}, "toLowerCase": {result: sameShape}, "toUpperCase": {result: sameShape},
	"intern": {result: sameShape}, "clone": {result: sameShape},
	"substring": {result: first, typ: TextType}, "subSequence": {result: first, typ: TextType}, "charAt": {result: first, typ: TextType},
	"split":  {result: splitBy},
	"concat": {result: joinedBy}, "append": {result: joinedBy},
	"replace": {result: replacedAll}, "replaceAll": {result: replacedAll}, "replaceFirst": {result: mixed, typ: TextType},
	"length": {result: cleared, typ: NumberType}, "size": {result: cleared, typ: NumberType},
	"indexOf": {result: cleared, typ: NumberType}, "lastIndexOf": {result: cleared, typ: NumberType},
	"hashCode": {result: cleared, typ: NumberType}, "compareTo": {result: cleared, typ: NumberType},
	"equals": {result: cleared, typ: BoolType}, "equalsIgnoreCase": {result: cleared, typ: BoolType},
	"contains": {result: cleared, typ: BoolType}, "containsKey": {result: cleared, typ: BoolType},
	"isEmpty": {result: cleared, typ: BoolType}, "startsWith": {result: cleared, typ: BoolType},
	"endsWith": {result: cleared, typ: BoolType}, "matches": {result: cleared, typ: BoolType},
	"get": {result: anElement}, "getAt": {result: anElement}, "remove": {result: anElement}, "next": {result: anElement},
	"iterator": {result: sameShape}, "values": {result: someElements}, "keySet": {result: keys}, "entrySet": {result: entries},
	"intValue": {result: numeric, typ: NumberType}, "longValue": {result: numeric, typ: NumberType},
	"doubleValue": {result: numeric, typ: NumberType}, "booleanValue": {result: numeric, typ: BoolType},
}

// numberMakers are functions that fail on what is no number, date or UUID.
var numberMakers = map[string]bool{
	"Integer.parseInt": true, "Integer.valueOf": true, "Long.parseLong": true, "Long.valueOf": true, "Double.parseDouble": true,
	"Double.valueOf": true, "Float.parseFloat": true, "Short.parseShort": true, "Boolean.parseBoolean": true,
	"Boolean.valueOf": true, "UUID.fromString": true, "java.util.UUID.fromString": true, "java.lang.Integer.parseInt": true,
	"java.lang.Long.parseLong": true,
}

// method is a call of a method: x.concat(y). It is false where the selector gives a
// function of the script.
func (e *evaluator) method(s *syntax.Select, n *syntax.Call, f *frame) (*Value, bool) {
	if s.Kind != syntax.SelectField || s.Index != nil {
		return nil, false
	}
	if f.code == nil || f.code.Language != mule.MEL {
		return nil, false
	}
	name := dotted(s)
	nodes := append([]syntax.Node{s.X}, n.Args...)
	fn := &function{name: "." + s.Name, model: methods[s.Name]}
	if numberMakers[name] {
		nodes, fn = n.Args, &function{name: name, model: &model{result: numeric, typ: NumberType}}
	} else if fn.model == nil {
		fn.model = &model{result: mixed}
	}
	c := &invocation{
		e: e, fn: fn, node: n, frame: f, nodes: nodes,
		args: make([]*Value, len(nodes)), known: make([]bool, len(nodes)),
	}
	c.evaluate()
	v := e.methodResult(c, s.Name)
	e.tell(c, v)
	return v, true
}

func (e *evaluator) methodResult(c *invocation, name string) *Value {
	switch name {
	case "get", "getAt", "remove":
		return e.index(c.arg(0), c.arg(1))
	case "concat", "append":
		return e.concat(append([]*Value(nil), c.args...), c.nodes, c.frame)
	case "replaceAll":
		t, ok := Text(c.arg(1))
		return replaceText(c.arg(0), pattern{text: t, regexp: true, known: ok}, c.arg(2))
	}
	return e.builtin(c)
}

// dotted is a chain of names as it is written, as java.util.UUID.fromString; empty
// for anything else.
func dotted(n syntax.Node) string {
	var names []string
	for {
		switch s := n.(type) {
		case *syntax.Select:
			if s.Kind != syntax.SelectField || s.Index != nil {
				return ""
			}
			names = append(names, s.Name)
			n = s.X
			continue
		case *syntax.Name:
			names = append(names, s.Name)
			for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
				names[i], names[j] = names[j], names[i]
			}
			return strings.Join(names, ".")
		}
		return ""
	}
}

// older is an expression of the form name:text, as "header:INBOUND:x" of Mule 3.
func (e *evaluator) older(name, text string) *Value {
	scope, rest, _ := strings.Cut(text, ":")
	text = strings.TrimRight(strings.TrimSpace(text), "?*")
	rest = strings.TrimRight(strings.TrimSpace(rest), "?*")
	switch name {
	case "payload", "message", "map-payload", "json", "json-node", "jsonpath", "xpath", "xpath2", "xpath3", "xpath-node", "bean":
		return mix([]*Value{e.event("payload")})
	case "variable", "flowVars":
		return Field(e.event("flowVars"), text)
	case "session", "sessionVars":
		return Field(e.event("sessionVars"), text)
	case "header", "headers", "headers-list":
		switch strings.ToUpper(scope) {
		case "INVOCATION":
			return Field(e.event("flowVars"), rest)
		case "SESSION":
			return Field(e.event("sessionVars"), rest)
		case "OUTBOUND":
			return Field(e.event("outboundProperties"), rest)
		case "INBOUND":
			return Field(e.inbound(), rest)
		}
		return Field(e.inbound(), text)
	case "groovy", "python", "ruby", "javascript":
		return Unseen()
	}
	return nil
}

func (e *evaluator) inbound() *Value {
	if v := e.event("inboundProperties"); v != nil {
		return v
	}
	return Field(e.event("message"), "inboundProperties")
}

// special are the calls that stand for something else than a function in MEL.
func (e *evaluator) special(n *syntax.Call, f *frame) (*Value, bool) {
	name, ok := n.Function.(*syntax.Name)
	if !ok || f.code == nil || f.code.Language != mule.MEL {
		return nil, false
	}
	switch {
	case name.Name == ";":
		var v *Value
		for _, a := range n.Args {
			v = e.eval(a, f)
		}
		return v, true
	case strings.HasSuffix(name.Name, ":") && len(n.Args) == 1:
		return e.older(strings.TrimSuffix(name.Name, ":"), e.constant(n.Args[0], f)), true
	case strings.HasPrefix(name.Name, "xpath") || name.Name == "jsonPath" || name.Name == "regex":
		values := []*Value{e.event("payload")}
		for i, a := range n.Args {
			if v := e.eval(a, f); i > 0 {
				values = append(values, v)
			}
		}
		return mix(values), true
	}
	return nil, false
}

// asCall is a condition that is a call of a method, as the function that it is like.
func asCall(n *syntax.Call, f *frame) *syntax.Call {
	s, ok := n.Function.(*syntax.Select)
	if !ok || f.code == nil || f.code.Language != mule.MEL || s.Kind != syntax.SelectField {
		return n
	}
	return &syntax.Call{Span: n.Span, Function: &syntax.Name{Span: n.Span, Name: s.Name}, Args: append([]syntax.Node{s.X}, n.Args...)}
}
