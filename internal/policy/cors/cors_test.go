package cors_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/cors"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, cors.Policy(), 4) }
