package openapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// many repeats what a number makes, less often under the race detector.
func many(n int, one func(i int) string) string {
	if slow {
		n /= 8
	}
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(one(i))
	}
	return b.String()
}

// TestHostile holds that descriptions made to cost much end soon, in words.
func TestHostile(t *testing.T) {
	const begin = `{"openapi":"3.0.3","info":{"title":"x","version":"1"},`
	get := `{"get":{"responses":{"200":{"description":"d"}}}}`
	parameters := many(8_000, func(i int) string { return fmt.Sprintf(`{"name":"p%d","in":"query","schema":{}}`, i) })
	cases := map[string]string{
		"many paths of one item": begin + `"paths":{` + many(8_000, func(i int) string { return fmt.Sprintf(`"/a%d":{"$ref":"#/x-i"}`, i) }) +
			`},"x-i":{"get":{"parameters":[` + parameters + `],"responses":{"200":{"description":"d"}}}}}`,
		"parameters that are the same": begin + `"paths":{"/a":{"parameters":[` + many(30_000, func(int) string { return `{"$ref":"#/x-p"}` }) + `]}},"x-p":{"name":"p","in":"query","schema":{}}}`,
		"many parameters":              begin + `"paths":{"/a":{"parameters":[` + parameters + `],` + get[1:] + `}}`,
		"many media types":             begin + `"paths":{"/a":{"get":{"responses":{"200":{"description":"d","content":{` + many(30_000, func(i int) string { return fmt.Sprintf(`"a/b%d":{}`, i) }) + `}}}}}}}`,
		"many unknown fields":          begin + `"paths":{},` + many(40_000, func(i int) string { return fmt.Sprintf(`"unknown%d":1`, i) }) + `}`,
		"many templates":               begin + `"paths":{` + many(500, func(i int) string { return fmt.Sprintf(`"/%d%s":%s`, i, strings.Repeat("/{a}", 1500), get) }) + `}}`,
		"paths with templates and text": begin + `"paths":{` + many(10_000, func(i int) string {
			return fmt.Sprintf(`"/{a}x%d":{"parameters":[{"name":"a","in":"path","required":true,"schema":{}}],%s`, i, get[1:])
		}) + `}}`,
		"a chain of references": begin + `"paths":{},"components":{"schemas":{` + many(30_000, func(i int) string { return fmt.Sprintf(`"A%d":{"$ref":"#/components/schemas/A%d"}`, i, i+1) }) + `}}}`,
		"references in circles": begin + `"paths":{},"components":{"schemas":{` + many(10_000, func(i int) string {
			return fmt.Sprintf(`"A%d":{"allOf":[{"$ref":"#/components/schemas/A%d"}]}`, i, (i*7+1)%10_000)
		}) + `}}}`,
		"names as long as it":      begin + `"paths":{"/` + strings.Repeat("a", 1<<20) + `":{"get":{` + many(200, func(i int) string { return fmt.Sprintf(`"u%d":1`, i) }) + `}}}}`,
		"a list without end":       begin + `"paths":{},"tags":[` + many(40_000, func(int) string { return `{"name":"a"}` }) + `]}`,
		"servers with variables":   begin + `"paths":{"/a":` + get + `},"servers":[{"url":"` + strings.Repeat("{a}", 10_000) + `","variables":{` + many(1000, func(i int) string { return fmt.Sprintf(`"a%d":{"default":"{a}{a}{a}{a}"}`, i) }) + `}}]}`,
		"variables that grow":      begin + `"paths":{"/a":` + get + `},"servers":[{"url":"{a0}","variables":{` + many(60, func(i int) string { return fmt.Sprintf(`"a%d":{"default":"{a%d}{a%d}"}`, i, i+1, i+1) }) + `}}]}`,
		"deep alternatives":        begin + `"paths":{},"components":{"schemas":{"A":` + strings.Repeat(`{"allOf":[`, 90) + `{}` + strings.Repeat(`]}`, 90) + `}}}`,
		"required without end":     begin + `"paths":{},"components":{"schemas":{"A":{"required":[` + many(40_000, func(i int) string { return fmt.Sprintf(`"a%d"`, i) }) + `]}}}}`,
		"callbacks of one another": begin + `"paths":{"/a":{"get":{"callbacks":{"c":{"x":{"$ref":"#/paths/~1a"}}},"responses":{"200":{"description":"d"}}}}}}`,
	}
	for name, text := range cases {
		began := time.Now()
		doc := openapi.Read(spec.OneFile("x.json", []byte(text), spec.ProjectLimits{}), "x.json")
		took := time.Since(began)
		length := 0
		for _, p := range doc.Problems {
			length += len(p.Message) + len(tree.Pointer(p.Path))
		}
		t.Logf("%s: %.1f MB in %v, %d problems of %d bytes", name, float64(len(text))/(1<<20), took, len(doc.Problems), length)
		if doc.Root == nil || len(doc.Problems) > openapi.MaxProblems || length > 1<<20 {
			t.Errorf("%s: %d problems of %d bytes", name, len(doc.Problems), length)
		}
		if took > 10*time.Second && !slow { // on a busy machine
			t.Errorf("%s takes %v", name, took)
		}
	}
}
