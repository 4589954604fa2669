package taint

import "sort"

type namedField struct {
	name  string
	value *Value
}

// sortedFields are the fields of v by their names, so that nothing depends on the
// order of a map.
func sortedFields(v *Value) []namedField {
	if len(v.Fields) == 0 {
		return nil
	}
	fields := make([]namedField, 0, len(v.Fields))
	for n, f := range v.Fields {
		fields = append(fields, namedField{n, f})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].name < fields[j].name })
	return fields
}

// Marks are all marks anywhere inside v, one for each source.
func Marks(v *Value) []Mark {
	if v == nil {
		return nil
	}
	marks := v.Marks
	for _, f := range sortedFields(v) {
		marks = mergeMarks(marks, Marks(f.value))
	}
	marks = mergeMarks(marks, Marks(v.Rest))
	marks = mergeMarks(marks, Marks(v.Keys))
	return marks
}

// Labels are those of all marks inside v that are not clean for every kind asked for.
func Labels(v *Value, kind Kind) Label {
	var l Label
	for _, m := range Marks(v) {
		if kind == 0 || m.Clean&kind != kind {
			l |= m.Source.Label
		}
	}
	return l
}

// IsOpaque says that v, or anything in it, comes from where the analysis can not look.
func IsOpaque(v *Value) bool {
	if v == nil {
		return false
	}
	if v.Opaque {
		return true
	}
	found := false
	v.children(func(c *Value) { found = found || IsOpaque(c) })
	return found
}

// sameSource says that two marks are of one source. Sources that were made twice
// alike are one, so that fixpoints end.
func sameSource(a, b *Source) bool {
	return a == b || a.Label == b.Label && a.What == b.What && a.At.File == b.At.File && a.At.Span == b.At.Span &&
		a.At.Element == b.At.Element
}

// mergeMarks is the union of two lists; it is a itself where b adds nothing. A source
// in both is as clean as the less clean of them, and came the way of that one.
func mergeMarks(a, b []Mark) []Mark {
	if len(b) == 0 || len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
		return a
	}
	if len(a) == 0 {
		return b
	}
	out, own := a, false
	for _, m := range b {
		i := indexOfSource(out, m.Source)
		if i >= 0 && out[i].Clean&^m.Clean == 0 {
			continue
		}
		if !own {
			out, own = append(make([]Mark, 0, len(a)+len(b)), a...), true
		}
		if i < 0 {
			out = append(out, m)
			continue
		}
		if m.Clean&^out[i].Clean == 0 {
			out[i].Way = m.Way
		}
		out[i].Clean &= m.Clean
	}
	if len(out) > maxMarks {
		return fewerMarks(out)
	}
	return out
}

func indexOfSource(marks []Mark, s *Source) int {
	for i := range marks {
		if sameSource(marks[i].Source, s) {
			return i
		}
	}
	return -1
}

// fewerMarks keeps the first marks, and as much of the others as makes sure that no
// label and no kind is missed.
func fewerMarks(marks []Mark) []Mark {
	out := append([]Mark(nil), marks[:maxMarks]...)
next:
	for _, m := range marks[maxMarks:] {
		for i := range out {
			if out[i].Source.Label == m.Source.Label {
				out[i].Clean &= m.Clean
				continue next
			}
		}
		out = append(out, m)
	}
	return out
}

// Clean is v made harmless for kinds, wherever it holds anything.
func Clean(v *Value, kind Kind) *Value {
	return eachMark(v, func(m Mark) Mark {
		m.Clean |= kind
		return m
	})
}

// Stepped is v after one more step on the way of all that is in it. Ways share what
// they have in common; one that is too long already gets no further step.
func Stepped(v *Value, at Place, message string) *Value {
	return eachMark(v, func(m Mark) Mark {
		m.Way = m.Way.step(at, message)
		return m
	})
}

func (w *Way) step(at Place, message string) *Way {
	if w == nil {
		return &Way{At: at, Message: message, length: 1}
	}
	if w.length >= maxWay || w.At == at && w.Message == message {
		return w
	}
	return &Way{At: at, Message: message, From: w, length: w.length + 1}
}

// eachMark is v with f of every mark in it; it is v itself where there are none.
func eachMark(v *Value, f func(Mark) Mark) *Value {
	if v == nil || !hasMarks(v) {
		return v
	}
	c := *v
	if len(v.Marks) > 0 {
		c.Marks = make([]Mark, len(v.Marks))
		for i, m := range v.Marks {
			c.Marks[i] = f(m)
		}
	}
	if v.Fields != nil {
		c.Fields = make(map[string]*Value, len(v.Fields))
		for n, w := range v.Fields {
			c.Fields[n] = eachMark(w, f)
		}
	}
	c.Rest, c.Keys = eachMark(v.Rest, f), eachMark(v.Keys, f)
	if v.Pieces != nil {
		c.Pieces = make([]Piece, len(v.Pieces))
		for i, p := range v.Pieces {
			c.Pieces[i] = Piece{Text: p.Text, Hole: eachMark(p.Hole, f)}
		}
	}
	if v.Alternatives != nil {
		c.Alternatives = make([]*Value, len(v.Alternatives))
		for i, a := range v.Alternatives {
			c.Alternatives[i] = eachMark(a, f)
		}
	}
	return &c
}

func hasMarks(v *Value) bool {
	if v == nil {
		return false
	}
	if len(v.Marks) > 0 {
		return true
	}
	found := false
	v.children(func(c *Value) { found = found || hasMarks(c) })
	return found
}
