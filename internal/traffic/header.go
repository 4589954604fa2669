package traffic

import (
	"iter"
	"slices"
	"strings"
)

// Field is one header or trailer field. Name is lower case, always.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Header is a list of fields sorted by lower-case name; the values of one name
// keep the order in which they came. Names handed to its methods must be lower
// case; LowerName makes them so.
type Header struct {
	fields []Field
}

// NewHeader makes a header of fields in any order and spelling.
func NewHeader(fields ...Field) Header {
	var h Header
	for _, f := range fields {
		h.Add(LowerName(f.Name), f.Value)
	}
	return h
}

// LowerName gives a field name its lower-case form without allocating when it
// already is lower case.
func LowerName(name string) string { return strings.ToLower(name) }

// Grow makes room for n more fields.
func (h *Header) Grow(n int) { h.fields = slices.Grow(h.fields, n) }

// Reset forgets all fields and keeps the memory.
func (h *Header) Reset() {
	clear(h.fields)
	h.fields = h.fields[:0]
}

// Len is the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// At is the field at position i of the sorted list.
func (h *Header) At(i int) Field { return h.fields[i] }

// All yields the fields in order. The header must not be changed meanwhile.
func (h *Header) All() iter.Seq[Field] { return slices.Values(h.fields) }

// span finds the positions [from, to) of a name.
func (h *Header) span(name string) (from, to int) {
	lo, hi := 0, len(h.fields)
	for lo < hi {
		mid := lo + (hi-lo)/2
		if h.fields[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	to = lo
	for to < len(h.fields) && h.fields[to].Name == name {
		to++
	}
	return lo, to
}

// Get is the first value of a name, or "".
func (h *Header) Get(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// Lookup is the first value of a name and whether there is one.
func (h *Header) Lookup(name string) (string, bool) {
	if i, end := h.span(name); i < end {
		return h.fields[i].Value, true
	}
	return "", false
}

// Has says whether the name is present, be its value empty.
func (h *Header) Has(name string) bool {
	i, end := h.span(name)
	return i < end
}

// Values are all fields of a name, in order; the slice must not be changed.
func (h *Header) Values(name string) []Field {
	i, end := h.span(name)
	return h.fields[i:end]
}

// Joined is all values of a name joined by ", ", as RFC 9110 §5.3 allows.
func (h *Header) Joined(name string) string {
	fields := h.Values(name)
	switch len(fields) {
	case 0:
		return ""
	case 1:
		return fields[0].Value
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Value
	}
	return strings.Join(parts, ", ")
}

// Add appends a value behind those that the name already has.
func (h *Header) Add(name, value string) {
	// Most headers arrive almost sorted from the builder; look at the end first.
	if n := len(h.fields); n == 0 || h.fields[n-1].Name <= name {
		h.fields = append(h.fields, Field{name, value})
		return
	}
	_, end := h.span(name)
	h.fields = slices.Insert(h.fields, end, Field{name, value})
}

// Set replaces all values of a name by one.
func (h *Header) Set(name, value string) {
	i, end := h.span(name)
	if i == end {
		h.fields = slices.Insert(h.fields, i, Field{name, value})
		return
	}
	h.fields[i].Value = value
	h.fields = slices.Delete(h.fields, i+1, end)
}

// Del removes all values of a name.
func (h *Header) Del(name string) {
	if i, end := h.span(name); i < end {
		h.fields = slices.Delete(h.fields, i, end)
	}
}

// DelFunc removes the fields for which drop answers true.
func (h *Header) DelFunc(drop func(Field) bool) {
	h.fields = slices.DeleteFunc(h.fields, drop)
}

// Clone is an independent copy.
func (h *Header) Clone() Header { return Header{fields: slices.Clone(h.fields)} }

// HasToken says whether a comma-separated list under the name holds the token,
// without regard to case.
func (h *Header) HasToken(name, token string) bool {
	for _, f := range h.Values(name) {
		for part := range strings.SplitSeq(f.Value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// SetSorted takes over fields in any order, names in lower case, the values of
// one name in theirs, and sorts them.
func (h *Header) SetSorted(fields []Field) {
	// Insertion sort: stable, and headers are short.
	for i := 1; i < len(fields); i++ {
		f := fields[i]
		j := i
		for ; j > 0 && fields[j-1].Name > f.Name; j-- {
			fields[j] = fields[j-1]
		}
		fields[j] = f
	}
	h.fields = fields
}
