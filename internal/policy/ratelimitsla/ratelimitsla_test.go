package ratelimitsla

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

func TestWarnings(t *testing.T) {
	for settings, want := range map[string]int{
		`{}`:                      1,
		`{"clusterizable": true}`: 2,
		`{"clientSecretExpression": "#[attributes.headers.s]"}`: 0,
		`[]`: 0,
	} {
		if got := warn(json.RawMessage(settings)); len(got) != want {
			t.Errorf("%s: %q", settings, got)
		}
	}
}
