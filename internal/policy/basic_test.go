package policy_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
)

// FuzzBasicCredentials holds that what is read as credentials is what was written.
func FuzzBasicCredentials(f *testing.F) {
	f.Add("Basic YWRhOmE6Yg==")
	f.Add("basic  ")
	f.Fuzz(func(t *testing.T, value string) {
		name, password, ok := policy.BasicCredentials(value)
		if !ok {
			return
		}
		_, coded, _ := strings.Cut(value, " ")
		if got := base64.StdEncoding.EncodeToString([]byte(name + ":" + password)); strings.Contains(name, ":") ||
			got != strings.NewReplacer("\r", "", "\n", "").Replace(strings.Trim(coded, " ")) {
			t.Fatalf("%q is read as %q and %q", value, name, password)
		}
	})
}
