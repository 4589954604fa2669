package policy

import (
	"farrier.dev/farrier/internal/detect/model"
)

// Models learn the values that operations take, and tell what is normal.
type Models interface {
	// Snapshot is what is normal now; nil when nothing is known.
	Snapshot() *model.Snapshot
	// Learn takes the facts of one request of a client that is no attack, and
	// asks for them only when it wants them. It waits for nobody.
	Learn(key model.Key, client string, facts func() []model.Fact)
}
