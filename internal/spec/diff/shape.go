package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// typeSet is a set of types of values. An integer is a number without fraction.
type typeSet uint8

const (
	integerType typeSet = 1 << iota
	fractionType
	stringType
	booleanType
	nullType
	arrayType
	objectType

	numberType = integerType | fractionType
	anyType    = numberType | stringType | booleanType | nullType | arrayType | objectType
)

// String lists the types as JSON Schema names them.
func (t typeSet) String() string {
	if t == anyType {
		return "any type"
	}
	var names []string
	switch {
	case t&numberType == numberType:
		names = append(names, "number")
	case t&integerType != 0:
		names = append(names, "integer")
	}
	for _, n := range [...]struct {
		t    typeSet
		name string
	}{{stringType, "string"}, {booleanType, "boolean"}, {nullType, "null"}, {arrayType, "array"}, {objectType, "object"}} {
		if t&n.t != 0 {
			names = append(names, n.name)
		}
	}
	if names == nil {
		return "nothing"
	}
	return strings.Join(names, " or ")
}

func typeNamed(name any) typeSet {
	switch name {
	case "integer":
		return integerType
	case "number":
		return numberType
	case "string":
		return stringType
	case "boolean":
		return booleanType
	case "null":
		return nullType
	case "array":
		return arrayType
	case "object":
		return objectType
	}
	return 0
}

// typesOf are the types that one schema allows; what it says of properties and
// items names the type, as authors mean it.
func typesOf(m map[string]any) typeSet {
	switch t := m["type"].(type) {
	case string:
		return typeNamed(t)
	case []any:
		var all typeSet
		for _, name := range t {
			all |= typeNamed(name)
		}
		return all
	}
	for keyword, t := range map[string]typeSet{"properties": objectType, "items": arrayType} {
		if _, ok := m[keyword]; ok {
			return t
		}
	}
	return anyType
}

// shape is a schema, opened: parts that a value must satisfy all, without
// references and allOf between them. A side has one shape for the same parts.
type shape struct {
	parts []map[string]any
	// never tells that no value satisfies it.
	never bool
	types typeSet
	// readOnly and writeOnly tell that it is not part of requests, of answers.
	readOnly, writeOnly bool

	// What is found out of it once.
	facets   *facets
	variants []*shape
	nonNull  *shape
	digest   string
}

const (
	maxParts    = 200
	maxVariants = 32
	// maxDigest is how deep schemas are looked into to find the alternative that
	// another is the same as.
	maxDigest = 6
)

// root is a schema of the description; no schema is one that all satisfies.
func (s *side) root(schema spec.Schema) any {
	if !schema.Described() {
		return true
	}
	return s.Definitions[schema.Name]
}

// shapeOf opens schemas that must all be satisfied.
func (s *side) shapeOf(schemas []any) *shape {
	var only map[string]any
	if len(schemas) == 1 {
		only, _ = schemas[0].(map[string]any)
		if found := s.opened[identity(only)]; found != nil && only != nil {
			return found
		}
	}
	out := &shape{types: anyType}
	seen := map[uintptr]bool{}
	for _, schema := range schemas {
		s.open(schema, out, seen)
	}
	out.never = out.never || out.types == 0
	k := out.key()
	if s.shapes[k] == nil {
		s.shapes[k] = out
	}
	if only != nil {
		s.opened[identity(only)] = s.shapes[k]
	}
	return s.shapes[k]
}

func (s *side) open(schema any, out *shape, seen map[uintptr]bool) {
	if b, ok := schema.(bool); ok {
		out.never = out.never || !b
		return
	}
	m, ok := schema.(map[string]any)
	if !ok || len(seen) >= maxParts || seen[identity(m)] {
		return
	}
	seen[identity(m)] = true
	out.types &= typesOf(m)
	out.readOnly = out.readOnly || m["readOnly"] == true
	out.writeOnly = out.writeOnly || m["writeOnly"] == true
	if bare(m) {
		out.parts = append(out.parts, m)
	}
	if ref, ok := m["$ref"].(string); ok {
		s.open(s.Definitions.Target(ref), out, seen)
	}
	all, _ := m["allOf"].([]any)
	for _, part := range all {
		s.open(part, out, seen)
	}
}

// bare says whether a schema says anything beside what it is made of.
func bare(m map[string]any) bool {
	for keyword := range m {
		if keyword != "$ref" && keyword != "allOf" {
			return true
		}
	}
	return false
}

func identity(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }

// says tells whether a shape says anything of a value.
func (s *shape) says() bool {
	return slices.ContainsFunc(s.parts, func(m map[string]any) bool {
		for keyword := range m {
			if keyword != "readOnly" && keyword != "writeOnly" && keyword != "$ref" && keyword != "allOf" {
				return true
			}
		}
		return false
	})
}

