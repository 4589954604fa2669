package alert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

// reader gathers what rules of an environment are judged by at one time; what several
// rules read is read once.
type reader struct {
	s           *Service
	environment string
	figures     *Figures
	now         time.Time
	windows     []Window
	slots       map[time.Duration]map[string]monitor.Slot
}

func (s *Service) reader(environment string, now time.Time, windows []Window) *reader {
	f := s.o.Figures(environment)
	if f == nil {
		f = &Figures{}
	}
	return &reader{s, environment, f, now, windows, map[time.Duration]map[string]monitor.Slot{}}
}

// read gives the readings of a rule.
func (r *reader) read(ctx context.Context, rule *rules.Rule) ([]rules.Reading, error) {
	out, err := r.raw(ctx, rule)
	for i := range out {
		out[i].Silenced = slices.ContainsFunc(r.windows, func(w Window) bool {
			if out[i].Target == "" && len(rule.APIs) > 0 { // all that it adds up is worked on
				return !slices.ContainsFunc(rule.APIs, func(api string) bool { return !w.covers(api, r.now) })
			}
			return w.covers(out[i].Target, r.now)
		})
	}
	return out, err
}

func (r *reader) raw(ctx context.Context, rule *rules.Rule) ([]rules.Reading, error) {
	since := r.now.Truncate(time.Minute).Add(-rule.Period.Length())
	switch rule.Kind {
	case rules.RequestCount, rules.ResponseCode, rules.ResponseTime, rules.PolicyViolation, rules.AttackBurst:
		return r.traffic(ctx, rule, since)
	case rules.Anomaly:
		return r.anomaly(ctx, rule)
	case rules.ContractEvent, rules.FailedSignIns, rules.RevisionRefused, rules.OperatorEvent:
		return r.entries(ctx, rule, since)
	case rules.ShadowAPI:
		return r.seen(ctx, rule, since, r.figures.Shadows)
	case rules.Finding:
		return r.seen(ctx, rule, since, r.figures.Findings)
	case rules.GatewaySilent:
		return r.gateways(ctx)
	case rules.Expiry:
		return r.expiring(ctx)
	}
	return nil, fmt.Errorf("rules of kind %s can't be read", rule.Kind)
}

// value is what a rule reads from figures.
func value(rule *rules.Rule, s *monitor.Slot) (v float64, known bool) {
	switch rule.Kind {
	case rules.RequestCount:
		return float64(s.Requests), true
	case rules.PolicyViolation:
		return float64(s.Refused), true
	case rules.AttackBurst:
		return float64(s.Attacks), true
	case rules.ResponseTime:
		return monitor.Percentile(rule.Percentile).Of(s)
	case rules.ResponseCode:
		for _, code := range rule.Codes {
			n, _ := monitor.StatusCount(code).Of(s)
			v += n
		}
		return v, true
	case rules.Anomaly, rules.ContractEvent, rules.Expiry, rules.ShadowAPI, rules.FailedSignIns, rules.RevisionRefused,
		rules.GatewaySilent, rules.Finding, rules.OperatorEvent:
	}
	return 0, false
}

func (r *reader) traffic(ctx context.Context, rule *rules.Rule, since time.Time) ([]rules.Reading, error) {
	if r.figures.Series == nil {
		return nil, nil
	}
	sums := map[string]monitor.Slot{}
	if rule.Operation != "" || rule.Client != "" || rule.Policy != "" {
		if err := r.narrow(ctx, rule, since, sums); err != nil {
			return nil, err
		}
	} else {
		all, err := r.window(ctx, since)
		if err != nil {
			return nil, err
		}
		switch {
		case rule.Each && len(rule.APIs) == 0:
			sums = maps.Clone(all)
			delete(sums, "")
		case len(rule.APIs) == 0:
			sums[""] = all[""]
		default:
			for _, api := range rule.APIs {
				gather(sums, rule, api, all[api])
			}
		}
	}
	out := make([]rules.Reading, 0, len(sums))
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		s := sums[name]
		reading := rules.Reading{Target: name}
		reading.Value, reading.Known = value(rule, &s)
		reading.Text = sentence(rule, &s, reading.Value)
		out = append(out, reading)
	}
	return out, nil
}

