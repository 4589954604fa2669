package jsontext

import (
	"errors"
	"io"
)

// Member is one member of an object: its name, unescaped, and its value as it
// stands in the document.
type Member struct {
	Name  string
	Value []byte
	// Offset is the number of bytes before the value.
	Offset int
}

// Members gives the members of a document that is one object, in order, and
// checks the document to its last byte. It is false for any other value.
func Members(data []byte, lim Limits) (members []Member, object bool, err error) {
	name := ""
	first, err := shallow(data, lim, func(t Token) { name = string(t.Text()) }, func(offset int, value []byte) {
		members = append(members, Member{name, value, offset})
	})
	if err != nil || first != BeginObject {
		return nil, false, err
	}
	return members, true, nil
}

// Elements gives the elements of a document that is one array, as they stand in
// the document, and checks it to its last byte. It is false for any other value.
func Elements(data []byte, lim Limits) (elements [][]byte, array bool, err error) {
	first, err := shallow(data, lim, func(Token) {}, func(_ int, value []byte) {
		elements = append(elements, value)
	})
	if err != nil || first != BeginArray {
		return nil, false, err
	}
	return elements, true, nil
}

// shallow tells the names and the values of depth one, and what the document is.
func shallow(data []byte, lim Limits, name func(Token), value func(offset int, raw []byte)) (first Kind, err error) {
	s := NewScanner(data, lim)
	begin := 0
	for {
		t, err := s.Next()
		if errors.Is(err, io.EOF) {
			return first, nil
		}
		if err != nil {
			return first, err
		}
		if first == None {
			first = t.Kind
			continue
		}
		switch depth := s.Depth(); {
		case t.Kind == Name:
			if depth == 1 {
				name(t)
			}
		case t.IsScalar():
			if depth == 1 {
				value(t.Offset, data[t.Offset:t.Offset+len(t.Raw)])
			}
		case t.Kind == BeginObject || t.Kind == BeginArray:
			if depth == 2 {
				begin = t.Offset
			}
		case depth == 1:
			value(begin, data[begin:s.Offset()])
		}
	}
}

// Rewrite gives the document with other values in the place of scalar ones:
// replace answers with the JSON text to put in, or nil to leave the value. It
// gives nil when nothing changed. What is left stays as it is, byte for byte.
func Rewrite(data []byte, lim Limits, replace func(Path, Token) []byte) ([]byte, error) {
	var out []byte
	done := 0
	err := Walk(data, lim, func(p Path, t Token) error {
		if t.Kind == Name {
			return nil
		}
		if other := replace(p, t); other != nil {
			out = append(append(out, data[done:t.Offset]...), other...)
			done = t.Offset + len(t.Raw)
		}
		return nil
	})
	if err != nil || done == 0 {
		return nil, err
	}
	return append(out, data[done:]...), nil
}
