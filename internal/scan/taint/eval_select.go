package taint

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// selected is what a selector takes of a value.
func (e *evaluator) selected(n *syntax.Select, f *frame) *Value {
	if n.Kind == syntax.SelectAttribute || n.Kind == syntax.SelectAttributes {
		return e.attribute(n, f)
	}
	v := e.eval(n.X, f)
	if n.Exists {
		if n.Index != nil && n.Kind != syntax.SelectFilter {
			e.eval(n.Index, f)
		}
		return Of(BoolType)
	}
	switch n.Kind {
	case syntax.SelectField:
		if n.Index != nil {
			return e.index(v, e.eval(n.Index, f))
		}
		return e.personal(Field(v, n.Name), n.Name, n, f)
	case syntax.SelectFields:
		return ArrayOf(e.fieldOf(v, n, f))
	case syntax.SelectDescendantAttributes:
		return ArrayOf(descendants(v, "@"+n.Name, maxDepth+1))
	case syntax.SelectDescendants, syntax.SelectAllDescendants:
		return ArrayOf(descendants(v, n.Name, maxDepth+1))
	case syntax.SelectIndex:
		index := e.eval(n.Index, f)
		name, _ := Text(index)
		return e.personal(e.index(v, index), name, n, f)
	case syntax.SelectRange:
		e.eval(n.Index, f)
		if v != nil && v.Type == ArrayType {
			return ArrayOf(Element(v))
		}
		return e.part(cutting(v), n.Index, f)
	case syntax.SelectFilter, syntax.SelectAllFilter:
		if s, ok := n.Index.(*syntax.String); ok {
			return ArrayOf(Field(v, e.constant(s, f)))
		}
		return e.filtered(v, n.Index, f)
	case syntax.SelectKey:
		return With(nil, n.Name, e.fieldOf(v, n, f))
	case syntax.SelectMetadata:
		if n.Name == "raw" || n.Name == "value" {
			return v
		}
		return nil
	case syntax.SelectNamespace, syntax.SelectAttribute, syntax.SelectAttributes:
		return nil
	}
	return nil
}

// part is a text of which a range was taken. Four characters, as the last digits of a
// card, tell of nobody.
func (e *evaluator) part(v *Value, bounds syntax.Node, f *frame) *Value {
	b, ok := bounds.(*syntax.Binary)
	if !ok {
		return v
	}
	from, fromErr := strconv.Atoi(e.constant(b.Left, f))
	to, toErr := strconv.Atoi(e.constant(b.Right, f))
	if fromErr != nil || toErr != nil || (from < 0) != (to < 0) || to-from >= 4 || to < from {
		return v
	}
	return eachMark(v, func(m Mark) Mark {
		if m.Source.Label == Personal {
			m.Clean |= Stored
		}
		return m
	})
}

func (e *evaluator) fieldOf(v *Value, n *syntax.Select, f *frame) *Value {
	if n.Index != nil {
		return e.index(v, e.eval(n.Index, f))
	}
	return Field(v, n.Name)
}

func (e *evaluator) constant(n syntax.Node, f *frame) string {
	t, _ := Text(e.eval(n, f))
	return t
}

// index is what stands in brackets behind a value.
func (e *evaluator) index(v, index *Value) *Value {
	if v == nil {
		return nil
	}
	key, known := Text(index)
	if !known {
		if len(index.choices()) > 0 {
			var r *Value
			for _, c := range index.choices() {
				r = Join(r, e.index(v, &Value{Type: index.Type, Pieces: []Piece{{Text: c}}, weight: 1, depth: 1}))
			}
			return r
		}
		return Element(v)
	}
	if index.Type != NumberType {
		return Field(v, key)
	}
	if items, ok := Exact(v); ok {
		i, err := strconv.Atoi(key)
		if err == nil && i < 0 {
			i += len(items)
		}
		if err == nil && i >= 0 && i < len(items) {
			return items[i]
		}
		return Null()
	}
	if v.Type == TextType {
		return cutting(v)
	}
	if v.Type == ObjectType || v.Fields != nil && v.Type != ArrayType {
		return Element(v)
	}
	return Element(v)
}

func (v *Value) choices() []string {
	if v == nil {
		return nil
	}
	return v.Choices
}

// cutting is a part of a text.
func cutting(v *Value) *Value {
	if v == nil {
		return nil
	}
	return &Value{Type: v.Type, Marks: Marks(v), Opaque: IsOpaque(v), weight: 1, depth: 1}
}

// descendants is what stands under a name anywhere in v; of all names for "".
func descendants(v *Value, name string, depth int) *Value {
	if v == nil || depth == 0 {
		return nil
	}
	var r *Value
	for _, f := range sortedFields(v) {
		if name == "" || f.name == name {
			r = Join(r, f.value)
		}
		r = Join(r, descendants(f.value, name, depth-1))
	}
	if v.Rest != nil {
		if v.Type != ArrayType {
			r = Join(r, v.Rest)
		}
		r = Join(r, descendants(v.Rest, name, depth-1))
	}
	return Join(r, part(v, "."+spell(name)))
}

// attribute is .@name: an attribute of an XML element, which an object keeps under
// the name of the element with "@" behind it.
func (e *evaluator) attribute(n *syntax.Select, f *frame) *Value {
	if x, ok := unwrap(n.X).(*syntax.Select); ok && x.Kind == syntax.SelectField && x.Index == nil {
		v := e.eval(x.X, f)
		if attributes, ok := v.field(x.Name + "@"); ok {
			if n.Name == "" {
				return attributes
			}
			return Field(attributes, n.Name)
		}
	}
	v := e.eval(n.X, f)
	if v == nil {
		return nil
	}
	return part(v, ".@"+n.Name)
}

func (v *Value) field(name string) (*Value, bool) {
	if v == nil {
		return nil, false
	}
	f, ok := v.Fields[name]
	return f, ok
}

// personal is a field of the event with the mark of personal data where its name is
// that of one.
func (e *evaluator) personal(v *Value, name string, n syntax.Node, f *frame) *Value {
	if v == nil || len(v.Marks) == 0 || len(name) < 3 || !personalNames[plainName(name)] {
		return v
	}
	for _, m := range v.Marks {
		if m.Source.Label&Personal != 0 {
			return v
		}
	}
	what := v.From
	if what == "" {
		what = "the field " + name
	}
	c := *v
	c.Marks = mergeMarks(v.Marks, []Mark{{Source: &Source{Label: Personal, What: what, At: e.place(f, n)}}})
	return &c
}

// plainName is a name in lower case, without what joins its words.
func plainName(name string) string {
	var b strings.Builder
	for i := range min(len(name), 64) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		case c != '_' && c != '-' && c != ' ' && c != '.':
			b.WriteByte(c)
		}
	}
	return b.String()
}

// personalNames are the names of fields that hold personal or card data, whoever
// names them.
var personalNames = nameSet(`ssn socialsecuritynumber socialsecurity nationalid nationalidnumber nationalinsurancenumber
	passport passportnumber driverslicense driverlicense drivinglicense driverslicensenumber taxpayerid
	creditcard creditcardnumber creditcardno cardnumber cardno ccnumber ccnum primaryaccountnumber cvv cvv2 cvc
	cardcvv cardcvc securitycode cardexpiry iban bankaccount bankaccountnumber routingnumber
	dateofbirth birthdate dob birthday email emailaddress emailid phone phonenumber mobile mobilenumber mobilephone
	homephone telephone homeaddress streetaddress mothersmaidenname`)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(names) {
		set[n] = true
	}
	return set
}
