package datatype

import (
	"errors"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// external is a type described in JSON Schema or XSD.
type external struct {
	// text is the schema as it is written, fragment the part of it that is meant.
	text     *tree.Node
	fragment string
	// json is nil for XSD.
	json *jsonschema.Schema
	root *tree.Node
}

// isSchema says whether a text is the source of a schema and no type expression.
func isSchema(text string) bool {
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "<")
}

// externalType is the type of a text that is a schema.
func (s *Set) externalType(n *tree.Node) *Type {
	at := place{n, Declared}
	if known := s.externals[at]; known != nil {
		return known
	}
	t := &Type{set: s, decl: n, kind: externalKind, state: resolved, external: &external{text: n}}
	s.externals[at] = t
	if s.options.Fragment != nil {
		t.external.fragment = s.options.Fragment(n)
	}
	if strings.HasPrefix(strings.TrimSpace(n.Text), "<") {
		t.text = "XML schema"
		t.readXSD()
	} else {
		t.text = "JSON schema"
		t.readJSONSchema()
	}
	if t.broken {
		t.kind = anyKind
	}
	return t
}

func (t *Type) readXSD() {
	n := t.external.text
	text := []byte(n.Text)
	err := xmltext.ValidNamespaces(text, xmlLimits())
	if err == nil && t.set.options.XSD != nil {
		err = t.set.options.XSD(n.File(), text)
	}
	if err != nil {
		t.set.problem(n, "raml-xml-schema", "the type is no XML schema: %v", err)
		t.broken = true
	}
}

func (t *Type) readJSONSchema() {
	n, s := t.external.text, t.set
	root, err := readJSON(n)
	if err != nil {
		s.problem(n, "raml-json-schema", "the type is no JSON schema: %v", err)
		t.broken = true
		return
	}
	t.external.root = root
	schema, problems := jsonschema.Read(root, t.external.fragment, jsonschema.Options{
		Target: s.options.Target,
		Pattern: func(text string) (func(string) bool, error) {
			p, err := compile(text, &s.effort)
			if err != nil {
				return nil, err
			}
			return p.match, nil
		},
	})
	t.external.json = schema
	for _, p := range problems {
		at := n
		if isIncluded(n) || p.At.File() != n.File() {
			at = p.At
		}
		s.problem(at, "raml-json-schema", "the type is no JSON schema: %s", p.Message)
		t.broken = true
	}
}

// external holds a value against a schema.
func (c *checker) external(t *Type, v *tree.Node, way *step) {
	if t.external.json == nil {
		c.xml(t, v, way)
		return
	}
	if v.Is(tree.String) {
		text := strings.TrimSpace(v.Text)
		if parsed, err := readJSON(v); err == nil {
			if !isIncluded(v) && c.at == nil {
				c.at = v
			}
			v = parsed
		} else if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			c.wrong(v, way, "raml-value-json", "the value is no JSON: %v", err)
			return
		}
	}
	problems, complete := t.external.json.Check(v, &c.set.schemaSteps)
	if !complete {
		c.steps = max(c.steps, maxSteps)
		return
	}
	for _, p := range problems {
		inner := way
		if p.Way != "" {
			inner = &step{p.Way, way}
		}
		c.wrong(p.At, inner, "raml-value-schema", "%s", p.Message)
	}
}

func (c *checker) xml(t *Type, v *tree.Node, way *step) {
	if !v.Is(tree.String) {
		return
	}
	document := []byte(strings.TrimSpace(v.Text))
	err := xmltext.Valid(document, xmlLimits())
	if err != nil {
		c.wrong(v, way, "raml-value-xml", "the value is not well-formed XML: %v", err)
		return
	}
	check := c.set.options.CheckXML
	if check == nil {
		return
	}
	e := t.external
	if err := check(e.text.File(), []byte(e.text.Text), e.fragment, document); err != nil {
		c.wrong(v, way, "raml-value-xml", "the value is not as the XML schema says: %v", err)
	}
}

// isIncluded says whether a text is the whole of a file, so that positions in it
// are those in the file.
func isIncluded(n *tree.Node) bool {
	return n.Source != nil && len(n.Text) > 0 && len(n.Text) == len(n.Source.Text)
}

// readJSON reads a text that holds JSON.
func readJSON(n *tree.Node) (*tree.Node, error) {
	limits := jsontext.NoLimits()
	limits.MaxDepth, limits.UniqueNames = tree.DefaultMaxDepth, true
	text := []byte(strings.TrimPrefix(n.Text, "\ufeff"))
	if err := jsontext.Valid(text, limits); err != nil {
		return nil, err
	}
	root, err := tree.Read(&tree.Source{Name: n.File(), Text: text}, tree.Options{})
	if wrong, ok := errors.AsType[*tree.Error](err); ok {
		return nil, errors.New(wrong.Problem)
	}
	return root, err
}

func xmlLimits() xmltext.Limits {
	limits := xmltext.NoLimits()
	limits.MaxDepth = tree.DefaultMaxDepth
	return limits
}
