package headerinjection_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/headerinjection"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, headerinjection.Policy(), 2) }
