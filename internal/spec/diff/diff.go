// Package diff tells what is different between two descriptions of an API, and
// what that means for those who call it: what breaks them, what makes the API
// less secure, what harms nobody. It compares what the descriptions mean, in the
// model of the room, so that RAML and OpenAPI can be compared with one another;
// texts for people are not looked at.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/spec"
)

// Class is what a change means.
type Class string

// The classes, the worst first.
const (
	// Breaking changes make a client fail that does as the old description says.
	Breaking Class = "breaking"
	// Security changes let in more callers or more input, or give out more.
	Security Class = "security"
	// Harmless changes need nobody's attention.
	Harmless Class = "harmless"
)

// rank orders the classes, 0 for the worst.
func (c Class) rank() int {
	switch c {
	case Breaking:
		return 0
	case Security:
		return 1
	case Harmless:
	}
	return 2
}

// Effect is what a change does to the set of messages that are as described. A
// change and its reversal have opposite effects.
type Effect uint8

// The effects.
const (
	// Neither leaves the set as it was.
	Neither Effect = iota
	Narrows
	Widens
	// Both takes some messages out of the set and puts others in.
	Both
)

// Reversed is the effect of the reversal.
func (e Effect) Reversed() Effect {
	switch e {
	case Narrows:
		return Widens
	case Widens:
		return Narrows
	case Neither, Both:
	}
	return e
}

// Change is one difference.
type Change struct {
	Kind   Kind   `json:"kind"`
	Class  Class  `json:"class"`
	Effect Effect `json:"-"`
	// Operation is the method and path template, as "GET /orders/{id}", of the new
	// description where it has it; empty where the whole description is meant.
	Operation string `json:"operation,omitempty"`
	// Place is the part of the message, as "query limit" or "response 200
	// application/json /items/[]/note"; [] stands for every item, {} for every
	// other property.
	Place string `json:"place,omitempty"`
	// Message says what is different.
	Message string   `json:"message"`
	Old     Position `json:"old,omitzero"`
	New     Position `json:"new,omitzero"`
}

// Position is where something is described; zero where it is not.
type Position struct {
	File string `json:"file,omitempty"`
	// Line is counted from 1; 0 where it is not known.
	Line int `json:"line,omitempty"`
}

// MaxChanges is how many changes are told.
const MaxChanges = 10_000

// Compare gives the changes from one description to another, the worst first,
// then by path and method. Descriptions that mean the same have none. Where the
// comparison would take too long it ends with a change of the kind NotCompared,
// which is breaking. A nil description has no operations.
func Compare(old, updated *spec.Description) []Change {
	if old == nil {
		old = new(spec.Description)
	}
	if updated == nil {
		updated = new(spec.Description)
	}
	c := &comparer{old: newSide(old), new: newSide(updated), nodes: map[pair]*node{}}
	c.schemes()
	c.servers()
	c.operations()
	c.schemas()
	if c.exceeded {
		c.changes = append(c.changes, Change{
			Kind: NotCompared, Class: Breaking, Effect: Both,
			Message: "the descriptions are too large or too deep to be compared entirely; there may be more changes",
		})
	}
	slices.SortStableFunc(c.changes, order)
	return slices.Compact(c.changes)
}

func order(a, b Change) int {
	methodA, pathA, _ := strings.Cut(a.Operation, " ")
	methodB, pathB, _ := strings.Cut(b.Operation, " ")
	return cmp.Or(
		cmp.Compare(a.Class.rank(), b.Class.rank()),
		strings.Compare(pathA, pathB), strings.Compare(methodA, methodB),
		strings.Compare(a.Place, b.Place), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Message, b.Message),
	)
}

// Worst is the class of the worst change; empty when there is none.
func Worst(changes []Change) Class {
	worst := Class("")
	for _, c := range changes {
		if worst == "" || c.Class.rank() < worst.rank() {
			worst = c.Class
		}
	}
	return worst
}

// String is the change on one line, without its positions.
func (c Change) String() string {
	at := strings.TrimSpace(c.Operation + " " + c.Place)
	if at != "" {
		at += ": "
	}
	return fmt.Sprintf("%s %s: %s%s", c.Class, c.Kind, at, c.Message)
}

// Text is the change on one line as people read it on a terminal, with the place
// in the new description, or in the old where the new has none.
func (c Change) Text() string {
	at := c.New
	if at == (Position{}) {
		at = c.Old
	}
	text := c.String()
	switch {
	case at.File != "" && at.Line > 0:
		text = fmt.Sprintf("%s:%d: %s", at.File, at.Line, text)
	case at.File != "":
		text = at.File + ": " + text
	case at.Line > 0:
		text = fmt.Sprintf("line %d: %s", at.Line, text)
	}
	// Descriptions come from strangers, and terminals obey what they are sent.
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

// comparer compares two descriptions.
type comparer struct {
	old, new *side
	changes  []Change
	at       context
	// nodes are the pairs of schemas, waiting those in the order in which they are
	// compared, node the one that is being compared.
	nodes   map[pair]*node
	waiting []*node
	node    *node
	roots   []root
	visits  int
	// exceeded tells that not everything was compared or told.
	exceeded bool
}

// context is what is being compared.
type context struct {
	operation string
	// place is the part of the message; answers tells that it is of a response.
	place   string
	answers bool
	// inside leads to what is compared in a value.
	inside   *trail
	old, new Position
}

// side is one of the descriptions.
type side struct {
	*spec.Description
	// texts are schemas as they are written for digests, by depth.
	texts map[depthOf]string
	// rests are schemas without one of their keywords.
	rests map[string]map[string]any
	// shapes are those made so far by what they are made of, opened by schema.
	shapes map[string]*shape
	opened map[uintptr]*shape
}

func newSide(d *spec.Description) *side {
	return &side{Description: d, texts: map[depthOf]string{}, rests: map[string]map[string]any{}, shapes: map[string]*shape{}, opened: map[uintptr]*shape{}}
}

// add adds a change at the place that is being compared.
func (c *comparer) add(kind Kind, class Class, effect Effect, format string, args ...any) {
	if c.node != nil {
		c.node.deltas = append(c.node.deltas, delta{kind, class, effect, fmt.Sprintf(format, args...), c.at.inside})
		return
	}
	if len(c.changes) >= MaxChanges {
		c.exceeded = true
		return
	}
	c.changes = append(c.changes, Change{
		Kind: kind, Class: class, Effect: effect, Operation: c.at.operation, Place: strings.TrimSpace(c.at.place + " " + c.at.inside.String()),
		Message: fmt.Sprintf(format, args...), Old: c.at.old, New: c.at.new,
	})
}

// within does something with a place below the operation.
func (c *comparer) within(place string, answers bool, old, updated int, do func()) {
	outer := c.at
	c.at.place, c.at.answers = place, answers
	c.at.old, c.at.new = outer.old.line(old), outer.new.line(updated)
	do()
	c.at = outer
}

// line is another line of the same file; 0 stands for none.
func (p Position) line(line int) Position {
	if line == 0 {
		return Position{}
	}
	return Position{p.File, line}
}

// cut shortens what a description says so that it fits a message.
func cut(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
