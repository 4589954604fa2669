// Package jsonschema reads the JSON Schemas that RAML documents bring along, in
// drafts 3 to 7: it says whether they are schemas at all, holds values against
// them and writes them in the draft 2020-12. It works on positioned trees and
// under limits, since schemas and values come from strangers, and follows
// references only where it is told how.
package jsonschema

import (
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Options are what a schema needs from its surroundings.
type Options struct {
	// Target is what a reference in a file leads to; without it only references
	// inside the document are followed.
	Target func(from, ref string) (*tree.Node, error)
	// Pattern compiles a regular expression of ECMAScript to a function that says
	// whether it is found in a text.
	Pattern func(text string) (func(string) bool, error)
}

// Problem is something wrong with a schema, or with a value.
type Problem struct {
	At *tree.Node
	// Way leads to the part of a value that is meant, as "items[0].name".
	Way     string
	Message string
}

// Schema is one schema, whole or a part of a document. It is not safe for
// concurrent use.
type Schema struct {
	options  Options
	root     place
	refs     map[*tree.Node]place
	patterns map[string]func(string) bool
	enums    map[*tree.Node]map[string]bool
	anchors  map[*tree.Node]map[string]*tree.Node
	problems []Problem
}

// place is a schema in the document whose references it has.
type place struct {
	node, document *tree.Node
}

// Limits.
const (
	maxSteps    = 200_000
	maxDepth    = 400
	maxProblems = 20
	maxSchemas  = 200_000
)

// Read reads a schema: the part of a document that a JSON pointer as
// "/definitions/a" names, or all of it when the pointer is empty. What is wrong
// with it, or with those it refers to, are its problems.
func Read(document *tree.Node, pointer string, o Options) (*Schema, []Problem) {
	s := &Schema{
		options: o, refs: map[*tree.Node]place{}, patterns: map[string]func(string) bool{},
		anchors: map[*tree.Node]map[string]*tree.Node{}, enums: map[*tree.Node]map[string]bool{},
	}
	node := document
	if pointer != "" {
		if node = walk(document, pointer); node == nil {
			return nil, []Problem{{At: document, Message: fmt.Sprintf("the schema has no %s", clip(pointer))}}
		}
	}
	s.root = place{node, document}
	s.judge()
	return s, s.problems
}

// walk follows a JSON pointer without its #.
func walk(n *tree.Node, pointer string) *tree.Node {
	pointer = strings.TrimPrefix(pointer, "#")
	pointer = strings.Trim(pointer, "/")
	if pointer == "" {
		return n
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~", "%25", "%", "%20", " ", "%22", "\"", "%5B", "[", "%5D", "]")
	for step := range strings.SplitSeq(pointer, "/") {
		if n = n.Step(unescape.Replace(step)); n == nil {
			return nil
		}
	}
	return n
}

// target is where the reference of a schema leads; false where it leads nowhere
// that is read.
func (s *Schema) target(from place, ref *tree.Node) (place, error) {
	if known, ok := s.refs[ref]; ok {
		if known.node == nil {
			return known, errNowhere
		}
		return known, nil
	}
	found, err := s.find(from, ref.Str())
	s.refs[ref] = found
	return found, err
}

var errNowhere = fmt.Errorf("the reference leads nowhere")

func (s *Schema) find(from place, ref string) (place, error) {
	file, pointer, _ := strings.Cut(ref, "#")
	document := from.document
	if id := documentID(document); file != "" && file != id {
		switch {
		case strings.HasPrefix(ref, "http://json-schema.org/"):
			return place{anything(document), document}, nil
		case strings.Contains(file, "://"):
			return place{}, fmt.Errorf("the reference %s leads to another address; only files of the project are read", clip(ref))
		case s.anchor(document, ref) != nil:
			return place{s.anchor(document, ref), document}, nil
		case s.options.Target == nil:
			return place{}, fmt.Errorf("the reference %s leads to another file, which is not read here", clip(ref))
		}
		other, err := s.options.Target(document.File(), file)
		if err != nil {
			return place{}, fmt.Errorf("the reference %s leads nowhere: %w", clip(ref), err)
		}
		if other == nil {
			return place{}, fmt.Errorf("the reference %s leads nowhere", clip(ref))
		}
		document = other
	}
	var node *tree.Node
	if pointer != "" && pointer[0] != '/' {
		node = s.anchor(document, "#"+pointer)
	} else {
		node = walk(document, pointer)
	}
	if node == nil {
		return place{}, fmt.Errorf("the reference %s leads nowhere in the schema", clip(ref))
	}
	return place{node, document}, nil
}

// anything is the schema of any value.
func anything(at *tree.Node) *tree.Node { return tree.NewObject(at) }

func documentID(n *tree.Node) string {
	for _, name := range []string{"$id", "id"} {
		if id := n.Get(name); id.Is(tree.String) {
			return strings.TrimSuffix(id.Text, "#")
		}
	}
	return ""
}

// anchor is the schema in a document that has an id.
func (s *Schema) anchor(document *tree.Node, id string) *tree.Node {
	known := s.anchors[document]
	if known == nil {
		known = map[string]*tree.Node{}
		collect(document, known, maxDepth)
		s.anchors[document] = known
	}
	return known[id]
}

func collect(n *tree.Node, known map[string]*tree.Node, depth int) {
	if n == nil || depth == 0 {
		return
	}
	for _, name := range []string{"$id", "id"} {
		if id := n.Get(name); id.Is(tree.String) && known[id.Text] == nil {
			known[id.Text] = n
		}
	}
	for i := range n.Members {
		collect(n.Members[i].Value, known, depth-1)
	}
	for _, item := range n.Items {
		collect(item, known, depth-1)
	}
}

func clip(text string) string {
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return text
}
