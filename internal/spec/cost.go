package spec

import "strings"

// Alternatives that contain themselves are costly: where two of them may hold at
// one place, each looks at all that is below, and below that again each, so that
// the work doubles with every level. A value is therefore weighed before it is
// validated by such a schema.

// maxWeight is how many visits of schemas one value may cost, about a tenth of a
// second.
const maxWeight = 200_000

// tooHeavy says whether a value costs more than maxWeight, where each level costs
// branching times that above it.
func tooHeavy(value any, branching int) bool {
	left := int64(maxWeight)
	return branching > 1 && !weigh(value, int64(branching), 1, &left)
}

func weigh(value any, branching, factor int64, left *int64) bool {
	if *left -= factor; *left < 0 {
		return false
	}
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			if !weigh(inner, branching, factor*branching, left) {
				return false
			}
		}
	case []any:
		for _, inner := range v {
			if !weigh(inner, branching, factor*branching, left) {
				return false
			}
		}
	}
	return true
}

// costs knows of the definitions what they lead to.
type costs struct {
	defs Definitions
	// direct are the definitions that each names; cyclic are those that lead to
	// one that contains itself.
	direct map[string]map[string]bool
	cyclic map[string]bool
	local  map[string]int
}

func newCosts(defs Definitions) *costs {
	c := &costs{defs: defs, direct: map[string]map[string]bool{}, cyclic: map[string]bool{}, local: map[string]int{}}
	users, open := map[string][]string{}, map[string]int{}
	var done []string
	for name, schema := range defs {
		c.direct[name] = map[string]bool{}
		addReferences(schema, c.direct[name])
		for used := range c.direct[name] {
			users[used] = append(users[used], name)
		}
		if open[name] = len(c.direct[name]); open[name] == 0 {
			done = append(done, name)
		}
		c.cyclic[name] = true
	}
	// What names only what leads to no cycle leads to none.
	for len(done) > 0 {
		name := done[len(done)-1]
		done = done[:len(done)-1]
		delete(c.cyclic, name)
		for _, user := range users[name] {
			if open[user]--; open[user] == 0 {
				done = append(done, user)
			}
		}
	}
	return c
}

// addReferences adds the definitions that a schema names.
func addReferences(schema any, found map[string]bool) {
	switch s := schema.(type) {
	case []any:
		for _, part := range s {
			addReferences(part, found)
		}
	case map[string]any:
		for keyword, part := range s {
			if ref, ok := part.(string); ok && keyword == "$ref" {
				found[strings.TrimPrefix(ref, "#/$defs/")] = true
			}
			addReferences(part, found)
		}
	}
}

// recursive says whether a schema leads to a definition that contains itself.
func (c *costs) recursive(schema any) bool {
	found := map[string]bool{}
	addReferences(schema, found)
	for name := range found {
		if c.cyclic[name] {
			return true
		}
	}
	return false
}

// branching is the greatest number of schemas below a definition, and below those
// it leads to, that look at one place and contain themselves; at most 1 where
// the work is in proportion to the value. It may be too high, never too low.
func (c *costs) branching(name string) int {
	most := 1
	seen, waiting := map[string]bool{name: true}, []string{name}
	for len(waiting) > 0 {
		name := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if _, known := c.local[name]; !known {
			n := 1
			c.visit(c.defs[name], &n)
			c.local[name] = n
		}
		most = max(most, c.local[name])
		for used := range c.direct[name] {
			if !seen[used] {
				seen[used] = true
				waiting = append(waiting, used)
			}
		}
	}
	return most
}

// maxInPlace is how many schemas at one place are counted.
const maxInPlace = 256

// visit counts below a schema and all that is written in it; what it refers to
// is visited on its own.
func (c *costs) visit(schema any, most *int) {
	switch s := schema.(type) {
	case []any:
		for _, part := range s {
			c.visit(part, most)
		}
	case map[string]any:
		*most = max(*most, c.count(s))
		for _, part := range s {
			c.visit(part, most)
		}
	}
}

// count is the greatest number of schemas that look at one place below m and
// contain themselves.
func (c *costs) count(m map[string]any) int {
	var parts []map[string]any
	c.inPlace(m, &parts, 0)
	below := map[string][]any{}
	for _, part := range parts {
		addBelow(part, below)
	}
	count := map[string]int{}
	for place, schemas := range below {
		for _, schema := range schemas {
			if c.recursive(schema) {
				count[place]++
			}
		}
	}
	most := 0
	for place, n := range count {
		if place != "[]" && place != "*" {
			n += count["*"]
		}
		most = max(most, n)
	}
	return most
}

// addBelow adds the schemas of what is inside a value, by place.
func addBelow(part map[string]any, below map[string][]any) {
	for keyword, v := range part {
		switch keyword {
		case "properties":
			named, _ := v.(map[string]any)
			for name, schema := range named {
				below["/"+name] = append(below["/"+name], schema)
			}
		case "patternProperties":
			named, _ := v.(map[string]any)
			for _, schema := range named {
				below["*"] = append(below["*"], schema)
			}
		case "additionalProperties", "unevaluatedProperties":
			below["*"] = append(below["*"], v)
		case "items", "contains", "unevaluatedItems":
			below["[]"] = append(below["[]"], v)
		case "prefixItems":
			list, _ := v.([]any)
			below["[]"] = append(below["[]"], list...)
		}
	}
}

// inPlace collects the schemas that look at the same value as m, each as often
// as it does.
func (c *costs) inPlace(m map[string]any, parts *[]map[string]any, depth int) {
	if len(*parts) >= maxInPlace || depth > maxChain {
		return
	}
	*parts = append(*parts, m)
	follow := func(schema any) {
		if inner, ok := schema.(map[string]any); ok {
			c.inPlace(inner, parts, depth+1)
		}
	}
	if ref, ok := m["$ref"].(string); ok {
		follow(c.defs.Target(ref))
	}
	for _, keyword := range [...]string{"not", "if", "then", "else"} {
		follow(m[keyword])
	}
	for _, keyword := range [...]string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[keyword].([]any)
		for _, part := range list {
			follow(part)
		}
	}
	named, _ := m["dependentSchemas"].(map[string]any)
	for _, part := range named {
		follow(part)
	}
}
