package route_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/route"
)

func TestConversations(t *testing.T) { policytest.Play(t, route.Policy(), 1) }
