package check

import (
	"testing"

	"farrier.dev/farrier/internal/spec"
)

// TestReadDescription: a description is read with the files that it includes, none
// of them outside its folder, and only in the languages of requests.
func TestReadDescription(t *testing.T) {
	const main = "#%RAML 1.0\ntitle: Orders\nmediaType: application/json\ntypes:\n  Order: !include types/order.raml\n/orders:\n  get:\n    responses:\n      200:\n        body: Order\n"
	const order = "#%RAML 1.0 DataType\ntype: object\nproperties:\n  id: integer\n"
	files := map[string]string{
		"src/main/mule/app.xml":                                            muleRoot + `</mule>`,
		"src/main/resources/api/orders.raml":                               main,
		"src/main/resources/api/types/order.raml":                          order,
		"src/main/resources/api/outside.raml":                              "#%RAML 1.0\ntitle: a\ntypes:\n  Order: !include ../secret.raml\n/orders:\n  get:\n",
		"src/main/resources/secret.raml":                                   order,
		"src/main/resources/api/exchange_modules/g/a/1.0/main.raml":        main,
		"src/main/resources/api/service.wsdl":                              `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>`,
		"src/main/resources/api/exchange_modules/g/a/1.0/types/order.raml": order,
	}
	p := projectOf(t, files)
	for _, test := range []struct {
		file       string
		read       bool
		operations int
	}{
		{"src/main/resources/api/orders.raml", true, 1},
		{"src/main/resources/api/exchange_modules/g/a/1.0/main.raml", true, 1},
		{"src/main/resources/api/outside.raml", true, 0},
		{"src/main/resources/api/service.wsdl", false, 0},
		{"src/main/resources/api/none.raml", false, 0},
	} {
		d := readDescription(p, test.file)
		if (d != nil) != test.read {
			t.Errorf("%s: read %v", test.file, d != nil)
			continue
		}
		got := 0
		if d != nil && d.Description != nil {
			got = len(d.Description.Operations)
		}
		if got != test.operations {
			t.Errorf("%s: %d operations, want %d: %v", test.file, got, test.operations, d.Problems)
		}
	}
}

func TestUnconstrained(t *testing.T) {
	all := spec.Definitions{
		"any": map[string]any{"type": "string"}, "long": map[string]any{"type": "string", "maxLength": 5.0}, "ref": map[string]any{"$ref": "#/$defs/any"},
		"enum": map[string]any{"type": "string", "enum": []any{"a"}}, "open": map[string]any{"type": "string", "pattern": "[a-z]"},
		"closed": map[string]any{"type": "string", "pattern": "^[a-z]+$"}, "number": map[string]any{"type": "integer"}, "date": map[string]any{"type": "string", "format": "date"},
		"choice": map[string]any{"oneOf": []any{}}, "nothing": map[string]any{},
	}
	for name, want := range map[string]bool{
		"any": true, "long": true, "ref": true, "open": true, "nothing": true, "": true,
		"enum": false, "closed": false, "number": false, "date": false, "choice": false,
	} {
		if got := unconstrained(all, spec.Schema{Name: name}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOperationKey(t *testing.T) {
	for _, pair := range [][2]string{{"/orders/{id}", "/orders/{orderId}"}, {"/orders/", "/orders"}} {
		if operationKey("get", pair[0]) != operationKey("GET", pair[1]) {
			t.Errorf("%s is not %s", pair[0], pair[1])
		}
	}
	if operationKey("GET", "/orders/{id}") == operationKey("GET", "/orders/id") {
		t.Error("a template is a constant")
	}
}
