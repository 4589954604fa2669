package spectral

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// jsonSchema is a JSON Schema of the drafts 4 to 2020-12, compiled. It judges
// trees, in the order of keywords by which Spectral's validator finds the first
// mistake.
type jsonSchema struct {
	root *tree.Node
	made map[*tree.Node]*subschema
	left int
}

// subschema is one schema: keywords in their order.
type subschema struct {
	// never refuses everything.
	never    bool
	types    []string
	keywords []keyword
}

// keyword judges a value. It reports false after it has told why.
type keyword func(v *validation, n *tree.Node, seen *evaluated) bool

// evaluated are the members and items that keywords have looked at.
type evaluated struct {
	all, allItems bool
	names         map[string]bool
	items         int
}

func (e *evaluated) add(name string) {
	if e.names == nil {
		e.names = map[string]bool{}
	}
	e.names[name] = true
}

func (e *evaluated) merge(o *evaluated) {
	e.all, e.allItems, e.items = e.all || o.all, e.allItems || o.allItems, max(e.items, o.items)
	for name := range o.names {
		e.add(name)
	}
}

// failure is what one keyword found.
type failure struct {
	keyword string
	path    []string
	message string
	// allowed are the values of enum; extra is the name that additionalProperties
	// refuses.
	allowed []*tree.Node
	extra   string
	value   *tree.Node
	// unmatched tells that none of the schemas of anyOf or oneOf fits.
	unmatched bool
}

// validation is the judging of one value.
type validation struct {
	// all collects every failure instead of the first of each schema.
	all bool
	// parts is in how many schemas it is whose failure need not be one of the whole;
	// outside of those a failure is the only one.
	parts    int
	failures []failure
	path     []string
	depth    int
	left     int
	check    func() error
	err      error
}

const (
	maxSubschemas  = 20_000
	maxSchemaDepth = 400
	maxSchemaSteps = 1_000_000
	maxFailures    = 20_000
)

var (
	errSchemaDepth = errors.New("the JSON schema refers to itself without end, or is nested too deep")
	errSchemaSteps = errors.New("the JSON schema takes too long: its references open out to too many schemas")
)

// compileSchema reads a schema; its patterns must be valid.
func compileSchema(root *tree.Node) (*subschema, error) {
	s := &jsonSchema{root: root, made: map[*tree.Node]*subschema{}, left: maxSubschemas}
	return s.compile(root)
}

func (s *jsonSchema) compile(n *tree.Node) (*subschema, error) {
	if known := s.made[n]; known != nil {
		return known, nil
	}
	if s.left--; s.left < 0 {
		return nil, tree.Wrong(n, "the JSON schema has more than %d schemas", maxSubschemas)
	}
	out := &subschema{}
	s.made[n] = out
	switch {
	case n.Is(tree.Bool):
		out.never = !n.IsTrue()
		return out, nil
	case !n.Is(tree.Object):
		return nil, tree.Wrong(n, "a JSON schema must be an object or a boolean")
	}
	if err := out.readTypes(n); err != nil {
		return nil, err
	}
	for _, name := range keywordOrder {
		value := n.Get(name)
		if value == nil {
			continue
		}
		k, err := s.keyword(name, value, n)
		if err != nil {
			return nil, err
		}
		if k != nil {
			out.keywords = append(out.keywords, k)
		}
	}
	return out, nil
}

func (out *subschema) readTypes(n *tree.Node) error {
	kind := n.Get("type")
	if kind == nil {
		return nil
	}
	list := kind.List()
	if !kind.Is(tree.Array) {
		list = []*tree.Node{kind}
	}
	for _, one := range list {
		if !one.Is(tree.String) {
			return tree.Wrong(one, "type must be a text or a list of texts")
		}
		out.types = append(out.types, one.Text)
	}
	if n.Get("nullable").IsTrue() && !slices.Contains(out.types, "null") {
		out.types = append(out.types, "null")
	}
	return nil
}

// keywordOrder is the order in which keywords are judged; it is never changed.
var keywordOrder = []string{
	"$ref", "$dynamicRef", "$recursiveRef", "const", "enum", "not", "anyOf", "oneOf", "allOf", "if",
	"maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf",
	"maxLength", "minLength", "pattern", "format",
	"maxItems", "minItems", "prefixItems", "additionalItems", "items", "contains", "uniqueItems", "unevaluatedItems",
	"maxProperties", "minProperties", "required", "propertyNames", "additionalProperties",
	"dependencies", "properties", "patternProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
}

func (s *jsonSchema) keyword(name string, value, in *tree.Node) (keyword, error) {
	switch name {
	case "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf":
		return numericKeyword(name, value, in)
	case "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties":
		return countKeyword(name, value)
	case "pattern", "format":
		return textKeyword(name, value)
	case "$ref", "$dynamicRef", "$recursiveRef":
		return s.refKeyword(value)
	case "const", "enum":
		return valuesKeyword(name, value)
	case "not", "anyOf", "oneOf", "allOf", "if":
		return s.logicKeyword(name, value, in)
	case "uniqueItems", "prefixItems", "additionalItems", "items", "contains", "unevaluatedItems":
		return s.arrayKeyword(name, value, in)
	}
	return s.objectKeyword(name, value, in)
}

