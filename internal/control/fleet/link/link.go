// Package link is how gateways that are processes of their own talk to the control
// plane: JSON over HTTP/2 and TLS 1.3, where both sides have certificates of the
// fleet's authority. It holds both ends, so that they can't differ.
package link

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"farrier.dev/farrier/internal/control/fleet"
)

// The paths.
const (
	pathEnrol   = "/fleet/v1/enrol"
	pathRenew   = "/fleet/v1/renew"
	pathNext    = "/fleet/v1/next"
	pathRecords = "/fleet/v1/records"
	pathLearned = "/fleet/v1/learned"
)

const (
	// hold is how long the control plane waits for news before it answers that there
	// are none.
	hold = 20 * time.Second
	// look is how often it looks for news meanwhile.
	look = 100 * time.Millisecond
	// mostRevision and mostRecords bound messages, in bytes.
	mostRevision = 256 << 20
	mostRecords  = 16 << 20
	mostRequest  = 64 << 10
)

type enrolment struct {
	Token   string `json:"token"`
	Request []byte `json:"request"`
}

type renewal struct {
	Request []byte `json:"request"`
}

// have is what a gateway serves, and how it stands.
type have struct {
	Version int64        `json:"version"`
	Digest  string       `json:"digest"`
	Status  fleet.Status `json:"status"`
}

// decode reads a message that may have so many bytes.
func decode(r io.Reader, most int64, into any) error {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	if int64(len(text)) > most {
		return fmt.Errorf("a message has more than %d bytes", most)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	return nil
}
