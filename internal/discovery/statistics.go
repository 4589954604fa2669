package discovery

import (
	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery/shape"
)

// The statistics that operations are made of, for the folders of this room, which do
// not know one another.
type (
	// Values are statistics of the values of one place.
	Values = shape.Values
	// Schema is the statistics of documents.
	Schema = shape.Schema
	// Strictness is how far a schema goes.
	Strictness = shape.Strictness
	// Priors are what the constraints of a schema are priced with.
	Priors = shape.Priors
	// Looker is what values are looked at with.
	Looker = shape.Looker
)

// The levels of Strictness.
const (
	ObservedStrictness = shape.Observed
	LikelyStrictness   = shape.Likely
	TightStrictness    = shape.Tight
	LooseStrictness    = shape.Loose
)

// NewLooker gives a looker whose hashes are made under key. A nil detector finds nothing.
func NewLooker(d *sensitive.Detector, key [32]byte) *Looker { return shape.NewLooker(d, key) }
