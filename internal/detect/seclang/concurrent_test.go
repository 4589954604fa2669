package seclang

import (
	"sync"
	"testing"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

// TestConcurrent runs one set from several goroutines; every answer is that of
// a run alone.
func TestConcurrent(t *testing.T) {
	s := compileCRS(t, 1, Options{})
	g := newGenerator(t, 5)
	examples := workloads()[:3]
	for i := range 20 {
		examples = append(examples, g.example(i))
	}
	want := make([]int, len(examples))
	for i := range examples {
		want[i] = len(s.fired(&examples[i].in))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range examples {
				got := s.Run(&examples[i].in, &automaton.Meter{Left: 1 << 40})
				for _, m := range got.Matches {
					if len(m.Text) > maxExcerpt {
						t.Errorf("%s: an excerpt of %d bytes", examples[i].name, len(m.Text))
					}
				}
				if n := len(s.fired(&examples[i].in)); n != want[i] {
					t.Errorf("%s: %d matches, alone %d", examples[i].name, n, want[i])
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d requests in 4 goroutines", len(examples))
}