// gather adds what happened at an API to that of its target.
func gather(sums map[string]monitor.Slot, rule *rules.Rule, api string, s monitor.Slot) {
	target := ""
	if rule.Each {
		target = api
	}
	sum := sums[target]
	sum.Add(s)
	sums[target] = sum
}

// sentence says a value with what it is of.
func sentence(rule *rules.Rule, s *monitor.Slot, v float64) string {
	switch rule.Kind {
	case rules.ResponseTime:
		return fmt.Sprintf("p%s is %.0f ms of %d requests", strconv.FormatFloat(rule.Percentile, 'f', -1, 64), v, s.Requests)
	case rules.ResponseCode, rules.PolicyViolation, rules.AttackBurst:
		return fmt.Sprintf("%.0f of %d requests", v, s.Requests)
	case rules.RequestCount, rules.Anomaly, rules.ContractEvent, rules.Expiry, rules.ShadowAPI, rules.FailedSignIns,
		rules.RevisionRefused, rules.GatewaySilent, rules.Finding, rules.OperatorEvent:
	}
	return fmt.Sprintf("%.0f requests", v)
}

func (r *reader) window(ctx context.Context, since time.Time) (map[string]monitor.Slot, error) {
	length := r.now.Sub(since)
	if known, ok := r.slots[length]; ok {
		return known, nil
	}
	read, err := r.figures.Series.Window(ctx, since, r.now.Truncate(time.Minute))
	if err != nil {
		return nil, err
	}
	r.slots[length] = read
	return read, nil
}

// narrow reads an operation, a client or a policy, at each API or at all.
func (r *reader) narrow(ctx context.Context, rule *rules.Rule, since time.Time, sums map[string]monitor.Slot) error {
	apis := rule.APIs
	if len(apis) == 0 {
		apis = []string{""}
	}
	for _, api := range apis {
		stretches, err := r.figures.Series.Stretches(ctx, monitor.Query{
			API: api, Operation: rule.Operation, Client: rule.Client, Policy: rule.Policy,
			Since: since, Until: r.now.Truncate(time.Minute), Step: stepOf(rule.Period.Length()),
		})
		if err != nil {
			return err
		}
		var sum monitor.Slot
		for i := range stretches {
			sum.Add(stretches[i].Slot)
		}
		gather(sums, rule, api, sum)
	}
	return nil
}

func stepOf(length time.Duration) time.Duration {
	if length > 24*time.Hour {
		return time.Hour
	}
	return time.Minute
}

// actions are those of the audit log that a rule counts.
func actions(rule *rules.Rule) func(audit.Action) bool {
	listed := func(a audit.Action) bool { return len(rule.Events) == 0 || slices.Contains(rule.Events, string(a)) }
	switch rule.Kind {
	case rules.ContractEvent:
		return func(a audit.Action) bool { return strings.HasPrefix(string(a), "contract-") && listed(a) }
	case rules.FailedSignIns:
		return func(a audit.Action) bool { return a == audit.SignInFailed }
	case rules.RevisionRefused:
		return func(a audit.Action) bool { return a == audit.RevisionRefused }
	case rules.OperatorEvent:
		return listed
	case rules.RequestCount, rules.ResponseCode, rules.ResponseTime, rules.PolicyViolation, rules.Expiry, rules.ShadowAPI,
		rules.AttackBurst, rules.GatewaySilent, rules.Anomaly, rules.Finding:
	}
	return func(audit.Action) bool { return false }
}

// mostEntries bounds the entries of a period that are counted.
const mostEntries = 10_000

// entryQuery finds the entries of the audit log that a rule counts. Sign-ins belong to
// no environment, and so do revisions of the process's own gateway.
func (r *reader) entryQuery(rule *rules.Rule, since time.Time) audit.Query {
	q := audit.Query{Since: since, Environments: []string{r.environment}, Limit: mostEntries}
	switch rule.Kind { //nolint:exhaustive // the others take entries of the environment
	case rules.FailedSignIns:
		q.Environments, q.Action = nil, audit.SignInFailed
	case rules.RevisionRefused:
		q.Environments, q.Action = []string{r.environment, ""}, audit.RevisionRefused
	}
	return q
}

