package syntax_test

import (
	"fmt"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// dump writes a script as one line of s-expressions: the form of testdata/trees.txt.
func dump(s *syntax.Script) string {
	var parts []string
	if s.Version == syntax.One {
		parts = append(parts, "v1")
	}
	for _, d := range s.Directives {
		parts = append(parts, tree(d))
	}
	if s.Separated {
		parts = append(parts, "---")
	}
	if s.Body != nil {
		parts = append(parts, tree(s.Body))
	}
	return strings.Join(parts, " ")
}

var selectorMarks = map[syntax.Selector]string{
	syntax.SelectField: ".", syntax.SelectFields: ".*", syntax.SelectDescendants: "..",
	syntax.SelectAllDescendants: "..*", syntax.SelectAttribute: ".@", syntax.SelectAttributes: ".*@",
	syntax.SelectDescendantAttributes: "..@", syntax.SelectNamespace: ".#", syntax.SelectMetadata: ".^",
	syntax.SelectKey: ".&", syntax.SelectIndex: "[]", syntax.SelectRange: "[to]",
	syntax.SelectFilter: "[?]", syntax.SelectAllFilter: "[*?]",
}

// list writes (a b c), empty parts left out.
func list(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return "(" + strings.Join(kept, " ") + ")"
}

func trees[T syntax.Node](nodes []T) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = tree(n)
	}
	return strings.Join(parts, " ")
}

func when(b bool, s string) string {
	if b {
		return s
	}
	return ""
}

// optional writes a node that may be nil.
func optional(before string, n syntax.Node) string {
	if n == nil {
		return ""
	}
	return before + tree(n)
}

func tree(n syntax.Node) string {
	switch n := n.(type) {
	case nil:
		return "nil"
	case *syntax.Name:
		return n.Name
	case *syntax.String:
		return text(n)
	case *syntax.Number:
		return n.Text
	case *syntax.Bool:
		return strconv.FormatBool(n.Value)
	case *syntax.Null:
		return "null"
	case *syntax.Temporal:
		return "|" + n.Text + "|"
	case *syntax.Regex:
		return "/" + n.Text + "/"
	case *syntax.Array:
		return "[" + trees(n.Items) + "]"
	case *syntax.Object:
		return when(n.Bare, "bare") + "{" + trees(n.Fields) + "}"
	case *syntax.Field:
		return field(n)
	case *syntax.Group:
		return list("group", tree(n.X))
	case *syntax.Bad:
		return list("bad", optional("", n.X))
	case *syntax.Unary:
		return list(n.Op, tree(n.X))
	case *syntax.Binary:
		return list(n.Op, tree(n.Left), tree(n.Right))
	case *syntax.Call:
		return list("call"+when(n.Infix, "~")+when(n.First, "'"), tree(n.Function), when(len(n.Types) > 0, "<"+trees(n.Types)+">"), trees(n.Args))
	case *syntax.Select:
		name := when(n.Prefix != "", n.Prefix+"#") + n.Name
		if n.Quoted && n.Index == nil {
			name = strconv.Quote(name)
		}
		return list(selectorMarks[n.Kind], tree(n.X), name, optional("", n.Index), when(n.Assert, "!"), when(n.Exists, "?"))
	default:
		return construct(n)
	}
}

func construct(n syntax.Node) string {
	switch n := n.(type) {
	case *syntax.Lambda:
		return list("fn", parameters(n.Types)+"["+trees(n.Params)+"]"+optional(":", n.Result), tree(n.Body))
	case *syntax.Param:
		return n.Name + when(n.Optional, "?") + optional(":", n.Type) + optional("=", n.Default)
	case *syntax.If:
		name := "if"
		if n.Unless {
			name = "unless"
		}
		return list(name+when(n.When, "'"), tree(n.Cond), tree(n.Then), optional("", n.Else))
	case *syntax.Match:
		return list("match", tree(n.X), trees(n.Cases))
	case *syntax.Case:
		return list(when(n.Else, "else")+when(!n.Else, "case"), n.Bind, when(n.Regexp, "matches"), optional("", n.Pattern),
			optional("is ", n.Is), optional("if ", n.If), "->", tree(n.Body))
	case *syntax.Do:
		return list("do", trees(n.Directives), tree(n.Body))
	case *syntax.Using:
		return list("using", trees(n.Vars), tree(n.Body))
	case *syntax.Update:
		return list("update", tree(n.X), trees(n.Cases))
	case *syntax.UpdateCase:
		return list("case", when(n.Bind != "", n.Bind+" at"), tree(n.Path), when(n.Upsert, "!"), optional("if ", n.If), "->", tree(n.Body))
	case *syntax.Cast:
		name := "as"
		if n.Is {
			name = "is"
		}
		schema := ""
		if n.Schema != nil {
			schema = tree(n.Schema)
		}
		return list(name, tree(n.X), tree(n.Type), schema)
	case *syntax.Metadata:
		return list("<~", tree(n.X), tree(n.Schema))
	default:
		return directive(n)
	}
}

