package core

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// draft is the JSON Schema that the schemas of a description are written in.
type draft int

const (
	draft4 draft = iota
	draft7
	draft2020
)

func dialect(root *tree.Node) draft {
	switch {
	case root.Get("asyncapi") != nil:
		return draft7
	case version(root) == 3 && !strings.HasPrefix(root.Get("openapi").Str(), "3.0"):
		named := root.Get("jsonSchemaDialect").Str()
		if strings.Contains(named, "draft-07") || strings.Contains(named, "draft-06") {
			return draft7
		}
		return draft2020
	}
	return draft4
}

// simpleTypes are those of JSON Schema; it is never changed.
var simpleTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// wellFormed says what makes a schema none, or nil: a schema that is none judges
// nothing. What is known of each schema is kept.
func wellFormed(n *tree.Node, d draft, known map[*tree.Node]error) error {
	if err, seen := known[n]; seen {
		return err
	}
	known[n] = nil
	err := malformed(n, d, known)
	known[n] = err
	return err
}

func malformed(n *tree.Node, d draft, known map[*tree.Node]error) error {
	if n.Is(tree.Bool) && d != draft4 {
		return nil
	}
	if !n.Is(tree.Object) {
		return tree.Wrong(n, "a schema must be an object")
	}
	for _, m := range n.Members {
		if err := wrongKeyword(n, m.Name, m.Value, d); err != nil {
			return err
		}
		if err := wrongBelow(m.Name, m.Value, d, known); err != nil {
			return err
		}
	}
	return nil
}

// wrongBelow looks at the schemas that a keyword holds.
func wrongBelow(name string, value *tree.Node, d draft, known map[*tree.Node]error) error {
	var below []*tree.Node
	switch {
	case name == "items" && value.Is(tree.Array) && d != draft2020, slices.Contains([]string{"allOf", "anyOf", "oneOf"}, name):
		if !value.Is(tree.Array) || len(value.Items) == 0 {
			return tree.Wrong(value, "%s must be a list of schemas", name)
		}
		below = value.Items
	case name == "items", name == "not", name == "additionalProperties" && !value.Is(tree.Bool), name == "additionalItems" && !value.Is(tree.Bool):
		below = []*tree.Node{value}
	case d != draft4 && slices.Contains([]string{"contains", "propertyNames", "if", "then", "else"}, name):
		below = []*tree.Node{value}
	case slices.Contains([]string{"properties", "patternProperties", "definitions"}, name), name == "$defs" && d == draft2020:
		if !value.Is(tree.Object) {
			return tree.Wrong(value, "%s must be an object of schemas", name)
		}
		for _, m := range value.Members {
			below = append(below, m.Value)
		}
	}
	for _, n := range below {
		if err := wellFormed(n, d, known); err != nil {
			return err
		}
	}
	return nil
}

// natural is a number from 0 on.
var natural = regexp.MustCompile(`^[0-9]+(\.0+)?$`)

// wrongKeyword judges a keyword that holds no schema.
func wrongKeyword(schema *tree.Node, name string, n *tree.Node, d draft) error {
	ok := true
	switch name {
	case "type":
		ok = typesOf(n)
	case "required":
		ok = textsOnly(n) && distinct(n.Items) && (len(n.Items) > 0 || d != draft4)
	case "enum":
		ok = n.Is(tree.Array) && len(n.Items) > 0 && (d != draft4 || distinct(n.Items))
	case "title", "description", "format", "pattern":
		ok = n.Is(tree.String)
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		ok = n.Is(tree.Number) && natural.MatchString(n.Text)
	case "minimum", "maximum":
		ok = n.Is(tree.Number)
	case "multipleOf":
		f, err := strconv.ParseFloat(n.Str(), 64)
		ok = n.Is(tree.Number) && err == nil && f > 0
	case "exclusiveMinimum", "exclusiveMaximum":
		limit := "m" + strings.TrimPrefix(name, "exclusiveM")
		ok = n.Is(tree.Number) && d != draft4 || n.Is(tree.Bool) && d == draft4 && schema.Get(limit) != nil
	case "uniqueItems":
		ok = n.Is(tree.Bool)
	case "readOnly", "writeOnly":
		ok = n.Is(tree.Bool) || d == draft4
	case "deprecated":
		ok = n.Is(tree.Bool) || d != draft2020
	case "examples":
		ok = n.Is(tree.Array) || d == draft4
	}
	if !ok {
		return tree.Wrong(n, "%s isn't as JSON Schema has it", name)
	}
	return nil
}

func typesOf(n *tree.Node) bool {
	if n.Is(tree.String) {
		return slices.Contains(simpleTypes, n.Text)
	}
	return textsOnly(n) && len(n.Items) > 0 && distinct(n.Items) &&
		!slices.ContainsFunc(n.Items, func(i *tree.Node) bool { return !slices.Contains(simpleTypes, i.Text) })
}

// distinct says whether no scalar is there twice.
func distinct(list []*tree.Node) bool {
	seen := map[string]bool{}
	for _, n := range list {
		if key, ok := scalarKey(n); ok {
			if seen[key] {
				return false
			}
			seen[key] = true
		}
	}
	return true
}
