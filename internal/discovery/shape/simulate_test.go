package shape

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// truth is what an API really does: a made-up place in its documents.
type truth struct {
	kind     int
	null     float64 // how often
	presence float64
	members  []truth
	items    *truth
	words    []string
}

func makeTruth(r *rand.Rand, depth int) truth {
	t := truth{kind: r.IntN(9), presence: 1}
	if depth == 0 {
		t.kind = 7
	} else if depth > 3 {
		t.kind = r.IntN(7)
	}
	if r.Float64() < 0.35 {
		t.presence = r.Float64()
	}
	if r.Float64() < 0.08 {
		t.null = r.Float64() * 0.5
	}
	switch t.kind {
	case 3:
		for i := range 2 + r.IntN(6) {
			t.words = append(t.words, fmt.Sprintf("STATE_%c", 'A'+i))
		}
	case 7:
		for range 2 + r.IntN(9) {
			t.members = append(t.members, makeTruth(r, depth+1))
		}
	case 8:
		inner := makeTruth(r, depth+1)
		t.items = &inner
	}
	return t
}

func (t *truth) draw(r *rand.Rand) any {
	if r.Float64() < t.null {
		return nil
	}
	switch t.kind {
	case 0:
		return r.IntN(1000)
	case 1:
		return math.Round(r.Float64()*1e4) / 100
	case 2:
		return r.IntN(2) == 0
	case 3:
		return t.words[int(float64(len(t.words))*r.Float64()*r.Float64())]
	case 4:
		return fmt.Sprintf("2024-%02d-%02dT%02d:00:00Z", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24))
	case 5:
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", r.Uint32(), r.Uint32())
	case 6:
		return fmt.Sprintf("some text %d", r.IntN(1e6))
	case 7:
		out := map[string]any{}
		for i := range t.members {
			if r.Float64() < t.members[i].presence {
				out[fmt.Sprintf("field_%c", 'a'+i)] = t.members[i].draw(r)
			}
		}
		return out
	}
	out := make([]any, r.IntN(4))
	for i := range out {
		out[i] = t.items.draw(r)
	}
	return out
}

// TestWhatComesValidates plays made-up APIs of few and many messages: what was learned
// must hold for messages that come later, each operation weighed by its traffic.
func TestWhatComesValidates(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	l := looker()
	type outcome struct{ good, all, rules, possible int }
	total := map[string]*outcome{}
	for round := range 150 {
		n := int(math.Pow(10, 0.5+r.Float64()*2.2)) // 3 to 500
		name := fmt.Sprintf("%d-", int(math.Pow(10, math.Floor(math.Log10(float64(n))))))
		api, s := makeTruth(r, 0), &Schema{}
		for range n {
			if err := s.ObserveJSON(l, sensitive.Context{}, encode(t, api.draw(r)), false); err != nil {
				t.Fatal(round, err)
			}
		}
		schema := s.JSONSchema(Observed)
		told := rulesIn(schema)
		compiled := validator(t, schema)
		if total[name] == nil {
			total[name] = &outcome{}
		}
		total[name].rules += told
		total[name].possible += rulesIn(s.JSONSchema(Tight))
		for range max(n/5, 1) {
			v, _ := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, api.draw(r))))
			total[name].all++
			if compiled.Validate(v) == nil {
				total[name].good++
			}
		}
	}
	good, all := 0, 0
	for name, o := range total {
		t.Logf("operations of %s messages: %d of %d hold, %.2f %%; %d of %d constraints told", name,
			o.good, o.all, 100*float64(o.good)/float64(o.all), o.rules, o.possible)
		good, all = good+o.good, all+o.all
	}
	share := float64(good) / float64(all)
	t.Logf("%d of %d messages hold, %.3f %%", good, all, 100*share)
	if all < 2000 || share < 0.995 {
		t.Errorf("only %.4f of %d messages validate", share, all)
	}
}

// rulesIn counts the constraints of a schema: single types, required members, formats
// and vocabularies.
func rulesIn(schema map[string]any) (n int) {
	if _, single := schema["type"].(string); single {
		n++
	}
	required, _ := schema["required"].([]any)
	n += len(required)
	for _, key := range []string{"format", "enum"} {
		if schema[key] != nil {
			n++
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, p := range properties {
		n += rulesIn(p.(map[string]any))
	}
	if items, ok := schema["items"].(map[string]any); ok {
		n += rulesIn(items)
	}
	return n
}
