package csrf_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/csrf"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, csrf.Policy(), 2) }
