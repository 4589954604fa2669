package fieldpath

import (
	"errors"
	"io"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

func jsonLimits() jsontext.Limits {
	l := jsontext.NoLimits()
	l.MaxDepth = maxDepth
	return l
}

// jsonWork is the work on a JSON document. It recurses no deeper than maxDepth.
type jsonWork struct {
	*work
	s jsontext.Scanner
}

func (w *work) json() error {
	j := &jsonWork{work: w}
	j.s.Reset(w.doc, jsonLimits())
	t, err := j.s.Next()
	if err == nil {
		var removed bool
		if removed, err = j.value(t, w.begin()); removed && err == nil {
			j.replace(t.Offset, j.s.Offset(), []byte("null"))
			j.changed--
		}
	}
	if err == nil {
		_, err = j.s.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// value reads the value that begins with t and says whether it is to be taken
// out.
func (j *jsonWork) value(t jsontext.Token, at level) (removed bool, err error) {
	path := j.matched(at)
	switch {
	case path >= 0, t.IsScalar() && (j.options.All || j.fixed >= 0):
		return j.field(t, path)
	case t.Kind == jsontext.BeginObject:
		return false, j.object(at)
	case t.Kind == jsontext.BeginArray:
		return false, j.array(at)
	}
	return false, nil
}

func (j *jsonWork) object(at level) error {
	c := children{w: j.work, kept: -1, run: -1}
	for {
		t, err := j.s.Next()
		if err != nil {
			return err
		}
		if t.Kind == jsontext.EndObject {
			c.close()
			return nil
		}
		name := t.Text()
		inner := j.child(at, func(s *segment) bool { return s.any || s.name == string(name) }, nil)
		v, err := j.s.Next()
		if err != nil {
			return err
		}
		removed, err := j.value(v, inner)
		if err != nil {
			return err
		}
		j.leave(at)
		c.add(t.Offset, j.s.Offset(), removed)
	}
}

func (j *jsonWork) array(at level) error {
	c := children{w: j.work, kept: -1, run: -1}
	for i := 0; ; i++ {
		t, err := j.s.Next()
		if err != nil {
			return err
		}
		if t.Kind == jsontext.EndArray {
			c.close()
			return nil
		}
		inner := j.child(at,
			func(s *segment) bool { return s.any || s.index == i },
			func(s *segment) bool { return s.index < 0 })
		removed, err := j.value(t, inner)
		if err != nil {
			return err
		}
		j.leave(at)
		c.add(t.Offset, j.s.Offset(), removed)
	}
}

// children cuts removed members and items out, with their commas.
type children struct {
	w *work
	// kept is the end of the last that stays, run the start of the first of those
	// removed since, end where the last of them ends.
	kept, run, end int
}

func (c *children) add(from, to int, removed bool) {
	switch {
	case removed && c.run < 0:
		c.run = from
	case !removed && c.run >= 0:
		c.w.edits = append(c.w.edits, edit{c.run, from, nil})
		c.run = -1
	}
	if c.end = to; !removed {
		c.kept = to
	}
}

func (c *children) close() {
	switch {
	case c.run < 0:
	case c.kept >= 0:
		c.w.edits = append(c.w.edits, edit{c.kept, c.end, nil})
	default:
		c.w.edits = append(c.w.edits, edit{c.run, c.end, nil})
	}
}

// field asks what is to be done with a value and does it.
func (j *jsonWork) field(t jsontext.Token, path int) (removed bool, err error) {
	v := Value{Path: path}
	switch t.Kind {
	case jsontext.String:
		v.Kind, v.Text = Text, string(t.Text())
	case jsontext.Number:
		v.Kind, v.Text = Number, string(t.Raw)
	case jsontext.True, jsontext.False:
		v.Kind, v.Text = Bool, string(t.Raw)
	case jsontext.Null:
		v.Kind = Null
	default:
		v.Kind = Container
		for depth := j.s.Depth(); j.s.Depth() >= depth; {
			if _, err := j.s.Next(); err != nil {
				return false, err
			}
		}
	}
	v.Raw = j.doc[t.Offset:j.s.Offset()]
	e, err := j.ask(v)
	if err != nil {
		return false, err
	}
	switch e.Do {
	case Keep:
	case SetText:
		j.replace(t.Offset, j.s.Offset(), jsontext.AppendQuote(nil, e.Text))
	case SetRaw:
		if jsontext.Valid(e.Raw, jsonLimits()) != nil {
			return false, ErrReplacement
		}
		j.replace(t.Offset, j.s.Offset(), e.Raw)
	case SetNull:
		j.replace(t.Offset, j.s.Offset(), []byte("null"))
	case Remove:
		j.changed++
		return true, nil
	case Descend:
		if v.Kind != Container {
			return false, ErrReplacement
		}
		return false, j.descend(v.Raw, t.Offset, path)
	}
	return false, nil
}

// descend works on a container as on a document of its own.
func (j *jsonWork) descend(raw []byte, offset, path int) error {
	inner := j.within(raw, path)
	if err := inner.json(); err != nil {
		return err
	}
	if j.left = inner.left; inner.changed > 0 {
		j.replace(offset, offset+len(raw), inner.result())
		j.changed += inner.changed - 1
	}
	return nil
}
