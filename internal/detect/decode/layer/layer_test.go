package layer_test

import (
	"encoding/base64"
	"testing"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

func open(text string, set layer.Set) (out map[layer.Decoder][]layer.Part) {
	out = map[layer.Decoder][]layer.Part{}
	var s layer.Scratch
	layer.Open(text, set, &s, func(d layer.Decoder, p layer.Part) bool {
		out[d] = append(out[d], p)
		return true
	})
	return out
}

func TestFirst(t *testing.T) {
	for _, text := range []string{
		"%3Cscript%3E", "PHNjcmlwdD4=", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg", "&lt;script&gt;", `\x3cscript\u003e`,
		"+ADw-script+AD4-", "\xc0\xbcscript\xc0\xbe", "＜script＞", "3c7363726970743e616c657274",
		"<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00",
		"a=b; x=" + base64.StdEncoding.EncodeToString([]byte("<script>alert(document.cookie)</script>")) + ";",
		"Bearer eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiPHNjcmlwdD4ifQ.",
		"customer", "hello world, this is prose.", "0b9e0d7c-1c5e-4d1f-9d9f-0d8b3f5d8a11", "12345",
	} {
		t.Logf("%q %v", text, open(text, layer.All))
	}
}

func BenchmarkOrdinary(b *testing.B) {
	for _, text := range []string{"customer", "Jonathan", "12345", "4711.50", "2026-11-22", "hello world, this is prose about mules.", "Where is my order 4711, please?", "0b9e0d7c-1c5e-4d1f-9d9f-0d8b3f5d8a11", "info@example.com", "d41d8cd98f00b204e9800998ecf8427e"} {
		b.Run(text, func(b *testing.B) {
			var s layer.Scratch
			b.ReportAllocs()
			v := func(layer.Decoder, layer.Part) bool { return true }
			for b.Loop() {
				layer.Open(text, layer.Default, &s, v)
			}
		})
	}
}
