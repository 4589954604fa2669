package rulefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Error is a mistake in a rule file: where it is, what is wrong and how to mend
// it.
type Error struct {
	File string
	Line int
	// Field is the field, as "any[0].rx"; empty for the file as a whole.
	Field   string
	Problem string
}

// Error writes "file:line: field: problem".
func (e *Error) Error() string {
	at := e.File + ":" + strconv.Itoa(e.Line) + ": "
	if e.Field != "" {
		at += e.Field + ": "
	}
	return at + e.Problem
}

// reader reads one file; it remembers all that is wrong.
type reader struct {
	file     string
	problems []error
}

func (d *reader) complain(n *yaml.Node, field, format string, args ...any) {
	line := 1
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	d.problems = append(d.problems, &Error{File: d.file, Line: line, Field: field, Problem: fmt.Sprintf(format, args...)})
}

// document reads the only document of a file; nil when it is none.
func (d *reader) document(text []byte) *yaml.Node {
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	if err := decoder.Decode(&doc); err != nil {
		d.complain(nil, "", "%s; write one rule in YAML", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if err := decoder.Decode(&yaml.Node{}); err == nil {
		d.complain(nil, "", "more than one document; write one rule in each file")
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		d.complain(&doc, "", "not a mapping of fields; write fields as \"id: name\"")
		return nil
	}
	return doc.Content[0]
}

// fields reads a mapping whose keys must be known, each once.
func (d *reader) fields(n *yaml.Node, at string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		d.complain(n, at, "must be a mapping with %s", strings.Join(known, ", "))
		return nil
	}
	found := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field := join(at, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			d.complain(key, field, "no such field; there are %s", strings.Join(known, ", "))
		case found[key.Value] != nil:
			d.complain(key, field, "stands twice; write it once")
		default:
			found[key.Value] = n.Content[i+1]
		}
	}
	return found
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func index(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

// text reads a text that is not empty; a missing one is reported at the mapping.
func (d *reader) text(n, parent *yaml.Node, at string) string {
	switch {
	case n == nil:
		d.complain(parent, at, "is missing; write it")
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
		d.complain(n, at, "must be text; put it in quotes")
	case strings.TrimSpace(n.Value) == "":
		d.complain(n, at, "is empty; write it")
	default:
		return n.Value
	}
	return ""
}

// list reads a list of at least one item.
func (d *reader) list(n *yaml.Node, at string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.complain(n, at, "must be a list of at least one item; write items as \"- item\"")
		return nil
	}
	return n.Content
}
