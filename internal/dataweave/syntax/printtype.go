package syntax

// typeOf writes a type.
func (p *printer) typeOf(t Type) {
	switch t := t.(type) {
	case *TypeName:
		if p.version == One && lower(t.Name) {
			p.text(":")
		}
		p.text(t.Name)
		if len(t.Args) > 0 {
			p.text("<")
			for i, a := range t.Args {
				p.comma(i)
				p.typeOf(a)
			}
			p.text(">")
		}
		if t.Schema != nil {
			p.text(" ")
			p.object(t.Schema)
		}
	case *TypeLiteral:
		p.node(t.Value)
	case *TypeUnion:
		p.typesBetween(t.Types, " | ", func(t Type) bool { return isUnion(t) || isFunction(t) })
	case *TypeIntersection:
		p.typesBetween(t.Types, " & ", func(t Type) bool { return isUnion(t) || isIntersection(t) || isFunction(t) })
	case *TypeFunction:
		p.text("(")
		for i, a := range t.Params {
			p.comma(i)
			p.param(a)
		}
		p.text(") -> ")
		p.typeOf(t.Result)
	case *TypeObject:
		p.typeObject(t)
	case *Bad:
		p.node(t)
	default:
	}
}

// castType writes the type behind "as" and "is", in parentheses where what follows
// could be taken for a part of it.
func (p *printer) castType(t Type) {
	if isFunction(t) {
		p.grouped(t)
		return
	}
	p.typeOf(t)
}

func (p *printer) grouped(t Type) {
	p.text("(")
	p.typeOf(t)
	p.text(")")
}

func (p *printer) typesBetween(list []Type, op string, group func(Type) bool) {
	for i, t := range list {
		if i > 0 {
			p.text(op)
		}
		if group(t) {
			p.grouped(t)
		} else {
			p.typeOf(t)
		}
	}
}

func isUnion(t Type) bool        { _, ok := t.(*TypeUnion); return ok }
func isIntersection(t Type) bool { _, ok := t.(*TypeIntersection); return ok }
func isFunction(t Type) bool     { _, ok := t.(*TypeFunction); return ok }

func (p *printer) typeObject(t *TypeObject) {
	begin, end := "{", "}"
	switch {
	case t.Closed:
		begin, end = "{|", "|}"
	case t.Ordered:
		begin, end = "{-", "-}"
	}
	p.text(begin)
	for i, f := range t.Fields {
		p.comma(i)
		if i == 0 {
			p.text(" ")
		}
		p.typeField(f)
	}
	if len(t.Fields) > 0 {
		p.text(" ")
	}
	p.text(end)
}

func (p *printer) typeField(f *TypeField) {
	if f.Prefix != "" {
		p.text(f.Prefix, "#")
	}
	switch {
	case f.Pattern != nil:
		p.grouped(f.Pattern)
	case f.Quoted:
		p.text(`"`)
		p.escaped(f.Name, '"', false)
		p.text(`"`)
	default:
		p.text(f.Name)
	}
	if f.Repeated {
		p.text("*")
	}
	if f.Optional {
		p.text("?")
	}
	if len(f.Attributes) > 0 {
		p.text(" @(")
		for i, a := range f.Attributes {
			p.comma(i)
			p.typeField(a)
		}
		p.text(")")
	}
	p.text(": ")
	p.typeOf(f.Type)
}
