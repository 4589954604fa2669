package mcp_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/mcp"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 10, mcp.Support(), mcp.Access(), mcp.Global(), mcp.Validation(), mcp.Mapping(), mcp.PII())
}
