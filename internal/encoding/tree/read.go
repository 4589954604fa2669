package tree

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Options bound a document.
type Options struct {
	// MaxBytes is its length; MaxNodes the number of its values, where aliases
	// count as often as they are used; MaxDepth how deep they are nested. Zero
	// stands for the default.
	MaxBytes, MaxNodes, MaxDepth int
	// Lenient reads YAML in which a comma stands behind a quoted text at the end
	// of a line, as people leave it who come from JSON, and other readers of API
	// descriptions accept it. Source tells the places.
	Lenient bool
}

// The defaults of Options.
const (
	DefaultMaxBytes = 8 << 20
	DefaultMaxNodes = 2_000_000
	DefaultMaxDepth = 200
)

// Read reads JSON or YAML, whichever the text is. Names that stand twice in an
// object and several documents in one text are refused. Errors are of type
// *Error.
func Read(src *Source, o Options) (*Node, error) {
	setDefault(&o.MaxBytes, DefaultMaxBytes)
	setDefault(&o.MaxNodes, DefaultMaxNodes)
	setDefault(&o.MaxDepth, DefaultMaxDepth)
	if len(src.Text) > o.MaxBytes {
		return nil, &Error{File: src.Name, Problem: fmt.Sprintf("the document is longer than %d bytes", o.MaxBytes)}
	}
	text := bytes.TrimPrefix(src.Text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return nil, &Error{File: src.Name, Problem: "the document is not UTF-8"}
	}
	if begins := bytes.TrimLeft(text, " \t\r\n"); len(begins) == 0 || begins[0] != '{' && begins[0] != '[' {
		return readYAML(src, text, o)
	}
	root, err := readJSON(src, text, o)
	if err == nil {
		return root, nil
	}
	// YAML has braces and brackets too.
	if root, yamlErr := readYAML(src, text, o); yamlErr == nil {
		return root, nil
	}
	return nil, err
}

func setDefault(v *int, to int) {
	if *v == 0 {
		*v = to
	}
}
