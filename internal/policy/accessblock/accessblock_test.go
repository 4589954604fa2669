package accessblock_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/accessblock"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, accessblock.Policy(), 1) }
