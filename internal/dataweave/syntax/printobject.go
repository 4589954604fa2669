package syntax

import "strings"

// object writes fields, one a line where they are several.
func (p *printer) object(o *Object) {
	if o.Bare {
		p.fields(o.Fields, ", ")
		return
	}
	switch len(o.Fields) {
	case 0:
		p.text("{}")
		return
	case 1:
		p.text("{")
		p.field(o.Fields[0])
		p.text("}")
		return
	}
	p.text("{")
	p.indent++
	p.line()
	p.fields(o.Fields, "\n")
	p.indent--
	p.line()
	p.text("}")
}

func (p *printer) fields(fields []*Field, between string) {
	for i, f := range fields {
		switch u, ok := f.Value.(*Unary); {
		case i == 0:
		case ok && u.Op == "~" && f.Key == nil:
			p.text(" ")
		case between == "\n":
			p.text(",")
			p.line()
		default:
			p.text(between)
		}
		p.field(f)
	}
}

func (p *printer) field(f *Field) {
	if u, ok := f.Value.(*Unary); ok && u.Op == "~" && f.Key == nil {
		p.node(u)
		return
	}
	if f.Key == nil || f.If != nil {
		p.text("(")
	}
	if f.Key != nil {
		p.key(f)
		p.text(": ")
	}
	p.node(f.Value)
	if f.Key == nil || f.If != nil {
		p.text(")")
	}
	if f.If != nil {
		p.text(" if ")
		p.node(f.If)
	}
}

func (p *printer) key(f *Field) {
	if f.Prefix != "" {
		p.text(f.Prefix, "#")
	}
	switch key := f.Key.(type) {
	case *String:
		switch {
		case f.Plain && len(key.Parts) == 1:
			p.text(key.Parts[0].Text)
		default:
			p.string(key)
		}
	default:
		p.text("(")
		p.node(key)
		p.text(")")
	}
	if f.Attributes != nil {
		p.text(" @(")
		p.fields(f.Attributes.Fields, ", ")
		p.text(")")
	}
}

// selector writes what stands behind the operand of a Select.
func (p *printer) selector(s *Select) {
	if s.Index != nil && !s.Quoted {
		p.bracketed(s)
	} else {
		p.dotted(s)
	}
	if s.Assert {
		p.text("!")
	}
	if s.Exists {
		p.text("?")
	}
}

func (p *printer) bracketed(s *Select) {
	switch s.Kind {
	case SelectFilter:
		p.text("[?(")
	case SelectAllFilter:
		p.text("[*?(")
	case SelectField:
		p.text(".(")
	case SelectFields:
		p.text("[*")
	case SelectAttribute:
		p.text("[@")
	case SelectKey:
		p.text("[&")
	case SelectMetadata:
		p.text("[^")
	default:
		p.text("[")
	}
	p.node(s.Index)
	switch s.Kind {
	case SelectFilter, SelectAllFilter:
		p.text(")]")
	case SelectField:
		p.text(")")
	default:
		p.text("]")
	}
}

func (p *printer) dotted(s *Select) {
	p.text(dots(s.Kind))
	if s.Prefix != "" {
		p.text(s.Prefix, "#")
	}
	switch {
	case s.Index != nil:
		p.node(s.Index)
	case s.Quoted:
		p.text(`"`)
		p.escaped(s.Name, '"', false)
		p.text(`"`)
	default:
		p.text(s.Name)
	}
}

func dots(k Selector) string {
	switch k {
	case SelectFields:
		return ".*"
	case SelectDescendants:
		return ".."
	case SelectAllDescendants:
		return "..*"
	case SelectAttribute:
		return ".@"
	case SelectAttributes:
		return ".*@"
	case SelectDescendantAttributes:
		return "..@"
	case SelectNamespace:
		return ".#"
	case SelectMetadata:
		return ".^"
	case SelectKey:
		return ".&"
	default:
		return "."
	}
}

// lambda writes the parameters of a function, with types.
func (p *printer) lambda(n *Lambda) {
	p.typeParameters(n.Types)
	p.text("(")
	for i, a := range n.Params {
		p.comma(i)
		p.param(a)
	}
	p.text(")")
	if n.Result != nil {
		p.text(": ")
		p.typeOf(n.Result)
	}
}

