package responsefilter

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// fields is what schemas describe of a value at one place: the union of all
// schemas that may hold there.
type fields struct {
	// free leaves the value as it is: nothing is described of its inside.
	free bool
	// open keeps properties that have no name here; rest is what is described of
	// them.
	open       bool
	properties map[string]*fields
	patterns   []pattern
	rest       *fields
	// items are what is described of all items, beyond the first ones in prefix.
	items  *fields
	prefix []*fields
}

type pattern struct {
	name  *spec.Pattern
	value *fields
}

// of is what is described of a property; nil when it is not described.
func (f *fields) of(name []byte) *fields {
	if p := f.properties[string(name)]; p != nil {
		return p
	}
	for _, p := range f.patterns {
		if p.name.Match(name) {
			return p.value
		}
	}
	if f.open {
		return f.rest
	}
	return nil
}

// item is what is described of an item.
func (f *fields) item(i int) *fields {
	if i < len(f.prefix) {
		return f.prefix[i]
	}
	return f.items
}

// everything is a value of which nothing is described.
var everything = &fields{free: true}

// Bounds on what schemas may expand to.
const (
	maxFields = 20_000
	maxParts  = 2_000
)

var errLarge = errors.New("the schemas are too intertwined to be used as a filter; write fewer alternatives")

// builder makes fields of schemas. A set of schemas that may hold at one place is
// known by their identities, so that schemas that contain themselves end.
type builder struct {
	defs spec.Definitions
	made map[string]*fields
	ids  map[string]int
}

// source is a schema with an identity: the name of its definition and the way
// to it from there.
type source struct {
	id     string
	schema any
}

func newBuilder(defs spec.Definitions) *builder {
	return &builder{defs: defs, made: map[string]*fields{}, ids: map[string]int{}}
}

// root is what a schema of the description describes.
func (b *builder) root(s spec.Schema) (*fields, error) {
	return b.build([]source{{s.Name, b.defs[s.Name]}})
}

// plain is a schema without references and parts.
type plain struct {
	id     string
	schema map[string]any
}

// flatten takes schemas apart into those that describe something; free says that
// one of the alternatives allows anything.
func (b *builder) flatten(sources []source) (parts []plain, free bool, err error) {
	seen := map[string]bool{}
	var visit func(s source, alternative bool) error
	visit = func(s source, alternative bool) error {
		if seen[s.id] {
			return nil
		}
		if seen[s.id] = true; len(seen) > maxParts {
			return errLarge
		}
		m, ok := s.schema.(map[string]any)
		if !ok {
			free = free || s.schema == true && alternative
			return nil
		}
		free = free || alternative && anything(m)
		if m["writeOnly"] == true {
			return nil
		}
		parts = append(parts, plain{s.id, m})
		if ref, ok := m["$ref"].(string); ok {
			name, _ := strings.CutPrefix(ref, "#/$defs/")
			if err := visit(source{name, b.defs[name]}, alternative); err != nil {
				return err
			}
		}
		for _, keyword := range [...]string{"allOf", "anyOf", "oneOf"} {
			list, _ := m[keyword].([]any)
			for i, part := range list {
				if err := visit(source{s.id + "/" + keyword + "/" + strconv.Itoa(i), part}, keyword != "allOf"); err != nil {
					return err
				}
			}
		}
		for _, keyword := range [...]string{"if", "then", "else"} {
			if part, ok := m[keyword]; ok {
				if err := visit(source{s.id + "/" + keyword, part}, false); err != nil {
					return err
				}
			}
		}
		dependent, _ := m["dependentSchemas"].(map[string]any)
		for name, part := range dependent {
			if err := visit(source{s.id + "/dependentSchemas/" + name, part}, false); err != nil {
				return err
			}
		}
		return nil
	}
	for _, s := range sources {
		if err := visit(s, true); err != nil {
			return nil, false, err
		}
	}
	return parts, free, nil
}

// anything says that a schema says nothing of objects and arrays, and allows
// them.
func anything(m map[string]any) bool {
	for _, keyword := range [...]string{"type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "properties", "patternProperties", "additionalProperties", "items", "prefixItems"} {
		if _, ok := m[keyword]; ok {
			return false
		}
	}
	return true
}

