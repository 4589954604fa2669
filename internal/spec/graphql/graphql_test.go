package graphql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/graphql"
)

func read(text string) *spec.Document {
	return graphql.Read(spec.OneFile("a.graphql", []byte(text), spec.ProjectLimits{}), "a.graphql")
}

// TestOperations holds which operations a schema has.
func TestOperations(t *testing.T) {
	doc := read(`
schema { query: Root, mutation: Change }
"It has a bracket: ["
type Root {
  order(id: ID!): Order
  orders: [Order!]! @deprecated(reason: "too many")
}
"""
And here: {{{ \"""
"""
type Order @key(fields: "id") { id: ID! }
directive @key(fields: String!) on OBJECT
type Change { cancel(id: ID!): Order }
`)
	if len(doc.Problems) > 0 {
		t.Fatal(doc.Problems)
	}
	var got []string
	for _, op := range doc.Description.Operations {
		got = append(got, fmt.Sprintf("%s:%d %s %s %s %v", op.File, op.Line, op.Method, op.Path, op.ID, op.Deprecated))
	}
	want := "a.graphql:5 POST / query.order false, a.graphql:6 POST / query.orders true, a.graphql:13 POST / mutation.cancel false"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// TestRefused holds what is refused, and where.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"type Query { a: B }":                                       "a.graphql:1: Undefined type B.",
		"type Query {\n a: Int":                                     "a.graphql:2: Expected Name, found <EOF>",
		"type A { a: Int }":                                         "a.graphql:0: the schema has no query, mutation or subscription",
		"type Query { a: Int }\ntype Query { b: Int }":              "a.graphql:2: Cannot redeclare type Query.",
		"type Query {\n a: " + strings.Repeat("[", 200_000) + "Int": "a.graphql:2: brackets are nested deeper than 100",
		strings.Repeat("a ", 1<<20):                                 "a.graphql:1: Unexpected Name",
	} {
		began := time.Now()
		doc := read(text)
		if len(doc.Problems) != 1 || !strings.HasPrefix(doc.Problems[0].String(), want) || doc.Description != nil {
			t.Errorf("%.60q: %v, want %q", text, doc.Problems, want)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%.60q took %v", text, took)
		}
	}
}

// FuzzRead holds that no text panics.
func FuzzRead(f *testing.F) {
	f.Add("type Query { a(b: [Int!] = [1]): String @deprecated }\nextend type Query { c: D }\nunion D = Query\n\"\"\"x\"\"\"\nenum E { A }")
	f.Fuzz(func(t *testing.T, text string) {
		if doc := read(text); doc.Description == nil && len(doc.Problems) == 0 {
			t.Fatal("nothing is said")
		}
	})
}
