package discoverytest

import (
	"iter"
	"strings"
)

// Group is a kind of operations that is scored by itself.
type Group string

// The groups.
const (
	Fixed    Group = "fixed"
	IDLike   Group = "id-like"
	WordLike Group = "word-like"
)

// Groups are all groups.
func Groups() []Group { return []Group{Fixed, IDLike, WordLike} }

// Truth is what traffic holds.
type Truth struct {
	Host, Base string
	// Operations are all described ones by Key, those never called included.
	Operations map[string]*Called
	Classes    map[Class]int
	Faithless  int
}

// Called is one operation as it was called.
type Called struct {
	Method, Template string
	Group            Group
	// Calls are all calls as described, Good those answered with 2xx or 3xx.
	Calls, Good int
	// Parameters are those of good calls, Answered the properties of their answers.
	Parameters, Answered map[Name]*Carried
}

// Name is a parameter or property of an operation.
type Name struct{ Place, Name string }

// Carried is how a parameter was sent.
type Carried struct {
	// Calls is how many good calls had it, Several how many had several items.
	Calls, Several int
	OneText        bool
	// Declared are the described types, Shown what values read as.
	Declared, Shown map[string]int
}

// TruthOf sums exchanges up, as those of Learning.
func (t *Traffic) TruthOf(exchanges iter.Seq[Exchange]) *Truth {
	w := t.world
	truth := &Truth{Host: w.Host, Base: w.base, Operations: map[string]*Called{}, Classes: map[Class]int{}}
	for i := range w.operations {
		op := &w.operations[i]
		if truth.Operations[op.key] == nil {
			truth.Operations[op.key] = &Called{Method: op.described.Method, Template: op.template, Group: groupOf(op), Parameters: map[Name]*Carried{}, Answered: map[Name]*Carried{}}
		}
	}
	for e := range exchanges {
		truth.add(&e)
	}
	return truth
}

func groupOf(op *operation) Group {
	count := strings.Count(op.path, "{")
	if count == 0 {
		return Fixed
	}
	for _, p := range op.pools[:min(count, len(op.pools))] {
		if !p.kind.IDLike() {
			return WordLike
		}
	}
	return IDLike
}

func (t *Truth) add(e *Exchange) {
	t.Classes[e.Mark.Class]++
	if e.Mark.Faithless {
		t.Faithless++
	}
	called := t.Operations[Key(e.Mark.Method, e.Mark.Template)]
	if called == nil {
		return
	}
	switch e.Mark.Class {
	case Good:
		called.Good++
		note(called.Parameters, e.Mark.Sent)
		note(called.Answered, e.Mark.Answered)
		called.Calls++
	case Failing, Missing:
		called.Calls++
	case Malformed, Scan, Attack, Noise:
	}
}

func note(into map[Name]*Carried, sent []Sent) {
	seen := map[Name]bool{}
	for i := range sent {
		s := &sent[i]
		name := Name{s.Place, s.Name}
		c := into[name]
		if c == nil {
			c = &Carried{Declared: map[string]int{}, Shown: map[string]int{}}
			into[name] = c
		}
		c.Declared[s.Declared]++
		c.Shown[s.Shown]++
		c.OneText = c.OneText || s.OneText
		if !seen[name] {
			seen[name] = true
			c.Calls++
			if s.Items > 1 {
				c.Several++
			}
		}
	}
}

// right tells that learned types are those that a parameter has.
func (c *Carried) right(place string, learned []string) bool {
	types := map[string]bool{}
	for _, one := range learned {
		if one != "null" {
			types[one] = true
		}
	}
	if types["number"] {
		delete(types, "integer")
	}
	covered := map[string]bool{}
	for one := range types {
		explained := false
		for declared := range c.Declared {
			if c.accepts(place, declared, one) {
				explained, covered[declared] = true, true
			}
		}
		if !explained {
			return false
		}
	}
	for declared := range c.Declared {
		if declared == "null" || covered[declared] || declared == "integer" && covered["number"] && types["number"] {
			continue
		}
		return false
	}
	return true
}

// accepts tells that a learned type stands for a declared one.
func (c *Carried) accepts(place, declared, learned string) bool {
	reads := func(as string) bool {
		for shown := range c.Shown {
			if shown != as && shown != "null" && (as != "number" || shown != "integer") {
				return false
			}
		}
		return true
	}
	switch {
	case declared == learned:
		return true
	case declared == "number" && learned == "integer":
		return reads("integer")
	case place == "body":
		return false
	case declared == "string":
		return reads(learned)
	case declared == "array" && c.Several < 3:
		return learned == "string" && !reads("integer") && !reads("number") && !reads("boolean") || reads(learned)
	case declared == "object":
		return c.OneText && learned == "string"
	default:
		return false
	}
}
