package syntax

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Print writes a script in one layout: what Parse makes of the result is the same
// tree, and Print writes that the same way. Comments are lost. What could not be
// read is written as far as it is in the tree.
func Print(s *Script) string {
	p := printer{version: s.Version}
	for _, d := range s.Directives {
		p.directive(d)
		p.line()
	}
	if s.Separated {
		p.text("---")
		p.line()
	}
	if s.Body != nil {
		p.node(s.Body)
		p.line()
	}
	return p.out.String()
}

// PrintNode writes an expression, a type or a directive of a version as Print does.
func PrintNode(n Node, v Version) string {
	p := printer{version: v}
	p.any(n)
	return p.out.String()
}

type printer struct {
	out     strings.Builder
	version Version
	indent  int
}

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.out.WriteString(s)
	}
}

func (p *printer) line() {
	p.out.WriteByte('\n')
	for range p.indent {
		p.out.WriteString("  ")
	}
}

// any writes whatever is part of a tree.
func (p *printer) any(n Node) {
	switch n := n.(type) {
	case *Field:
		p.field(n)
	case *Part:
		p.node(n.X)
	case *Case:
		p.matchCase(n)
	case *UpdateCase:
		p.updateCase(n)
	case *Param:
		p.param(n)
	case *Property:
		p.property(n)
	case *TypeField:
		p.typeField(n)
	case *Declared, *Var, *Fun, *Import, *NamespaceOf, *TypeOf, *Format, *AnnotationOf:
		p.directive(n)
	case *TypeName, *TypeLiteral, *TypeUnion, *TypeIntersection, *TypeFunction, *TypeObject:
		p.typeOf(n)
	default:
		p.node(n)
	}
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case nil:
	case *Name:
		p.text(n.Name)
	case *String:
		p.string(n)
	case *Number:
		p.text(n.Text)
	case *Bool:
		p.text(strconv.FormatBool(n.Value))
	case *Null:
		p.text("null")
	case *Temporal:
		p.text("|", n.Text, "|")
	case *Regex:
		p.text("/", n.Text, "/")
	case *Array:
		p.text("[")
		p.list(n.Items)
		p.text("]")
	case *Object:
		p.object(n)
	case *Group:
		p.text("(")
		p.node(n.X)
		p.text(")")
	case *Bad:
		if n.X != nil {
			p.any(n.X)
		}
	case *Unary:
		p.unary(n)
	case *Binary:
		p.node(n.Left)
		p.text(" ", n.Op, " ")
		p.node(n.Right)
	case *Call:
		p.call(n)
	case *Select:
		p.node(n.X)
		p.selector(n)
	default:
		p.construct(n)
	}
}

func (p *printer) construct(n Node) {
	switch n := n.(type) {
	case *Lambda:
		p.lambda(n)
		p.text(" -> ")
		p.node(n.Body)
	case *If:
		p.conditional(n)
	case *Match:
		p.node(n.X)
		p.text(" match ")
		printCases(p, n.Cases, p.matchCase)
	case *Update:
		p.node(n.X)
		p.text(" update ")
		printCases(p, n.Cases, p.updateCase)
	case *Do:
		p.do(n)
	case *Using:
		p.text("using (")
		for i, v := range n.Vars {
			p.comma(i)
			p.text(v.Name, " = ")
			p.node(v.Value)
		}
		p.text(") ")
		p.node(n.Body)
	case *Cast:
		p.cast(n)
	case *Metadata:
		p.node(n.X)
		p.text(" <~ ")
		p.node(n.Schema)
	default:
	}
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.text(", ")
	}
}

func (p *printer) list(nodes []Node) {
	for i, n := range nodes {
		if u, ok := n.(*Unary); ok && u.Op == "~" {
			p.text(" ")
		} else {
			p.comma(i)
		}
		p.node(n)
	}
}

func (p *printer) unary(n *Unary) {
	p.text(n.Op)
	inner, ok := n.X.(*Unary)
	if n.Op == "not" || n.Op == "~" || ok && inner.Op == n.Op && n.Op == "-" {
		p.text(" ")
	}
	p.node(n.X)
}

