package openapi

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// Limits on a description besides its size. Aliases count as often as they are
// used.
const (
	maxDepth = 200
	maxNodes = 500_000
)

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

// node is one value of a description. A nil node is one that is not there.
type node struct {
	kind kind
	line int
	// text is that of a text, number or boolean.
	text  string
	items []*node
	named []member
}

type member struct {
	name  string
	line  int
	value *node
}

func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.named {
		if n.named[i].name == name {
			return n.named[i].value
		}
	}
	return nil
}

// step is the member or item of a JSON pointer's step.
func (n *node) step(name string) *node {
	if n == nil || n.kind != array {
		return n.get(name)
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

func (n *node) string() string {
	if n == nil {
		return ""
	}
	return n.text
}

func (n *node) isTrue() bool { return n != nil && n.kind == boolean && n.text == "true" }

func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

func (n *node) members() []member {
	if n == nil {
		return nil
	}
	return n.named
}

// readTree reads JSON or YAML.
func readTree(doc []byte) (*node, error) {
	for _, c := range doc {
		if c == '{' {
			return readJSON(doc)
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			break
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, yamlError(err)
	}
	if root.Kind == 0 {
		return nil, wrong(nil, "the description is empty")
	}
	y := yamlReader{left: maxNodes}
	return y.read(&root, 0)
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

func yamlError(err error) error {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Error{line, "not YAML: " + m[2]}
	}
	return wrong(nil, "not YAML: %v", err)
}

// yamlReader copies nodes, aliases opened.
type yamlReader struct{ left int }

func (y *yamlReader) read(n *yaml.Node, depth int) (*node, error) {
	if y.left--; y.left < 0 {
		return nil, &Error{n.Line, fmt.Sprintf("the description has more than %d values, aliases opened", maxNodes)}
	}
	if depth > maxDepth {
		return nil, &Error{n.Line, fmt.Sprintf("values are nested deeper than %d", maxDepth)}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.read(n.Content[0], depth)
	case yaml.AliasNode:
		return y.read(n.Alias, depth+1)
	case yaml.SequenceNode:
		out := &node{kind: array, line: n.Line}
		for _, c := range n.Content {
			item, err := y.read(c, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.ScalarNode:
	}
	return yamlScalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (*node, error) {
	out := &node{kind: object, line: n.Line}
	seen := make(map[string]bool, len(n.Content)/2)
	var merged []member
	for pair := range slices.Chunk(n.Content, 2) {
		key, value := pair[0], pair[1]
		if key.Kind != yaml.ScalarNode {
			return nil, &Error{key.Line, "a name must be a text"}
		}
		inner, err := y.read(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			for _, m := range append([]*node{inner}, inner.items...) {
				merged = append(merged, m.named...)
			}
			continue
		}
		if seen[key.Value] {
			return nil, &Error{key.Line, fmt.Sprintf("the name %.60q stands twice", key.Value)}
		}
		seen[key.Value] = true
		out.named = append(out.named, member{key.Value, key.Line, inner})
	}
	for _, m := range merged {
		if !seen[m.name] {
			seen[m.name] = true
			out.named = append(out.named, m)
		}
	}
	return out, nil
}

func yamlScalar(n *yaml.Node) (*node, error) {
	out := &node{kind: text, line: n.Line, text: n.Value}
	switch n.ShortTag() {
	case "!!null":
		out.kind, out.text = null, ""
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, &Error{n.Line, "not a boolean"}
		}
		out.kind, out.text = boolean, strconv.FormatBool(b)
	case "!!int", "!!float":
		out.kind = number
		if jsonNumber.MatchString(n.Value) {
			break
		}
		var f float64
		if err := n.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, &Error{n.Line, "not a number that JSON has"}
		}
		out.text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return out, nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// jsonReader reads JSON, counting lines as it goes.
type jsonReader struct {
	doc     []byte
	scanner *jsontext.Scanner
	line    int
	counted int
}

func readJSON(doc []byte) (*node, error) {
	limits := jsontext.NoLimits()
	limits.MaxDepth, limits.MaxTokens, limits.UniqueNames = maxDepth, maxNodes, true
	j := &jsonReader{doc: doc, scanner: jsontext.NewScanner(doc, limits), line: 1}
	root, err := j.next()
	if err != nil {
		return nil, err
	}
	if _, err := j.scanner.Next(); !errors.Is(err, io.EOF) {
		return nil, j.fault(err)
	}
	return root, nil
}

func (j *jsonReader) lineAt(offset int) int {
	for ; j.counted < offset && j.counted < len(j.doc); j.counted++ {
		if j.doc[j.counted] == '\n' {
			j.line++
		}
	}
	return j.line
}

func (j *jsonReader) fault(err error) error {
	if limit, ok := errors.AsType[*encoding.LimitError](err); ok {
		return &Error{j.lineAt(limit.Offset), fmt.Sprintf("more than %s = %d allows", limit.Limit, limit.Max)}
	}
	if syntax, ok := errors.AsType[*encoding.SyntaxError](err); ok {
		return &Error{j.lineAt(syntax.Offset), "not JSON: " + syntax.Err.Error()}
	}
	return wrong(nil, "not JSON")
}

func (j *jsonReader) next() (*node, error) {
	t, err := j.scanner.Next()
	if err != nil {
		return nil, j.fault(err)
	}
	return j.value(t)
}

func (j *jsonReader) value(t jsontext.Token) (*node, error) {
	n := &node{line: j.lineAt(t.Offset), text: string(t.Text())}
	switch t.Kind {
	case jsontext.String:
		n.kind = text
	case jsontext.Number:
		n.kind = number
	case jsontext.True, jsontext.False:
		n.kind = boolean
	case jsontext.BeginArray:
		n.kind, n.text = array, ""
		return n, j.array(n)
	case jsontext.BeginObject:
		n.kind, n.text = object, ""
		return n, j.object(n)
	case jsontext.Null, jsontext.None, jsontext.Name, jsontext.EndArray, jsontext.EndObject:
		n.text = ""
	}
	return n, nil
}

func (j *jsonReader) array(n *node) error {
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
		n.items = append(n.items, item)
	}
}

func (j *jsonReader) object(n *node) error {
	for {
		t, err := j.scanner.Next()
		if err != nil {
			return j.fault(err)
		}
		if t.Kind == jsontext.EndObject {
			return nil
		}
		name, line := string(t.Text()), j.lineAt(t.Offset)
		value, err := j.next()
		if err != nil {
			return err
		}
		n.named = append(n.named, member{name, line, value})
	}
}