// validate judges a value.
func (v *validation) validate(s *subschema, n *tree.Node, seen *evaluated) bool {
	if v.left--; v.left < 0 || v.depth > maxSchemaDepth || len(v.failures) > maxFailures {
		v.err = errSchemaSteps
		if v.depth > maxSchemaDepth {
			v.err = errSchemaDepth
		}
		return false
	}
	if v.left%1024 == 0 && v.check != nil && v.err == nil {
		v.err = v.check()
	}
	if v.err != nil {
		return false
	}
	if s.never {
		return v.fail("false schema", n, "boolean schema is false")
	}
	if len(s.types) > 0 && !slices.ContainsFunc(s.types, func(kind string) bool { return isOfType(n, kind) }) {
		return v.fail("type", n, "must be %s", strings.Join(s.types, ","))
	}
	v.depth++
	defer func() { v.depth-- }()
	own := &evaluated{}
	ok := true
	for _, k := range s.keywords {
		if !k(v, n, own) {
			if ok = false; !v.all {
				return false
			}
		}
	}
	if ok && seen != nil {
		seen.merge(own)
	}
	return ok
}

// fail tells of a failure and is false.
func (v *validation) fail(keyword string, n *tree.Node, format string, args ...any) bool {
	if !v.all && v.parts == 0 {
		v.failures = v.failures[:0]
	}
	return v.failToo(keyword, n, format, args...)
}

// failToo tells of a failure beside those of its parts.
func (v *validation) failToo(keyword string, n *tree.Node, format string, args ...any) bool {
	v.failures = append(v.failures, failure{keyword: keyword, path: slices.Clone(v.path), message: fmt.Sprintf(format, args...), value: n})
	return false
}

// part judges by a schema whose failure need not be one of the whole.
func (v *validation) part(s *subschema, n *tree.Node, seen *evaluated) bool {
	v.parts++
	defer func() { v.parts-- }()
	return v.validate(s, n, seen)
}

// quietly judges without telling why.
func (v *validation) quietly(s *subschema, n *tree.Node, seen *evaluated) bool {
	failures, all := len(v.failures), v.all
	v.all = false
	ok := v.part(s, n, seen)
	v.failures, v.all = v.failures[:failures], all
	return ok
}

// at judges a member or item.
func (v *validation) at(step string, s *subschema, n *tree.Node) bool {
	v.path = append(v.path, step)
	ok := v.validate(s, n, nil)
	v.path = v.path[:len(v.path)-1]
	return ok
}

func isOfType(n *tree.Node, kind string) bool {
	if n == nil {
		return false
	}
	switch kind {
	case "object":
		return n.Kind == tree.Object
	case "array":
		return n.Kind == tree.Array
	case "string":
		return n.Kind == tree.String || n.Kind == tree.Include
	case "number":
		return n.Kind == tree.Number
	case "integer":
		return n.Kind == tree.Number && numberOf(n) == math.Trunc(numberOf(n))
	case "boolean":
		return n.Kind == tree.Bool
	case "null":
		return n.Kind == tree.Null
	}
	return false
}

// errUnresolved tells that a schema refers to one that isn't there. Spectral then
// judges nothing.
var errUnresolved = errors.New("the JSON schema refers to a schema that isn't there")

func (s *jsonSchema) refKeyword(value *tree.Node) (keyword, error) {
	n := s.find(value.Str())
	if n == nil {
		return nil, errUnresolved
	}
	sub, err := s.compile(n)
	if err != nil {
		return nil, err
	}
	return func(v *validation, n *tree.Node, seen *evaluated) bool { return v.validate(sub, n, seen) }, nil
}

// find is the schema that a reference leads to.
func (s *jsonSchema) find(ref string) *tree.Node {
	base, fragment, _ := strings.Cut(ref, "#")
	root := s.root
	if base != "" && base != root.Get("$id").Str() && base != root.Get("id").Str() {
		if root = identified(s.root, base, maxSchemaDepth); root == nil {
			return nil
		}
	}
	if fragment == "" {
		return root
	}
	if fragment[0] != '/' {
		return identified(root, "#"+fragment, maxSchemaDepth)
	}
	for step := range strings.SplitSeq(fragment[1:], "/") {
		root = root.Step(unescapePointer(step))
	}
	return root
}

// identified is the schema inside another that has a name.
func identified(n *tree.Node, name string, depth int) *tree.Node {
	if depth == 0 || n == nil {
		return nil
	}
	for _, key := range []string{"$id", "id"} {
		if n.Get(key).Str() == name {
			return n
		}
	}
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if text := n.Get(key).Str(); text != "" && "#"+text == name {
			return n
		}
	}
	for _, m := range n.Members {
		if found := identified(m.Value, name, depth-1); found != nil {
			return found
		}
	}
	for _, item := range n.Items {
		if found := identified(item, name, depth-1); found != nil {
			return found
		}
	}
	return nil
}
