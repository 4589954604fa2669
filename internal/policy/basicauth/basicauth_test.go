package basicauth_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/basicauth"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, basicauth.Policy(), 2) }
