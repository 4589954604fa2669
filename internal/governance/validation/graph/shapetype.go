package graph

import (
	"slices"
)

// inferred is the type that the facets of a schema without one speak of.
func inferred(c cursor) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return c.Get(name) != nil })
	}
	switch {
	case has("properties", "additionalProperties", "required", "minProperties", "maxProperties", "discriminator", "patternProperties"):
		return "object"
	case has("items", "minItems", "maxItems", "uniqueItems"):
		return "array"
	case has("pattern", "minLength", "maxLength"):
		return "string"
	case has("minimum", "maximum", "multipleOf"):
		return "number"
	}
	return ""
}

func (b *builder) classesOf(c cursor, t string) []string {
	if b.projected && t == "string" && c.Get("format").Str() == "binary" {
		return classesFile
	}
	switch t {
	case "object":
		return classesNodeShape
	case "array":
		if item := c.get("items"); item.Get("type").Str() == "array" {
			return classesMatrix
		}
		return classesArray
	case "string", "number", "integer", "boolean":
		return classesScalar
	case "file":
		return classesFile
	case "null":
		return classesNil
	}
	if b.projected && (c.Get("anyOf") != nil || c.Get("oneOf") != nil) {
		return classesUnion
	}
	return classesAny
}

// datatype is the type of a scalar, which its format refines.
func datatype(t, format string) string {
	switch t + " " + format {
	case "string date":
		return nsXSD + "date"
	case "string date-time":
		return nsXSD + "dateTime"
	case "string date-time-only", "string datetime-only":
		return nsShapes + "dateTimeOnly"
	case "string time-only":
		return nsXSD + "time"
	case "string byte":
		return nsXSD + "byte"
	case "string binary":
		return nsXSD + "base64Binary"
	case "string password":
		return nsShapes + "password"
	case "integer int64", "number int64":
		return nsXSD + "long"
	case "number float":
		return nsXSD + "float"
	case "number double":
		return nsXSD + "double"
	}
	if t == "number" {
		return nsShapes + t
	}
	return nsXSD + t
}
