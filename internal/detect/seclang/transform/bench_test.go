package transform

import (
	"strings"
	"testing"
)

// Texts of the benchmarks, about 1 kB each.
var benchTexts = map[string]string{
	"ordinary": strings.Repeat("please deliver the parcel to 12 market street on friday morning ", 16),
	"prose":    strings.Repeat("Dear Sir, the order (no. 4711) isn't complete; please check it & reply. ", 14),
	"cyrillic": strings.Repeat("Пожалуйста, доставьте посылку в пятницу утром. ", 12),
	"cjk":      strings.Repeat("金曜日の朝に荷物を届けてください。", 20),
	"triggers": strings.Repeat("%41+%u0041 \\x41\\u0041 &lt;&amp /*A*/-- ../a/./b \t\"C^\"\x00\u00a0É ", 14),
	"base64":   strings.Repeat("UGxlYXNlIGRlbGl2ZXIgdGhlIHBhcmNlbA", 30),
}

func BenchmarkMaskOf(b *testing.B) {
	for name, text := range benchTexts {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_ = MaskOf(text)
			}
			perByte(b, text)
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 16<<10)
	for _, f := range functions {
		for name, text := range benchTexts {
			b.Run(f.Name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					dst = f.Append(dst[:0], text)
				}
				perByte(b, text)
			})
		}
	}
}

func BenchmarkChanges(b *testing.B) {
	for _, f := range functions {
		if f.Changes == nil {
			continue
		}
		for _, name := range []string{"ordinary", "prose"} {
			text := benchTexts[name]
			b.Run(f.Name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = f.Changes(text)
				}
				perByte(b, text)
			})
		}
	}
}

func perByte(b *testing.B, text string) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/B")
}

// TestAllocations holds that nothing allocates where dst has room.
func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 16<<10)
	_ = entities() // built once
	played := 0
	for name, text := range benchTexts {
		if n := testing.AllocsPerRun(10, func() { _ = MaskOf(text) }); n != 0 {
			t.Errorf("MaskOf, %s: %v allocations", name, n)
		}
		for _, f := range functions {
			played++
			n := testing.AllocsPerRun(10, func() {
				if f.Changes != nil {
					_ = f.Changes(text)
				}
				dst = f.Append(dst[:0], text)
			})
			if n != 0 {
				t.Errorf("t:%s, %s: %v allocations", f.Name, name, n)
			}
		}
	}
	if t.Logf("%d played", played); played < 100 {
		t.Error("too few")
	}
}
