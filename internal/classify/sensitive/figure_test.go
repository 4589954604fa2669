package sensitive_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/classify/sensitive"
)

var misses = flag.Bool("misses", false, "tell the values of development's seed that are wrong")

// tally counts one class: right, missed, and taken for it wrongly.
type tally struct{ right, missed, wrong int }

func (t tally) precision() float64 { return ratio(t.right, t.right+t.wrong) }
func (t tally) recall() float64    { return ratio(t.right, t.right+t.missed) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func detector(t testing.TB, own ...sensitive.Pattern) *sensitive.Detector {
	t.Helper()
	d, err := sensitive.New(own)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func at(l labelled) sensitive.Context {
	return sensitive.Context{Name: l.name, Path: l.path, Route: l.route, In: l.in}
}

// TestFigures prints how well labelled values are told, class by class, and
// holds the figures that are published. Development saw the first seed only.
func TestFigures(t *testing.T) {
	d := detector(t)
	for _, set := range []struct {
		name string
		seed uint64
		held bool
	}{{"development", seedA, false}, {"held back 1", seedB, true}, {"held back 2", seedC, true}} {
		all := labelledSet(set.seed, size, set.held)
		classes, wrong := map[string]*tally{}, map[string]int{}
		get := func(c string) *tally {
			if classes[c] == nil {
				classes[c] = &tally{}
			}
			return classes[c]
		}
		var sum tally
		for _, l := range all {
			got, _ := d.Classify(at(l), l.value)
			if string(got) == l.label {
				if l.label != "" {
					get(l.label).right++
					sum.right++
				}
				continue
			}
			if l.label != "" {
				get(l.label).missed++
				sum.missed++
			}
			if got != "" {
				get(string(got)).wrong++
				sum.wrong++
			}
			wrong[fmt.Sprintf("%-12s taken for %-12q %s in %s, %s at %s: %q", l.label, got, l.name, strings.Join(l.path, "/"), l.in, strings.Join(l.route, "/"), l.value)]++
		}
		t.Logf("%s, seed %d: %d values, %d sensitive: precision %.4f, recall %.4f", set.name, set.seed, len(all), sum.right+sum.missed, sum.precision(), sum.recall())
		for _, c := range slices.Sorted(maps.Keys(classes)) {
			k := classes[c]
			t.Logf("  %-16s n %5d  precision %.3f  recall %.3f", c, k.right+k.missed, k.precision(), k.recall())
			if k.right+k.missed >= 50 && (k.precision() < 0.9 || k.recall() < 0.85) {
				t.Errorf("%s: class %s: precision %.3f, recall %.3f", set.name, c, k.precision(), k.recall())
			}
		}
		if sum.precision() < 0.97 || sum.recall() < 0.95 || len(classes) < 20 {
			t.Errorf("%s: precision %.4f, recall %.4f in %d classes; 0.97 and 0.95 are promised", set.name, sum.precision(), sum.recall(), len(classes))
		}
		if *misses && !set.held {
			for _, w := range slices.SortedFunc(maps.Keys(wrong), cmp.Compare) {
				t.Log(w)
			}
		}
	}
}
