package alert

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

// anomaly reads how far the last whole hour lies from what is usual; it is computed
// once an hour.
func (r *reader) anomaly(ctx context.Context, rule *rules.Rule) ([]rules.Reading, error) {
	if r.figures.Series == nil {
		return nil, nil
	}
	hour := r.now.UTC().Truncate(time.Hour).Add(-time.Hour)
	apis := rule.APIs
	if len(apis) == 0 {
		apis = []string{""}
		if rule.Each {
			all, err := r.window(ctx, r.now.Truncate(time.Minute).Add(-2*time.Hour))
			if err != nil {
				return nil, err
			}
			apis = busiest(all)
		}
	}
	var out []rules.Reading
	for _, api := range apis {
		reading, err := r.usual(ctx, rule, api, hour)
		if err != nil {
			return nil, err
		}
		if !rule.Each && len(rule.APIs) == 0 {
			reading.Target = ""
		}
		out = append(out, reading)
	}
	return out, nil
}

// busiest are the APIs with most requests, as many as are learned.
func busiest(all map[string]monitor.Slot) []string {
	const most = 200
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		x, y := all[a], all[b]
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(a, b))
	})
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	return names[:min(len(names), most)]
}

func (r *reader) usual(ctx context.Context, rule *rules.Rule, api string, hour time.Time) (rules.Reading, error) {
	key := strings.Join([]string{r.environment, api, rule.Operation, rule.Client, rule.Policy}, "\x00")
	r.s.mu.Lock()
	if !r.s.hour.Equal(hour) {
		r.s.hour = hour
		clear(r.s.usual)
	}
	known, ok := r.s.usual[key]
	r.s.mu.Unlock()
	if ok {
		return known.reading, nil
	}
	stretches, err := r.figures.Series.Stretches(ctx, monitor.Query{
		API: api, Operation: rule.Operation, Client: rule.Client, Policy: rule.Policy,
		Since: hour.Add(-rules.Remembered), Until: hour.Add(time.Hour), Step: time.Hour,
	})
	if err != nil {
		return rules.Reading{}, err
	}
	reading := scoreLast(api, stretches, hour)
	r.s.mu.Lock()
	r.s.usual[key] = scored{reading}
	r.s.mu.Unlock()
	return reading, nil
}

// scoreLast holds the last hour against those before it.
func scoreLast(api string, stretches []monitor.Stretch, hour time.Time) rules.Reading {
	reading := rules.Reading{Target: api}
	var past []rules.Hour
	var last float64
	for i := range stretches {
		at, n := stretches[i].At, float64(stretches[i].Requests)
		switch {
		case at.Equal(hour):
			last = n
		case n > 0 || len(past) > 0: // it begins with the first hour that had any
			past = append(past, rules.Hour{At: at, Value: n})
		}
	}
	usual, ok := rules.Learn(past, hour)
	if !ok {
		return reading
	}
	reading.Known, reading.Value, reading.Text = true, usual.Score(last), usual.Text(last)
	return reading
}
