package discovery

import (
	"errors"
	"net/netip"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// Options are what a learner works with. Now and Detector are required.
type Options struct {
	Now      func() time.Time
	Detector *sensitive.Detector
	// Key makes hashes of values unpredictable. Gateways whose inventories are merged share it.
	Key [32]byte
	// Internal and Partner are the networks of callers; private and loopback addresses are
	// internal where Internal is empty.
	Internal, Partner []netip.Prefix
	// Details gives back what lies in the store of operations that are not hot; nil keeps
	// everything in memory.
	Details Details
	Limits  Limits
}

// Details are operations in the store.
type Details interface {
	// Load gives an operation as it was last taken by Learner.Take; ErrNotKept when it is
	// not there.
	Load(k Key) (*Operation, error)
}

// ErrNotKept says that the store does not have the operation.
var ErrNotKept = errors.New("the operation is not in the store")

// Limits are the thresholds and bounds of a learner; 0 stands for the published default.
type Limits struct {
	AcceptRequests int `yaml:"acceptRequests"`
	AcceptMinutes  int `yaml:"acceptMinutes"`
	Operations     int `yaml:"operations"`
	Candidates     int `yaml:"candidates"`
	Hosts          int `yaml:"hosts"`
	Hot            int `yaml:"hot"`
}

// Stats tell how much was learned.
type Stats struct {
	// Operations are listed, Hot of them in memory as a whole; Candidates wait.
	Operations, Hot, Candidates, Hosts int
	// Observed counts observations, Taught those that taught, Rejected those that could
	// not, by reason; Overflow those for which there was no place.
	Observed, Taught, Overflow uint64
	Rejected                   map[string]uint64
}
