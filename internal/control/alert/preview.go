package alert

import (
	"context"
	"maps"
	"slices"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

// Preview says how often a rule would have fired.
type Preview struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Fired is how often; First are the times of the first ones, twenty at most.
	Fired int         `json:"fired"`
	First []time.Time `json:"first,omitempty"`
	// Judged is how many APIs were looked at; More says that there are more.
	Judged int  `json:"judged"`
	More   bool `json:"more,omitempty"`
	// Unknown says that the past of what the rule watches is not kept.
	Unknown bool `json:"unknown,omitempty"`
}

// The measures of a preview.
const (
	previewDays  = 7
	previewAPIs  = 50
	previewSteps = 2500
)

// Preview computes how often a rule would have fired in the last seven days, at the
// fifty busiest APIs where it judges each.
func (s *Service) Preview(ctx context.Context, p control.Principal, environment string, rule rules.Rule) (Preview, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return Preview{}, err
	}
	if err := checkRule(ctx, s.o.DB.Read(), environment, &rule); err != nil {
		return Preview{}, err
	}
	now := s.o.Now().UTC().Truncate(time.Minute)
	out := Preview{From: now.Add(-previewDays * 24 * time.Hour), To: now}
	step := max((previewDays*24*time.Hour/previewSteps).Truncate(time.Minute)+time.Minute, min(rule.Period.Length()/5, time.Hour)).Truncate(time.Minute)
	r := s.reader(environment, now, nil)
	var past func(time.Time) []rules.Reading
	var err error
	switch {
	case rule.Kind == rules.Anomaly || rule.Kind == rules.Expiry || rule.Kind == rules.GatewaySilent || rule.Kind == rules.ShadowAPI || rule.Kind == rules.Finding:
		out.Unknown = true
		return out, nil
	case rule.Kind.OfTraffic():
		past, err = r.pastTraffic(ctx, &rule, &out, step)
	default:
		past, err = r.pastEntries(ctx, &rule, &out)
	}
	if err != nil || past == nil {
		out.Unknown = past == nil
		return out, err
	}
	out.Fired, out.First = rules.Preview(rule, out.From, out.To, step, past)
	return out, nil
}

// pastTraffic reads the figures of the past, and gives sums over the period that ends
// at a time.
func (r *reader) pastTraffic(ctx context.Context, rule *rules.Rule, out *Preview, step time.Duration) (func(time.Time) []rules.Reading, error) {
	if r.figures.Series == nil {
		return nil, nil
	}
	apis := rule.APIs
	if len(apis) == 0 {
		apis = []string{""}
		if rule.Each {
			all, err := r.figures.Series.Window(ctx, out.From, out.To)
			if err != nil {
				return nil, err
			}
			apis = busiest(all)
		}
	}
	out.More = len(apis) > previewAPIs
	apis = apis[:min(len(apis), previewAPIs)]
	out.Judged = len(apis)
	from := out.From.Add(-rule.Period.Length()).Truncate(step)
	targets := map[string][]monitor.Stretch{}
	for _, api := range apis {
		stretches, err := r.figures.Series.Stretches(ctx, monitor.Query{
			API: api, Operation: rule.Operation, Client: rule.Client, Policy: rule.Policy, Since: from, Until: out.To, Step: step,
		})
		if err != nil {
			return nil, err
		}
		target := ""
		if rule.Each {
			target = api
		}
		if known := targets[target]; known != nil {
			for i := range known {
				known[i].Add(stretches[i].Slot)
			}
			continue
		}
		targets[target] = stretches
	}
	names := slices.Sorted(maps.Keys(targets))
	return func(now time.Time) []rules.Reading {
		readings := make([]rules.Reading, 0, len(names))
		for _, name := range names {
			sum := sumOf(targets[name], now.Add(-rule.Period.Length()), now)
			reading := rules.Reading{Target: name}
			reading.Value, reading.Known = value(rule, &sum)
			readings = append(readings, reading)
		}
		return readings
	}, nil
}

// sumOf adds up the stretches that begin in a time.
func sumOf(of []monitor.Stretch, from, to time.Time) (sum monitor.Slot) {
	if len(of) < 2 {
		return sum
	}
	step := of[1].At.Sub(of[0].At)
	for i := max(int(from.Sub(of[0].At)/step), 0); i < len(of) && of[i].At.Before(to); i++ {
		if !of[i].At.Before(from) && of[i].Requests+of[i].Attacks > 0 {
			sum.Add(of[i].Slot)
		}
	}
	return sum
}

// pastEntries reads the audit log of the past.
func (r *reader) pastEntries(ctx context.Context, rule *rules.Rule, out *Preview) (func(time.Time) []rules.Reading, error) {
	if r.s.o.Entries == nil {
		return nil, nil
	}
	type event struct {
		at time.Time
		id int64
	}
	var events []event
	counts := actions(rule)
	err := r.s.o.Entries.Walk(ctx, r.entryQuery(rule, out.From.Add(-rule.Period.Length())), func(k audit.Kept) error {
		if counts(k.Action) {
			events = append(events, event{k.At, k.ID})
		}
		return nil
	})
	return func(now time.Time) []rules.Reading {
		reading := rules.Reading{Known: true}
		for _, e := range events {
			if e.at.After(now.Add(-rule.Period.Length())) && !e.at.After(now) {
				reading.Value++
				reading.Latest = e.id
			}
		}
		return []rules.Reading{reading}
	}, err
}
