package graphql

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"farrier.dev/farrier/internal/policy"
)

//go:embed complexity.json
var complexitySchema []byte

// Complexity is the entry of the catalogue for
// graphql-static-query-complexity-flex, which refuses operations that cost more
// than allowed, by costs that the schema tells.
func Complexity() policy.Policy {
	return policy.Policy{
		Name: "graphql-static-query-complexity-flex", Title: "GraphQL Static Query Complexity", Category: "GraphQL",
		Phase: policy.Inspect, Schema: complexitySchema, Compile: compileComplexity,
	}
}

// ComplexitySettings are those of graphql-static-query-complexity-flex.
type ComplexitySettings struct {
	// MaximumComplexity is what an operation may cost.
	MaximumComplexity float64 `json:"maximumComplexity" required:"true"`
	// Source says where the schema comes from; there is no context here that has one, so it must be inline.
	Source string `json:"source" default:"inline" enum:"context|inline"`
	// Schema is the schema in GraphQL's definition language.
	Schema string `json:"schema" default:""`
	// DefaultFieldCost is the cost of a field without a directive.
	DefaultFieldCost float64 `json:"defaultFieldCost" default:"1" min:"0"`
	// BlockOperation refuses what costs more with 400; otherwise it is logged and passes. What can't be parsed is always refused.
	BlockOperation bool `json:"blockOperation" default:"true"`
	// RejectUnboundedLists refuses fields that are lists and have no argument that says how long.
	RejectUnboundedLists bool `json:"rejectUnboundedLists" default:"true"`
	// DirectiveName is that of the directive in the schema that says what a field costs.
	DirectiveName string `json:"directiveName" default:"cost" minLength:"1"`
	// ValueArgument is its argument with the cost.
	ValueArgument string `json:"valueArgument" default:"weight" minLength:"1"`
	// MultipliersArgument is its argument that names the arguments of the field by which the cost below it is multiplied.
	MultipliersArgument string `json:"multipliersArgument" default:"multipliers" minLength:"1"`
}

func compileComplexity(settings json.RawMessage) (policy.Compiled, error) {
	var s ComplexitySettings
	if err := policy.DecodeWithDefaults(complexitySchema, settings, &s); err != nil {
		return nil, err
	}
	if s.MaximumComplexity <= 0 {
		return nil, fmt.Errorf("maximumComplexity: must be above 0")
	}
	schema, err := loadSchema(s.Source, s.Schema)
	if err != nil {
		return nil, err
	}
	checks := validationRules()
	return &complexity{inspector{status: http.StatusBadRequest, blocks: s.BlockOperation, judge: func(d *document) []string {
		return s.judge(schema, checks, d)
	}}}, nil
}

// complexity refuses what can't be parsed even where it only watches.
type complexity struct{ inspector }

// Bind implements policy.Compiled.
func (c *complexity) Bind(env policy.Env) (policy.Step, error) {
	if c.blocks {
		return c.inspector.Bind(env)
	}
	judge := c.judge
	strict := inspector{status: c.status, blocks: true, judge: func(d *document) []string {
		if d.query == nil {
			return []string{d.broken}
		}
		if problems := judge(d); len(problems) > 0 {
			env.Log.Warn("a GraphQL request would be refused", "first", problems[0])
		}
		return nil
	}}
	return strict.Bind(env)
}

func (s *ComplexitySettings) judge(schema *ast.Schema, checks *rules.Rules, d *document) []string {
	if d.query == nil {
		return []string{d.broken}
	}
	if problems := messages(validator.ValidateWithRules(schema, d.query, checks)); len(problems) > 0 {
		return problems
	}
	var problems []string
	for _, o := range d.query.Operations {
		if d.operation != "" && o.Name != d.operation {
			continue
		}
		values, err := validator.VariableValues(schema, o, d.variables)
		if err != nil {
			return []string{messageOf(err)}
		}
		c := &costs{set: s, fragments: d.fragments(), values: values, known: map[string]float64{}, unbounded: map[string]bool{}}
		total := c.of(o.SelectionSet)
		for _, field := range slices.Sorted(maps.Keys(c.unbounded)) {
			problems = append(problems, "The list "+field+" has no argument that bounds it")
		}
		if total > s.MaximumComplexity {
			problems = append(problems, fmt.Sprintf("Query complexity of %s exceeds the maximum allowed complexity of %s", number(total), number(s.MaximumComplexity)))
		}
	}
	return problems
}

func number(f float64) string {
	if f > 1e15 {
		return "more than 1e15"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// costs adds up what an operation costs; each fragment is counted once and its
// cost remembered. The document is valid, so no fragment uses itself.
type costs struct {
	set       *ComplexitySettings
	fragments map[string]*ast.FragmentDefinition
	values    map[string]any
	known     map[string]float64
	unbounded map[string]bool
}

func (c *costs) of(set ast.SelectionSet) float64 {
	total := 0.0
	for _, one := range set {
		switch s := one.(type) {
		case *ast.Field:
			total += c.field(s)
		case *ast.InlineFragment:
			total += c.of(s.SelectionSet)
		case *ast.FragmentSpread:
			cost, ok := c.known[s.Name]
			if !ok && c.fragments[s.Name] != nil {
				cost = c.of(c.fragments[s.Name].SelectionSet)
				c.known[s.Name] = cost
			}
			total += cost
		}
	}
	return min(total, math.MaxFloat64)
}

// field is the weight of a field, and what is below it as often as its
// multipliers say.
func (c *costs) field(f *ast.Field) float64 {
	below := c.of(f.SelectionSet)
	if f.Definition == nil { // __typename
		return c.set.DefaultFieldCost + below
	}
	weight, times, multiplied := c.set.DefaultFieldCost, 1.0, false
	if d := f.Definition.Directives.ForName(c.set.DirectiveName); d != nil {
		if given := d.Arguments.ForName(c.set.ValueArgument); given != nil {
			if n, ok := float(given.Value, nil); ok {
				weight = n
			}
		}
		if names := d.Arguments.ForName(c.set.MultipliersArgument); names != nil {
			for _, child := range names.Value.Children {
				if n, ok := c.argument(f, child.Value.Raw); ok {
					times, multiplied = times*max(n, 0), true
				}
			}
		}
	}
	if f.Definition.Type != nil && f.Definition.Type.Elem != nil && !multiplied && c.set.RejectUnboundedLists {
		c.unbounded[f.Name] = true
	}
	return weight + times*below
}

// argument is the number that an argument of a field has in this request, or by
// default.
func (c *costs) argument(f *ast.Field, name string) (float64, bool) {
	if given := f.Arguments.ForName(name); given != nil {
		return float(given.Value, c.values)
	}
	if declared := f.Definition.Arguments.ForName(name); declared != nil && declared.DefaultValue != nil {
		return float(declared.DefaultValue, nil)
	}
	return 0, false
}

// float is a number, or a text that holds one.
func float(v *ast.Value, variables map[string]any) (float64, bool) {
	value, err := v.Value(variables)
	if err != nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}
