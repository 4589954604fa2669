package jsonschema

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
)

// TestHostile shows that schemas and values that cost much end.
func TestHostile(t *testing.T) {
	chain := `{"definitions": {`
	for i := range 60 {
		chain += fmt.Sprintf(`"d%d": {"anyOf": [{"$ref": "#/definitions/d%d"}, {"allOf": [{"$ref": "#/definitions/d%d"}]}]},`, i, i+1, i+1)
	}
	chain += `"d60": false}, "$ref": "#/definitions/d0"}`
	deep := strings.Repeat(`{"a":`, 190) + "1" + strings.Repeat("}", 190)
	for name, c := range map[string][2]string{
		"references in a circle":          {`{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}}`, `1`},
		"circle behind alternatives":      {`{"anyOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]}`, `1`},
		"alternatives that double":        {chain, `{"a": 1}`},
		"a schema of itself, twice":       {`{"properties": {"a": {"allOf": [{"$ref": "#"}, {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}]}}}`, deep},
		"more than fits into a number":    {`{"multipleOf": 1e-400, "minimum": 1e999999999}`, `1e999999999`},
		"an enum that is looked at often": {`{"items": {"enum": [` + strings.TrimSuffix(strings.Repeat(`[1,2],`, 5000), ",") + `]}}`, `[` + strings.TrimSuffix(strings.Repeat(`[1],`, 5000), ",") + `]`},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			s, problems := Read(parse(t, c[0]), "", options())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			s.Check(parse(t, c[1]), plenty())
			convert := func(_ *tree.Node, hint string, _ func() *tree.Node) string { return hint }
			s.Convert(convert)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func FuzzSchema(f *testing.F) {
	f.Add(`{"type": "object", "properties": {"a": {"$ref": "#"}}}`, `{"a": {}}`)
	f.Add(`{"$ref": "other.json#/definitions/more", "anyOf": [{}]}`, `[1]`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		o := tree.Options{MaxBytes: 4000}
		n, err := tree.Read(&tree.Source{Name: "a.json", Text: []byte(schema)}, o)
		if err != nil {
			t.Skip()
		}
		v, err := tree.Read(&tree.Source{Name: "b.json", Text: []byte(value)}, o)
		if err != nil {
			t.Skip()
		}
		s, problems := Read(n, "", options())
		if len(problems) > 0 {
			return
		}
		s.Check(v, plenty())
		s.Convert(func(_ *tree.Node, hint string, _ func() *tree.Node) string { return hint })
	})
}
