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

func (r *reader) complain(n *yaml.Node, field, format string, args ...any) {
	line := 1
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	r.problems = append(r.problems, &Error{File: r.file, Line: line, Field: field, Problem: fmt.Sprintf(format, args...)})
}

// document reads the only document of a file; nil when it is none.
func (r *reader) document(text []byte) *yaml.Node {
	var doc yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	if err := d.Decode(&doc); err != nil {
		r.complain(nil, "", "%s; write one rule in YAML", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if err := d.Decode(&yaml.Node{}); err == nil {
		r.complain(nil, "", "more than one document; write one rule in each file")
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		r.complain(&doc, "", "not a mapping of fields; write fields as \"id: name\"")
		return nil
	}
	return doc.Content[0]
}

// fields reads a mapping whose keys must be known, each once.
func (r *reader) fields(n *yaml.Node, at string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		r.complain(n, at, "must be a mapping with %s", strings.Join(known, ", "))
		return nil
	}
	found := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field := join(at, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			r.complain(key, field, "no such field; there are %s", strings.Join(known, ", "))
		case found[key.Value] != nil:
			r.complain(key, field, "stands twice; write it once")
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
func (r *reader) text(n, parent *yaml.Node, at string) string {
	switch {
	case n == nil:
		r.complain(parent, at, "is missing; write it")
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
		r.complain(n, at, "must be text; put it in quotes")
	case strings.TrimSpace(n.Value) == "":
		r.complain(n, at, "is empty; write it")
	default:
		return n.Value
	}
	return ""
}

// list reads a list of at least one item.
func (r *reader) list(n *yaml.Node, at string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.complain(n, at, "must be a list of at least one item; write items as \"- item\"")
		return nil
	}
	return n.Content
}
