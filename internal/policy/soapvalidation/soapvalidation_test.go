package soapvalidation_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/soapvalidation"
)

func TestConversations(t *testing.T) { policytest.Play(t, soapvalidation.Policy(), 4) }
