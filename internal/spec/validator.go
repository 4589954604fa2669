package spec

import (
	"fmt"
	"sync"

	"farrier.dev/farrier/internal/spec/schema"
)

// Validators are the schemas of a description, compiled for one direction. They
// are immutable and safe for concurrent use once all are compiled.
type Validators struct {
	set  *schema.Set
	made map[string]*Validator
	// documents is the memory in which values are judged.
	documents *sync.Pool
}

// Validator holds values against one schema.
type Validator struct {
	schema    *schema.Schema
	documents *sync.Pool
}

// NewValidators prepares the definitions of a description for one direction.
func NewValidators(d Definitions, to Direction) (*Validators, error) {
	return &Validators{
		set: schema.NewSet(d.turned(to), schema.Options{}), made: make(map[string]*Validator),
		documents: &sync.Pool{New: func() any { return new(schema.Document) }},
	}, nil
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
	compiled, err := v.set.Schema(s.Name)
	if err != nil {
		return nil, fmt.Errorf("line %d: the schema is invalid: %w", s.Line, err)
	}
	v.made[s.Name] = &Validator{compiled, v.documents}
	return v.made[s.Name], nil
}

// Valid says whether a value, as Value gives it, satisfies the schema.
func (v *Validator) Valid(value any) bool {
	return v == nil || len(v.Violations(value, "", 1)) == 0
}

// Violations are the first violations of a value, as Value gives it, most of them
// at most; none when it satisfies the schema. At is the place of the value itself.
func (v *Validator) Violations(value any, at string, most int) []Violation {
	if v == nil {
		return nil
	}
	d, _ := v.documents.Get().(*schema.Document)
	d.Reset()
	defer v.documents.Put(d)
	if err := d.Add(value); err != nil {
		return []Violation{{Kind: BodySchema, Place: at, Rule: "can't be held against the schema: " + err.Error()}}
	}
	return v.told(d, BodySchema, at, most)
}

// valid judges a value that was read.
func (v *Validator) valid(d *schema.Document) bool { return v == nil || v.schema.Valid(d) }

// told are the first violations of a value that was read.
func (v *Validator) told(d *schema.Document, kind Kind, at string, most int) []Violation {
	if v == nil {
		return nil
	}
	found := v.schema.Violations(d, most)
	all := make([]Violation, len(found))
	for i, f := range found {
		all[i] = Violation{kind, place(at, f.Pointer), f.Rule}
	}
	return all
}

// Pattern is a regular expression of a schema (ECMA 262), run in a bounded time.
type Pattern = schema.Pattern

// CompilePattern compiles a regular expression of a schema.
func CompilePattern(text string) (*Pattern, error) { return schema.CompilePattern(text) }
