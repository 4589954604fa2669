package apikey_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/apikey"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, apikey.Policy(), 3) }
