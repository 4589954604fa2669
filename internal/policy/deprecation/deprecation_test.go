package deprecation_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/deprecation"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, deprecation.Policy(), 1) }
