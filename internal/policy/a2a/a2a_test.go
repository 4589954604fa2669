package a2a_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy/a2a"
	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 7, a2a.Card(), a2a.Validation(), a2a.PII(), a2a.Decorator(), a2a.Limit())
}

func TestCardFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "card.json")
	if err := os.WriteFile(file, []byte(`{"name":"a","url":"http://x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a2a.Card().Compile([]byte(`{"file":"` + file + `"}`)); err != nil {
		t.Error(err)
	}
	if _, err := a2a.Card().Compile([]byte(`{"file":"` + file + `.not"}`)); err == nil || !strings.Contains(err.Error(), "file: looking for the card") {
		t.Errorf("a file that is not there: %v", err)
	}
}
