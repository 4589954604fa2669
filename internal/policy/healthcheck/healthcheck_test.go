package healthcheck_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/healthcheck"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, healthcheck.Policy(), 1) }