func (p *printer) call(n *Call) {
	switch {
	case n.Infix && len(n.Args) == 2:
		p.node(n.Args[0])
		p.text(" ")
		p.node(n.Function)
		p.text(" ")
		p.node(n.Args[1])
		return
	case n.First && len(n.Args) == 1 && p.version == One:
		p.node(n.Function)
		p.text(" ")
		p.node(n.Args[0])
		return
	}
	p.node(n.Function)
	if len(n.Types) > 0 {
		p.text("<")
		for i, t := range n.Types {
			p.comma(i)
			p.typeOf(t)
		}
		p.text(">")
	}
	p.text("(")
	p.list(n.Args)
	p.text(")")
}

func (p *printer) cast(n *Cast) {
	p.node(n.X)
	if n.Is {
		p.text(" is ")
	} else {
		p.text(" as ")
	}
	p.castType(n.Type)
	if n.Schema != nil {
		p.text(" ")
		p.object(n.Schema)
	}
}

func (p *printer) conditional(n *If) {
	word := "if"
	if n.Unless {
		word = "unless"
	}
	switch {
	case n.Else == nil:
		p.node(n.Then)
		p.text(" if ")
		p.node(n.Cond)
		return
	case n.When:
		if !n.Unless {
			word = "when"
		}
		p.node(n.Then)
		p.text(" ", word, " ")
		p.node(n.Cond)
		p.text(" otherwise ")
	default:
		p.text(word, " (")
		p.node(n.Cond)
		p.text(") ")
		p.node(n.Then)
		p.text(" else ")
	}
	p.node(n.Else)
}

func (p *printer) do(n *Do) {
	p.text("do {")
	p.indent++
	p.line()
	for _, d := range n.Directives {
		p.directive(d)
		p.line()
	}
	if len(n.Directives) > 0 {
		p.text("---")
		p.line()
	}
	p.node(n.Body)
	p.indent--
	p.line()
	p.text("}")
}

func printCases[C any](p *printer, cases []C, one func(C)) {
	p.text("{")
	p.indent++
	for _, c := range cases {
		p.line()
		one(c)
	}
	p.indent--
	p.line()
	p.text("}")
}

func (p *printer) matchCase(c *Case) {
	if c.Else {
		p.text("else")
	} else {
		p.text("case")
	}
	if c.Bind != "" {
		p.text(" ", c.Bind)
	}
	switch {
	case c.Is != nil:
		p.text(" is ")
		p.castType(c.Is)
	case c.Regexp:
		p.text(" matches ")
		p.node(c.Pattern)
	case c.Pattern != nil:
		if c.Bind != "" {
			p.text(":")
		}
		p.text(" ")
		p.node(c.Pattern)
	}
	p.caseRest(c.If, c.Body)
}

func (p *printer) caseRest(cond, body Node) {
	if cond != nil {
		p.text(" if ")
		p.node(cond)
	}
	p.text(" -> ")
	p.node(body)
}

func (p *printer) updateCase(c *UpdateCase) {
	p.text("case ")
	if c.Bind != "" {
		p.text(c.Bind, " at ")
	}
	p.node(c.Path)
	if c.Upsert {
		p.text("!")
	}
	p.caseRest(c.If, c.Body)
}

// string writes a text with its quotes.
func (p *printer) string(s *String) {
	p.out.WriteByte(s.Quote)
	for i := range s.Parts {
		part := &s.Parts[i]
		if part.X != nil {
			p.text("$(")
			p.node(part.X)
			p.text(")")
			continue
		}
		p.escaped(part.Text, s.Quote, i+1 < len(s.Parts))
	}
	p.out.WriteByte(s.Quote)
}

// escaped writes a piece of text; more says that an expression follows.
func (p *printer) escaped(s string, quote byte, more bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote || c == '\\':
			p.out.WriteByte('\\')
			p.out.WriteByte(c)
		case c == '\n':
			p.text(`\n`)
		case c == '\t':
			p.text(`\t`)
		case c == '\r':
			p.text(`\r`)
		case c < ' ':
			p.text(`\u00`, string("0123456789abcdef"[c>>4]), string("0123456789abcdef"[c&15]))
		case c == '$' && (i+1 == len(s) && more || i+1 < len(s) && (s[i+1] == '(' || s[i+1] == '$' || nameStart(s[i+1]))):
			p.text(`\$`)
		case c >= utf8.RuneSelf:
			_, n := utf8.DecodeRuneInString(s[i:])
			p.text(s[i : i+n])
			i += n - 1
		default:
			p.out.WriteByte(c)
		}
	}
}
