package spec

import (
	"errors"

	"farrier.dev/farrier/internal/spec/schema"
)

// Violation is one thing in a message that its description does not allow. It
// never holds a value of the message; names of properties stand in it, cut.
type Violation struct {
	// Kind is what it is about.
	Kind Kind `json:"-"`
	// Place is as "query limit", "body /items/3/note" or "path id".
	Place string `json:"place"`
	// Rule is what is wrong, as "must be integer, not string".
	Rule string `json:"rule"`
}

// String is place and rule.
func (v Violation) String() string { return v.Place + ": " + v.Rule }

// cut shortens a name that a client chose.
func cut(name string) string { return schema.Shorten(name) }

// place is where in a value something is, and the value at.
func place(at, pointer string) string {
	if pointer == "" {
		return at
	}
	return at + " " + pointer
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