func (p *printer) param(a *Param) {
	p.text(a.Name)
	if a.Optional {
		p.text("?")
	}
	if a.Type != nil {
		if a.Name != "" {
			p.text(": ")
		}
		p.typeOf(a.Type)
	}
	if a.Default != nil {
		p.text(" = ")
		p.node(a.Default)
	}
}

func (p *printer) property(v *Property) {
	p.text(v.Name, "=")
	p.node(v.Value)
}

// directive writes one directive, without the end of its line.
func (p *printer) directive(d Directive) {
	mark := ""
	if p.version == One {
		mark = "%"
	}
	switch d := d.(type) {
	case *Declared:
		p.text("%dw ", d.Text)
	case *Var:
		p.annotations(d.Annotations)
		p.text(mark, "var ", d.Name)
		if d.Type != nil {
			p.text(": ")
			p.typeOf(d.Type)
		}
		p.text(" = ")
		p.node(d.Value)
	case *Fun:
		p.fun(d, mark)
	case *Import:
		p.imports(d, mark)
	case *NamespaceOf:
		if p.version == One {
			p.text("%namespace ", d.Prefix, " ", d.URI)
		} else {
			p.text("ns ", d.Prefix, " ", d.URI)
		}
	case *TypeOf:
		p.text(mark, "type ", d.Name)
		p.typeParameters(d.Parameters)
		p.text(" = ")
		p.typeOf(d.Type)
	case *Format:
		p.format(d, mark)
	case *AnnotationOf:
		p.text(mark, "annotation ", d.Name)
		if d.Params != nil {
			p.lambda(&Lambda{Params: d.Params})
		}
	default:
		p.node(d)
	}
}

func (p *printer) fun(d *Fun, mark string) {
	p.annotations(d.Annotations)
	if p.version == One {
		p.text("%function ", d.Name)
	} else {
		p.text(mark, "fun ", d.Name)
	}
	p.lambda(d.Lambda)
	p.text(" = ")
	p.node(d.Lambda.Body)
}

func (p *printer) imports(d *Import, mark string) {
	p.text(mark, "import ")
	switch {
	case d.All:
		p.text("* from ", d.Module)
	case len(d.Names) > 0:
		for i, n := range d.Names {
			p.comma(i)
			p.alias(n.Name, n.Alias)
		}
		p.text(" from ", d.Module)
	default:
		p.alias(d.Module, d.Alias)
	}
}

func (p *printer) alias(name, alias string) {
	p.text(name)
	if alias != "" {
		p.text(" as ", alias)
	}
}

func (p *printer) format(d *Format, mark string) {
	if d.Output {
		p.text(mark, "output")
	} else {
		p.text(mark, "input ", d.Name)
	}
	if d.Type != nil {
		p.text(" : ")
		p.typeOf(d.Type)
	}
	if d.MIME != "" {
		p.text(" ", d.MIME)
	}
	for i := range d.Properties {
		if i > 0 {
			p.text(",")
		}
		p.text(" ")
		p.property(&d.Properties[i])
	}
}

func (p *printer) annotations(list []Annotation) {
	for _, a := range list {
		p.text("@", a.Name, "(")
		for i, x := range a.Args {
			p.comma(i)
			if b, ok := x.(*Binary); ok && b.Op == "=" {
				p.node(b.Left)
				p.text(" = ")
				p.node(b.Right)
				continue
			}
			p.node(x)
		}
		p.text(")")
		p.line()
	}
}

func (p *printer) typeParameters(list []TypeParameter) {
	if len(list) == 0 {
		return
	}
	p.text("<")
	for i, t := range list {
		p.comma(i)
		p.text(t.Name)
		if t.Bound != nil {
			p.text(" <: ")
			p.typeOf(t.Bound)
		}
	}
	p.text(">")
}

// lower says whether a type is one of version 1, which ":" stands before.
func lower(name string) bool { return name != "" && strings.ToLower(name[:1]) == name[:1] }
