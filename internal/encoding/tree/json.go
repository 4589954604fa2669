package tree

import (
	"errors"
	"fmt"
	"io"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// jsonReader reads JSON, counting lines as it goes.
type jsonReader struct {
	src     *Source
	doc     []byte
	scanner *jsontext.Scanner
	// line and column are those of the offset counted.
	line, column int32
	counted      int
}

func readJSON(src *Source, doc []byte, o Options) (*Node, error) {
	limits := jsontext.NoLimits()
	limits.MaxDepth, limits.MaxTokens, limits.UniqueNames = o.MaxDepth, 2*o.MaxNodes, true
	j := &jsonReader{src: src, doc: doc, scanner: jsontext.NewScanner(doc, limits), line: 1, column: 1}
	root, err := j.next()
	if err != nil {
		return nil, err
	}
	if _, err := j.scanner.Next(); !errors.Is(err, io.EOF) {
		return nil, j.fault(err)
	}
	return root, nil
}

// at is line and column of an offset, which never goes back.
func (j *jsonReader) at(offset int) (line, column int32) {
	for ; j.counted < offset && j.counted < len(j.doc); j.counted++ {
		switch c := j.doc[j.counted]; {
		case c == '\n':
			j.line++
			j.column = 1
		case c&0xC0 != 0x80: // the first byte of a character
			j.column++
		}
	}
	return j.line, j.column
}

func (j *jsonReader) fault(err error) error {
	offset, problem := 0, "not JSON: something stands behind the value"
	if limit, ok := errors.AsType[*encoding.LimitError](err); ok {
		offset, problem = limit.Offset, fmt.Sprintf("more than %s = %d allows", limit.Limit, limit.Max)
	} else if syntax, ok := errors.AsType[*encoding.SyntaxError](err); ok {
		offset, problem = syntax.Offset, "not JSON: "+syntax.Err.Error()
	}
	line, column := j.at(offset)
	return &Error{j.src.Name, int(line), int(column), problem}
}

func (j *jsonReader) next() (*Node, error) {
	t, err := j.scanner.Next()
	if err != nil {
		return nil, j.fault(err)
	}
	return j.value(t)
}

func (j *jsonReader) value(t jsontext.Token) (*Node, error) {
	n := &Node{Source: j.src}
	n.Line, n.Column = j.at(t.Offset)
	switch t.Kind {
	case jsontext.String:
		n.Kind, n.Text = String, string(t.Text())
	case jsontext.Number:
		n.Kind, n.Text = Number, string(t.Text())
	case jsontext.True:
		n.Kind, n.Text = Bool, "true"
	case jsontext.False:
		n.Kind, n.Text = Bool, "false"
	case jsontext.BeginArray:
		n.Kind = Array
		return n, j.array(n)
	case jsontext.BeginObject:
		n.Kind = Object
		return n, j.object(n)
	case jsontext.Null, jsontext.None, jsontext.Name, jsontext.EndArray, jsontext.EndObject:
	}
	return n, nil
}

func (j *jsonReader) array(n *Node) error {
	for {
		t, err := j.scanner.Next()
		if err != nil {
			return j.fault(err)
		}
		if t.Kind == jsontext.EndArray {
			return nil
		}
		item, err := j.value(t)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
}

func (j *jsonReader) object(n *Node) error {
	for {
		t, err := j.scanner.Next()
		if err != nil {
			return j.fault(err)
		}
		if t.Kind == jsontext.EndObject {
			n.Index()
			return nil
		}
		m := Member{Name: string(t.Text())}
		m.Line, m.Column = j.at(t.Offset)
		if m.Value, err = j.next(); err != nil {
			return err
		}
		n.Members = append(n.Members, m)
	}
}
