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
	r := l.reader()
	defer l.release(r)
	err := r.tokenize(body)
	if err != nil && (!partial || !cut(err, len(body))) {
		return err
	}
	if partial {
		s.flags |= truncated
		if n := len(r.tokens); n > 0 && r.tokens[n-1].kind == jsontext.Number && r.tokens[n-1].end == len(body) {
			r.tokens = r.tokens[:n-1] // It may be longer.
		}
	}
	g := l.growth(s, c, 0)
	g.json(r, string(body))
	return nil
}

// cut tells whether an error is that of a document that just ends too early.
func cut(err error, size int) bool {
	var syntax *encoding.SyntaxError
	return errors.Is(err, jsontext.ErrEnd) || errors.As(err, &syntax) && syntax.Offset >= size-4
}

// token is a token of JSON, at text[start:end].
type token struct {
	start, end int
	kind       jsontext.Kind
	escaped    bool
}

// text is the text of a name or string.
func (t token) text(document string) string {
	if !t.escaped {
		return document[t.start+1 : t.end-1]
	}
	raw := jsontext.Token{Kind: t.kind, Escaped: true, Raw: []byte(document[t.start:t.end])}
	return string(raw.Text())
}

// tokenize reads the whole document before anything of it is believed.
func (r *reader) tokenize(body []byte) error {
	r.json.Reset(body, jsontext.DefaultLimits())
	r.tokens = r.tokens[:0]
	for {
		t, err := r.json.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r.tokens = append(r.tokens, token{t.Offset, t.Offset + len(t.Raw), t.Kind, t.Escaped})
	}
}

// json learns from the tokens.
func (g *growth) json(r *reader, document string) {
	for _, t := range r.tokens {
		depth := len(r.frames)
		switch t.kind {
		case jsontext.Name:
			g.enter(&r.frames[depth-1], t.text(document), depth)
		case jsontext.EndObject, jsontext.EndArray:
			r.frames[depth-1].leave(g)
			r.frames = r.frames[:depth-1]
		case jsontext.BeginObject, jsontext.BeginArray:
			g.open(r, t.kind == jsontext.BeginArray)
		default:
			g.scalar(r, t, document)
		}
	}
}

// target gives the node that the next value belongs to, nil where nothing is learned.
func (g *growth) target(r *reader) *Schema {
	depth := len(r.frames)
	if depth == 0 {
		return g.root
	}
	f := &r.frames[depth-1]
	if f.array {
		g.element(f, depth)
	}
	return f.member
}

func (g *growth) open(r *reader, array bool) {
	node := g.target(r)
	f := frame{node: node, array: array}
	if node != nil {
		at := g.at(r.frames)
		f.key = at.key
		node.v.Count++
		if array {
			f.name = at.name
			node.v.kinds.add(kindArray, 1)
		} else {
			node.v.kinds.add(kindObject, 1)
		}
	}
	r.frames = append(r.frames, f)
}

func (g *growth) scalar(r *reader, t token, document string) {
	node := g.target(r)
	if node == nil {
		return
	}
	node.v.Count++
	switch t.kind {
	case jsontext.Null:
		node.v.kinds.add(kindNull, 1)
	case jsontext.True, jsontext.False:
		node.v.kinds.add(kindBoolean, 1)
	case jsontext.Number:
		at, number := g.at(r.frames), document[t.start:t.end]
		node.v.see(&at, number, numberKind(number))
	default:
		at, text := g.at(r.frames), t.text(document)
		node.v.see(&at, text, stringKind(text))
	}
}
