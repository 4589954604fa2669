package headerremoval_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/headerremoval"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, headerremoval.Policy(), 2) }
