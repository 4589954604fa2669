package alert

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The measures of a baseline.
const (
	// Learning is how much of the past is needed before anything is judged.
	Learning = 14 * 24 * time.Hour
	// Remembered is how much of the past is looked at.
	Remembered = 6 * 7 * 24 * time.Hour
	week       = 7 * 24 * time.Hour
	// sigma makes a median absolute deviation comparable with a standard deviation.
	sigma = 1.4826
	// leastSamples are needed of an hour of the week and its neighbours.
	leastSamples = 4
)

// Hour is what was counted in one hour.
type Hour struct {
	At    time.Time
	Value float64
}

// Usual is what is usual for an hour of the week.
type Usual struct {
	Median float64
	// Spread is the deviation that is usual, never less than that of chance.
	Spread float64
	// Samples is how many hours of the past it was learned from.
	Samples int
}

// Learn tells what is usual for the hour that begins at a time: the median of the same
// hour of the week and of the hours beside it in earlier weeks, and the median of the
// deviations from it. Neither is moved by a few bad hours. False says that the past is
// shorter than Learning. Hours are of UTC; those that are missing count as nothing,
// from the first hour on that is there.
func Learn(past []Hour, at time.Time) (Usual, bool) {
	at = at.UTC().Truncate(time.Hour)
	values := map[int64]float64{}
	first := at
	for _, h := range past {
		if h.At.Before(at) && at.Sub(h.At) <= Remembered {
			values[h.At.Unix()/3600] = h.Value
			if h.At.Before(first) {
				first = h.At.UTC().Truncate(time.Hour)
			}
		}
	}
	if at.Sub(first) < Learning {
		return Usual{}, false
	}
	var same []float64
	for back := at.Add(-week); at.Sub(back) <= Remembered; back = back.Add(-week) {
		for _, beside := range []time.Duration{-time.Hour, 0, time.Hour} {
			if hour := back.Add(beside); !hour.Before(first) {
				same = append(same, values[hour.Unix()/3600])
			}
		}
	}
	if len(same) < leastSamples {
		return Usual{}, false
	}
	u := Usual{Median: median(same), Samples: len(same)}
	off := make([]float64, len(same))
	for i, v := range same {
		off[i] = math.Abs(v - u.Median)
	}
	// Counts vary by their root in any case, and below ten a few more say nothing.
	u.Spread = max(sigma*median(off), math.Sqrt(u.Median), 0.1*u.Median, 3)
	return u, true
}

// Score is how many usual deviations a value lies away, negative below the median.
func (u Usual) Score(v float64) float64 { return (v - u.Median) / u.Spread }

// Text says in words what is usual.
func (u Usual) Text(v float64) string {
	return fmt.Sprintf("%.0f in the hour, usual then is %.0f (%.0f to %.0f)", v, u.Median,
		max(u.Median-3*u.Spread, 0), u.Median+3*u.Spread)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
