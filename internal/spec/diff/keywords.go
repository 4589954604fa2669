package diff

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// facets are what a shape says of a value itself, all its parts taken together.
type facets struct {
	types typeSet
	// values are those allowed, as JSON; nil for all.
	values map[string]bool
	// bounds are the strictest ones, by keyword; exclusive ones of numbers under
	// that of the inclusive.
	bounds   map[string]bound
	patterns map[string]bool
	formats  map[string]bool
	multiple map[string]bool
	unique   bool

	required   map[string]bool
	properties map[string][]any
	// names are those of the properties, sorted.
	names []string
	// closed tells that other properties are refused; rest are schemas of those.
	closed bool
	rest   []any
	items  []any
	prefix [][]any
	// others are keywords that are compared as a whole.
	others map[string]string
}

// bound is a bound of values or sizes.
type bound struct {
	number    *big.Rat
	exclusive bool
}

// stricter says whether a bound of a keyword allows less than another.
func (b bound) stricter(than bound, keyword string) bool {
	order := b.number.Cmp(than.number)
	if strings.HasPrefix(keyword, "max") {
		order = -order
	}
	return order > 0 || order == 0 && b.exclusive && !than.exclusive
}

// String writes a bound for people.
func (b bound) String() string {
	text := cut(b.number.RatString())
	if digits, exact := b.number.FloatPrec(); exact {
		text = cut(b.number.FloatString(digits))
	}
	if b.exclusive {
		return text + " (exclusive)"
	}
	return text
}

// boundTypes are the types whose values a bound is about.
func boundTypes(keyword string) typeSet {
	switch keyword {
	case "minimum", "maximum":
		return numberType
	case "minLength", "maxLength":
		return stringType
	case "minItems", "maxItems":
		return arrayType
	case "minProperties", "maxProperties":
		return objectType
	}
	return 0
}

func (s *side) facetsOf(of *shape) *facets {
	if of.facets != nil {
		return of.facets
	}
	f := &facets{
		types: of.types, bounds: map[string]bound{}, patterns: map[string]bool{}, formats: map[string]bool{},
		multiple: map[string]bool{}, required: map[string]bool{}, properties: map[string][]any{}, others: map[string]string{},
	}
	for _, m := range of.parts {
		for _, keyword := range slices.Sorted(maps.Keys(m)) {
			f.read(s, keyword, m[keyword])
		}
	}
	f.names = slices.Sorted(maps.Keys(f.properties))
	f.reduce()
	of.facets = f
	return f
}

// reduce drops the values that are listed and not allowed all the same, and the
// types that none of the listed values has. Null counts as a type only.
func (f *facets) reduce() {
	if f.values == nil {
		return
	}
	var types typeSet
	for text := range f.values {
		t := typeOfValue(text)
		if f.types&t == 0 || !f.fits(text) {
			delete(f.values, text)
			continue
		}
		types |= t
	}
	f.types &= types
	if delete(f.values, "null"); f.types == nullType {
		f.values = nil
	}
}

// typeOfValue is the type of a value that plain wrote.
func typeOfValue(text string) typeSet {
	switch text[0] {
	case '"':
		return stringType
	case 't', 'f':
		return booleanType
	case 'n':
		return nullType
	case '[':
		return arrayType
	case '{':
		return objectType
	}
	if strings.Contains(text, "/") {
		return fractionType
	}
	return integerType
}

// fits says whether a value that plain wrote is within the bounds of its type.
func (f *facets) fits(text string) bool {
	var size *big.Rat
	var about typeSet
	switch about = typeOfValue(text); about {
	case stringType:
		var s string
		if json.Unmarshal([]byte(text), &s) != nil {
			return true
		}
		size = new(big.Rat).SetInt64(int64(utf8.RuneCountInString(s)))
	case arrayType, objectType:
		var list []any
		var object map[string]any
		if json.Unmarshal([]byte(text), &list) != nil && json.Unmarshal([]byte(text), &object) != nil {
			return true
		}
		size = new(big.Rat).SetInt64(int64(len(list) + len(object)))
	case integerType, fractionType:
		n, ok := new(big.Rat).SetString(text)
		if !ok {
			return true
		}
		size = n
	default:
		return true
	}
	for keyword, b := range f.bounds {
		if boundTypes(keyword)&about != 0 && b.stricter(bound{number: size}, keyword) {
			return false
		}
	}
	return true
}

func (f *facets) read(s *side, keyword string, value any) {
	text, _ := value.(string)
	list, _ := value.([]any)
	object, _ := value.(map[string]any)
	switch keyword {
	case "type", "$ref", "allOf", "readOnly", "writeOnly":
	case "enum":
		f.allow(list)
	case "const":
		f.allow([]any{value})
	case "pattern":
		if text != "" {
			f.patterns[text] = true
		}
	case "format":
		if text != "" {
			f.formats[text] = true
		}
	case "multipleOf":
		f.multiple[plain(value)] = true
	case "uniqueItems":
		f.unique = f.unique || value == true
	case "required":
		for _, name := range list {
			if name, ok := name.(string); ok {
				f.required[name] = true
			}
		}
	case "properties":
		for name, p := range object {
			f.properties[name] = append(f.properties[name], p)
		}
	case "additionalProperties", "unevaluatedProperties":
		f.closed = f.closed || value == false
		if len(object) > 0 {
			f.rest = append(f.rest, value)
		}
	case "items":
		f.items = append(f.items, value)
	case "prefixItems":
		for i, item := range list {
			if i == len(f.prefix) {
				f.prefix = append(f.prefix, nil)
			}
			f.prefix[i] = append(f.prefix[i], item)
		}
	default:
		f.readOther(s, keyword, value)
	}
}

func (f *facets) readOther(s *side, keyword string, value any) {
	switch keyword {
	case "exclusiveMinimum", "exclusiveMaximum":
		f.bound("m"+keyword[len("exclusiveM"):], value, true)
	case "minimum", "maximum", "maxLength", "maxItems", "maxProperties":
		f.bound(keyword, value, false)
	case "minLength", "minItems", "minProperties":
		if plain(value) != "0" {
			f.bound(keyword, value, false)
		}
	case "not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "patternProperties",
		"dependentRequired", "dependentSchemas", "unevaluatedItems", "anyOf", "oneOf":
		f.others[keyword] += s.member(keyword, value, maxDigest)
	}
}

// bound keeps the stricter bound. What can't be compared as a number is compared
// as a whole.
func (f *facets) bound(keyword string, value any, exclusive bool) {
	n, ok := number(value)
	if !ok {
		f.others[keyword] += plain(value)
		return
	}
	b := bound{n, exclusive}
	if was, ok := f.bounds[keyword]; !ok || b.stricter(was, keyword) {
		f.bounds[keyword] = b
	}
}

// allow keeps the values that are in a list, too.
func (f *facets) allow(list []any) {
	allowed := map[string]bool{}
	for _, v := range list {
		if text := plain(v); f.values == nil || f.values[text] {
			allowed[text] = true
		}
	}
	f.values = allowed
}

// maxDigits is how long a number may be to be compared as a number.
const maxDigits = 400

// number reads a number exactly.
func number(value any) (*big.Rat, bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case int:
		text = strconv.Itoa(v)
	default:
		return nil, false
	}
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		if exponent, err := strconv.Atoi(text[at+1:]); err != nil || exponent > maxDigits || exponent < -maxDigits {
			return nil, false
		}
	}
	if len(text) > maxDigits {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
