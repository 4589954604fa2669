package dataweave

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// BenchmarkScript transforms a small order from JSON into XML.
func BenchmarkScript(b *testing.B) {
	archive, err := txtar.ParseFile("testdata/scripts/formats.txtar")
	if err != nil {
		b.Fatal(err)
	}
	text, data := string(archive.Files[0].Data), archive.Files[1].Data
	s, err := CompileScript(text)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := CompileScript(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("transform", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			payload, err := FromJSONOrdered(data)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := s.Write(scriptEnv{payload}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestScriptCost holds that the limits bound time and memory, whatever a script
// does with a body of 1 MiB.
func TestScriptCost(t *testing.T) {
	data := []byte(`{"s":"` + strings.Repeat("ab", 1<<18) + `","n":[` + strings.Repeat("7,", 1<<17) + `7],"o":{` + strings.Repeat(`"k":1,`, 1<<15) + `"l":2}}`)
	payload, err := FromJSONOrdered(data)
	if err != nil {
		t.Fatal(err)
	}
	scripts := []string{
		"payload",
		"(1 to 60000) map payload.s",
		"(1 to 60000) map upper(payload.s)",
		"(1 to 60000) map (payload.s replace /(a|b)+/ with $[0])",
		`(1 to 60000) map (payload.s replace "a" with "$$")`,
		"(1 to 60000) map (payload.s contains /(a|b)*c/)",
		"(1 to 60000) map sum(payload.n)",
		"(1 to 60000) map (payload.n orderBy -$)",
		"(1 to 60000) map (payload.n distinctBy $)",
		"(1 to 60000) map (payload.n joinBy '')",
		"(1 to 60000) map (payload.n ++ payload.n)",
		"(1 to 60000) map (payload.n == payload.n)",
		"(1 to 60000) map (payload.n contains 8)",
		"(1 to 60000) map (payload.o mergeWith payload.o)",
		"(1 to 60000) map (payload.n - 7)",
		"(1 to 60000) map (payload.o - 'k')",
		"(1 to 60000) map (payload.n filter false)",
		"(1 to 60000) map (payload.o filterObject false)",
		"(1 to 60000) map (payload.o pluck null)",
		"(1 to 60000) map payload.n[?(false)]",
		"(1 to 60000) map payload.*o.@x",
		"(1 to 60000) map payload.n.*l",
		"(1 to 60000) map (payload.n.@a)",
		"(1 to 60000) map capitalize(payload.s)",
		"(1 to 60000) map leftPad(payload.s, 1)",
		"(1 to 60000) map substring(payload.s, 0, 1)",
		"(1 to 60000) map (payload.s scan /x/)",
		"(1 to 60000) map (payload.s splitBy /x/)",
		"(1 to 60000) map (payload.s replace 'x' with 'y')",
		"(1 to 60000) map (payload.n indexOf 8)",
		"(1 to 60000) map drop(payload.n, 100000)",
		"(1 to 60000) map countBy(payload.n, false)",
		"(1 to 60000) map (payload.s match { case matches /(a|b)*x/ -> 1 else -> 2 })",
		"(1 to 60000) map (payload.s match { case 'x' -> 1 else -> 2 })",
		"(1 to 60000) map toBase64(payload.s)",
		"(1 to 60000) map (payload.s as Boolean default 1)",
		"(1 to 60000) map (payload.s as String {format: 'yyyy'})",
		"(1 to 60000) map payload.o[-1]",
		"(1 to 60000) map payload.o.zz?",
		"(1 to 60000) map avg(payload.n)",
		"(1 to 60000) map (payload.n reduce $)",
		"(1 to 60000) map (payload.n flatMap null)",
		"(1 to 60000) map entriesOf(payload.o)",
		"(1 to 60000) map valuesOf(payload.o)",
		"(1 to 60000) map sizeOf(payload.o)",
		"(1 to 60000) map sizeOf(payload.n)",
		"(1 to 60000) map max(payload.n)",
		"(1 to 60000) map payload..k",
		"(1 to 60000) map payload.*o",
		"(1 to 60000) map payload.o.*k",
		"(1 to 60000) map payload.n[0 to -1]",
		"(1 to 60000) map payload.s[-1]",
		"(1 to 60000) map payload.s[0 to 1]",
		"(1 to 60000) map sizeOf(payload.s)",
		"(1 to 60000) map (payload.s startsWith payload.s)",
		"(1 to 60000) map (payload.s ++ payload.s)",
		"(1 to 60000) map (payload.s == payload.s)",
		"(1 to 60000) map (payload.s > payload.s)",
		"(1 to 60000) map indexOf(payload.s, 'c')",
		"(1 to 60000) map substringAfter(payload.s, 'c')",
		"(1 to 60000) map (payload.o -- ['k'])",
		"(1 to 60000) map (payload.o -- payload.o)",
		"(1 to 60000) map (payload.o mapObject {($$): $})",
		"(1 to 60000) map (payload.o groupBy $)",
		"(1 to 60000) map isNumeric(payload.s)",
		"(1 to 60000) map isBlank(payload.s)",
		"(1 to 60000) map (payload.s splitBy 'b')",
		"(1 to 60000) map (payload.s as Number default 1)",
		"(1 to 60000) map payload.o.l",
		"(1 to 60000) map payload.n.l",
		"(1 to 60000) map keysOf(payload.o)",
		"(1 to 60000) map flatten([payload.n])",
		"(1 to 60000) map take(payload.n, 100000)",
		"(1 to 60000) map isEmpty(payload.o)",
		"(1 to 60000) map {(payload.o)}",
		`(1 to 60000) map "$(payload.s)"`,
		"(1 to 60000) reduce ((n, acc = 3) -> acc * acc)",
	}
	var slowest, most string
	var longest time.Duration
	var largest uint64
	for i, text := range scripts {
		if i%stride != 0 {
			continue
		}
		s, err := CompileScript(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, _, _ = s.Write(scriptEnv{payload}) // most run into a limit
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if took > longest {
			longest, slowest = took, text
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > largest {
			largest, most = made, text
		}
	}
	t.Logf("played %d scripts; the slowest took %s: %s; the largest made %d MiB: %s", (len(scripts)+stride-1)/stride, longest, slowest, largest>>20, most)
	if longest > 30*time.Second || largest > 1<<30 {
		t.Error("that is too much")
	}
}
