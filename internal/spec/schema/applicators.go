package schema

import (
	"slices"
	"strings"
)

// schemaOf compiles the schema of a keyword, nil where it stands not.
func (c *compiler) schemaOf(keyword string) *node {
	v, ok := c.from[keyword]
	if !ok || c.err != nil {
		return nil
	}
	n, err := c.set.schema(v, c.depth)
	c.failed(keyword, err)
	return n
}

func (c *compiler) list(keyword string) []*node {
	v, ok := c.from[keyword]
	if !ok || c.err != nil {
		return nil
	}
	parts, ok := v.([]any)
	if !ok || len(parts) == 0 {
		c.wrong(keyword, "a list of schemas that is not empty")
		return nil
	}
	all := make([]*node, len(parts))
	for i, part := range parts {
		n, err := c.set.schema(part, c.depth)
		c.failed(keyword, err)
		all[i] = n
	}
	return all
}

func (c *compiler) arrays() *arrayRules {
	r := &arrayRules{
		least: c.count("minItems"), most: c.count("maxItems"),
		prefix: c.list("prefixItems"), items: c.schemaOf("items"), contains: c.schemaOf("contains"),
		containsLeast: c.count("minContains"), containsMost: c.count("maxContains"),
	}
	r.unique = c.boolean("uniqueItems")
	if r.contains != nil && r.containsLeast < 0 {
		r.containsLeast = 1
	}
	if r.least <= 0 && r.most < 0 && !r.unique && r.prefix == nil && r.items == nil && r.contains == nil {
		return nil
	}
	return r
}

func (c *compiler) boolean(keyword string) bool {
	truth, ok := c.from[keyword].(bool)
	if _, is := c.from[keyword]; is && !ok {
		c.wrong(keyword, "true or false")
	}
	return truth
}

func (c *compiler) objects() *objectRules {
	r := &objectRules{
		least: c.count("minProperties"), most: c.count("maxProperties"),
		required: c.strings("required", c.from["required"]),
		rest:     c.schemaOf("additionalProperties"), names: c.schemaOf("propertyNames"),
	}
	named := c.members("properties")
	if len(named)+len(r.required) > 0 {
		r.properties = make(map[string]property, len(named)+len(r.required))
	}
	for _, name := range sorted(named) {
		n, err := c.set.schema(named[name], c.depth)
		c.failed("properties", err)
		r.properties[name] = property{schema: n}
	}
	for _, name := range r.required {
		p := r.properties[name]
		p.required = true
		r.properties[name] = p
	}
	patterns := c.members("patternProperties")
	for _, text := range sorted(patterns) {
		p, err := CompilePattern(text)
		c.failed("patternProperties", err)
		n, err := c.set.schema(patterns[text], c.depth)
		c.failed("patternProperties", err)
		r.patterns = append(r.patterns, patternProperty{p, n})
	}
	r.shaped = len(named) > 0
	if r.least <= 0 && r.most < 0 && r.properties == nil && r.patterns == nil && r.rest == nil && r.names == nil {
		return nil
	}
	return r
}

// strings reads a list of names, each once.
func (c *compiler) strings(keyword string, v any) []string {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	var all []string
	for _, one := range list {
		name, is := one.(string)
		if ok = ok && is; ok && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if !ok {
		c.wrong(keyword, "a list of names")
	}
	return all
}

func (c *compiler) members(keyword string) map[string]any {
	v, ok := c.from[keyword]
	if !ok || c.err != nil {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		c.wrong(keyword, "an object")
	}
	return m
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *compiler) applied() *applied {
	a := &applied{
		all: c.list("allOf"), any: c.alternatives("anyOf"), one: c.alternatives("oneOf"), not: c.schemaOf("not"),
		restProperties: c.schemaOf("unevaluatedProperties"), restItems: c.schemaOf("unevaluatedItems"),
		needs: c.needs(),
	}
	// The condition alone still tells which properties are described.
	if a.condition = c.schemaOf("if"); a.condition != nil {
		a.then, a.otherwise = c.schemaOf("then"), c.schemaOf("else")
	}
	if v, ok := c.from["$ref"]; ok && c.err == nil {
		ref, _ := v.(string)
		n, err := c.set.reference(ref)
		c.failed("$ref", err)
		a.reference = n
	}
	if a.reference == nil && a.all == nil && a.any == nil && a.one == nil && a.not == nil && a.condition == nil &&
		a.needs == nil && a.restProperties == nil && a.restItems == nil {
		return nil
	}
	return a
}

func (c *compiler) needs() []need {
	var all []need
	required, schemas := c.members("dependentRequired"), c.members("dependentSchemas")
	for _, name := range sorted(required) {
		all = append(all, need{name: name, names: c.strings("dependentRequired", required[name])})
	}
	for _, name := range sorted(schemas) {
		n, err := c.set.schema(schemas[name], c.depth)
		c.failed("dependentSchemas", err)
		all = append(all, need{name: name, schema: n})
	}
	return all
}

// alternatives compiles anyOf or oneOf. A discriminator changes no verdict
// (OpenAPI 3.1.1, Discriminator Object): it says which alternative to ask first, and
// whose violations to tell.
func (c *compiler) alternatives(keyword string) *alternatives {
	list := c.list(keyword)
	if list == nil {
		return nil
	}
	a := &alternatives{list: list}
	d, _ := c.from["discriminator"].(map[string]any)
	name, _ := d["propertyName"].(string)
	if name == "" {
		return a
	}
	a.tag, a.tagged = name, map[string]int{}
	parts, _ := c.from[keyword].([]any)
	mapping, _ := d["mapping"].(map[string]any)
	for i, part := range parts {
		m, _ := part.(map[string]any)
		ref, _ := m["$ref"].(string)
		if ref == "" {
			continue
		}
		a.tagged[strings.TrimPrefix(ref, "#/$defs/")] = i
		for value, to := range mapping {
			if to == ref {
				a.tagged[value] = i
			}
		}
	}
	return a
}
