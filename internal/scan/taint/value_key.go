package taint

import (
	"strconv"
	"strings"
)

// Equal says that two values are alike in all but the ways that data took, by which
// fixpoints end.
func Equal(a, b *Value) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	return a.Type == b.Type && a.From == b.From && a.Opaque == b.Opaque && a.blurred == b.blurred && a.function.equal(b.function) &&
		equalMarks(a.Marks, b.Marks) && equalPieces(a.Pieces, b.Pieces) && equalTexts(a.Choices, b.Choices) &&
		equalValues(a.Alternatives, b.Alternatives) && equalFields(a.Fields, b.Fields) &&
		Equal(a.Rest, b.Rest) && Equal(a.Keys, b.Keys)
}

func equalMarks(a, b []Mark) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		j := i
		if !sameSource(a[i].Source, b[i].Source) {
			if j = indexOfSource(b, a[i].Source); j < 0 {
				return false
			}
		}
		if a[i].Clean != b[j].Clean {
			return false
		}
	}
	return true
}

func equalPieces(a, b []Piece) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Text != b[i].Text || !Equal(a[i].Hole, b[i].Hole) {
			return false
		}
	}
	return true
}

func equalTexts(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func equalValues(a, b []*Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalFields(a, b map[string]*Value) bool {
	if len(a) != len(b) {
		return false
	}
	for n, v := range a {
		w, ok := b[n]
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// Key is a text that is the same for values that are equal in all but the ways that
// data took, and another for others; tables of what was computed already use it.
func Key(v *Value) string {
	var b strings.Builder
	writeKey(&b, v)
	return b.String()
}

func writeKey(b *strings.Builder, v *Value) {
	if v == nil {
		b.WriteByte('-')
		return
	}
	b.WriteByte('(')
	b.WriteByte('a' + byte(v.Type))
	if v.Opaque {
		b.WriteByte('!')
	}
	if v.blurred {
		b.WriteByte('~')
	}
	writeQuoted(b, v.From)
	if v.function != nil {
		b.WriteString(v.function.key())
	}
	writeMarks(b, v.Marks)
	for _, p := range v.Pieces {
		b.WriteByte('p')
		if p.Hole != nil {
			writeKey(b, p.Hole)
			continue
		}
		writeQuoted(b, p.Text)
	}
	for _, c := range v.Choices {
		b.WriteByte('c')
		writeQuoted(b, c)
	}
	for _, a := range v.Alternatives {
		b.WriteByte('|')
		writeKey(b, a)
	}
	for _, f := range sortedFields(v) {
		b.WriteByte('.')
		writeQuoted(b, f.name)
		writeKey(b, f.value)
	}
	if v.Rest != nil {
		b.WriteByte('*')
		writeKey(b, v.Rest)
	}
	if v.Keys != nil {
		b.WriteByte('k')
		writeKey(b, v.Keys)
	}
	b.WriteByte(')')
}

// writeMarks writes marks in an order that does not depend on how they came.
func writeMarks(b *strings.Builder, marks []Mark) {
	if len(marks) == 0 {
		return
	}
	keys := make([]string, len(marks))
	for i, m := range marks {
		var k strings.Builder
		k.WriteByte('m')
		writeNumber(&k, int64(m.Source.Label))
		writeNumber(&k, int64(m.Clean))
		writeNumber(&k, int64(m.Source.At.Span.Start))
		writeNumber(&k, int64(m.Source.At.Span.End))
		writeQuoted(&k, m.Source.What)
		if f := m.Source.At.File; f != nil {
			writeQuoted(&k, f.Name)
		}
		at := k.String()
		j := i
		for ; j > 0 && keys[j-1] > at; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = at
	}
	for _, k := range keys {
		b.WriteString(k)
	}
}

func writeNumber(b *strings.Builder, n int64) {
	b.WriteString(strconv.FormatInt(n, 36))
	b.WriteByte(',')
}

func writeQuoted(b *strings.Builder, s string) {
	writeNumber(b, int64(len(s)))
	b.WriteString(s)
}
