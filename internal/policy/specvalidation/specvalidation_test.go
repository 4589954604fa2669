package specvalidation_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/specvalidation"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, specvalidation.Policy(), 4) }

const orders = `
openapi: 3.0.3
paths:
  /orders/{id}:
    put:
      parameters: [{name: id, in: path, schema: {type: integer}}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          image/*: {}
components:
  schemas:
    Order:
      type: object
      required: [item, lines]
      properties:
        item: {type: string, maxLength: 20}
        note: {type: string}
        lines:
          type: array
          items: {type: object, required: [sku, quantity], properties: {sku: {type: string}, quantity: {type: integer, minimum: 1}, price: {type: number}}}
`

func step(tb testing.TB, settings map[string]any) policy.Step {
	tb.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		tb.Fatal(err)
	}
	compiled, err := specvalidation.Policy().Compile(text)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := compiled.Bind(policy.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func exchange(tb testing.TB, s policy.Step, kind, body string) *traffic.Exchange {
	tb.Helper()
	x := &traffic.Exchange{SubPath: "/orders/7", Request: traffic.Request{Method: "PUT", Path: "/orders/7"}}
	x.Request.Header.Set("content-type", kind)
	x.Request.Body.SetSource(strings.NewReader(body), int64(len(body)))
	if err := x.Request.Body.Load(s.RequestBody.Limit, nil, nil); err != nil {
		tb.Fatal(err)
	}
	return x
}

// TestLongBodies holds that only what is validated must be short.
func TestLongBodies(t *testing.T) {
	const limit = 4096
	long := `{"item":"x","lines":[],"note":"` + strings.Repeat("x", limit) + `"}`
	for _, c := range []struct {
		kind, body string
		block      bool
		status     int
		reason     string
	}{
		{"application/json", long, true, 413, "longer than the 4096 bytes"},
		{"application/json", long, false, 0, "body: it is longer than is looked at"},
		{"Application/x-www-form-urlencoded; charset=utf-8", long, true, 413, "longer than the 4096 bytes"},
		{"image/png", long, true, 0, "body: only JSON and forms are held against their schema"},
		{"text/csv", long, true, 400, "header content-type: not described for this operation"},
		{"application/json", long[:64] + `"}`, true, 0, ""},
	} {
		s := step(t, map[string]any{"source": "inline", "spec": orders, "blockOperation": c.block, "requestBodyLimit": limit})
		x := exchange(t, s, c.kind, c.body)
		if v := s.Request(t.Context(), x); v.Answer.Status != c.status || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s, block %v: %d %q, want %d %q", c.kind, c.block, v.Answer.Status, v.Reason, c.status, c.reason)
		}
	}
}

// TestOracle holds that the operations, parameters and media types that are read
// are those that an independent reader of OpenAPI finds.
func TestOracle(t *testing.T) {
	files := []string{"../../spec/openapi/testdata/pets.yaml", "testdata/oracle.yaml"}
	compared := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := openapi.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var ours []string
		for _, op := range d.Operations {
			for _, p := range op.Parameters {
				ours = append(ours, strings.Join([]string{op.Method, op.Path, string(p.In), p.Name}, " "))
			}
			if op.Body != nil {
				for _, m := range op.Body.Content {
					ours = append(ours, strings.Join([]string{op.Method, op.Path, "body", m.Range}, " "))
				}
			}
			ours = append(ours, op.Method+" "+op.Path+" "+op.ID)
		}
		theirs := oracle(t, text)
		slices.Sort(ours)
		slices.Sort(theirs)
		if compared += len(ours); !slices.Equal(ours, theirs) {
			t.Errorf("%s: we read\n%s\nlibopenapi\n%s", file, strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
		}
	}
	if t.Logf("compared %d facts", compared); compared < 15 {
		t.Fatal("there should be at least 15")
	}
}

func oracle(t *testing.T, text []byte) []string {
	t.Helper()
	config := datamodel.NewDocumentConfiguration()
	config.Logger = slog.New(slog.DiscardHandler)
	doc, err := libopenapi.NewDocumentWithConfiguration(text, config)
	if err != nil {
		t.Fatal(err)
	}
	model, err := doc.BuildV3Model()
	if err != nil || model == nil {
		t.Fatal(errors.Join(err, errors.New("no model")))
	}
	var all []string
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			at := strings.ToUpper(method) + " " + path + " "
			all = append(all, at+op.OperationId)
			seen := map[string]bool{}
			for _, p := range slices.Concat(op.Parameters, item.Parameters) {
				if name := p.In + " " + p.Name; !seen[name] && name != "header Authorization" {
					seen[name] = true
					all = append(all, at+name)
				}
			}
			if op.RequestBody != nil {
				for media := range op.RequestBody.Content.FromOldest() {
					all = append(all, at+"body "+media)
				}
			}
		}
	}
	return all
}

// BenchmarkRequest is one request with a JSON body of 1 kB.
func BenchmarkRequest(b *testing.B) {
	s := step(b, map[string]any{"source": "inline", "spec": orders, "blockOperation": true})
	line := `{"sku":"nail-100","quantity":200,"price":12.50}`
	body := `{"item":"nails","note":"` + strings.Repeat("x", 40) + `","lines":[` + strings.Repeat(line+",", 19) + line + `]}`
	x := exchange(b, s, "application/json", body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Request(b.Context(), x); v.Stops() {
			b.Fatal(v.Reason)
		}
	}
}

// BenchmarkValue is the part of it that reads the JSON.
func BenchmarkValue(b *testing.B) {
	line := `{"sku":"nail-100","quantity":200,"price":12.50}`
	body := []byte(`{"item":"nails","lines":[` + strings.Repeat(line+",", 20) + line + `]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := spec.Value(body, spec.Limits()); err != nil {
			b.Fatal(err)
		}
	}
}
