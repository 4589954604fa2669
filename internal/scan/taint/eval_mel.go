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
