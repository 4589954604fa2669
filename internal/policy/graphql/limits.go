package graphql

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"

	"farrier.dev/farrier/internal/policy"
)

//go:embed limits.json
var limitsSchema []byte

// Limits is the entry of the catalogue for graphql-operation-limits-flex, which
// bounds the depth of operations and the number of their aliases, root fields
// and directives.
func Limits() policy.Policy {
	return policy.Policy{
		Name: "graphql-operation-limits-flex", Title: "GraphQL Operation Limits", Category: "GraphQL",
		Phase: policy.Inspect, Schema: limitsSchema, Compile: compileLimits,
	}
}

// LimitsSettings are those of graphql-operation-limits-flex; -1 switches a limit
// off. Documents that can't be parsed, and persisted queries, pass.
type LimitsSettings struct {
	// MaxDepth is how deeply fields may stand in each other.
	MaxDepth int `json:"maxDepth" default:"-1" min:"-1"`
	// MaxAliases is the number of aliases.
	MaxAliases int `json:"maxAliases" default:"-1" min:"-1"`
	// MaxRootFields is the number of fields of the operation itself.
	MaxRootFields int `json:"maxRootFields" default:"-1" min:"-1"`
	// MaxDirectives is the number of directives.
	MaxDirectives int `json:"maxDirectives" default:"-1" min:"-1"`
	// ExpandFragments counts what stands in a fragment wherever it is used, as the service will. MuleSoft's policy does not, so that a fragment evades its limits; false does as it does.
	ExpandFragments bool `json:"expandFragments" default:"true"`
}

func compileLimits(settings json.RawMessage) (policy.Compiled, error) {
	var s LimitsSettings
	if err := policy.DecodeWithDefaults(limitsSchema, settings, &s); err != nil {
		return nil, err
	}
	return &inspector{status: http.StatusBadRequest, blocks: true, judge: s.judge}, nil
}

// size is what the limits count of a part of a document.
type size struct{ depth, aliases, fields, directives int }

// ceiling is where counting ends: fragments that use each other may double at
// each step.
const ceiling = 1 << 30

func (s *LimitsSettings) judge(d *document) []string {
	if d.query == nil {
		return nil
	}
	c := &counter{expand: s.ExpandFragments, fragments: d.fragments(), known: map[string]size{}}
	var problems []string
	for _, o := range d.query.Operations {
		got := c.of(o.SelectionSet, 0)
		got.directives = min(got.directives+len(o.Directives), ceiling)
		for _, limit := range []struct {
			what, most string
			got, max   int
		}{
			{"Query depth of", "maximum allowed depth of", got.depth, s.MaxDepth},
			{"Number of aliases", "maximum allowed number of", got.aliases, s.MaxAliases},
			{"Number of root fields", "maximum allowed number of", got.fields, s.MaxRootFields},
			{"Number of directives", "maximum allowed number of", got.directives, s.MaxDirectives},
		} {
			if limit.max >= 0 && limit.got > limit.max {
				problems = append(problems, fmt.Sprintf("%s %d exceeds the %s %d", limit.what, limit.got, limit.most, limit.max))
			}
		}
	}
	if c.circle {
		problems = append(problems, "A fragment uses itself")
	}
	return problems
}

// counter counts each fragment once and remembers the result.
type counter struct {
	expand    bool
	fragments map[string]*ast.FragmentDefinition
	known     map[string]size
	circle    bool
}

// maxNesting bounds the way down through fragments.
const maxNesting = 500

// of counts a selection set. Its depth is 1 for fields without selections.
func (c *counter) of(set ast.SelectionSet, nesting int) size {
	var total size
	if nesting > maxNesting {
		return size{ceiling, ceiling, ceiling, ceiling}
	}
	for _, one := range set {
		switch s := one.(type) {
		case *ast.Field:
			inner := c.of(s.SelectionSet, nesting+1)
			inner.depth++
			inner.directives += len(s.Directives)
			if s.Alias != s.Name {
				inner.aliases++
			}
			inner.fields = 1
			total.add(inner)
		case *ast.InlineFragment:
			inner := c.of(s.SelectionSet, nesting+1)
			inner.directives += len(s.Directives)
			total.add(inner)
		case *ast.FragmentSpread:
			inner := size{}
			if c.expand {
				inner = c.fragment(s.Name, nesting)
			}
			inner.directives += len(s.Directives)
			total.add(inner)
		}
	}
	return total
}

func (c *counter) fragment(name string, nesting int) size {
	if got, ok := c.known[name]; ok {
		if got.depth < 0 {
			c.circle = true
			return size{}
		}
		return got
	}
	f := c.fragments[name]
	if f == nil {
		return size{}
	}
	c.known[name] = size{depth: -1} // under way
	got := c.of(f.SelectionSet, nesting+1)
	got.directives += len(f.Directives)
	c.known[name] = got
	return got
}

func (s *size) add(other size) {
	s.depth = max(s.depth, min(other.depth, ceiling))
	s.aliases = min(s.aliases+other.aliases, ceiling)
	s.fields = min(s.fields+other.fields, ceiling)
	s.directives = min(s.directives+other.directives, ceiling)
}
