package judge_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/judge/patch"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// segments are what paths are made of, odd ones included.
var segments = []string{"a", "b", "{x}", "{y}", "{x}.json", "v{n}", "", "{", "}", "{}", "*", "é", "{x}{y}", "%2F", "~1", "a b"}

func drawPath(r *rapid.T, name string) string {
	path := ""
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(segments), 0, 6).Draw(r, name) {
		path += "/" + s
	}
	return path
}

// TestAnyPair judges any learned operation against any description: nothing panics, every
// operation is judged, the states exclude one another, and the same input gives the same
// judgement.
func TestAnyPair(t *testing.T) {
	traffic := newTraffic(3)
	bodies := []string{`{"a":1}`, `[1,"x",null]`, `{"a":{"b":[{"c":true}]}}`, `"text"`, `null`, `{"":{"/":1,"~":2}}`}
	schemas := []string{`{}`, `{type: object, properties: {a: {type: integer}}}`, `{$ref: '#/components/schemas/S'}`, `{anyOf: [{$ref: '#/components/schemas/S'}, {type: 'null'}]}`, `true`, `{type: array, items: {type: string}}`, `{enum: [a, 1, null]}`, `{not: {}}`, `{patternProperties: {'^a': {type: string}}}`}
	judged := 0
	rapid.Check(t, func(r *rapid.T) {
		text := "openapi: 3.1.0\ninfo: {title: A, version: '1'}\nservers: [{url: " + rapid.SampledFrom([]string{"/", "/v1", "'https://{t}.a.com/{b}'", "''", "//h:80/x/"}).Draw(r, "server") + "}]\ncomponents: {schemas: {S: {type: object, properties: {s: {$ref: '#/components/schemas/S'}}}}}\npaths:\n"
		for i := range rapid.IntRange(1, 3).Draw(r, "paths") {
			schema := rapid.SampledFrom(schemas).Draw(r, "schema")
			text += fmt.Sprintf("  %q:\n    post:\n      x-sunset: %q\n      deprecated: %v\n      parameters: [{name: q, in: query, schema: %s}]\n      requestBody: {content: {application/json: {schema: %s}}}\n      responses: {'200': {description: ok, content: {'*/*': {schema: %s}}}}\n",
				fmt.Sprintf("/%d%s", i, drawPath(r, "path")), rapid.SampledFrom([]string{"", "2020-01-01", "soon", "2030-01-01T00:00:00Z"}).Draw(r, "sunset"), rapid.Bool().Draw(r, "deprecated"), schema, schema, schema)
		}
		doc := languages.Read(spec.OneFile("a.yaml", []byte(text), spec.ProjectLimits{}), "a.yaml")
		described := []discovery.Described{{Name: "a", Origin: "specification", Document: doc, Superseded: rapid.Bool().Draw(r, "superseded"), Flows: []discovery.Flow{{Path: drawPath(r, "flow")}}}, {Name: "empty"}}
		op := called(rapid.SampledFrom([]string{"", "*", "x.a.com"}).Draw(r, "host"), "POST", fmt.Sprintf("/%d%s", rapid.IntRange(0, 2).Draw(r, "first"), drawPath(r, "learned")))
		op.API, op.BasePath = rapid.SampledFrom([]string{"", "default/a"}).Draw(r, "api"), rapid.SampledFrom([]string{"", "/0", "/x"}).Draw(r, "base")
		op.Bodies = []*discovery.Body{traffic.texts(0, rapid.SampledFrom(bodies).Draw(r, "request"), 3)}
		op.Answers = []*discovery.Body{traffic.texts(200, rapid.SampledFrom(bodies).Draw(r, "reply"), 3), {Status: 200}, {Status: -1, Media: "x"}}
		op.Parameters = []*discovery.Parameter{traffic.parameter("query", prop{name: "q", typ: "integer"}, 3), traffic.parameter("path", prop{name: "z", typ: "string"}, 3), traffic.parameter("body", prop{name: "?", typ: "string"}, 2)}
		op.Version, op.Name = rapid.SampledFrom([]string{"", ":", "accept: a/b", "x"}).Draw(r, "version"), rapid.SampledFrom([]string{"", "query a", "x"}).Draw(r, "name")
		inv := &discovery.Inventory{At: now, Operations: []*discovery.Operation{op, nil, {}}}
		j := judge.Judge(inv, described, judge.Options{})
		if len(j.Operations) != 2 {
			r.Fatalf("%d operations are judged", len(j.Operations))
		}
		exclusive := 0
		for _, s := range []discovery.State{discovery.Documented, discovery.Shadow, discovery.Zombie} {
			if j.Operations[0].Is(s) {
				exclusive++
			}
		}
		if exclusive != 1 {
			r.Fatalf("the states are %v", j.Operations[0].States)
		}
		if a, b := fmt.Sprint(j.Findings()), fmt.Sprint(judge.Judge(inv, described, judge.Options{}).Findings()); a != b {
			r.Fatalf("judged twice:\n%s\n%s", a, b)
		}
		if res, err := patch.Of(j, 0); err == nil && doc.Valid() && len(res.Files) > 0 {
			if again, err := patch.Read(doc, res.Files); err != nil || !again.Valid() {
				r.Fatalf("the patch breaks the description: %v\n%s", again.Problems, res.Diff)
			}
		}
		judged++
	})
	t.Logf("%d pairs", judged)
	judge.Judge(nil, nil, judge.Options{})
}

// BenchmarkJudge is 20,000 operations against 200 descriptions, of which one, or ten,
// describe each.
func BenchmarkJudge(b *testing.B) {
	for _, shared := range []int{1, 10} {
		b.Run(fmt.Sprintf("described=%d", shared), func(b *testing.B) { benchmark(b, shared) })
	}
}

func benchmark(b *testing.B, shared int) {
	b.Helper()
	r := newTraffic(1)
	var described []discovery.Described
	var ops []*discovery.Operation
	for i := range 200 {
		a := r.plain(fmt.Sprintf("Shop %d", i-i%shared), 100)
		described = append(described, a.described(b, dialects[i%3]))
		first := r.learned(a, a.ops[0], 10)
		for _, o := range a.ops {
			l := *first
			l.Method, l.Path = o.method, a.base+renamed(o.path)
			ops = append(ops, &l)
		}
	}
	inv := &discovery.Inventory{At: now, Operations: ops}
	b.ReportAllocs()
	for b.Loop() {
		if j := judge.Judge(inv, described, judge.Options{}); len(j.Operations) != 20_000 {
			b.Fatal(len(j.Operations))
		}
	}
}
