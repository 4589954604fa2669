package httplimits_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/httplimits"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, httplimits.Policy(), 1) }
