package datatype

import "strings"

// kind is a set of the families that the built-in types make.
type kind uint16

// The families. A number also takes integers.
const (
	anyKind kind = 1 << iota
	stringKind
	numberKind
	integerKind
	booleanKind
	dateOnly
	timeOnly
	datetimeOnly
	datetimeKind
	fileKind
	nilKind
	arrayKind
	objectKind
	unionKind
	externalKind
)

const (
	numericKinds = numberKind | integerKind
	allKinds     = externalKind<<1 - 1
)

// builtin is the family that a name of RAML means.
func builtin(name string) (kind, bool) {
	for i, known := range kindNames {
		if known == name {
			return 1 << i, true
		}
	}
	return 0, false
}

var kindNames = [...]string{
	"any", "string", "number", "integer", "boolean", "date-only", "time-only", "datetime-only",
	"datetime", "file", "nil", "array", "object",
}

// String names the families.
func (k kind) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if k&unionKind != 0 {
		names = append(names, "union")
	}
	if k&externalKind != 0 {
		names = append(names, "external type")
	}
	return strings.Join(names, " or ")
}

// value is what a facet takes.
type valueKind uint8

const (
	naturalValue valueKind = iota
	numberValue
	positiveValue
	textValue
	patternValue
	boolValue
	formatValue
	listValue
	mediaTypesValue
	otherValue
)

// facetRule is a built-in facet: which types have it and what it takes.
type facetRule struct {
	kinds kind
	value valueKind
}

// facetOf is the rule of a built-in facet that restricts values.
func facetOf(name string) (facetRule, bool) {
	switch name {
	case "minLength", "maxLength":
		return facetRule{stringKind | fileKind, naturalValue}, true
	case "pattern":
		return facetRule{stringKind, patternValue}, true
	case "minimum", "maximum":
		return facetRule{numericKinds, numberValue}, true
	case "multipleOf":
		return facetRule{numericKinds, positiveValue}, true
	case "format":
		return facetRule{numericKinds | datetimeKind, formatValue}, true
	case "fileTypes":
		return facetRule{fileKind, mediaTypesValue}, true
	case "minItems", "maxItems":
		return facetRule{arrayKind, naturalValue}, true
	case "uniqueItems":
		return facetRule{arrayKind, boolValue}, true
	case "items":
		return facetRule{arrayKind, otherValue}, true
	case "minProperties", "maxProperties":
		return facetRule{objectKind, naturalValue}, true
	case "additionalProperties":
		return facetRule{objectKind, boolValue}, true
	case "properties":
		return facetRule{objectKind, otherValue}, true
	case "discriminator":
		return facetRule{objectKind, textValue}, true
	case "discriminatorValue":
		return facetRule{objectKind, otherValue}, true
	case "enum":
		return facetRule{allKinds &^ externalKind, listValue}, true
	}
	return facetRule{}, false
}

// beside says whether a member may stand in any declaration.
func beside(name string) bool {
	switch name {
	case "type", "schema", "default", "example", "examples", "displayName", "description", "facets", "xml":
		return true
	}
	return isAnnotation(name)
}

// isAnnotation says whether a member is an annotation.
func isAnnotation(name string) bool {
	return len(name) > 2 && name[0] == '(' && name[len(name)-1] == ')'
}
