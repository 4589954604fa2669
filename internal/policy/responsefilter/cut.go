package responsefilter

import (
	"errors"
	"fmt"
	"io"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

// span is a part of a document that is cut out.
type span struct{ from, to int }

// cutter finds in a document what is not described.
type cutter struct {
	s *jsontext.Scanner
	// cuts are in order and do not overlap.
	cuts []span
	// dropped counts the properties; places are those of the first, without
	// indexes, each once.
	dropped int
	places  []string
	path    []byte
}

// maxPlaces is how many places are told.
const maxPlaces = 10

// find reads a document and finds the properties that are not described.
func find(doc []byte, f *fields, limits jsontext.Limits) (*cutter, error) {
	c := &cutter{s: jsontext.NewScanner(doc, limits)}
	t, err := c.s.Next()
	if err == nil {
		err = c.value(t, f)
	}
	if err == nil {
		_, err = c.s.Next()
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	return c, nil
}

// rest is the document without what was found.
func (c *cutter) rest(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	at := 0
	for _, cut := range c.cuts {
		out = append(out, doc[at:cut.from]...)
		at = cut.to
	}
	return append(out, doc[at:]...)
}

// value reads the value that begins with t. It recurses no deeper than the
// limits of the scanner.
func (c *cutter) value(t jsontext.Token, f *fields) error {
	switch {
	case t.IsScalar():
		return nil
	case f.free:
		return c.skip()
	case t.Kind == jsontext.BeginArray:
		return c.array(f)
	}
	return c.object(f)
}

// skip reads to the end of the container that was just begun.
func (c *cutter) skip() error {
	for depth := c.s.Depth(); c.s.Depth() >= depth; {
		if _, err := c.s.Next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cutter) array(f *fields) error {
	length := len(c.path)
	c.path = append(c.path, "/*"...)
	for i := 0; ; i++ {
		t, err := c.s.Next()
		if err != nil {
			return err
		}
		if t.Kind == jsontext.EndArray {
			c.path = c.path[:length]
			return nil
		}
		if err := c.value(t, f.item(i)); err != nil {
			return err
		}
	}
}

// object reads members. A run of dropped ones is cut up to the next that stays,
// or, when none follows, from the end of the last that stayed.
func (c *cutter) object(f *fields) error {
	kept, run, end := -1, -1, 0
	for {
		t, err := c.s.Next()
		if err != nil {
			return err
		}
		if t.Kind == jsontext.EndObject {
			switch {
			case run < 0:
			case kept >= 0:
				c.cuts = append(c.cuts, span{kept, end})
			default:
				c.cuts = append(c.cuts, span{run, end})
			}
			return nil
		}
		inner := f.of(t.Text())
		if inner != nil && run >= 0 {
			c.cuts = append(c.cuts, span{run, t.Offset})
			run = -1
		}
		if inner == nil && run < 0 {
			run = t.Offset
		}
		if err := c.member(t, inner); err != nil {
			return err
		}
		if end = c.s.Offset(); inner != nil {
			kept = end
		}
	}
}

// member reads the value of a name; nil fields drop it.
func (c *cutter) member(name jsontext.Token, f *fields) error {
	length := len(c.path)
	c.path = append(append(c.path, '/'), clip(name.Text())...)
	defer func() { c.path = c.path[:length] }()
	if f == nil {
		c.drop()
	}
	t, err := c.s.Next()
	switch {
	case err != nil:
		return err
	case f != nil:
		return c.value(t, f)
	case !t.IsScalar():
		return c.skip()
	}
	return nil
}

// drop notes the place of a property that is not described.
func (c *cutter) drop() {
	c.dropped++
	if len(c.places) == maxPlaces {
		return
	}
	for _, p := range c.places {
		if p == string(c.path) {
			return
		}
	}
	c.places = append(c.places, string(c.path))
}

// clip is a name as it stands in a place. One that looks like data, as an
// address or a number, is not told: it would be another place every time.
func clip(name []byte) []byte {
	const longest, mostDigits = 64, 3
	digits := 0
	for _, c := range name {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-' || c == '$':
		default:
			return []byte("{name}")
		}
	}
	if len(name) > longest || digits > mostDigits {
		return []byte("{name}")
	}
	return name
}
