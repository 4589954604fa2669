package graphql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

// TestTangle holds that a short document whose checks would cost seconds is not
// judged but refused.
func TestTangle(t *testing.T) {
	text := strings.Repeat("query q{...f}", 101) + strings.Repeat("fragment f on Query{me}", 100)
	for _, c := range []struct {
		text string
		want bool
	}{{text, true}, {text[len("query q{...f}"):], false}} {
		if got := tooTangled([]document{read(payload{query: &c.text})}); got != c.want {
			t.Errorf("%d bytes: %v", len(c.text), got)
		}
	}
}

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 5, Introspection(), Limits(), Schema(), Complexity())
}

const shop = `
type Query { orders(first: Int): [Order!]! @cost(weight: "2", multipliers: ["first"]) order(id: ID!): Order me: User }
type Order { id: ID! item: String! buyer: User }
type User { name: String! friends(first: Int = 10): [User!]! @cost(weight: "1", multipliers: ["first"]) }
directive @cost(weight: String!, multipliers: [String!]) on FIELD_DEFINITION
`

// TestCostIsBounded judges documents made to be expensive, and tells what they
// take: one whose cost grows out of bounds does not come to its end.
func TestCostIsBounded(t *testing.T) {
	schema, err := loadSchema("inline", shop)
	if err != nil {
		t.Fatal(err)
	}
	checks := validationRules()
	doubling := "query { ...f0 }\n"
	for i := range 60 {
		doubling += fmt.Sprintf("fragment f%d on Query { ...f%d ...f%d }\n", i, i+1, i+1)
	}
	doubling += "fragment f60 on Query { me { name } }"
	limits := &LimitsSettings{MaxDepth: 10, MaxAliases: 10, MaxRootFields: 1000, MaxDirectives: 10, ExpandFragments: true}
	dear := &ComplexitySettings{MaximumComplexity: 1e6, DefaultFieldCost: 1, DirectiveName: "cost", ValueArgument: "weight", MultipliersArgument: "multipliers"}
	for name, c := range map[string]struct {
		text  string
		valid bool
	}{
		"repeated fields": {"{" + strings.Repeat("me{name} ", 3000) + "}", true},
		"doubling":        {doubling, true},
		"deep":            {strings.Repeat("{me", 2000) + "{name}" + strings.Repeat("}", 2000), false},
		"many fragments":  {"{me{name}}" + strings.Repeat("fragment x on User{name}", 1500), false},
		"too many tokens": {"{" + strings.Repeat("me{name} ", 5000) + "}", false},
	} {
		began := time.Now()
		d := read(payload{query: &c.text})
		limits.judge(&d)
		introspects(&d, []string{"__schema", "__type"})
		problems := validate(schema, checks, &d)
		dear.judge(schema, checks, &d)
		took := time.Since(began)
		t.Logf("%s: %v, %d problems", name, took, len(problems))
		if c.valid != (len(problems) == 0) {
			t.Errorf("%s: valid %v, want %v: %.200v", name, len(problems) == 0, c.valid, problems)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("query q($n: Int) { orders(first: $n) { ...o } } fragment o on Order { id @include(if: true) }", `{"n": 3}`)
	f.Add("{a:__schema{types{name}}}", "")
	schema, err := loadSchema("inline", shop)
	if err != nil {
		f.Fatal(err)
	}
	checks := validationRules()
	limits := &LimitsSettings{MaxDepth: 3, MaxAliases: 3, MaxRootFields: 3, MaxDirectives: 3, ExpandFragments: true}
	dear := &ComplexitySettings{MaximumComplexity: 10, DirectiveName: "cost", ValueArgument: "weight", MultipliersArgument: "multipliers"}
	f.Fuzz(func(_ *testing.T, text, body string) {
		d := read(payload{query: &text, variables: map[string]any{"n": 3.0}})
		limits.judge(&d)
		validate(schema, checks, &d)
		dear.judge(schema, checks, &d)
		x := &traffic.Exchange{Request: traffic.Request{Method: "POST", RawQuery: text}}
		_ = x.Request.Body.Replace([]byte(body))
		documentsOf(x)
		documentsOfMessage([]byte(body))
	})
}