// key identifies what a shape was made of.
func (s *shape) key() string {
	var b strings.Builder
	for _, m := range s.parts {
		fmt.Fprintf(&b, "%x ", identity(m))
	}
	if s.never {
		b.WriteString("never")
	}
	return b.String()
}

// variants are the alternatives of a shape (anyOf, oneOf) with all that it says
// beside them; itself where it has none or too many.
func (s *side) variants(of *shape) []*shape {
	if of.variants != nil {
		return of.variants
	}
	open, done := []*shape{of}, []*shape{}
	for len(open) > 0 {
		v := open[0]
		open = open[1:]
		list, from := v.alternatives()
		switch {
		case from == nil:
			done = append(done, v)
		case len(open)+len(done)+len(list) > maxVariants:
			done, open = []*shape{of}, nil
		default:
			for _, alternative := range list {
				open = append(open, s.with(v, from, alternative))
			}
		}
	}
	of.variants = done
	if possible := slices.DeleteFunc(slices.Clone(done), func(v *shape) bool { return v.never }); len(possible) > 0 {
		of.variants = possible
	}
	return of.variants
}

// alternatives are the first ones that a part has.
func (s *shape) alternatives() (list []any, from map[string]any) {
	for _, m := range s.parts {
		for _, keyword := range [...]string{"oneOf", "anyOf"} {
			if list, ok := m[keyword].([]any); ok && len(list) > 0 {
				return list, m
			}
		}
	}
	return nil, nil
}

// with is a shape with one of the alternatives of a part in their place.
func (s *side) with(v *shape, from map[string]any, alternative any) *shape {
	keyword := "oneOf"
	if list, ok := from[keyword].([]any); !ok || len(list) == 0 {
		keyword = "anyOf"
	}
	schemas := []any{}
	for _, m := range v.parts {
		if identity(m) != identity(from) {
			schemas = append(schemas, m)
			continue
		}
		if rest := s.without(m, keyword); len(rest) > 0 {
			schemas = append(schemas, rest)
		}
	}
	return s.shapeOf(append(schemas, alternative, !v.never))
}

// without is a schema without a keyword, the same one each time.
func (s *side) without(m map[string]any, keyword string) map[string]any {
	k := fmt.Sprintf("%x %s", identity(m), keyword)
	if s.rests[k] == nil {
		rest := maps.Clone(m)
		delete(rest, keyword)
		delete(rest, "$ref")
		delete(rest, "allOf")
		s.rests[k] = rest
	}
	return s.rests[k]
}

// digest is equal for shapes that say the same down to some depth.
func (s *side) digest(of *shape) string {
	if of.digest != "" {
		return of.digest
	}
	all := make([]string, 0, len(of.parts))
	for _, m := range of.parts {
		all = append(all, s.text(m, maxDigest))
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(fmt.Sprint(of.never, slices.Compact(all))))
	of.digest = hex.EncodeToString(sum[:])
	return of.digest
}

// depthOf is a schema and the depth to which it is opened.
type depthOf struct {
	schema uintptr
	depth  int
}

// text writes a schema in one way, references opened to a depth.
func (s *side) text(value any, depth int) string {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && len(v) == 1 {
			return s.target(ref, depth)
		}
		k := depthOf{identity(v), depth}
		if s.texts[k] != "" {
			return s.texts[k]
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%q:%s,", name, s.member(name, v[name], depth))
		}
		s.texts[k] = hashed("{" + b.String() + "}")
		return s.texts[k]
	case []any:
		all := make([]string, len(v))
		for i := range v {
			all[i] = s.text(v[i], depth)
		}
		return hashed("[" + strings.Join(all, ",") + "]")
	}
	return plain(value)
}

func hashed(text string) string {
	if len(text) < 100 {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// member writes what is under a name: lists whose order means nothing sorted.
func (s *side) member(name string, value any, depth int) string {
	if name == "$ref" {
		ref, _ := value.(string)
		return s.target(ref, depth)
	}
	list, ok := value.([]any)
	if !ok {
		return s.text(value, depth)
	}
	all := make([]string, len(list))
	for i := range list {
		all[i] = s.text(list[i], depth)
	}
	if name != "prefixItems" && name != "const" {
		slices.Sort(all)
	}
	return hashed("[" + strings.Join(all, ",") + "]")
}

func (s *side) target(ref string, depth int) string {
	if depth == 0 {
		return "…"
	}
	return s.text(s.Definitions.Target(ref), depth-1)
}

// plain writes a value as JSON; equal numbers are equal texts.
func plain(value any) string {
	if n, ok := number(value); ok {
		return n.RatString()
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%T", value)
	}
	return string(text)
}
