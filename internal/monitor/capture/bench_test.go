package capture

import (
	"strings"
	"testing"
)

// BenchmarkRedact is what one request costs the writer.
func BenchmarkRedact(b *testing.B) {
	for _, c := range []struct {
		name string
		m    message
	}{
		{"get", get("/orders/7?page=2&sort=-name", "user-agent", "curl/8.5.0", "accept", "*/*", "authorization", "Bearer "+jwt)},
		{"json2k", post("application/json", `[`+strings.Repeat(`{"id":17,"name":"Ann Smith","password":"hunter2","note":"the quick brown fox"},`, 24)+`null]`)},
		{"text128k", post("text/plain", strings.Repeat("x ", MaxBody/2))},
		{"prose128k", post("text/plain", strings.Repeat("the quick brown fox jumps over it. ", MaxBody/35))},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := c.m.exchange("01")
			b.ReportAllocs()
			for b.Loop() {
				copyOf(x, true).redact()
			}
		})
	}
}
