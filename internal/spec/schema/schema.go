// Package schema holds values against JSON Schema 2020-12, as spec.Definitions
// keep it: schemas by name, which refer to one another by "#/$defs/NAME". A schema
// is compiled once into an immutable program; a value is read once into a
// Document, from which nothing is unmarshalled, and the work for it is bounded,
// whatever schema and value do to one another. The package fetches nothing, knows
// no $id, anchors or dynamic references, and no direction: which properties may
// travel which way is settled before.
package schema

import (
	"errors"
	"fmt"
	"strings"
)

// Options say how schemas are compiled.
type Options struct {
	// Steps is how many steps one value may cost beyond those that it may cost for
	// its length; 0 stands for DefaultSteps. A step is about 50 ns.
	Steps int
}

// DefaultSteps is how many steps any value may cost; each item of it adds
// stepsPerItem.
const DefaultSteps = 200_000

const stepsPerItem = 32

// maxDepth is how many schemas may be open at once, inside one another or
// referring to one another.
const maxDepth = 4096

// Set is schemas that refer to one another. It is not safe for concurrent use,
// unlike the schemas it gives.
type Set struct {
	defs    map[string]any
	made    map[string]*node
	waiting []string
	steps   int
	// broken is why schemas can't be compiled, by name.
	broken map[string]error
}

// NewSet prepares schemas by name, as they are unmarshalled: map[string]any,
// []any, string, bool, nil and json.Number. They must not be changed afterwards.
func NewSet(defs map[string]any, o Options) *Set {
	if o.Steps <= 0 {
		o.Steps = DefaultSteps
	}
	return &Set{defs: defs, made: map[string]*node{}, broken: map[string]error{}, steps: o.Steps}
}

// Schema is one schema, compiled. It is immutable and safe for concurrent use.
type Schema struct {
	root  *node
	steps int
}

// ErrUnknown reports a schema that is not in the set.
var ErrUnknown = errors.New("there is no such schema")

// Schema compiles the schema of a name and all that it refers to. Errors say
// which keyword is malformed.
func (s *Set) Schema(name string) (*Schema, error) {
	if err := s.broken[name]; err != nil {
		return nil, err
	}
	root, err := s.named(name)
	if err != nil {
		return nil, err
	}
	for len(s.waiting) > 0 {
		next := s.waiting[len(s.waiting)-1]
		s.waiting = s.waiting[:len(s.waiting)-1]
		if err := s.fill(s.made[next], s.defs[next], 0); err != nil {
			// What refers to it is half made: nothing of it is given out again.
			s.made, s.waiting = map[string]*node{}, nil
			s.broken[name] = err
			return nil, err
		}
	}
	return &Schema{root, s.steps}, nil
}

// named gives the node of a definition, which may be filled later.
func (s *Set) named(name string) (*node, error) {
	if n := s.made[name]; n != nil {
		return n, nil
	}
	if _, ok := s.defs[name]; !ok {
		return nil, fmt.Errorf("%w: %.100q", ErrUnknown, name)
	}
	n := new(node)
	s.made[name] = n
	s.waiting = append(s.waiting, name)
	return n, nil
}

func (s *Set) reference(ref string) (*node, error) {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok {
		return nil, fmt.Errorf("$ref %.100q must have the form #/$defs/NAME", ref)
	}
	return s.named(name)
}

// Violation is one thing in a value that its schema does not allow. It never
// holds a value; names of properties stand in it, shortened.
type Violation struct {
	// Pointer leads to the place (RFC 6901), empty for the whole value. Long names
	// and paths are shortened.
	Pointer string
	// Rule is what is wrong, as "must be integer, not string".
	Rule string
	// Costly tells that the value was not judged to its end, because that takes
	// more steps than are allowed.
	Costly bool
}

// Valid says whether a value satisfies the schema. One that costs more steps than
// it may does not. It stops at the first violation, and allocates nothing but
// what the memory of the document lacks. A nil schema is satisfied by everything.
func (s *Schema) Valid(d *Document) bool {
	if s == nil {
		return true
	}
	r := d.run(s)
	return r.node(s.root, 0) && !r.stuck
}

// Violations are the first violations of a value in the order of the document,
// at most the number given; none when it satisfies the schema.
func (s *Schema) Violations(d *Document, most int) []Violation {
	if s.Valid(d) {
		return nil
	}
	r := d.run(s)
	r.most, r.telling = max(most, 1), true
	r.node(s.root, 0)
	if r.stuck {
		found := r.found
		if len(found) == r.most {
			found = found[:r.most-1]
		}
		return append(found, costly())
	}
	return r.found
}

func costly() Violation {
	return Violation{Rule: "takes more steps to hold against its schema than are allowed", Costly: true}
}

// Undescribed are the first properties of a valid value that no schema names,
// though the schemas of their object name others: it is open, but nothing says
// what they are. A value for which that takes more steps than are allowed has one.
func (s *Schema) Undescribed(d *Document, most int) []Violation {
	if s == nil {
		return nil
	}
	r := d.run(s)
	r.deep, r.track = true, 1
	ok := r.node(s.root, 0)
	if r.stuck {
		return []Violation{costly()}
	}
	if !ok {
		return nil
	}
	r.most, r.telling = max(most, 1), true
	r.undescribed()
	return r.found
}
