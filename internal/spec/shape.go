package spec

// kinds are the types that a schema lets a value have.
type kinds uint8

const (
	kindString kinds = 1 << iota
	kindNumber
	kindBoolean
	kindNull
	kindArray
	kindObject
)

const (
	scalars  = kindString | kindNumber | kindBoolean | kindNull
	anything = scalars | kindArray | kindObject
)

// shape is what of a schema is needed to read the text of a parameter: which
// types a value may have, and those of what is in it. Parameters have one level
// of structure, so a shape has two.
type shape struct {
	kinds      kinds
	items      kinds
	properties map[string]*shape
	// rest are the types of properties that are not named; 0 for none described.
	rest kinds
}

// of is the shape of one property; open says that the name is described.
func (s *shape) of(name string) (found shape, open bool) {
	if p := s.properties[name]; p != nil {
		return *p, true
	}
	if s.rest != 0 {
		return shape{kinds: s.rest, items: anything}, true
	}
	return shape{kinds: anything, items: anything}, false
}

// shapeOf reads the shape of a schema.
func (d Definitions) shapeOf(schema any, depth int) shape {
	var s shape
	left := 200
	d.addShape(&s, schema, depth, &left)
	if s.kinds == 0 {
		s.kinds = anything
	}
	if s.items == 0 {
		s.items = anything
	}
	return s
}

func (d Definitions) addShape(s *shape, schema any, depth int, left *int) {
	m, ok := schema.(map[string]any)
	if *left--; !ok || *left < 0 {
		return
	}
	s.kinds |= typesOf(m)
	if ref, ok := m["$ref"].(string); ok {
		d.addShape(s, d.Target(ref), depth, left)
	}
	for _, keyword := range [...]string{"allOf", "anyOf", "oneOf"} {
		parts, _ := m[keyword].([]any)
		for _, part := range parts {
			d.addShape(s, part, depth, left)
		}
	}
	if depth == 0 {
		return
	}
	if items, ok := m["items"]; ok {
		s.items |= d.shapeOf(items, 0).kinds
	}
	switch rest := m["additionalProperties"].(type) {
	case map[string]any:
		s.rest |= d.shapeOf(rest, 0).kinds
	case bool:
		if rest {
			s.rest = anything
		}
	}
	properties, _ := m["properties"].(map[string]any)
	for name, p := range properties {
		if s.properties == nil {
			s.properties = make(map[string]*shape)
		}
		inner := d.shapeOf(p, depth-1)
		if p, ok := p.(map[string]any); ok {
			if items, ok := d.Follow(p)["items"]; ok {
				inner.items = d.shapeOf(items, 0).kinds
			}
		}
		s.properties[name] = &inner
	}
}

// typesOf reads the types that a schema itself names or implies.
func typesOf(m map[string]any) kinds {
	var k kinds
	switch t := m["type"].(type) {
	case string:
		k = kindNamed(t)
	case []any:
		for _, name := range t {
			text, _ := name.(string)
			k |= kindNamed(text)
		}
	case nil:
		if _, ok := m["properties"]; ok {
			k |= kindObject
		}
		if _, ok := m["items"]; ok {
			k |= kindArray
		}
	}
	return k
}

func kindNamed(name string) kinds {
	switch name {
	case "string":
		return kindString
	case "integer", "number":
		return kindNumber
	case "boolean":
		return kindBoolean
	case "null":
		return kindNull
	case "array":
		return kindArray
	case "object":
		return kindObject
	}
	return 0
}

// scalar reads a text as a value of one of the types. Where a string is not
// allowed and nothing else fits, it stays a string, for the validator to complain
// of.
func scalar(text string, k kinds) any {
	if k&kindNumber != 0 {
		if n, ok := numberOf(text); ok {
			return n
		}
	}
	switch {
	case k&kindBoolean != 0 && text == "true":
		return true
	case k&kindBoolean != 0 && text == "false":
		return false
	case k&kindNull != 0 && k&kindString == 0 && text == "":
		return nil
	}
	return text
}
