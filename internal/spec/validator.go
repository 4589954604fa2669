package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validators are the schemas of a description, compiled for one direction. They
// are immutable and safe for concurrent use once all are compiled.
type Validators struct {
	compiler *jsonschema.Compiler
	costs    *costs
	made     map[string]*Validator
}

// Validator holds values against one schema.
type Validator struct {
	full *jsonschema.Schema
	// quick is satisfied by what full is not: it stops at the first violation and
	// keeps none.
	quick *jsonschema.Schema
	// branching is by how much each level of a value costs more than the one above.
	branching int
}

const resource = "farrier:description.json"

// NewValidators prepares the definitions of a description for one direction.
func NewValidators(d Definitions, to Direction) (*Validators, error) {
	defs := map[string]any{}
	for name, schema := range d.turned(to) {
		defs[name] = schema
		defs["not "+name] = map[string]any{"not": map[string]any{"$ref": "#/$defs/" + name}}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		re, err := CompilePattern(text)
		return re, err
	})
	c.AssertFormat()
	for _, f := range numericFormats() {
		c.RegisterFormat(f)
	}
	if err := c.AddResource(resource, map[string]any{"$defs": defs}); err != nil {
		return nil, fmt.Errorf("adding the schemas: %w", err)
	}
	return &Validators{compiler: c, costs: newCosts(d), made: make(map[string]*Validator)}, nil
}

// nowhere loads nothing: a description is one document.
type nowhere struct{}

// Load implements jsonschema.URLLoader.
func (nowhere) Load(string) (any, error) {
	return nil, errors.New("references lead nowhere but into the description")
}

// Of compiles the validator of a schema; that of no schema is nil, which every
// value satisfies.
func (v *Validators) Of(s Schema) (*Validator, error) {
	if !s.Described() {
		return nil, nil //nolint:nilnil // nil is a validator, see Violations
	}
	if made := v.made[s.Name]; made != nil {
		return made, nil
	}
	full, err := v.compiler.Compile(resource + "#/$defs/" + s.Name)
	if err != nil {
		return nil, fmt.Errorf("line %d: the schema is invalid: %w", s.Line, err)
	}
	quick, err := v.compiler.Compile(resource + "#/$defs/not%20" + s.Name)
	if err != nil {
		return nil, fmt.Errorf("line %d: the schema is invalid: %w", s.Line, err)
	}
	v.made[s.Name] = &Validator{full, quick, v.costs.branching(s.Name)}
	return v.made[s.Name], nil
}

// Valid says whether a value, as Value gives it, satisfies the schema.
func (v *Validator) Valid(value any) bool {
	return v == nil || !tooHeavy(value, v.branching) && v.quick.Validate(value) != nil
}

// Violations are the first violations of a value, most of them at most; none
// when it satisfies the schema. At is the place of the value itself. Where
// brief, one violation stands for all, without its place: finding all of them
// takes many times the memory of the value.
func (v *Validator) Violations(value any, at string, most int, brief bool) []Violation {
	if v == nil || brief && v.Valid(value) {
		return nil
	}
	if tooHeavy(value, v.branching) {
		return []Violation{{at, "nested too deeply for its schema, whose alternatives contain one another"}}
	}
	if brief {
		return []Violation{{at, "does not satisfy the schema"}}
	}
	var invalid *jsonschema.ValidationError
	if err := v.full.Validate(value); err == nil {
		return nil
	} else if !errors.As(err, &invalid) {
		return []Violation{{at, "can't be held against the schema"}}
	}
	return explain(invalid, at, most)
}

// CompilePattern compiles a regular expression of a schema (ECMA 262) by RE2,
// which takes time linear in the text. What RE2 has not, looking around and back
// references, is an error.
func CompilePattern(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(translate(text))
	if err != nil {
		return nil, fmt.Errorf("the pattern can't be run by RE2, which has neither look-around nor back references: %w", err)
	}
	return re, nil
}

// translate spells the escapes of code units as RE2 does: \uXXXX and \u{X}.
func translate(pattern string) string {
	if !strings.Contains(pattern, `\u`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		b.WriteByte(pattern[i])
		if pattern[i] != '\\' || i+1 == len(pattern) {
			continue
		}
		i++
		switch {
		case pattern[i] == 'u' && strings.HasPrefix(pattern[i+1:], "{"):
			b.WriteByte('x')
		case pattern[i] == 'u' && len(pattern) > i+4:
			b.WriteString("x{" + pattern[i+1:i+5] + "}")
			i += 4
		default:
			b.WriteByte(pattern[i])
		}
	}
	return b.String()
}

// numericFormats are those of OpenAPI that bound a number.
func numericFormats() []*jsonschema.Format {
	whole := func(bits int) func(any) error {
		return func(v any) error {
			n, ok := v.(json.Number)
			if !ok {
				return nil
			}
			if _, err := strconv.ParseInt(n.String(), 10, bits); errors.Is(err, strconv.ErrRange) {
				return fmt.Errorf("not in the range of %d bits", bits)
			}
			return nil
		}
	}
	return []*jsonschema.Format{{Name: "int32", Validate: whole(32)}, {Name: "int64", Validate: whole(64)}}
}
