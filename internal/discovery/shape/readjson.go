package shape

import (
	"errors"
	"io"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// ObserveJSON looks at a document of JSON. Of a partial one, which was cut somewhere,
// only what is complete teaches. An error means that it taught nothing; it is one of
// the syntax or of a limit, and holds nothing of the document.
func (s *Schema) ObserveJSON(l *Looker, c sensitive.Context, body []byte, partial bool) error {
	lim := jsontext.DefaultLimits()
	if err := jsontext.Valid(body, lim); err != nil && (!partial || !cut(err, len(body))) {
		return err
	}
	r := l.reader()
	defer l.release(r)
	r.json.Reset(body, lim)
	if partial {
		s.flags |= truncated
	}
	g := growth{l: l, c: c, root: s, partial: partial}
	g.json(r, string(body))
	return nil
}

// cut tells whether an error is that of a document that just ends too early.
func cut(err error, size int) bool {
	var syntax *encoding.SyntaxError
	return errors.Is(err, jsontext.ErrEnd) || errors.As(err, &syntax) && syntax.Offset >= size-4
}

// json reads a document up to its end, or the place where it was cut.
func (g *growth) json(r *reader, text string) {
	for {
		token, err := r.json.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				g.root.flags |= truncated
			}
			return
		}
		depth := len(r.frames)
		switch token.Kind {
		case jsontext.Name:
			name := text[token.Offset+1 : token.Offset+len(token.Raw)-1]
			if token.Escaped {
				name = string(token.Text())
			}
			g.enter(&r.frames[depth-1], name, depth)
		case jsontext.EndObject, jsontext.EndArray:
			r.frames[depth-1].leave(g)
			r.frames = r.frames[:depth-1]
		case jsontext.BeginObject, jsontext.BeginArray:
			g.open(r, token.Kind == jsontext.BeginArray)
		default:
			if g.partial && token.Kind == jsontext.Number && token.Offset+len(token.Raw) == len(text) {
				return // It may be longer.
			}
			g.scalar(r, token, text)
		}
	}
}

// target gives the node that the next value belongs to, with its context.
func (g *growth) target(r *reader) (*Schema, sensitive.Context) {
	depth := len(r.frames)
	if depth == 0 {
		return g.root, g.c
	}
	f := &r.frames[depth-1]
	if f.array {
		g.element(f, depth)
	}
	return f.member, sensitive.Context{Name: f.name, Path: f.path, In: g.c.In}
}

func (g *growth) open(r *reader, array bool) {
	node, c := g.target(r)
	f := frame{node: node, array: array, name: c.Name, path: c.Path}
	if node != nil {
		node.v.Count++
		if array {
			node.v.kinds.add(kindArray, 1)
		} else {
			node.v.kinds.add(kindObject, 1)
		}
		// An array's objects have its name before them, and not twice.
		depth := len(r.frames)
		if !array && depth > 0 && c.Name != "" {
			f.path = c.Path + "/" + c.Name
		}
	}
	r.frames = append(r.frames, f)
}

func (g *growth) scalar(r *reader, token jsontext.Token, text string) {
	node, c := g.target(r)
	if node == nil {
		return
	}
	node.v.Count++
	switch token.Kind {
	case jsontext.Null:
		node.v.kinds.add(kindNull, 1)
	case jsontext.True, jsontext.False:
		node.v.kinds.add(kindBoolean, 1)
	case jsontext.Number:
		number := text[token.Offset : token.Offset+len(token.Raw)]
		node.v.see(g.l, c, number, numberKind(number))
	default:
		value := text[token.Offset+1 : token.Offset+len(token.Raw)-1]
		if token.Escaped {
			value = string(token.Text())
		}
		node.v.see(g.l, c, value, stringKind(value))
	}
}
