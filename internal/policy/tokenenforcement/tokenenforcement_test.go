package tokenenforcement

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 8, Introspection(), OpenIDConnect(), MuleProvider(), OpenAM(), PingFederate())
}
