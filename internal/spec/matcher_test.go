package spec_test

import (
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
)

func operations(lines ...string) []spec.Operation {
	var all []spec.Operation
	for _, line := range lines {
		method, path, _ := strings.Cut(line, " ")
		all = append(all, spec.Operation{Method: method, Path: path})
	}
	return all
}

func TestMatcher(t *testing.T) {
	m, err := spec.NewMatcher(operations(
		"GET /", "GET /pets", "POST /pets", "GET /pets/{id}", "DELETE /pets/{id}", "GET /pets/mine", "HEAD /pets/mine",
		"GET /pets/{id}/photos/{photo}", "GET /pets/mine/photos", "GET /files/{name}.{ending}", "GET /files/{name}.json", "GET /{a}/x",
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, want string
		values             []string
		known              bool
	}{
		{"GET", "/", "GET /", nil, false},
		{"GET", "/pets", "GET /pets", nil, false},
		{"HEAD", "/pets", "GET /pets", nil, false},
		{"HEAD", "/pets/mine", "HEAD /pets/mine", nil, false},
		{"GET", "/pets/", "", nil, false},
		{"GET", "/pets/7", "GET /pets/{id}", []string{"7"}, false},
		{"GET", "/pets/mine", "GET /pets/mine", nil, false},
		{"DELETE", "/pets/mine", "DELETE /pets/{id}", []string{"mine"}, true},
		{"PUT", "/pets/7", "", nil, true},
		{"GET", "/pets/mine/photos/3", "GET /pets/{id}/photos/{photo}", []string{"mine", "3"}, false},
		{"GET", "/pets/a%20b/photos/3", "GET /pets/{id}/photos/{photo}", []string{"a%20b", "3"}, false},
		{"GET", "/files/a.b.json", "GET /files/{name}.json", []string{"a.b"}, false},
		{"GET", "/files/a.xml", "GET /files/{name}.{ending}", []string{"a", "xml"}, false},
		{"GET", "/files/.xml", "", nil, false},
		{"GET", "/pets/x", "GET /pets/{id}", []string{"x"}, false},
		{"GET", "/cats/x", "GET /{a}/x", []string{"cats"}, false},
		{"GET", "/pets//photos/3", "", nil, false},
		{"GET", "pets", "", nil, false},
		{"get", "/pets", "", nil, true},
	} {
		op, values, known := m.Match(c.method, c.path, nil)
		got := ""
		if op != nil {
			got = op.Method + " " + op.Path
		}
		if got != c.want || !slices.Equal(values, c.values) || op == nil && known != c.known {
			t.Errorf("%s %s: %q %v %v, want %q %v %v", c.method, c.path, got, values, known, c.want, c.values, c.known)
		}
	}
	room := make([]string, 0, 4)
	if n := testing.AllocsPerRun(100, func() { m.Match("GET", "/pets/mine/photos/3", room) }); n != 0 {
		t.Errorf("%v allocations per match", n)
	}
	for _, bad := range [][]string{
		{"GET /a/{x}", "GET /a/{y}"}, {"GET a"}, {"GET /{"}, {"GET /}"}, {"GET /{}"}, {"GET /{a}{b}"}, {"GET /{a{b}}"},
	} {
		if _, err := spec.NewMatcher(operations(bad...)); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

func BenchmarkMatcher(b *testing.B) {
	m, err := spec.NewMatcher(operations("GET /pets", "GET /pets/{id}", "GET /pets/{id}/photos/{photo}", "GET /pets/mine/photos"))
	if err != nil {
		b.Fatal(err)
	}
	room := make([]string, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		m.Match("GET", "/pets/mine/photos/3", room)
	}
}
