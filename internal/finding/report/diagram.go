package report

import (
	"fmt"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// The measures of a diagram, in units of its 640 wide view.
const (
	rowHeight  = 34
	indent     = 18
	boxRight   = 634
	letter     = 7.3
	maxIndent  = 10
	maxContext = 3
)

// diagram is a flow drawn from top to bottom.
type diagram struct {
	Name, At, Label string
	Height          int
	Lines           []line
	Boxes           []box
}

// line leads from one box to the next.
type line struct{ X, Top, Bottom int }

// box is a node, or a gap that stands for several.
type box struct {
	X, Y, Width, TextX, TextY int
	// Label is as much of Whole as there is room for.
	Label, Whole string
	// Stop numbers the steps of the way that stop here.
	Stop string
	Gap  bool
}

// diagrams draws the flows that a way passes through, in its order.
func (r *Report) diagrams(way []finding.Step) []diagram {
	var out []diagram
	drawn := map[int]bool{}
	for _, s := range way {
		for i := range r.Flows {
			if f := &r.Flows[i]; !drawn[i] && f.holds(s.Location) {
				drawn[i] = true
				out = append(out, f.draw(way))
			}
		}
	}
	return out
}

func (f *Flow) holds(at finding.Location) bool {
	return at.File == f.File && f.Line <= at.Line && at.Line <= f.EndLine
}

// stops gives for each node the numbers of the steps that stop there: at the
// innermost node of their line.
func (f *Flow) stops(way []finding.Step) map[int]string {
	stops := map[int]string{}
	for number, s := range way {
		if !f.holds(s.Location) {
			continue
		}
		best := -1
		for i, n := range f.Nodes {
			if n.Line <= s.Location.Line && s.Location.Line <= n.EndLine && (best < 0 || n.Depth >= f.Nodes[best].Depth) {
				best = i
			}
		}
		if best >= 0 {
			stops[best] = strings.TrimPrefix(stops[best]+","+strconv.Itoa(number+1), ",")
		}
	}
	return stops
}

// draw draws the nodes near those that the way stops at; others are a gap.
func (f *Flow) draw(way []finding.Step) diagram {
	d := diagram{Name: visible(f.Name), At: fmt.Sprintf("%s:%d", visible(f.File), f.Line)}
	stops := f.stops(way)
	near := func(i int) bool {
		for k := i - maxContext; k <= i+maxContext; k++ {
			if stops[k] != "" {
				return true
			}
		}
		return len(f.Nodes) <= 12
	}
	skipped := 0
	for i, n := range f.Nodes {
		if !near(i) {
			skipped++
			continue
		}
		d.gap(&skipped)
		d.add(n, stops[i])
	}
	d.gap(&skipped)
	d.Height = len(d.Boxes)*rowHeight + 4
	d.Label = fmt.Sprintf("The flow %s with %d steps, of which the way stops at %d", d.Name, len(f.Nodes), len(stops))
	return d
}

func (d *diagram) gap(skipped *int) {
	if *skipped == 0 {
		return
	}
	y := len(d.Boxes) * rowHeight
	d.Boxes = append(d.Boxes, box{Gap: true, TextX: 14, TextY: y + 18, Label: fmt.Sprintf("… %d more %s …", *skipped, plural(*skipped, "step"))})
	*skipped = 0
}

func (d *diagram) add(n Node, stop string) {
	x, y := 6+indent*min(max(n.Depth, 0), maxIndent), len(d.Boxes)*rowHeight+2
	if len(d.Boxes) > 0 {
		d.Lines = append(d.Lines, line{x + 12, y - 10, y})
	}
	label := visible(n.Label)
	b := box{X: x, Y: y, Width: boxRight - x, TextX: x + 10, TextY: y + 16, Whole: label, Label: label, Stop: stop}
	if room := int(float64(b.Width-40) / letter); len([]rune(label)) > room {
		b.Label = string([]rune(label)[:room-1]) + "…"
	}
	d.Boxes = append(d.Boxes, b)
}
