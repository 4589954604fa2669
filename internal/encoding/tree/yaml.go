package tree

import (
	"bytes"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

func yamlError(src *Source, err error) error {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Error{File: src.Name, Line: line, Problem: "not YAML: " + m[2]}
	}
	// The library tells every line but the first.
	return &Error{File: src.Name, Line: 1, Problem: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
}

// yamlReader copies nodes, aliases opened.
type yamlReader struct {
	src  *Source
	o    Options
	left int
}

func readYAML(src *Source, text []byte, o Options) (*Node, error) {
	root, err := parseYAML(src, text, o)
	if !o.Lenient || err == nil {
		return root, err
	}
	return mendYAML(src, text, o, err)
}

func parseYAML(src *Source, text []byte, o Options) (*Node, error) {
	var root, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&root); errors.Is(err, io.EOF) || err == nil && root.Kind == 0 {
		return nil, &Error{File: src.Name, Problem: "the document is empty"}
	} else if err != nil {
		return nil, yamlError(src, err)
	}
	if err := d.Decode(&second); err == nil {
		return nil, &Error{File: src.Name, Line: second.Line, Problem: "the file holds more than one YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(src, err)
	}
	y := yamlReader{src, o, o.MaxNodes}
	return y.read(&root, 0)
}

func (y *yamlReader) wrong(n *yaml.Node, problem string) error {
	return &Error{y.src.Name, n.Line, n.Column, problem}
}

func (y *yamlReader) at(n *yaml.Node, k Kind) *Node {
	return &Node{Kind: k, Source: y.src, Line: int32(n.Line), Column: int32(n.Column)} //nolint:gosec // documents are shorter
}

func (y *yamlReader) read(n *yaml.Node, depth int) (*Node, error) {
	if y.left--; y.left < 0 {
		return nil, y.wrong(n, "the document has more than "+strconv.Itoa(y.o.MaxNodes)+" values, aliases opened")
	}
	if depth > y.o.MaxDepth {
		return nil, y.wrong(n, "values are nested deeper than "+strconv.Itoa(y.o.MaxDepth))
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.read(n.Content[0], depth)
	case yaml.AliasNode:
		return y.read(n.Alias, depth+1)
	case yaml.SequenceNode:
		out := y.at(n, Array)
		out.Items = make([]*Node, 0, len(n.Content))
		for _, c := range n.Content {
			item, err := y.read(c, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
		return out, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.ScalarNode:
	}
	return y.scalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (*Node, error) {
	out := y.at(n, Object)
	out.Members = make([]Member, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	var merged []Member
	for pair := range slices.Chunk(n.Content, 2) {
		key, value := pair[0], pair[1]
		if key.Kind != yaml.ScalarNode {
			return nil, y.wrong(key, "a name must be a text")
		}
		inner, err := y.read(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			for _, m := range append([]*Node{inner}, inner.Items...) {
				merged = append(merged, m.Members...)
			}
			continue
		}
		if seen[key.Value] {
			return nil, y.wrong(key, "the name "+strconv.Quote(clip(key.Value))+" stands twice")
		}
		seen[key.Value] = true
		out.Members = append(out.Members, Member{key.Value, int32(key.Line), int32(key.Column), inner}) //nolint:gosec // documents are shorter
	}
	for _, m := range merged {
		if !seen[m.Name] {
			seen[m.Name] = true
			out.Members = append(out.Members, m)
		}
	}
	out.Index()
	return out, nil
}

func (y *yamlReader) scalar(n *yaml.Node) (*Node, error) {
	out := y.at(n, String)
	out.Text = n.Value
	switch n.ShortTag() {
	case "!include":
		out.Kind = Include
	case "!!null":
		out.Kind, out.Text = Null, ""
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, y.wrong(n, "not a boolean")
		}
		out.Kind, out.Text = Bool, strconv.FormatBool(b)
	case "!!int", "!!float":
		out.Kind = Number
		if jsonNumber.MatchString(n.Value) {
			break
		}
		var f float64
		if err := n.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, y.wrong(n, "not a number that JSON has")
		}
		out.Text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return out, nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func clip(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
