package taint

import "strconv"

// The bounds of a value. What goes beyond them is put together, so that nothing of
// it is forgotten but where it stood.
const (
	maxDepth   = 5
	maxFields  = 64
	maxMarks   = 8
	maxPieces  = 32
	maxChoices = 16
	maxTexts   = 8
	maxWeight  = 512
	maxWay     = 48
	maxText    = 64 << 10
)

// Injection are the kinds that a number, a date or a truth value can do no harm in:
// all but those that are about who reads, keeps or pays for the data.
const Injection = EveryKind &^ (Size | Stored | Output | StoreKey)

// Null is the value null, and that of what is not there.
func Null() *Value { return &Value{Type: NullType, weight: 1, depth: 1} }

// Constant is a text that is known.
func Constant(text string) *Value { return literal(TextType, text) }

// Of is a value of which only the type is known.
func Of(t Type) *Value { return &Value{Type: t, weight: 1, depth: 1} }

// Unseen is a value from where the analysis can not look.
func Unseen() *Value { return &Value{Opaque: true, weight: 1, depth: 1} }

func literal(t Type, text string) *Value {
	return &Value{Type: t, Pieces: []Piece{{Text: text}}, weight: 1, depth: 1}
}

// Tainted is the value that comes in at a source. What is known of it as a part of
// the event is the What of the source.
func Tainted(source *Source) *Value {
	return &Value{Marks: []Mark{{Source: source}}, From: source.What, weight: 1, depth: 1}
}

// Marked is v with further sources that it comes from as a whole.
func Marked(v *Value, sources ...*Source) *Value {
	var c Value
	if v != nil {
		c = *v
	}
	for _, s := range sources {
		c.Marks = mergeMarks(c.Marks, []Mark{{Source: s}})
	}
	c.function = nil
	return seal(&c)
}

// Named is v as the part of the event that it is called by from here on.
func Named(v *Value, from string) *Value {
	if v == nil || v.From == from {
		return v
	}
	c := *v
	c.From = from
	return &c
}

// ObjectOf is an object with these fields and no others.
func ObjectOf(fields map[string]*Value) *Value {
	return seal(&Value{Type: ObjectType, Fields: fields})
}

// List is an array with exactly these elements.
func List(items ...*Value) *Value {
	v := &Value{Type: ArrayType}
	if len(items) > maxFields {
		for _, i := range items {
			v.Rest = Join(v.Rest, i)
		}
		return seal(v)
	}
	v.Fields = make(map[string]*Value, len(items))
	for n, i := range items {
		v.Fields[strconv.Itoa(n)] = i
	}
	return seal(v)
}

// ArrayOf is an array of unknown length whose elements are all described by one.
func ArrayOf(element *Value) *Value { return seal(&Value{Type: ArrayType, Rest: element}) }

// Exact are the elements of an array of which each is known, in their order.
func Exact(v *Value) ([]*Value, bool) {
	if v == nil || v.Type != ArrayType || v.Rest != nil || len(v.Marks) > 0 || v.Opaque || v.Fields == nil {
		return nil, false
	}
	items := make([]*Value, len(v.Fields))
	for n := range items {
		i, ok := v.Fields[strconv.Itoa(n)]
		if !ok {
			return nil, false
		}
		items[n] = i
	}
	return items, true
}

// Text is the text of a constant, also of one that is no text.
func Text(v *Value) (string, bool) {
	if v == nil || len(v.Pieces) != 1 || v.Pieces[0].Hole != nil {
		return "", false
	}
	return v.Pieces[0].Text, true
}

// Known says that nothing but constants of the program went into v.
func Known(v *Value) bool {
	if v == nil {
		return false
	}
	if len(v.Choices) > 0 || v.Type == NullType {
		return true
	}
	if len(v.Pieces) > 0 {
		for _, p := range v.Pieces {
			if p.Hole != nil && !Known(p.Hole) {
				return false
			}
		}
		return true
	}
	if len(v.Alternatives) == 0 {
		return false
	}
	for _, a := range v.Alternatives {
		if !Known(a) {
			return false
		}
	}
	return true
}

// Field is what stands under a name in v; of an array it is the array of what stands
// there in its elements.
func Field(v *Value, name string) *Value {
	switch {
	case v == nil || v.Type == NullType:
		return v
	case v.Type == ArrayType:
		if items, ok := Exact(v); ok {
			out := make([]*Value, len(items))
			for i := range items {
				out[i] = Field(items[i], name)
			}
			return List(out...)
		}
		return ArrayOf(Field(Element(v), name))
	}
	if f, ok := v.Fields[name]; ok {
		return f
	}
	if v.Rest == nil && len(v.Marks) == 0 && !v.Opaque {
		if v.Type == ObjectType {
			return Null()
		}
		return nil
	}
	return Join(v.Rest, part(v, "."+spell(name)))
}

// Element is what any element of an array is, or any field of an object.
func Element(v *Value) *Value {
	if v == nil || v.Type == NullType {
		return v
	}
	r := v.Rest
	for _, f := range sortedFields(v) {
		r = Join(r, f.value)
	}
	if v.Type == TextType || v.Type == NumberType {
		return Join(r, part(v, ""))
	}
	return Join(r, part(v, "[]"))
}

