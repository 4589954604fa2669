package core

import (
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// example holds the examples and defaults of a schema, or of what has one, against
// it.
func example(options *tree.Node) (spectral.Check, error) {
	media, member := options.Get("type").Str() == "media", options.Get("schemaField").Str()
	if media != (member == "schema") || !media && options.Get("type").Str() != "schema" {
		return nil, tree.Wrong(options, "functionOptions need type: media with schemaField: schema, or type: schema with schemaField: $")
	}
	return func(in *spectral.Input) []spectral.Problem {
		schema, change := in.Value, rewriting{nullable: version(in.Unresolved) == 2}
		if !in.Value.Is(tree.Object) {
			return nil
		}
		if media {
			schema = in.Value.Get("schema")
			change.dropReadOnly, change.dropWriteOnly = direction(in)
		}
		if !schema.Is(tree.Object) {
			return nil
		}
		var out []spectral.Problem
		for i, e := range examplesOf(in, media) {
			out = append(out, judgeBy(in, schema, change, e, howTo{again: i > 0})...)
		}
		return out
	}, nil
}

// placed is a value with the way to it.
type placed struct {
	node  *tree.Node
	steps []string
}

func examplesOf(in *spectral.Input, media bool) []placed {
	var out []placed
	old := version(in.Unresolved) == 2
	if media {
		return mediaExamples(in.Value, old)
	}
	for _, name := range []string{"example", "x-example", "default"} {
		if n := in.Value.Get(name); n != nil && (old || name != "x-example") {
			out = append(out, placed{n, []string{name}})
		}
	}
	return out
}

func mediaExamples(n *tree.Node, old bool) []placed {
	if one := n.Get("example"); one != nil && !old {
		return []placed{{one, []string{"example"}}}
	}
	var out []placed
	for _, m := range n.Get("examples").Fields() {
		switch {
		case old:
			out = append(out, placed{m.Value, []string{"examples", m.Name}})
		case m.Value.Is(tree.Object) && m.Value.Get("externalValue") == nil:
			out = append(out, placed{m.Value.Get("value"), []string{"examples", m.Name, "value"}})
		}
	}
	return out
}

// direction says whether what has a schema is part of a request or of a response.
func direction(in *spectral.Input) (request, response bool) {
	place := append(in.Path(), "", "", "", "")
	ofOperation := place[0] == "paths"
	if version(in.Unresolved) == 2 {
		return false, place[0] == "responses" || ofOperation && place[3] == "responses"
	}
	component := place[0] == "components"
	return component && place[1] == "requestBodies" || ofOperation && place[3] == "requestBody",
		component && place[1] == "responses" || ofOperation && place[3] == "responses"
}

// compiled is a schema as it judges values.
type compiled struct {
	check spectral.Check
	err   error
}

// compiledKey is what a schema is compiled for.
type compiledKey struct {
	schema *tree.Node
	change rewriting
	how    howTo
}

// howTo is how a schema judges.
type howTo struct {
	// all tells every failure instead of the first.
	all bool
	// again tells that the schema has judged another value of the same object: what
	// is wrong with itself Spectral tells the first time alone.
	again bool
}

// cache keeps some compiled schemas of a document: many share one, but each may
// also hold all others.
type cache struct {
	made map[compiledKey]compiled
	// size is how many values the schemas consist of.
	size int
}

// cacheKey is what the cache of a document is known by.
type cacheKey struct{}

// maxCached is how large the schemas are that are kept compiled.
const maxCached = 50_000

func (c *cache) get(key compiledKey, work func() (spectral.Check, error)) compiled {
	if known, ok := c.made[key]; ok {
		return known
	}
	if c.size += size(key.schema, map[*tree.Node]bool{}); c.size > maxCached {
		c.size = 0
		clear(c.made)
	}
	check, err := work()
	c.made[key] = compiled{check, err}
	return c.made[key]
}

// size is of how many values a value consists, each that is shared counted once.
func size(n *tree.Node, seen map[*tree.Node]bool) int {
	if seen[n] || len(n.Items)+len(n.Members) == 0 {
		return 1
	}
	seen[n] = true
	sum := 1
	for _, item := range n.Items {
		sum += size(item, seen)
	}
	for _, m := range n.Members {
		sum += size(m.Value, seen)
	}
	return sum
}

// judgeBy holds a value that lies below another against a schema.
func judgeBy(in *spectral.Input, schema *tree.Node, change rewriting, value placed, how howTo) []spectral.Problem {
	kept, _ := in.Once(cacheKey{}, func() any { return &cache{made: map[compiledKey]compiled{}} }).(*cache)
	c := kept.get(compiledKey{schema, change, how}, func() (spectral.Check, error) { return compile(in, schema, change, how) })
	if c.err != nil {
		return []spectral.Problem{below(fmt.Sprintf("the schema can't be judged by: %s", c.err), value.steps...)}
	}
	out := c.check(in.At(value.node, value.steps...))
	for i := range out {
		out[i].Below = path(value.steps, out[i].Below...)
	}
	return out
}

func compile(in *spectral.Input, schema *tree.Node, change rewriting, how howTo) (spectral.Check, error) {
	if change.nullable && schema.Get("required").Is(tree.Bool) {
		// A parameter of OpenAPI 2 is its own schema.
		schema = without(schema, "required")
	}
	if err := check(in, schema, dialect(in.Unresolved)); err != nil && !how.again {
		return nil, err
	}
	options := tree.NewObject(schema)
	r := rewriter{rewriting: change, done: map[rewritten]*tree.Node{}}
	options.Set("schema", r.schema(schema, false))
	options.Set("allErrors", tree.NewBool(schema, how.all))
	return spectral.CoreFunction("schema")(options)
}

// check says what makes a schema none, once for each of a document.
func check(in *spectral.Input, schema *tree.Node, d draft) error {
	known, _ := in.Once(d, func() any { return map[*tree.Node]error{} }).(map[*tree.Node]error)
	return wellFormed(schema, d, known)
}

// without is an object without a member.
func without(n *tree.Node, name string) *tree.Node {
	out := tree.NewObject(n)
	for _, m := range n.Members {
		if m.Name != name {
			out.Members = append(out.Members, m)
		}
	}
	out.Index()
	return out
}

// rewriting is what is changed of a schema before values are held against it.
type rewriting struct {
	// dropReadOnly and dropWriteOnly let such properties be absent though they are
	// required; nullable takes x-nullable for nullable.
	dropReadOnly, dropWriteOnly, nullable bool
}

// rewriter changes schemas, each that references share once.
type rewriter struct {
	rewriting
	done map[rewritten]*tree.Node
}

// rewritten is a schema, and whether it lies in a "not", where what is required
// stays.
type rewritten struct {
	schema  *tree.Node
	negated bool
}

// The members of a schema that hold a schema, a list of them, or an object of
// them; never changed.
var (
	oneSchema   = []string{"additionalItems", "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"}
	listSchemas = []string{"items", "allOf", "anyOf", "oneOf"}
	nameSchemas = []string{"$defs", "definitions", "properties", "patternProperties", "dependencies"}
)

func (r *rewriter) schema(n *tree.Node, negated bool) *tree.Node {
	if !n.Is(tree.Object) || r.rewriting == (rewriting{}) {
		return n
	}
	key := rewritten{n, negated}
	if done := r.done[key]; done != nil {
		return done
	}
	r.done[key] = n
	out, changed := tree.NewObject(n), false
	for _, m := range n.Members {
		name, value := m.Name, r.member(&m, negated)
		switch {
		case name == "required" && !negated:
			value = r.required(n, value)
		case name == "x-nullable" && r.nullable && value.IsTrue():
			name = "nullable"
		case name == "nullable" && r.nullable && n.Get("x-nullable").IsTrue():
			continue
		}
		changed = changed || value != m.Value || name != m.Name
		if value != nil {
			out.Members = append(out.Members, tree.Member{Name: name, Line: m.Line, Column: m.Column, Value: value})
		}
	}
	if !changed {
		return n
	}
	out.Index()
	r.done[key] = out
	return out
}

func (r *rewriter) member(m *tree.Member, negated bool) *tree.Node {
	switch {
	case m.Value.Is(tree.Array) && slices.Contains(listSchemas, m.Name):
		out, changed := tree.NewArray(m.Value), false
		for _, item := range m.Value.Items {
			one := r.schema(item, negated)
			changed = changed || one != item
			out.Items = append(out.Items, one)
		}
		if changed {
			return out
		}
	case m.Value.Is(tree.Object) && slices.Contains(oneSchema, m.Name):
		return r.schema(m.Value, negated || m.Name == "not")
	case m.Value.Is(tree.Object) && slices.Contains(nameSchemas, m.Name):
		out, changed := tree.NewObject(m.Value), false
		for _, one := range m.Value.Members {
			value := r.schema(one.Value, negated)
			changed = changed || value != one.Value
			out.Members = append(out.Members, tree.Member{Name: one.Name, Line: one.Line, Column: one.Column, Value: value})
		}
		if changed {
			out.Index()
			return out
		}
	}
	return m.Value
}

// required is the list without the properties that may be absent; nil when none
// is left.
func (r *rewriter) required(schema, list *tree.Node) *tree.Node {
	if !list.Is(tree.Array) {
		return list
	}
	properties := schema.Get("properties")
	out := tree.NewArray(list)
	for _, name := range list.Items {
		p := properties.Get(name.Str())
		if r.dropReadOnly && p.Get("readOnly").IsTrue() || r.dropWriteOnly && p.Get("writeOnly").IsTrue() {
			continue
		}
		out.Items = append(out.Items, name)
	}
	switch len(out.Items) {
	case len(list.Items):
		return list
	case 0:
		return nil
	}
	return out
}
