package taint

// Join is what is known of a value that is one of two. Nil says nothing and changes
// nothing; null is taken for the other, which is what it is when it is there.
func Join(a, b *Value) *Value {
	switch {
	case a == b || b == nil:
		return a
	case a == nil:
		return b
	case b.Type == NullType && !hasMarks(b):
		return a
	case a.Type == NullType && !hasMarks(a):
		return b
	}
	if v, ok := joinChoices(a, b); ok {
		return v
	}
	if Equal(a, b) {
		return a
	}
	v := &Value{Marks: mergeMarks(a.Marks, b.Marks), Opaque: a.Opaque || b.Opaque, blurred: a.blurred || b.blurred}
	if a.Type == b.Type {
		v.Type = a.Type
	}
	if a.From == b.From {
		v.From = a.From
	}
	if a.function != nil || b.function != nil {
		v.function = joinFunctions(a.function, b.function)
	}
	v.joinTexts(a, b)
	joinFields(v, a, b)
	v.Keys = Join(a.Keys, b.Keys)
	return seal(v)
}

// joinFields gives v the fields of both; one that only a or b has stands in the
// other under Rest or in its marks.
func joinFields(v, a, b *Value) {
	v.Rest = Join(a.Rest, b.Rest)
	if len(a.Fields) == 0 && len(b.Fields) == 0 {
		return
	}
	exactA, exactB := a.Type == ArrayType && a.Fields != nil, b.Type == ArrayType && b.Fields != nil
	if (exactA || exactB) && (!exactA || !exactB || len(a.Fields) != len(b.Fields)) {
		// The elements of arrays of different lengths are not told apart.
		for _, w := range []*Value{a, b} {
			for _, f := range sortedFields(w) {
				v.Rest = Join(v.Rest, f.value)
			}
		}
		return
	}
	v.Fields = make(map[string]*Value, len(a.Fields)+len(b.Fields))
	for _, f := range sortedFields(a) {
		v.Fields[f.name] = Join(f.value, fieldOrPart(b, f.name))
	}
	for _, f := range sortedFields(b) {
		if _, ok := v.Fields[f.name]; !ok {
			v.Fields[f.name] = Join(fieldOrPart(a, f.name), f.value)
		}
	}
}

func fieldOrPart(v *Value, name string) *Value {
	if f, ok := v.Fields[name]; ok {
		return f
	}
	return Join(v.Rest, part(v, "."+spell(name)))
}

// joinChoices joins constants.
func joinChoices(a, b *Value) (*Value, bool) {
	x, ok := choicesOf(a)
	y, also := choicesOf(b)
	if !ok || !also {
		return nil, false
	}
	v := &Value{weight: 1, depth: 1}
	if a.Type == b.Type {
		v.Type = a.Type
	}
	if len(x) == 1 && len(y) == 1 && x[0] == y[0] {
		v.Pieces = []Piece{{Text: x[0]}}
		return v, true
	}
	all := append([]string(nil), x...)
next:
	for _, s := range y {
		for _, t := range x {
			if s == t {
				continue next
			}
		}
		all = append(all, s)
	}
	if len(all) <= maxChoices {
		v.Choices = all
	}
	v.blurred = len(all) > maxChoices
	return v, true
}

func choicesOf(v *Value) ([]string, bool) {
	if len(v.Choices) > 0 {
		return v.Choices, true
	}
	if t, ok := Text(v); ok && len(v.Marks) == 0 {
		return []string{t}, true
	}
	return nil, false
}

// joinTexts gives v the texts that it is one of, where something is known of how they
// are put together.
func (v *Value) joinTexts(a, b *Value) {
	v.blurred = v.blurred || structured(a) || structured(b)
	if v.blurred || !assembled(a) && !assembled(b) {
		return
	}
	all := alternatives(a)
	n := len(all)
next:
	for _, w := range alternatives(b) {
		for _, have := range all[:n] {
			if Equal(have, w) {
				continue next
			}
		}
		all = append(all[:len(all):len(all)], w)
	}
	v.blurred = len(all) > maxTexts
	if !v.blurred {
		v.Alternatives = all
	}
}

func assembled(v *Value) bool {
	return len(v.Pieces) > 0 || len(v.Alternatives) > 0
}

func structured(v *Value) bool {
	return v.Type == ArrayType || v.Type == ObjectType || v.Fields != nil || v.Rest != nil || v.function != nil
}