// build makes the fields of schemas that may hold at one place.
func (b *builder) build(sources []source) (*fields, error) {
	ids := make([]string, len(sources))
	for i, s := range sources {
		ids[i] = s.id
	}
	slices.Sort(ids)
	key := strings.Join(slices.Compact(ids), "\x00")
	if made := b.made[key]; made != nil {
		return made, nil
	}
	if len(b.made) >= maxFields {
		return nil, errLarge
	}
	f := &fields{}
	b.made[key] = f
	parts, free, err := b.flatten(sources)
	if err != nil {
		return nil, err
	}
	if free || !slices.ContainsFunc(parts, func(p plain) bool { return describes(p.schema) }) {
		f.free = true
		return f, nil
	}
	if err := b.object(f, parts); err != nil {
		return nil, err
	}
	return f, b.array(f, parts)
}

// describes says that a schema says something of the inside of objects or arrays.
func describes(m map[string]any) bool {
	for _, keyword := range [...]string{"properties", "patternProperties", "additionalProperties", "items", "prefixItems"} {
		if _, ok := m[keyword]; ok {
			return true
		}
	}
	return false
}

func (b *builder) object(f *fields, parts []plain) error {
	named, patterns := map[string][]source{}, map[string][]source{}
	var rest []source
	objects := false
	for _, p := range parts {
		for keyword, into := range map[string]map[string][]source{"properties": named, "patternProperties": patterns} {
			list, _ := p.schema[keyword].(map[string]any)
			for name, schema := range list {
				objects = true
				into[name] = append(into[name], source{p.id + "/" + keyword + "/" + name, schema})
			}
		}
		switch schema := p.schema["additionalProperties"].(type) {
		case bool:
			objects = true
			if schema {
				f.open = true
				rest = append(rest, source{p.id + "/additionalProperties", true})
			}
		case map[string]any:
			objects, f.open = true, true
			rest = append(rest, source{p.id + "/additionalProperties", schema})
		}
	}
	if !objects { // nothing is said of objects: they stay
		f.open, f.rest = true, everything
		return nil
	}
	f.properties = make(map[string]*fields, len(named))
	for name, sources := range named {
		if b.hidden(sources) {
			continue
		}
		inner, err := b.build(sources)
		if err != nil {
			return err
		}
		f.properties[name] = inner
	}
	for name, sources := range patterns {
		re, err := spec.CompilePattern(name)
		if err != nil {
			return err
		}
		inner, err := b.build(sources)
		if err != nil {
			return err
		}
		f.patterns = append(f.patterns, pattern{re, inner})
	}
	var err error
	if f.open {
		f.rest, err = b.build(rest)
	}
	return err
}

// hidden says that a property is never answered: each schema of it is false or
// writeOnly.
func (b *builder) hidden(sources []source) bool {
	for _, s := range sources {
		m, isObject := s.schema.(map[string]any)
		if !isObject && s.schema != false || isObject && m["writeOnly"] != true && b.defs.Follow(m)["writeOnly"] != true {
			return false
		}
	}
	return true
}

func (b *builder) array(f *fields, parts []plain) error {
	var items []source
	var prefix [][]source
	for _, p := range parts {
		list, _ := p.schema["prefixItems"].([]any)
		for i, schema := range list {
			if i == len(prefix) {
				prefix = append(prefix, nil)
			}
			prefix[i] = append(prefix[i], source{p.id + "/prefixItems/" + strconv.Itoa(i), schema})
		}
		if schema, ok := p.schema["items"]; ok {
			items = append(items, source{p.id + "/items", schema})
		}
	}
	f.items = everything
	var err error
	if len(items) > 0 {
		if f.items, err = b.build(items); err != nil {
			return err
		}
	}
	for _, sources := range prefix {
		inner, err := b.build(append(sources, items...))
		if err != nil {
			return err
		}
		f.prefix = append(f.prefix, inner)
	}
	return nil
}
