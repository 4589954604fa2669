package graphql

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"farrier.dev/farrier/internal/policy"
)

//go:embed schema.json
var schemaSchema []byte

// Schema is the entry of the catalogue for graphql-schema-validation-flex,
// which refuses operations that the schema does not allow.
func Schema() policy.Policy {
	return policy.Policy{
		Name: "graphql-schema-validation-flex", Title: "GraphQL Schema Validation", Category: "GraphQL",
		Phase: policy.Inspect, Schema: schemaSchema, Compile: compileSchema,
	}
}

// SchemaSettings are those of graphql-schema-validation-flex.
type SchemaSettings struct {
	// Source says where the schema comes from; there is no context here that has one, so it must be inline.
	Source string `json:"source" default:"inline" enum:"context|inline"`
	// Schema is the schema in GraphQL's definition language; that of an Apollo Federation subgraph is understood.
	Schema string `json:"schema" default:""`
	// BlockOperation refuses what is not valid with 400; otherwise it is logged and passes.
	BlockOperation bool `json:"blockOperation" default:"true"`
}

// maxSchema is the number of bytes of a schema.
const maxSchema = 4 << 20

func compileSchema(settings json.RawMessage) (policy.Compiled, error) {
	var s SchemaSettings
	if err := policy.DecodeWithDefaults(schemaSchema, settings, &s); err != nil {
		return nil, err
	}
	schema, err := loadSchema(s.Source, s.Schema)
	if err != nil {
		return nil, err
	}
	checks := validationRules()
	return &inspector{status: http.StatusBadRequest, blocks: s.BlockOperation, judge: func(d *document) []string {
		return validate(schema, checks, d)
	}}, nil
}

// loadSchema reads the schema of the settings.
func loadSchema(source, text string) (*ast.Schema, error) {
	switch {
	case source == "context":
		return nil, errors.New("source: no schema comes with the API here; write source: inline and the schema")
	case strings.TrimSpace(text) == "":
		return nil, errors.New("schema: required with source: inline")
	case len(text) > maxSchema:
		return nil, fmt.Errorf("schema: longer than %d bytes", maxSchema)
	}
	parsed, err := parser.ParseSchema(&ast.Source{Name: "schema", Input: text})
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	sources := []*ast.Source{{Name: "schema", Input: text}}
	if extra := federation(parsed, text); extra != "" {
		sources = append(sources, &ast.Source{Name: "federation", Input: extra})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if schema.Query == nil {
		return nil, errors.New("schema: it has no type Query")
	}
	return schema, nil
}

// federationDirectives are those of Apollo Federation 2 that subgraphs use
// without defining them.
var federationDirectives = map[string]string{
	"link":             `directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA` + "\nscalar link__Import\nenum link__Purpose { SECURITY EXECUTION }",
	"key":              `directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE`,
	"requires":         `directive @requires(fields: federation__FieldSet!) on FIELD_DEFINITION`,
	"provides":         `directive @provides(fields: federation__FieldSet!) on FIELD_DEFINITION`,
	"external":         `directive @external(reason: String) on OBJECT | FIELD_DEFINITION`,
	"shareable":        `directive @shareable repeatable on OBJECT | FIELD_DEFINITION`,
	"extends":          `directive @extends on OBJECT | INTERFACE`,
	"override":         `directive @override(from: String!, label: String) on FIELD_DEFINITION`,
	"inaccessible":     `directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ENUM | ENUM_VALUE | SCALAR | INPUT_OBJECT | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION`,
	"tag":              `directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ENUM | ENUM_VALUE | SCALAR | INPUT_OBJECT | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION | SCHEMA`,
	"interfaceObject":  `directive @interfaceObject on OBJECT`,
	"composeDirective": `directive @composeDirective(name: String!) repeatable on SCHEMA`,
	"authenticated":    `directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM`,
	"requiresScopes":   `directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM` + "\nscalar federation__Scope",
}

// federation defines what a subgraph uses without defining it: the directives,
// and types that it only extends. It is empty for an ordinary schema.
func federation(parsed *ast.SchemaDocument, text string) string {
	defined := map[string]bool{}
	for _, d := range parsed.Directives {
		defined["@"+d.Name] = true
	}
	for _, d := range parsed.Definitions {
		defined[d.Name] = true
	}
	var extra strings.Builder
	for name, definition := range federationDirectives {
		if strings.Contains(text, "@"+name) && !defined["@"+name] {
			extra.WriteString(definition + "\n")
		}
	}
	if strings.Contains(extra.String(), "federation__FieldSet") {
		extra.WriteString("scalar federation__FieldSet\n")
	}
	for _, e := range parsed.Extensions {
		if !defined[e.Name] && e.Kind == ast.Object {
			defined[e.Name] = true
			extra.WriteString("type " + e.Name + "\n")
		}
	}
	return extra.String()
}

// validationRules are those of the specification without suggestions, which
// would tell a stranger the schema, and without the merging of fields, which
// says nothing of safety and costs the square of a document.
func validationRules() *rules.Rules {
	checks := rules.NewDefaultRules()
	checks.RemoveRule(rules.OverlappingFieldsCanBeMergedRule.Name)
	for _, silent := range []struct{ loud, silent validator.Rule }{
		{rules.FieldsOnCorrectTypeRule, rules.FieldsOnCorrectTypeRuleWithoutSuggestions},
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.KnownTypeNamesRule, rules.KnownTypeNamesRuleWithoutSuggestions},
		{rules.ScalarLeafsRule, rules.ScalarLeafsRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		checks.RemoveRule(silent.loud.Name)
		checks.AddRule(silent.silent.Name, silent.silent.RuleFunc)
	}
	return checks
}

func validate(schema *ast.Schema, checks *rules.Rules, d *document) []string {
	if d.query == nil {
		return []string{d.broken}
	}
	problems := messages(validator.ValidateWithRules(schema, d.query, checks))
	if len(problems) > 0 {
		return problems
	}
	for _, o := range d.query.Operations {
		if d.operation != "" && o.Name != d.operation {
			continue
		}
		if _, err := validator.VariableValues(schema, o, d.variables); err != nil {
			problems = append(problems, messageOf(err))
		}
	}
	return problems
}

func messages(list gqlerror.List) []string {
	var texts []string
	for _, err := range list {
		texts = append(texts, messageOf(err))
	}
	return texts
}

// messageOf is what an error says, without where in the gateway's own words.
func messageOf(err error) string {
	var one *gqlerror.Error
	if errors.As(err, &one) {
		if len(one.Path) > 0 {
			return one.Path.String() + ": " + one.Message
		}
		return one.Message
	}
	return err.Error()
}