func directive(n syntax.Node) string {
	switch n := n.(type) {
	case *syntax.Declared:
		return list("dw", n.Text)
	case *syntax.Var:
		return list("var", annotations(n.Annotations), n.Name+optional(":", n.Type), tree(n.Value))
	case *syntax.Fun:
		return list("fun", annotations(n.Annotations), n.Name, tree(n.Lambda))
	case *syntax.Import:
		names := make([]string, len(n.Names))
		for i, one := range n.Names {
			names[i] = one.Name + when(one.Alias != "", "="+one.Alias)
		}
		return list("import", when(n.All, "*"), strings.Join(names, " "), "from "+n.Module, when(n.Alias != "", "as "+n.Alias))
	case *syntax.NamespaceOf:
		return list("ns", n.Prefix, n.URI)
	case *syntax.TypeOf:
		return list("type", n.Name+parameters(n.Parameters), tree(n.Type))
	case *syntax.Format:
		properties := ""
		for _, p := range n.Properties {
			properties += when(properties != "", " ") + p.Name + "=" + tree(p.Value)
		}
		name := "input " + n.Name
		if n.Output {
			name = "output"
		}
		return list(name+optional(":", n.Type), n.MIME, properties)
	case *syntax.AnnotationOf:
		return list("annotation", n.Name, when(n.Params != nil, "["+trees(n.Params)+"]"))
	default:
		return typeTree(n)
	}
}

func typeTree(n syntax.Node) string {
	switch n := n.(type) {
	case *syntax.TypeName:
		schema := ""
		if n.Schema != nil {
			schema = tree(n.Schema)
		}
		return n.Name + when(len(n.Args) > 0, "<"+trees(n.Args)+">") + schema
	case *syntax.TypeLiteral:
		return tree(n.Value)
	case *syntax.TypeUnion:
		return list("|", trees(n.Types))
	case *syntax.TypeIntersection:
		return list("&", trees(n.Types))
	case *syntax.TypeFunction:
		return list("->", "["+trees(n.Params)+"]", tree(n.Result))
	case *syntax.TypeObject:
		return when(n.Closed, "closed") + when(n.Ordered, "ordered") + "{" + trees(n.Fields) + "}"
	case *syntax.TypeField:
		key := when(n.Prefix != "", n.Prefix+"#") + n.Name
		if n.Quoted && n.Pattern == nil {
			key = strconv.Quote(key)
		}
		if n.Pattern != nil {
			key = "(" + tree(n.Pattern) + ")"
		}
		return key + when(n.Repeated, "*") + when(n.Optional, "?") +
			when(len(n.Attributes) > 0, "@{"+trees(n.Attributes)+"}") + ":" + tree(n.Type)
	default:
		return fmt.Sprintf("UNKNOWN %T", n)
	}
}

func parameters(list []syntax.TypeParameter) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.Name + optional("<:", t.Bound)
	}
	return "<" + strings.Join(parts, " ") + ">"
}

func annotations(list []syntax.Annotation) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = "@" + a.Name + when(len(a.Args) > 0, "["+trees(a.Args)+"]")
	}
	return strings.Join(parts, " ")
}

func text(s *syntax.String) string {
	if len(s.Parts) == 1 && s.Parts[0].X == nil {
		return strconv.Quote(s.Parts[0].Text)
	}
	parts := []string{"text"}
	for _, p := range s.Parts {
		if p.X != nil {
			parts = append(parts, tree(p.X))
		} else {
			parts = append(parts, strconv.Quote(p.Text))
		}
	}
	return list(parts...)
}

func field(f *syntax.Field) string {
	value := tree(f.Value)
	attributes := ""
	if f.Attributes != nil {
		attributes = "@{" + trees(f.Attributes.Fields) + "}"
	}
	key := "..."
	if f.Key != nil {
		name, ok := f.Key.(*syntax.String)
		switch {
		case ok && f.Plain:
			key = name.Parts[0].Text
		default:
			key = tree(f.Key)
		}
		if f.Prefix != "" {
			key = f.Prefix + "#" + key
		}
		key += attributes + ":"
	}
	return key + value + optional(" if ", f.If)
}
