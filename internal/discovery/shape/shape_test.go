package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
)

func looker() *Looker {
	d, err := sensitive.New(nil)
	if err != nil {
		panic(err)
	}
	return NewLooker(d, [32]byte{1, 2, 3})
}

// documents are shapes from which documents are drawn.
func documents() *rapid.Generator[any] {
	words := rapid.SampledFrom([]string{"active", "closed", "pending"})
	scalars := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any { return rapid.IntRange(-5, 1<<40).Draw(t, "int") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64Range(-1e9, 1e12).Draw(t, "float") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "bool") }),
		rapid.Custom(func(t *rapid.T) any { return words.Draw(t, "word") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "string") }),
		rapid.Custom(func(t *rapid.T) any {
			return fmt.Sprintf("20%02d-%02d-%02d", rapid.IntRange(0, 99).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"),
				rapid.IntRange(1, 28).Draw(t, "d"))
		}),
		rapid.Custom(func(t *rapid.T) any {
			return rapid.StringMatching(`[a-z]{1,8}@[a-z]{1,8}\.(com|org)|[0-9a-f]{24}|https?://[a-z.]{1,9}/[a-z0-9?=&]*|[0-9.]{7,15}|P[0-9YMDTHS]{2,8}|20[0-9]{2}-0[1-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](Z|\+[0-9]{2}:[0-9]{2}|\.[0-9]{1,3}Z)`).Draw(t, "odd")
		}),
		rapid.Just(any(nil)),
	)
	names := rapid.OneOf(rapid.SampledFrom([]string{"id", "name", "status", "when", "items", "total", "@id", "a/b"}),
		rapid.StringMatching(`[0-9]{3}|[a-z]{3}`))
	var deep func(depth int) *rapid.Generator[any]
	deep = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return scalars
		}
		return rapid.OneOf(scalars,
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(deep(depth-1), 0, 4).Draw(t, "array") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.MapOfN(names, deep(depth-1), 0, 5).Draw(t, "object") }))
	}
	return deep(4)
}

func encode(t require, v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return out
}

type require interface {
	Fatalf(format string, args ...any)
}

func observe(t require, s *Schema, l *Looker, body []byte) {
	if err := s.ObserveJSON(l, sensitive.Context{In: "response"}, body, false); err != nil {
		t.Fatalf("observing %s: %v", body, err)
	}
}

func stored1(t require, s *Schema) string {
	return string(encode(t, s))
}

// validator compiles what a schema concluded with an independent implementation, which
// also checks formats.
func validator(t require, schema map[string]any) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, schema)))
	if err != nil {
		t.Fatalf("reading the schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:///s.json", doc); err != nil {
		t.Fatalf("adding the schema: %v", err)
	}
	compiled, err := c.Compile("mem:///s.json")
	if err != nil {
		t.Fatalf("compiling the schema: %v", err)
	}
	return compiled
}

func TestEverythingSeenValidates(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		l, s := looker(), &Schema{}
		var bodies [][]byte
		for _, v := range rapid.SliceOfN(documents(), 1, 6).Draw(t, "documents") {
			bodies = append(bodies, encode(t, v))
		}
		for range rapid.SampledFrom([]int{1, 3, 40}).Draw(t, "times") {
			for _, body := range bodies {
				observe(t, s, l, body)
			}
		}
		for _, o := range []Strictness{Observed, Tight, Loose} {
			schema := s.JSONSchema(o)
			compiled := validator(t, schema)
			for _, body := range bodies {
				v, _ := jsonschema.UnmarshalJSON(bytes.NewReader(body))
				if err := compiled.Validate(v); err != nil {
					t.Fatalf("%s: %s does not validate against %s: %v", o, body, encode(t, schema), err)
				}
				played++
			}
		}
	})
	t.Logf("%d validations", played)
	if played < 500 {
		t.Errorf("only %d validations", played)
	}
}

func TestMerge(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		l := looker()
		parts := [3]*Schema{{}, {}, {}}
		all := &Schema{}
		for i := range parts {
			for _, v := range rapid.SliceOfN(documents(), 0, 4).Draw(t, "documents") {
				body := encode(t, v)
				observe(t, parts[i], l, body)
				observe(t, all, l, body)
			}
		}
		sum := func(order ...int) *Schema {
			s := parts[order[0]].Clone()
			for _, i := range order[1:] {
				s.Merge(parts[i])
			}
			return s
		}
		before := stored1(t, parts[1])
		want := stored1(t, sum(0, 1, 2))
		right := parts[1].Clone()
		right.Merge(parts[2])
		left := parts[0].Clone()
		left.Merge(right)
		for name, got := range map[string]*Schema{"commuted": sum(2, 1, 0), "associated": left, "observed": all} {
			if stored1(t, got) != want {
				t.Fatalf("%s: %s\nwant %s", name, stored1(t, got), want)
			}
			played++
		}
		if stored1(t, parts[1]) != before {
			t.Fatalf("merging changed what was merged")
		}
	})
	t.Logf("%d merges", played)
}

func TestStoredExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, s := looker(), &Schema{}
		for _, v := range rapid.SliceOfN(documents(), 1, 20).Draw(t, "documents") {
			observe(t, s, l, encode(t, v))
		}
		text := stored1(t, s)
		var back Schema
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("reading %s: %v", text, err)
		}
		if got := stored1(t, &back); got != text {
			t.Fatalf("read %s\nas %s", text, got)
		}
	})
}

func BenchmarkObserveJSON(b *testing.B) {
	var items []string
	for i := range 6 {
		items = append(items, fmt.Sprintf(`{"id":%d,"sku":"AB-%d","name":"A thing of some kind %d","price":%d.5,"currency":"EUR","created":"2024-05-0%dT10:00:00Z","tags":["new","sale"],"active":true}`, 1000+i, i, i, i, i+1))
	}
	body := []byte(`{"total":6,"next":"https://api.example.com/items?page=2","items":[` + strings.Join(items, ",") + `]}`)
	l, s := looker(), &Schema{}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		observe(b, s, l, body)
	}
	b.ReportMetric(float64(s.Size())/float64(s.Nodes()), "B/node")
}
