package spec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Violation is one thing in a message that its description does not allow. It
// never holds a value of the message; names of properties stand in it, cut.
type Violation struct {
	// Place is as "query limit", "body /items/3/note" or "path id".
	Place string `json:"place"`
	// Rule is what is wrong, as "must be integer, not string".
	Rule string `json:"rule"`
}

// String is place and rule.
func (v Violation) String() string { return v.Place + ": " + v.Rule }

// longest is the length in characters to which a name is cut.
const longest = 64

// cut shortens a name that a client chose.
func cut(name string) string {
	if len(name) <= longest {
		return strings.ToValidUTF8(name, "\uFFFD")
	}
	end := longest
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.ToValidUTF8(name[:end], "\uFFFD") + "…"
}

// looked is how many violations are looked at for the first ones: the library
// finds those of an object in no order.
const looked = 256

// explain gives the first violations of a validation, in the order of places.
func explain(e *jsonschema.ValidationError, at string, most int) []Violation {
	var all []Violation
	var visit func(e *jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		if len(all) >= looked {
			return
		}
		switch e.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains:
			// What is wrong with each alternative helps nobody who does not know
			// which was meant.
		default:
			if len(e.Causes) > 0 {
				for _, cause := range e.Causes {
					visit(cause)
				}
				return
			}
		}
		all = append(all, Violation{pointer(at, e.InstanceLocation), rule(e.ErrorKind)})
	}
	visit(e)
	slices.SortFunc(all, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Place, b.Place), strings.Compare(a.Rule, b.Rule))
	})
	return all[:min(len(all), most)]
}

// maxSteps is how many steps of a place are told.
const maxSteps = 32

func pointer(at string, steps []string) string {
	var b strings.Builder
	b.WriteString(at)
	for i, step := range steps {
		if i == 0 {
			b.WriteByte(' ')
		}
		if i == maxSteps {
			b.WriteString("/…")
			break
		}
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(cut(step)))
	}
	return b.String()
}

func names(list []string) string {
	const most = 5
	list = slices.Sorted(slices.Values(list))
	short := make([]string, 0, most+1)
	for i, name := range list {
		if i == most {
			short = append(short, "…")
			break
		}
		short = append(short, cut(name))
	}
	return strings.Join(short, ", ")
}

// rule words what a keyword demands, without the value that fails it.
func rule(k jsonschema.ErrorKind) string {
	if text := sizeRule(k); text != "" {
		return text
	}
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + strings.Join(k.Want, " or ") + ", not " + k.Got
	case *kind.Required:
		return "required, but missing: " + names(k.Missing)
	case *kind.AdditionalProperties:
		return "not described: " + names(k.Properties)
	case *kind.Enum:
		return "must be one of the listed values"
	case *kind.Const:
		return "must be the one value described"
	case *kind.Format:
		return "must have the format " + k.Want
	case *kind.Pattern:
		return "must match the pattern " + k.Want
	case *kind.PropertyNames:
		return "a property has a name that is not allowed"
	case *kind.DependentRequired:
		return "required, but missing: " + names(k.Missing)
	case *kind.Dependency:
		return "required, but missing: " + names(k.Missing)
	case *kind.UniqueItems:
		return "items must differ"
	case *kind.AnyOf:
		return "matches none of the alternatives"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "matches several alternatives, and must match one"
		}
		return "matches none of the alternatives"
	case *kind.Not:
		return "matches what it must not"
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return "has not the right number of matching items"
	case *kind.FalseSchema:
		return "not allowed here"
	}
	return "does not satisfy the schema (" + strings.Join(k.KeywordPath(), "/") + ")"
}

// sizeRule words the limits on sizes and numbers.
func sizeRule(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items that are not described", k.Count)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d properties", k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.ExclusiveMinimum:
		return "must be more than " + k.Want.RatString()
	case *kind.ExclusiveMaximum:
		return "must be less than " + k.Want.RatString()
	case *kind.MultipleOf:
		return "must be a multiple of " + k.Want.RatString()
	}
	return ""
}

// unwrapped is the innermost reason for which a document was refused.
func unwrapped(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
