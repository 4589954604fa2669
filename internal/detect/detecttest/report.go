package detecttest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report counts verdicts over a corpus.
type Report struct {
	title       string
	wantBlocked bool
	total       tally
	groups      map[string]map[string]*tally // by dimension, by label
	wrong       []string
}

type tally struct{ played, blocked int }

// dimensions are what the table is broken down by.
var dimensions = []string{"type", "encoding", "place", "protocol"}

// NewReport starts a report. Of attacks (wantBlocked) those that pass are listed,
// of benign requests those that are blocked.
func NewReport(title string, wantBlocked bool) *Report {
	p := &Report{title: title, wantBlocked: wantBlocked, groups: map[string]map[string]*tally{}}
	for _, d := range dimensions {
		p.groups[d] = map[string]*tally{}
	}
	return p
}

// Add counts one verdict; the note is printed beside a wrong one.
func (p *Report) Add(c Case, blocked bool, note string) {
	p.total.add(blocked)
	for d, label := range map[string]string{"type": c.Type, "encoding": c.Encoding, "place": c.Place, "protocol": c.Protocol} {
		if p.groups[d][label] == nil {
			p.groups[d][label] = &tally{}
		}
		p.groups[d][label].add(blocked)
	}
	if blocked == p.wantBlocked {
		return
	}
	text := c.Payload
	if text == "" {
		_, body, _ := bytes.Cut(c.Raw, []byte("\r\n\r\n"))
		line, _, _ := bytes.Cut(c.Raw, []byte("\r\n"))
		text = string(line) + " " + string(body)
	}
	p.wrong = append(p.wrong, fmt.Sprintf("%s: %s%q", c.Name, prefixed(note), cut(text, 300)))
}

func prefixed(note string) string {
	if note == "" {
		return ""
	}
	return note + ": "
}

func (t *tally) add(blocked bool) {
	t.played++
	if blocked {
		t.blocked++
	}
}

// Played is how many verdicts were counted.
func (p *Report) Played() int { return p.total.played }

// Blocked is how many of them were blocked.
func (p *Report) Blocked() int { return p.total.blocked }

// Rate is the share that was blocked, from 0 to 1; 0 when nothing was played.
func (p *Report) Rate() float64 { return p.total.rate() }

func (t tally) rate() float64 {
	if t.played == 0 {
		return 0
	}
	return float64(t.blocked) / float64(t.played)
}

// Wrong lists the cases with the wrong verdict, in the order in which they were
// added.
func (p *Report) Wrong() []string { return slices.Clone(p.wrong) }

// Print writes the table and the first wrong verdicts, at most as many as shown.
func (p *Report) Print(w io.Writer, shown int) error {
	var b strings.Builder
	line := func(label string, t tally) {
		fmt.Fprintf(&b, "  %-28s %7d %8d %8.2f %%\n", label, t.played, t.blocked, 100*t.rate())
	}
	fmt.Fprintf(&b, "%s\n  %-28s %7s %8s %10s\n", p.title, "", "total", "blocked", "rate")
	line("all", p.total)
	for _, d := range dimensions {
		fmt.Fprintf(&b, "by %s\n", d)
		group := p.groups[d]
		for _, label := range slices.SortedFunc(maps.Keys(group), func(x, y string) int {
			return cmp.Or(cmp.Compare(group[x].rate(), group[y].rate()), cmp.Compare(x, y))
		}) {
			line(label, *group[label])
		}
	}
	what := "blocked wrongly"
	if p.wantBlocked {
		what = "missed"
	}
	fmt.Fprintf(&b, "%s: %d\n", what, len(p.wrong))
	for _, text := range p.wrong[:min(shown, len(p.wrong))] {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
