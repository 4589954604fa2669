package routeweighted_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/routeweighted"
)

func TestConversations(t *testing.T) { policytest.Play(t, routeweighted.Policy(), 1) }