// part is what is known of a part of v that is not told apart from others. Data that
// is only harmful as a whole is not in it, unless it is an element.
func part(v *Value, path string) *Value {
	if len(v.Marks) == 0 && !v.Opaque {
		return nil
	}
	p := &Value{Marks: v.Marks, Opaque: v.Opaque, weight: 1, depth: 1}
	if path != "" && path != "[]" {
		p.Marks = withoutWhole(v.Marks)
	}
	if v.From != "" && len(v.From)+len(path) < 256 {
		p.From = v.From + path
	}
	return p
}

func withoutWhole(marks []Mark) []Mark {
	for i, m := range marks {
		if m.Source.Label&^(Whole|Backend) != 0 {
			continue
		}
		kept := append([]Mark(nil), marks[:i]...)
		for _, n := range marks[i+1:] {
			if n.Source.Label&^(Whole|Backend) != 0 {
				kept = append(kept, n)
			}
		}
		return kept
	}
	return marks
}

// With is v with w under a name, and all else as it is.
func With(v *Value, name string, w *Value) *Value {
	c := Value{Type: ObjectType}
	if v != nil && v.Type != NullType {
		c = *v
		c.Pieces, c.Choices, c.Alternatives, c.function = nil, nil, nil, nil
		if c.Type != ObjectType {
			c.Type = AnyType
		}
	}
	fields := make(map[string]*Value, len(c.Fields)+1)
	for n, f := range c.Fields {
		fields[n] = f
	}
	fields[name] = w
	c.Fields, c.From = fields, ""
	return seal(&c)
}

// Without is v without the field of a name.
func Without(v *Value, name string) *Value {
	if v == nil || v.Type == NullType {
		return v
	}
	if _, ok := v.Fields[name]; !ok && v.Rest == nil && len(v.Marks) == 0 {
		return v
	}
	return With(v, name, Null())
}

// spell writes the name of a field as a selector does.
func spell(name string) string {
	for i := range len(name) {
		b := name[i]
		if b != '_' && (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
			return "'" + name + "'"
		}
	}
	return name
}

// seal counts a new value and puts together what goes beyond the bounds.
func seal(v *Value) *Value {
	if len(v.Marks) > maxMarks {
		v.Marks = fewerMarks(v.Marks)
	}
	if len(v.Fields) > maxFields {
		rest := v.Rest
		for _, f := range sortedFields(v) {
			rest = Join(rest, flat(f.value))
		}
		v.Rest, v.Fields = flat(rest), nil
	}
	v.weight, v.depth = 1, 1
	v.children(func(c *Value) {
		w, d := measure(c)
		v.weight += w
		v.depth = max(v.depth, d+1)
	})
	if v.depth > maxDepth {
		v.replace(func(c *Value) *Value { return cut(c, maxDepth-1) })
	}
	if v.weight > maxWeight {
		v.replace(flat)
	}
	return v
}

func measure(v *Value) (weight, depth int32) {
	if v == nil {
		return 1, 0
	}
	if v.weight > 0 {
		return v.weight, v.depth
	}
	weight, depth = 1, 1
	v.children(func(c *Value) {
		w, d := measure(c)
		weight += w
		depth = max(depth, d+1)
	})
	return weight, depth
}

// children calls f for every value directly inside v, holes of texts left out: what
// is in them is in the marks of v too.
func (v *Value) children(f func(*Value)) {
	for _, c := range v.Fields {
		f(c)
	}
	if v.Rest != nil {
		f(v.Rest)
	}
	if v.Keys != nil {
		f(v.Keys)
	}
}

// replace puts f of each child in its place; v must not be in use yet.
func (v *Value) replace(f func(*Value) *Value) {
	if v.Fields != nil {
		fields := make(map[string]*Value, len(v.Fields))
		for n, c := range v.Fields {
			fields[n] = f(c)
		}
		v.Fields = fields
	}
	if v.Rest != nil {
		v.Rest = f(v.Rest)
	}
	if v.Keys != nil {
		v.Keys = f(v.Keys)
	}
	v.weight, v.depth = 1, 1
	v.children(func(c *Value) {
		w, d := measure(c)
		v.weight += w
		v.depth = max(v.depth, d+1)
	})
}

// cut is v with nothing deeper than depth.
func cut(v *Value, depth int32) *Value {
	if v == nil {
		return nil
	}
	if _, d := measure(v); d <= depth {
		return v
	}
	if depth <= 1 {
		return flat(v)
	}
	c := *v
	c.replace(func(w *Value) *Value { return cut(w, depth-1) })
	return &c
}

// flat is v with all that is inside it in its marks.
func flat(v *Value) *Value {
	if v == nil || v.Fields == nil && v.Rest == nil && v.Keys == nil {
		return v
	}
	return &Value{Type: v.Type, Marks: Marks(v), From: v.From, Opaque: IsOpaque(v), weight: 1, depth: 1}
}
