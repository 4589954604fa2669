package dataweave

import (
	"testing"
	"unsafe"
)

// headers is a header list as a gateway keeps it.
type headers []struct{ name, value string }

func (h *headers) Get(key string) (Value, bool) {
	for i := range *h {
		if (*h)[i].name == key {
			return String((*h)[i].value), true
		}
	}
	return Value{}, false
}

func (h *headers) Len() int { return len(*h) }

func (h *headers) Keys() []string {
	keys := make([]string, len(*h))
	for i := range *h {
		keys[i] = (*h)[i].name
	}
	return keys
}

// request is an Env and its own attributes.
type request struct{ headers headers }

func (r *request) Lookup(root string) (Value, bool) {
	if root == "attributes" {
		return ObjectOf((*attributes)(r)), true
	}
	return Value{}, false
}

type attributes request

func (a *attributes) Get(key string) (Value, bool) {
	switch key {
	case "headers":
		return ObjectOf(&a.headers), true
	case "method":
		return String("GET"), true
	case "statusCode":
		return Number(200), true
	}
	return Value{}, false
}

func (a *attributes) Len() int { return 3 }

func (a *attributes) Keys() []string { return []string{"headers", "method", "statusCode"} }

func TestAllocations(t *testing.T) {
	env := &request{headers: headers{{"accept", "*/*"}, {"client_id", "c1"}}}
	cases := []struct {
		text   string
		allocs float64
	}{
		{"#[attributes.headers['client_id']]", 0},
		{"#[attributes.headers['absent'] default 'anonymous']", 0},
		{"#[attributes.method == 'GET' or attributes.method == 'HEAD']", 0},
		{"#[[200,203,204] contains attributes.statusCode]", 0},
		{"#[attributes.statusCode]", 1},
		{"#[if (attributes.headers.accept contains '*') lower('A') else upper('a')]", 0},
		{"#[attributes.method ++ ' ' ++ attributes.headers.client_id ++ ' ' ++ attributes.statusCode]", 1},
		{"literal", 0},
	}
	for _, c := range cases {
		e, err := Compile(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(100, func() {
			if _, err := e.EvalString(env); err != nil {
				t.Error(err)
			}
		})
		if got != c.allocs {
			t.Errorf("%s: %v allocations, want %v", c.text, got, c.allocs)
		}
	}
	t.Logf("measured %d expressions; a Value has %d bytes", len(cases), unsafe.Sizeof(Value{}))
}

func BenchmarkHeader(b *testing.B) {
	env := &request{headers: headers{{"accept", "*/*"}, {"client_id", "c1"}}}
	e, err := Compile("#[attributes.headers['client_id']]")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := e.EvalString(env); err != nil {
			b.Fatal(err)
		}
	}
}
