package spec_test

import (
	"slices"
	"strings"

	validation "github.com/pb33f/libopenapi-validator/errors"

	"farrier.dev/farrier/internal/spec"
)

// signature is what both say, without what is particular to the message.
func signature(ours spec.Result, theirs []*validation.ValidationError) string {
	s := ""
	if len(ours.Violations) > 0 {
		s = ours.Violations[0].Kind.String() + " " + strings.TrimRight(ours.Violations[0].Rule, "0123456789")
	}
	if len(theirs) > 0 {
		s += "|" + theirs[0].ValidationType + "/" + theirs[0].ValidationSubType
		if len(theirs[0].SchemaValidationErrors) > 0 {
			s += theirs[0].SchemaValidationErrors[0].Reason
		}
	}
	return s
}

// classOf names the class of a difference, as testdata/differences.txt lists
// them: that of the first thing that one side says, where each has one.
func classOf(one *described, m *message, ours spec.Result, theirs []*validation.ValidationError) string {
	class := ""
	for _, v := range ours.Violations {
		c := looser(one, m, v)
		if c == "unknown" {
			return c
		}
		if class == "" {
			class = c
		}
	}
	for _, e := range theirs {
		c := stricter(one, m, ours, e)
		if c == "unknown" {
			return c
		}
		if class == "" {
			class = c
		}
	}
	return class
}

// looser are the classes of what we refuse alone.
func looser(one *described, m *message, v spec.Violation) string {
	kind, place, _ := strings.Cut(v.Place, " ")
	switch {
	case v.Kind == spec.MissingCredential:
		for _, together := range m.op.Security {
			for _, r := range together {
				if t := one.d.Schemes[r.Scheme].Type; t == "oauth2" || t == "openIdConnect" {
					return "oauth-unasked"
				}
			}
		}
	case string(m.body) == "null" && (v.Kind == spec.BodySchema || v.Kind == spec.ResponseBody):
		return "null-unasked"
	case strings.HasPrefix(v.Rule, "must have the format "):
		switch strings.TrimPrefix(v.Rule, "must have the format ") {
		case "int32", "int64", "float", "double", "byte":
			return "format-of-openapi"
		}
	case kind == "header" && v.Kind == spec.MalformedParameter && strings.HasPrefix(v.Rule, "must be at "):
		return "header-bounds-unasked"
	case v.Kind == spec.MalformedParameter && v.Rule == "must be boolean, not string":
		if query := "&" + strings.Join(m.query, "&") + "&"; strings.Contains(query, "=0&") || strings.Contains(query, "=1&") {
			return "boolean-grammar"
		}
	case v.Kind == spec.MalformedParameter && (v.Rule == "must be integer, not string" || v.Rule == "must be number, not string"):
		if strings.Contains(m.path+strings.Join(m.query, "&")+m.header[strings.ToLower(place)], "007") {
			return "number-grammar"
		}
	}
	return "unknown"
}

// stricter are the classes of what they refuse alone.
func stricter(one *described, m *message, ours spec.Result, e *validation.ValidationError) string {
	reason := ""
	if len(e.SchemaValidationErrors) > 0 {
		reason = e.SchemaValidationErrors[0].Reason
	}
	switch {
	case e.ValidationSubType == "statusCode":
		if r := m.op.ResponseTo(m.status); r != nil && r.From == 0 {
			return "default-unknown"
		}
	case e.ValidationSubType == "missingOperation" && ours.Operation != nil && isConcrete(one, m):
		return "concrete-path-other-method"
	case e.ValidationType == "path" && ours.Operation != nil:
		for segment := range strings.SplitSeq(ours.Operation.Path, "/") {
			if strings.Contains(segment, "{") && (!strings.HasPrefix(segment, "{") || !strings.HasSuffix(segment, "}")) {
				return "text-beside-template"
			}
		}
	case e.ValidationType == "parameter" && e.ValidationSubType == "header":
		for _, name := range []string{"'authorization'", "'accept'", "'content-type'"} {
			if strings.Contains(strings.ToLower(e.Message), name) {
				return "ignored-headers"
			}
		}
	case e.ValidationType == "parameter" && strings.Contains(reason, "is not a valid integer"):
		if strings.Contains(reason, "'1e3'") || strings.Contains(reason, "'5.0'") || strings.Contains(reason, "'99999999999999999999'") {
			return "number-grammar"
		}
	case strings.HasPrefix(reason, "discriminator property"):
		return "discriminator"
	case strings.HasPrefix(reason, "got null, want "):
		return "nullable-without-type"
	}
	return "unknown"
}

// isConcrete says whether a path stands without templates in the description.
func isConcrete(one *described, m *message) bool {
	return slices.ContainsFunc(one.d.Operations, func(op spec.Operation) bool { return op.Path == m.path })
}
