package jsonschema

import (
	"fmt"

	"farrier.dev/farrier/internal/encoding/tree"
)

// shape is what the value of a keyword must be.
type shape uint8

const (
	unknownShape shape = iota
	schemaShape
	schemasShape
	schemaMapShape
	itemsShape
	typeShape
	requiredShape
	numberShape
	countShape
	boolShape
	exclusiveShape
	textShape
	patternShape
	listShape
	dependenciesShape
	extendsShape
	boolOrSchemaShape
)

func shapeOf(keyword string) shape {
	switch keyword {
	case "not", "contains", "propertyNames", "if", "then", "else":
		return schemaShape
	case "allOf", "anyOf", "oneOf":
		return schemasShape
	case "properties", "patternProperties", "definitions", "$defs":
		return schemaMapShape
	case "items":
		return itemsShape
	case "additionalItems", "additionalProperties":
		return boolOrSchemaShape
	case "type", "disallow":
		return typeShape
	case "extends":
		return extendsShape
	case "required":
		return requiredShape
	case "minimum", "maximum", "multipleOf", "divisibleBy":
		return numberShape
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		return countShape
	case "uniqueItems":
		return boolShape
	case "exclusiveMinimum", "exclusiveMaximum":
		return exclusiveShape
	case "$schema", "id", "$id", "title", "description", "format":
		return textShape
	case "pattern":
		return patternShape
	case "enum":
		return listShape
	case "dependencies":
		return dependenciesShape
	}
	return unknownShape
}

// judge looks at the schema and all that it refers to.
func (s *Schema) judge() {
	seen := map[*tree.Node]bool{}
	waiting := []place{s.root}
	for len(waiting) > 0 && len(seen) < maxSchemas && len(s.problems) < maxProblems {
		p := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if seen[p.node] {
			continue
		}
		seen[p.node] = true
		waiting = s.judgeOne(p, waiting)
	}
}

func (s *Schema) wrong(at *tree.Node, format string, args ...any) {
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, Problem{At: at, Message: fmt.Sprintf(format, args...)})
	}
}

// judgeOne looks at one schema and adds those in it to the ones that wait.
func (s *Schema) judgeOne(p place, waiting []place) []place {
	n := p.node
	if n.Is(tree.Bool) {
		return waiting
	}
	if !n.Is(tree.Object) {
		s.wrong(n, "a schema must be an object, not a %s", n.Kind)
		return waiting
	}
	if ref := n.Get("$ref"); ref.Is(tree.String) {
		found, err := s.target(p, ref)
		if err != nil {
			s.wrong(ref, "%v", err)
			return waiting
		}
		return append(waiting, found)
	}
	for i := range n.Members {
		m := &n.Members[i]
		if problem := s.misshapen(m.Name, m.Value); problem != "" {
			s.wrong(m.Value, "%s must be %s", m.Name, problem)
			continue
		}
		for _, inner := range inside(m.Name, m.Value) {
			waiting = append(waiting, place{inner, p.document})
		}
	}
	return waiting
}

// inside are the schemas in the value of a keyword that is well shaped.
func inside(keyword string, v *tree.Node) []*tree.Node {
	var out []*tree.Node
	switch shapeOf(keyword) {
	case schemaShape:
		return []*tree.Node{v}
	case schemasShape:
		return v.Items
	case schemaMapShape:
		for _, m := range v.Members {
			out = append(out, m.Value)
		}
	case itemsShape, boolOrSchemaShape, extendsShape, typeShape:
		for _, item := range append([]*tree.Node{v}, v.Items...) {
			if item.Is(tree.Object) {
				out = append(out, item)
			}
		}
	case dependenciesShape:
		for _, m := range v.Members {
			if m.Value.Is(tree.Object) {
				out = append(out, m.Value)
			}
		}
	default:
	}
	return out
}

// misshapen says what the value of a keyword must be when it isn't.
func (s *Schema) misshapen(keyword string, v *tree.Node) string {
	switch shapeOf(keyword) {
	case schemaShape:
		return unless(v.Is(tree.Object) || v.Is(tree.Bool), "a schema")
	case schemasShape:
		return unless(v.Is(tree.Array) && len(v.Items) > 0, "a list of at least one schema")
	case schemaMapShape, dependenciesShape:
		return unless(v.Is(tree.Object), "an object")
	case itemsShape:
		return unless(v.Is(tree.Object) || v.Is(tree.Array) || v.Is(tree.Bool), "a schema or a list of schemas")
	case boolOrSchemaShape:
		return unless(v.Is(tree.Object) || v.Is(tree.Bool), "a schema, true or false")
	case extendsShape:
		return unless(v.Is(tree.Object) || v.Is(tree.Array), "a schema or a list of schemas")
	case typeShape:
		return unless(isType(v), "array, boolean, integer, null, number, object or string, or a list of them")
	case requiredShape:
		return unless(v.Is(tree.Bool) || texts(v), "a list of names")
	case numberShape:
		return unless(v.Is(tree.Number), "a number")
	case countShape:
		r, ok := Number(v.Str())
		return unless(v.Is(tree.Number) && ok && r.IsInt() && r.Sign() >= 0, "an integer, 0 or greater")
	case boolShape:
		return unless(v.Is(tree.Bool), "true or false")
	case exclusiveShape:
		return unless(v.Is(tree.Bool) || v.Is(tree.Number), "true, false or a number")
	case textShape:
		return unless(v.Is(tree.String), "a text")
	case listShape:
		return unless(v.Is(tree.Array), "a list of values")
	case patternShape:
		if !v.Is(tree.String) {
			return "a regular expression"
		}
		if _, err := s.pattern(v.Text); err != nil {
			return "a regular expression: " + err.Error()
		}
	case unknownShape:
	}
	return ""
}

func unless(ok bool, must string) string {
	if ok {
		return ""
	}
	return must
}

func texts(v *tree.Node) bool {
	for _, item := range v.List() {
		if !item.Is(tree.String) {
			return false
		}
	}
	return v.Is(tree.Array)
}

func isType(v *tree.Node) bool {
	if v.Is(tree.Array) {
		for _, item := range v.Items {
			if item.Is(tree.Array) || !item.Is(tree.Object) && !isType(item) {
				return false
			}
		}
		return len(v.Items) > 0
	}
	switch v.Str() {
	case "array", "boolean", "integer", "null", "number", "object", "string", "any":
		return v.Is(tree.String)
	}
	return v.Is(tree.Object)
}

// pattern compiles a regular expression once.
func (s *Schema) pattern(text string) (func(string) bool, error) {
	if f, ok := s.patterns[text]; ok {
		return f, nil
	}
	f, err := s.options.Pattern(text)
	if err == nil {
		s.patterns[text] = f
	}
	return f, err
}
