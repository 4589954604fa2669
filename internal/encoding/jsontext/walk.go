package jsontext

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Walk reads the document and calls visit for each name and each scalar value,
// in the order of the document, with the path of the place. The path and the
// token are good until visit returns. An error of visit ends the walk and is
// given back as it is; otherwise the error is that of Scanner.Next, and what was
// visited before it may belong to a document that is not well-formed.
func Walk(data []byte, lim Limits, visit func(Path, Token) error) error {
	return NewScanner(data, lim).Walk(visit)
}

// Walk is the function Walk on what s has not read yet, with the memory s has.
func (s *Scanner) Walk(visit func(Path, Token) error) error {
	for {
		t, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Kind == Name || t.IsScalar() {
			if err := visit(Path{s}, t); err != nil {
				return err
			}
		}
	}
}

// Valid tells whether data is one well-formed document; nil means that it is.
func Valid(data []byte, lim Limits) error {
	var s Scanner
	s.Reset(data, lim)
	for {
		if _, err := s.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// Path is the place of the token that a scanner read last. It is a view: it
// costs nothing until it is written out, and changes when the scanner moves on.
type Path struct{ s *Scanner }

// Path gives the place of the token that was read last.
func (s *Scanner) Path() Path { return Path{s} }

// Depth is the number of names and indexes in the path.
func (p Path) Depth() int { return p.s.depth }

// Append appends the path as a JSON pointer (RFC 6901), such as "/items/3/note",
// to dst. The path of the whole document is empty. Indexes count from 0.
func (p Path) Append(dst []byte) []byte {
	for i := range p.s.depth {
		f := p.s.frame(i)
		switch {
		case !f.object && f.count > 0:
			dst = append(dst, '/')
			dst = strconv.AppendInt(dst, int64(f.count-1), 10)
		case f.object && f.nameEnd > 0:
			dst = append(dst, '/')
			dst = appendPointer(dst, p.s.data[f.nameStart+1:f.nameEnd-1])
		}
	}
	return dst
}

// String is the path as a JSON pointer.
func (p Path) String() string { return string(p.Append(nil)) }

// Name is the innermost member name on the path, unescaped: "tokens" in
// "/tokens/3". It is empty where no object is open, and shares the document's
// memory unless the name is escaped.
func (p Path) Name() []byte {
	for i := p.s.depth - 1; i >= 0; i-- {
		if f := p.s.frame(i); f.object && f.nameEnd > 0 {
			body := p.s.data[f.nameStart+1 : f.nameEnd-1]
			if bytes.IndexByte(body, '\\') < 0 {
				return body
			}
			return appendText(nil, body)
		}
	}
	return nil
}

// appendPointer appends the text of a name with "~" and "/" escaped.
func appendPointer(dst, body []byte) []byte {
	from := len(dst)
	dst = appendText(dst, body)
	if bytes.IndexByte(dst[from:], '~') < 0 && bytes.IndexByte(dst[from:], '/') < 0 {
		return dst
	}
	text := bytes.Clone(dst[from:])
	dst = dst[:from]
	for _, c := range text {
		switch c {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
