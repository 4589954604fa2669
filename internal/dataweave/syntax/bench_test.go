package syntax_test

import (
	"os"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// BenchmarkParse reads the scripts of testdata/integrations.txt.
func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("testdata/integrations.txt")
	if err != nil {
		b.Fatal(err)
	}
	scripts := strings.Split(string(data), "\n====\n")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range scripts {
			syntax.Parse(s)
		}
	}
}
