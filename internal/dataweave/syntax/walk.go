package syntax

// Walk calls visit for a node and all that it is made of, in the order of the text:
// expressions, fields, parts of texts (as *Part), cases, parameters, directives,
// properties and types. What stands inside a node is left out where visit returns
// false. A nil node is none.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	switch n := n.(type) {
	case *String:
		for i := range n.Parts {
			Walk(&n.Parts[i], visit)
		}
	case *Part:
		Walk(n.X, visit)
	case *Array:
		walkAll(n.Items, visit)
	case *Object:
		walkAll(n.Fields, visit)
	case *Field:
		Walk(n.Key, visit)
		walkObject(n.Attributes, visit)
		Walk(n.Value, visit)
		Walk(n.If, visit)
	case *Unary:
		Walk(n.X, visit)
	case *Binary:
		Walk(n.Left, visit)
		Walk(n.Right, visit)
	case *Call:
		walkCall(n, visit)
	case *Select:
		Walk(n.X, visit)
		Walk(n.Index, visit)
	case *Lambda:
		walkLambda(n, visit)
	case *Group:
		Walk(n.X, visit)
	case *Bad:
		Walk(n.X, visit)
	default:
		walkConstruct(n, visit)
	}
}

// Walk calls visit for all directives and the body, as the function Walk does.
func (s *Script) Walk(visit func(Node) bool) {
	walkAll(s.Directives, visit)
	Walk(s.Body, visit)
}

func walkAll[T Node](list []T, visit func(Node) bool) {
	for _, n := range list {
		Walk(n, visit)
	}
}

func walkObject(o *Object, visit func(Node) bool) {
	if o != nil {
		Walk(o, visit)
	}
}

func walkCall(n *Call, visit func(Node) bool) {
	if n.Infix && len(n.Args) > 0 {
		Walk(n.Args[0], visit)
		Walk(n.Function, visit)
		walkAll(n.Args[1:], visit)
		return
	}
	Walk(n.Function, visit)
	walkAll(n.Types, visit)
	walkAll(n.Args, visit)
}

func walkLambda(n *Lambda, visit func(Node) bool) {
	walkParameters(n.Types, visit)
	walkAll(n.Params, visit)
	Walk(n.Result, visit)
	Walk(n.Body, visit)
}

func walkConstruct(n Node, visit func(Node) bool) {
	switch n := n.(type) {
	case *If:
		if n.When {
			Walk(n.Then, visit)
			Walk(n.Cond, visit)
		} else {
			Walk(n.Cond, visit)
			Walk(n.Then, visit)
		}
		Walk(n.Else, visit)
	case *Match:
		Walk(n.X, visit)
		walkAll(n.Cases, visit)
	case *Case:
		Walk(n.Pattern, visit)
		Walk(n.Is, visit)
		Walk(n.If, visit)
		Walk(n.Body, visit)
	case *Do:
		walkAll(n.Directives, visit)
		Walk(n.Body, visit)
	case *Using:
		walkAll(n.Vars, visit)
		Walk(n.Body, visit)
	case *Update:
		Walk(n.X, visit)
		walkAll(n.Cases, visit)
	case *UpdateCase:
		Walk(n.Path, visit)
		Walk(n.If, visit)
		Walk(n.Body, visit)
	case *Cast:
		Walk(n.X, visit)
		Walk(n.Type, visit)
		walkObject(n.Schema, visit)
	case *Metadata:
		Walk(n.X, visit)
		Walk(n.Schema, visit)
	case *Param:
		Walk(n.Type, visit)
		Walk(n.Default, visit)
	default:
		walkDirective(n, visit)
	}
}

func walkDirective(n Node, visit func(Node) bool) {
	switch n := n.(type) {
	case *Var:
		walkAnnotations(n.Annotations, visit)
		Walk(n.Type, visit)
		Walk(n.Value, visit)
	case *Fun:
		walkAnnotations(n.Annotations, visit)
		if n.Lambda != nil {
			Walk(n.Lambda, visit)
		}
	case *TypeOf:
		walkParameters(n.Parameters, visit)
		Walk(n.Type, visit)
	case *Format:
		Walk(n.Type, visit)
		for i := range n.Properties {
			Walk(&n.Properties[i], visit)
		}
	case *Property:
		Walk(n.Value, visit)
	case *Annotation:
		walkAll(n.Args, visit)
	case *AnnotationOf:
		walkAll(n.Params, visit)
	default:
		walkType(n, visit)
	}
}

func walkType(n Node, visit func(Node) bool) {
	switch n := n.(type) {
	case *TypeName:
		walkAll(n.Args, visit)
		walkObject(n.Schema, visit)
	case *TypeLiteral:
		Walk(n.Value, visit)
	case *TypeUnion:
		walkAll(n.Types, visit)
	case *TypeIntersection:
		walkAll(n.Types, visit)
	case *TypeFunction:
		walkAll(n.Params, visit)
		Walk(n.Result, visit)
	case *TypeObject:
		walkAll(n.Fields, visit)
	case *TypeField:
		Walk(n.Pattern, visit)
		walkAll(n.Attributes, visit)
		Walk(n.Type, visit)
	case *TypeParameter:
		Walk(n.Bound, visit)
	default:
	}
}

func walkAnnotations(list []Annotation, visit func(Node) bool) {
	for i := range list {
		Walk(&list[i], visit)
	}
}

func walkParameters(list []TypeParameter, visit func(Node) bool) {
	for i := range list {
		Walk(&list[i], visit)
	}
}
