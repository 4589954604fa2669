package graphql

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"farrier.dev/farrier/internal/policy"
)

//go:embed introspection.json
var introspectionSchema []byte

// Introspection is the entry of the catalogue for
// graphql-introspection-control-flex, which refuses questions about the schema.
func Introspection() policy.Policy {
	return policy.Policy{
		Name: "graphql-introspection-control-flex", Title: "GraphQL Introspection Control", Category: "GraphQL",
		Phase: policy.Inspect, Schema: introspectionSchema, Compile: compileIntrospection,
	}
}

// IntrospectionSettings are those of graphql-introspection-control-flex.
type IntrospectionSettings struct {
	// BlockSchema refuses the field __schema, which tells everything of a schema.
	BlockSchema bool `json:"blockSchema" default:"false"`
	// BlockType refuses the field __type.
	BlockType bool `json:"blockType" default:"false"`
	// BlockTypename refuses the field __typename, which many clients need.
	BlockTypename bool `json:"blockTypename" default:"false"`
}

func compileIntrospection(settings json.RawMessage) (policy.Compiled, error) {
	var s IntrospectionSettings
	if err := policy.DecodeWithDefaults(introspectionSchema, settings, &s); err != nil {
		return nil, err
	}
	var fields []string
	for _, f := range []struct {
		block bool
		name  string
	}{{s.BlockSchema, "__schema"}, {s.BlockType, "__type"}, {s.BlockTypename, "__typename"}} {
		if f.block {
			fields = append(fields, f.name)
		}
	}
	return &inspector{status: http.StatusForbidden, blocks: true, judge: func(d *document) []string {
		return introspects(d, fields)
	}}, nil
}

// introspects names the fields of a document that are not allowed. One that
// can't be parsed here might be by the service: then the names decide.
func introspects(d *document, fields []string) []string {
	var problems []string
	for _, name := range fields {
		found := d.query == nil && strings.Contains(d.text, name)
		if d.query != nil {
			for _, o := range d.query.Operations {
				found = found || selects(o.SelectionSet, name)
			}
			for _, f := range d.query.Fragments {
				found = found || selects(f.SelectionSet, name)
			}
		}
		if found {
			problems = append(problems, "Introspection field '"+name+"' is not allowed")
		}
	}
	return problems
}

func selects(set ast.SelectionSet, name string) bool {
	for _, one := range set {
		switch s := one.(type) {
		case *ast.Field:
			if s.Name == name || selects(s.SelectionSet, name) {
				return true
			}
		case *ast.InlineFragment:
			if selects(s.SelectionSet, name) {
				return true
			}
		}
	}
	return false
}
