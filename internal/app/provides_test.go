package app_test

import (
	"testing"

	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// TestProvides holds the table of what policies provide against the catalogue:
// governance can't, for it knows no policies.
func TestProvides(t *testing.T) {
	known, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	table := governance.Provides()
	for _, e := range known.All() {
		if _, ok := table[e.Name]; !ok {
			t.Errorf("%s: the table of governance does not say what the policy provides; add a line to provides.tsv", e.Name)
		}
		delete(table, e.Name)
	}
	for name := range table {
		t.Errorf("%s: the table of governance names a policy that the catalogue does not have", name)
	}
	t.Logf("%d policies", len(known.All()))
	if len(known.All()) < 80 {
		t.Error("too few were looked at")
	}
}
