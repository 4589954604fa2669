package syntax_test

import (
	"os"
	"strings"
	"testing"
)

// TestIntegrations plays scripts as integrations have them.
func TestIntegrations(t *testing.T) {
	data, err := os.ReadFile("testdata/integrations.txt")
	if err != nil {
		t.Fatal(err)
	}
	scripts := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n====\n")
	for _, s := range scripts {
		checkFixpoint(t, s)
	}
	t.Logf("played %d scripts", len(scripts))
	if len(scripts) < 200 {
		t.Errorf("only %d scripts", len(scripts))
	}
}