func alternatives(v *Value) []*Value {
	if len(v.Alternatives) > 0 {
		return v.Alternatives
	}
	return []*Value{v}
}

// Concat is the text of values, one behind the other.
func Concat(parts ...*Value) *Value {
	v := &Value{Type: TextType, weight: 1, depth: 1}
	size := 0
	for _, p := range parts {
		v.Marks = mergeMarks(v.Marks, Marks(p))
		v.Opaque = v.Opaque || IsOpaque(p)
		if p != nil && len(p.Pieces) > 0 {
			for _, q := range p.Pieces {
				size += len(q.Text)
				v.Pieces = appendPiece(v.Pieces, q)
			}
			continue
		}
		v.Pieces = appendPiece(v.Pieces, Piece{Hole: scalar(p)})
	}
	if size > maxText {
		v.Pieces = nil
	}
	if len(v.Pieces) > maxPieces {
		rest := &Value{weight: 1, depth: 1}
		for _, p := range v.Pieces[maxPieces-1:] {
			if p.Hole != nil {
				rest.Marks = mergeMarks(rest.Marks, Marks(p.Hole))
				rest.Opaque = rest.Opaque || p.Hole.Opaque
			}
		}
		v.Pieces = append(v.Pieces[:maxPieces-1:maxPieces-1], Piece{Hole: rest})
	}
	if len(v.Pieces) == 0 && len(parts) == 0 {
		v.Pieces = []Piece{{}}
	}
	return v
}

func appendPiece(pieces []Piece, p Piece) []Piece {
	if p.Hole == nil && len(pieces) > 0 {
		if p.Text == "" {
			return pieces
		}
		last := &pieces[len(pieces)-1]
		if last.Hole == nil {
			last.Text += p.Text
			return pieces
		}
	}
	if p.Hole != nil && len(pieces) == 1 && pieces[0].Hole == nil && pieces[0].Text == "" {
		pieces = pieces[:0]
	}
	return append(pieces, p)
}

// scalar is v as a part of a text: what is in it is not told apart any more.
func scalar(v *Value) *Value {
	if v == nil {
		return &Value{weight: 1, depth: 1}
	}
	return flat(v)
}

// maxVariants is how many texts Texts gives.
const maxVariants = 64

// Texts are the texts that v may be, each as it is put together. Where several parts
// have alternatives, each alternative is in one of the texts, with the first ones of
// the other parts. A value of which nothing is known is one hole.
func Texts(v *Value) [][]Piece {
	if v == nil {
		return nil
	}
	return texts(v, maxDepth)
}

func texts(v *Value, depth int) [][]Piece {
	switch {
	case depth == 0:
		return [][]Piece{{{Hole: v}}}
	case len(v.Alternatives) > 0:
		var all [][]Piece
		for _, a := range v.Alternatives {
			all = append(all, texts(a, depth-1)...)
		}
		if len(all) > maxVariants {
			c := *v
			c.Alternatives = nil
			return [][]Piece{{{Hole: &c}}}
		}
		return all
	case len(v.Choices) > 0 && len(v.Marks) == 0:
		all := make([][]Piece, len(v.Choices))
		for i, c := range v.Choices {
			all[i] = []Piece{{Text: c}}
		}
		return all
	case len(v.Pieces) == 0:
		return [][]Piece{{{Hole: v}}}
	}
	options := make([][][]Piece, len(v.Pieces))
	count := 1
	for i, p := range v.Pieces {
		options[i] = [][]Piece{{p}}
		if p.Hole == nil || len(p.Hole.Pieces) == 0 && len(p.Hole.Alternatives) == 0 && len(p.Hole.Choices) == 0 {
			continue
		}
		if inner := texts(p.Hole, depth-1); count+len(inner)-1 <= maxVariants {
			options[i] = inner
			count += len(inner) - 1
		}
	}
	return variants(options, count)
}

// variants are the texts of the first option of each part, and those in which one
// part is another of its options.
func variants(options [][][]Piece, count int) [][]Piece {
	all := make([][]Piece, 0, count)
	with := func(part, option int) {
		var text []Piece
		for i, o := range options {
			chosen := o[0]
			if i == part {
				chosen = o[option]
			}
			for _, p := range chosen {
				text = appendPiece(text, p)
			}
		}
		all = append(all, text)
	}
	with(-1, 0)
	for i, o := range options {
		for j := 1; j < len(o); j++ {
			with(i, j)
		}
	}
	return all
}
