package console

import (
	"fmt"
	"html/template"
	"math"
	"strconv"

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

// part says which part of a long list a page shows.
type part struct {
	// Label names the list for those who can't see it.
	Label string
	// From and Last number the first and the last that is shown, from 1; Total is how
	// many there are.
	From, Last, Total int
	// Before and Next lead to the other parts, empty where there is nothing there.
	Before, Next string
}

// offset is where the part of a list begins that a parameter of an address asks for.
func offset(r *request, parameter string) int {
	from, err := strconv.Atoi(r.URL.Query().Get(parameter))
	if err != nil || from < 0 {
		return 0
	}
	return from
}

// partOf is the part of a list that a parameter asks for, at most so many of them: the
// first, when it asks for more than there is. The links keep what else the address says.
func partOf(r *request, label, parameter string, total, most int) part {
	from := offset(r, parameter)
	if from >= total {
		from = 0
	}
	to := func(from int) string {
		q := r.URL.Query()
		if q.Del(parameter); from > 0 {
			q.Set(parameter, strconv.Itoa(from))
		}
		if len(q) == 0 {
			return r.URL.Path
		}
		return r.URL.Path + "?" + q.Encode()
	}
	p := part{Label: label, From: from + 1, Last: min(from+most, total), Total: total}
	if from > 0 {
		p.Before = to(max(from-most, 0))
	}
	if p.Last < total {
		p.Next = to(p.Last)
	}
	return p
}

// cut leaves the part of a list.
func cut[T any](p part, list []T) []T { return list[p.From-1 : p.Last] }

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
