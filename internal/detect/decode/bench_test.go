package decode

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

func workloads(t testing.TB) map[string]*traffic.Request {
	items := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","items":[`)
		for i := range n {
			fmt.Fprintf(&b, `{"sku":"A-%d","name":"Item number %d","qty":%d,"note":"leave at the door, please","price":9.%d},`, i, i, i, i)
		}
		return strings.TrimSuffix(b.String(), ",") + "]}"
	}
	get := request(t, "get", "GET /v1/orders?limit=50&offset=100&sort=-created\nHost: api.example.com\nUser-Agent: curl/8.5.0\nAccept: application/json\nAccept-Encoding: gzip\nX-Request-Id: 3f2504e0-4f89-41d3-9a0c-0305e82c3301")
	var xml strings.Builder
	xml.WriteString(`<o xmlns="urn:o">`)
	for i := range 12 {
		fmt.Fprintf(&xml, `<item sku="A-%d"><name>Item number %d</name><qty>%d</qty></item>`, i, i, i)
	}
	xml.WriteString(`</o>`)
	escaped := strings.ReplaceAll(items(8), " ", `\u0020`)
	return map[string]*traffic.Request{
		"get":          get,
		"form":         post(t, "application/x-www-form-urlencoded", "name=Alice+Example&street=12%2C+Long+Road&city=Springfield&note=leave+it+at+the+door&qty=3"),
		"json1k":       post(t, "application/json", items(8)),
		"json20k":      post(t, "application/json", items(190)),
		"json escaped": post(t, "application/json", escaped),
		"xml1k":        post(t, "application/xml", xml.String()),
	}
}

// processorTime is what the process has used, in seconds: on a busy machine the
// clock on the wall tells little.
func processorTime(t testing.TB) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func BenchmarkRead(b *testing.B) {
	all := workloads(b)
	for _, name := range []string{"get", "form", "json1k", "json20k", "json escaped", "xml1k"} {
		b.Run(name, func(b *testing.B) {
			var tree Tree
			q := all[name]
			b.ReportAllocs()
			b.SetBytes(int64(len(q.Body.Bytes())))
			Read(q, nil, &tree)
			began, n := processorTime(b), 0
			for b.Loop() {
				Read(q, nil, &tree)
				n++
			}
			b.ReportMetric((processorTime(b)-began)*1e9/float64(n), "cpu-ns/op")
			b.ReportMetric(float64(len(tree.Leaves)), "leaves")
		})
	}
}

// TestNoGarbage holds that a tree that is used again needs no more memory.
func TestNoGarbage(t *testing.T) {
	all := workloads(t)
	for _, name := range []string{"get", "form", "json1k", "json escaped", "xml1k"} {
		var tree Tree
		Read(all[name], nil, &tree)
		if n := testing.AllocsPerRun(100, func() { Read(all[name], nil, &tree) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
