package responsehardening_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/responsehardening"
)

func TestConversations(t *testing.T) { policytest.Play(t, responsehardening.Policy(), 2) }
