package spectral

import (
	"context"
	"errors"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
)

// engine runs the JavaScript of a ruleset.
type engine struct{ mu sync.Mutex }

func newEngine(*loading, context.Context) *engine { return &engine{} }
func (e *engine) use(context.Context)             {}
func (e *engine) used() bool                      { return false }
func (e *engine) ruleset(string, *definition) error {
	return errors.New("javascript is not read")
}
func (e *engine) function(string, string, *tree.Node) (Function, error) {
	return nil, errors.New("javascript is not read")
}
