package inventorytest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/shape"
)

// seen is how many calls taught an operation its parameters and bodies.
const seen = 8

// learned adds parameters and bodies.
func learned(op *discovery.Operation, l *shape.Looker, random *rand.Rand) {
	op.Sampled = seen
	parameter := func(in, name string, value func(i int) string) {
		p := &discovery.Parameter{In: in, Name: name, First: op.First, Last: op.Last}
		for i := range 2 + random.IntN(seen-1) {
			p.Values.Observe(l, sensitive.Context{Name: name, In: in}, value(i))
		}
		op.Parameters = append(op.Parameters, p)
	}
	parameter("path", "id", func(i int) string { return fmt.Sprintf("5f0c6a52-9d2e-4a77-8d1c-1f2e3d4c5b%02x", i) })
	parameter("query", "limit", func(i int) string { return fmt.Sprint(10 * (i + 1)) })
	doc := map[string]any{"id": 17, "total": 12.5, "status": "open", "lines": []any{map[string]any{"sku": "A-77", "quantity": 2}}}
	if random.IntN(4) == 0 {
		doc["email"] = "ann.miller@example.com"
	}
	if random.IntN(9) == 0 {
		doc["payment"] = map[string]any{"cardNumber": "4111111111111111"}
		parameter("header", "x-customer-email", func(i int) string { return fmt.Sprintf("ann%d@example.com", i) })
	}
	if random.IntN(13) == 0 {
		doc["iban"] = "DE89370400440532013000"
	}
	body := &discovery.Body{Status: 200, Media: "application/json", Count: seen, Read: seen, Schema: &shape.Schema{}, First: op.First, Last: op.Last}
	for i := range seen / 4 {
		doc["id"] = 17 + i
		text, err := json.Marshal(map[string]any{"items": []any{doc}})
		if err == nil {
			err = body.Schema.ObserveJSON(l, sensitive.Context{In: "body"}, text, false)
		}
		if err != nil {
			panic(err) // these documents are ours
		}
	}
	op.Answers = []*discovery.Body{body}
	if op.Method == http.MethodPost {
		op.Bodies = []*discovery.Body{{Media: "application/json", Count: seen, Read: seen, Schema: body.Schema}}
	}
}
