package dataweavetransform_test

import (
	"testing"

	"farrier.dev/farrier/internal/policy/dataweavetransform"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 3, dataweavetransform.Body(), dataweavetransform.Headers(), dataweavetransform.Filter())
}
