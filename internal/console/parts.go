package console

import (
	"fmt"
	"html/template"
	"math"

	"farrier.dev/farrier/internal/control/exchange"
)

// rangeLinks lets choose a range of a page.
type rangeLinks struct {
	Path   string
	Ranges []exchange.Range
	Range  exchange.Range
}

func newRangeLinks(path string, ranges []exchange.Range, now exchange.Range) rangeLinks {
	return rangeLinks{path, ranges, now}
}

// lines are refusals as a table.
type lines struct {
	View  view
	Lines []exchange.Refusal
}

func newLines(v view, refusals []exchange.Refusal) lines { return lines{v, refusals} }

// bar draws n of all as a bar; the policy of the pages allows no inline style.
func bar(n, all uint64) template.HTML {
	width := 0.0
	if all > 0 {
		width = math.Max(100*float64(n)/float64(all), 0.5)
	}
	return template.HTML(fmt.Sprintf( //nolint:gosec // a number and fixed words only
		`<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width="%.1f" height="1"/></svg>`, width))
}

func sum(numbers ...int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}