// entries counts entries of the audit log. Of sign-ins only the number is told.
func (r *reader) entries(ctx context.Context, rule *rules.Rule, since time.Time) ([]rules.Reading, error) {
	if r.s.o.Entries == nil {
		return nil, nil
	}
	counts := actions(rule)
	reading := rules.Reading{Known: true}
	var names []string
	err := r.s.o.Entries.Walk(ctx, r.entryQuery(rule, since), func(k audit.Kept) error {
		if !counts(k.Action) {
			return nil
		}
		reading.Value++
		reading.Latest = max(reading.Latest, k.ID)
		if rule.Kind != rules.FailedSignIns {
			names = append(names, strings.TrimSpace(string(k.Action)+" "+k.Object+" by "+k.Operator))
		}
		return nil
	})
	reading.Text = list(int(reading.Value), "event", names)
	return []rules.Reading{reading}, err
}

// list says a number with the last of what it counts.
func list(n int, what string, names []string) string {
	const shown = 5
	text := strconv.Itoa(n) + " " + what
	if n != 1 {
		text += "s"
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names[max(len(names)-shown, 0):], "; ")
	}
	return text
}

// seen counts findings that were seen first within the period.
func (r *reader) seen(ctx context.Context, rule *rules.Rule, since time.Time, read func(context.Context, time.Time) ([]Seen, error)) ([]rules.Reading, error) {
	if read == nil {
		return nil, nil
	}
	all, err := read(ctx, since)
	if err != nil {
		return nil, err
	}
	type sum struct {
		reading rules.Reading
		names   []string
	}
	sums := map[string]*sum{}
	for i := range all {
		f := &all[i]
		if f.First.Before(since) || len(rule.APIs) > 0 && !slices.Contains(rule.APIs, f.API) || !matches(rule.Events, f) {
			continue
		}
		target := ""
		if rule.Each {
			target = f.API
		}
		one := sums[target]
		if one == nil {
			one = &sum{reading: rules.Reading{Target: target, Known: true}}
			sums[target] = one
		}
		one.reading.Value++
		one.reading.Latest = max(one.reading.Latest, f.First.UnixMilli())
		one.names = append(one.names, strings.TrimSpace(cmp.Or(f.Title, f.Rule)+" "+cmp.Or(f.Operation, f.API)))
	}
	if len(sums) == 0 && !rule.Each {
		sums[""] = &sum{reading: rules.Reading{Known: true}}
	}
	var out []rules.Reading
	for _, target := range slices.Sorted(maps.Keys(sums)) {
		one := sums[target]
		one.reading.Text = list(int(one.reading.Value), "finding", one.names)
		out = append(out, one.reading)
	}
	return out, nil
}

// matches reports whether a finding is one of those that a rule names: by its rule, by
// the beginning of it with a star, or by severity.
func matches(events []string, f *Seen) bool {
	return len(events) == 0 || slices.ContainsFunc(events, func(e string) bool {
		prefix, open := strings.CutSuffix(e, "*")
		return e == f.Rule || e == f.Severity || open && strings.HasPrefix(f.Rule, prefix)
	})
}

func (r *reader) gateways(ctx context.Context) ([]rules.Reading, error) {
	if r.figures.Gateways == nil {
		return nil, nil
	}
	heard, err := r.figures.Gateways(ctx)
	out := make([]rules.Reading, 0, len(heard))
	for _, h := range heard {
		ago := max(r.now.Sub(h.Last), 0)
		out = append(out, rules.Reading{Target: h.Name, Known: true, Value: ago.Minutes(), Text: fmt.Sprintf("last heard of %s ago", ago.Round(time.Second))})
	}
	return out, err
}

func (r *reader) expiring(ctx context.Context) ([]rules.Reading, error) {
	if r.figures.Expiring == nil {
		return nil, nil
	}
	ends, err := r.figures.Expiring(ctx)
	out := make([]rules.Reading, 0, len(ends))
	for _, e := range ends {
		days := e.At.Sub(r.now).Hours() / 24
		text := fmt.Sprintf("%s ends on %s, in %.0f days", e.What, e.At.UTC().Format(time.DateOnly), days)
		if days < 0 {
			text = fmt.Sprintf("%s has ended on %s", e.What, e.At.UTC().Format(time.DateOnly))
		}
		out = append(out, rules.Reading{Target: e.Name, Known: true, Value: days, Text: text})
	}
	return out, err
}
