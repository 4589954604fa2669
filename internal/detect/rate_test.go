package detect

import (
	"cmp"
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/detecttest"
)

// The goals of the default setting.
const (
	leastBlocked = 0.98
	mostAlarms   = 0.0005
)

var (
	missesShown = flag.Int("misses", 10, "how many wrong verdicts to show")
	every       = flag.Int("every", stride, "play one case in so many")
)

// TestDetectionRate plays the corpora at the default setting and prints what is
// blocked by type, encoding and place.
func TestDetectionRate(t *testing.T) {
	attacks := play(t, detecttest.NewReport("attacks", true), detecttest.Attacks())
	if attacks.Played() < 2000 / *every || attacks.Rate() < leastBlocked {
		t.Errorf("blocked %.4f of %d attacks, at least %v is the goal", attacks.Rate(), attacks.Played(), leastBlocked)
	}
	benign := play(t, detecttest.NewReport("ordinary requests", false), detecttest.Benign(0))
	if benign.Played() < 20000 / *every || benign.Rate() > mostAlarms {
		t.Errorf("blocked %.5f of %d ordinary requests, at most %v is the goal", benign.Rate(), benign.Played(), mostAlarms)
	}
	hints := play(t, detecttest.NewReport("mass assignment: a hint, never blocked alone", false), detecttest.MassAssignments())
	if hints.Blocked() > 0 {
		t.Errorf("%d hints block", hints.Blocked())
	}
}

func play(t *testing.T, report *detecttest.Report, cases iter.Seq[detecttest.Case]) *detecttest.Report {
	t.Helper()
	e := defaultEngine(t)
	rules := map[string]int{}
	i := 0
	for c := range cases {
		if i++; i%*every != 0 {
			continue
		}
		x, err := ParseRequest(c.Raw)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		v := e.Judge(t.Context(), x, Lessons{})
		if v.Err != nil {
			t.Errorf("%s: %v", c.Name, v.Err)
		}
		var said []string
		for _, f := range v.Findings {
			said = append(said, f.Rule+" in "+f.Location.Place)
			if v.Block {
				rules[f.Rule]++
			}
		}
		report.Add(c, v.Block, fmt.Sprintf("score %d: %s\n\t\t%s", v.Score, strings.Join(said, ", "), c.Payload))
	}
	var b strings.Builder
	if err := report.Print(&b, *missesShown); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(rules))
	for name := range rules {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(cmp.Compare(rules[y], rules[x]), cmp.Compare(x, y)) })
	for _, name := range names[:min(len(names), *missesShown)] {
		fmt.Fprintf(&b, "%6d %s\n", rules[name], name)
	}
	t.Log("\n" + b.String())
	return report
}
