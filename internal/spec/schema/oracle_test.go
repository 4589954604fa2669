package schema_test

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/spec/schema"
)

var pairs = flag.Int("pairs", 50_000, "how many pairs of schemas and values are held against the oracle")

// TestOracle holds that schemas and values drawn from a small world are judged as
// an independent validator does, and that the quick verdict is the one that is
// told.
func TestOracle(t *testing.T) {
	const each = 10
	valid, played := 0, 0
	var d schema.Document
	for seed := uint64(1); played < *pairs; seed++ {
		g := newGenerator(seed)
		theirs, err := oracle(g.defs)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		ours, err := schema.NewSet(g.defs, schema.Options{}).Schema("x")
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range each {
			v := g.meeting(g.defs["x"], 5)
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Parse(text, jsontext.DefaultLimits()); err != nil {
				t.Fatal(err)
			}
			played++
			got, want := ours.Valid(&d), theirs.Validate(v) == nil
			if want {
				valid++
			}
			told := ours.Violations(&d, 100)
			if got != want || got != (len(told) == 0) {
				defs, _ := json.Marshal(g.defs)
				t.Fatalf("seed %d: %s\nschema x of %s\nwe say %v and tell %v, the oracle says %v", seed, text, defs, got, told, want)
			}
		}
	}
	if t.Logf("played %d pairs, %d of them valid", played, valid); played < *pairs || valid < played/5 || valid > played*4/5 {
		t.Error("there should be more, and of both kinds")
	}
}

// oracle compiles the schema x by the library that we are held against.
func oracle(defs map[string]any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("test:x", map[string]any{"$defs": defs}); err != nil {
		return nil, err
	}
	return c.Compile("test:x#/$defs/x")
}
