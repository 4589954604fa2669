package timeouts_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/timeouts"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 3, timeouts.Response(), timeouts.StreamIdle(), timeouts.UpstreamIdle())
}
