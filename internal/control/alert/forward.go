package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/audit"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/store"
)

// forwardBatch is how many events go out at once.
const forwardBatch = 200

func active(all []Kept) []Kept {
	order := []rules.Severity{rules.Critical, rules.Warning, rules.Info}
	var out []Kept
	for i := range all {
		if all[i].State.Status == rules.Alerting && !all[i].Rule.Kind.Momentary() {
			out = append(out, all[i])
		}
	}
	slices.SortStableFunc(out, func(a, b Kept) int {
		return cmp.Compare(slices.Index(order, a.Rule.Severity), slices.Index(order, b.Rule.Severity))
	})
	return out
}

// Forward carries streams on to the channels that take them, at least once each: the
// place is noted once a batch was taken. What does not go out is tried again with the
// next call, and holds up only its own channel.
func (s *Service) Forward(ctx context.Context) error {
	for _, environment := range s.o.Environments {
		channels, err := readChannels(ctx, s.o.DB.Read(), environment, " AND forwards <> ''")
		if err != nil {
			return err
		}
		for i := range channels {
			for _, stream := range channels[i].Forwards {
				if err := s.forward(ctx, environment, &channels[i], stream); err != nil && ctx.Err() == nil {
					s.o.Log.WarnContext(ctx, "a stream does not go on", "component", "alerts", "channel", channels[i].ID, "stream", stream, "error", err)
				}
			}
		}
	}
	return nil
}

func (s *Service) forward(ctx context.Context, environment string, c *Channel, stream string) error {
	position, begun, err := s.position(ctx, environment, c.ID, stream)
	if err != nil {
		return err
	}
	if !begun {
		return s.beginAt(ctx, environment, c.ID, stream)
	}
	events, next, err := s.after(ctx, environment, stream, position.Place)
	if err != nil || len(events) == 0 {
		return err
	}
	problem := ""
	way, err := s.open(ctx, environment, c)
	if err == nil {
		if forwarder, ok := way.(notify.Forwarder); ok {
			err = forwarder.Forward(ctx, events)
		} else {
			err = notify.Permanent(errors.New("the channel takes no streams"))
		}
	}
	if err != nil {
		problem, next = notify.Clip(err.Error(), 500), position.Place
		if problem == position.Problem {
			return nil // it was told already
		}
	}
	return errors.Join(err, s.setPosition(ctx, environment, c.ID, stream, next, problem))
}

// beginAt begins a stream with what comes from now on.
func (s *Service) beginAt(ctx context.Context, environment, channel, stream string) error {
	place := s.o.Now().UnixMilli()
	if stream == StreamAudit {
		if s.o.Entries == nil {
			return nil
		}
		var err error
		if place, _, err = s.o.Entries.Head(ctx); err != nil {
			return err
		}
	}
	return s.setPosition(ctx, environment, channel, stream, place, "")
}

func (s *Service) position(ctx context.Context, environment, channel, stream string) (p Position, begun bool, err error) {
	p.Stream = stream
	err = s.o.DB.Read().QueryRow(ctx, "SELECT place, problem FROM alerts_positions WHERE environment = ? AND channel = ? AND stream = ?", environment, channel, stream).Scan(&p.Place, &p.Problem)
	if errors.Is(err, store.ErrNoRows) {
		return p, false, nil
	}
	return p, err == nil, err
}

func (s *Service) positions(ctx context.Context, environment, channel string) (out []Position, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT stream, place, problem FROM alerts_positions WHERE environment = ? AND channel = ? ORDER BY stream", environment, channel)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p Position
		if err := rows.Scan(&p.Stream, &p.Place, &p.Problem); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

func (s *Service) setPosition(ctx context.Context, environment, channel, stream string, place int64, problem string) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO alerts_positions (environment, channel, stream, place, problem)
			SELECT environment, id, ?, ?, ? FROM alerts_channels WHERE environment = ? AND id = ?
			ON CONFLICT (environment, channel, stream) DO UPDATE SET place = excluded.place, problem = excluded.problem`,
			stream, place, problem, environment, channel)
		return err
	})
}

// after gives the events of a stream behind a place, and the place behind them.
func (s *Service) after(ctx context.Context, environment, stream string, place int64) (events []notify.Event, next int64, err error) {
	if stream == StreamAudit {
		next = place
		if s.o.Entries == nil {
			return nil, next, nil
		}
		err = s.o.Entries.Walk(ctx, audit.Query{After: place, Limit: forwardBatch}, func(k audit.Kept) error {
			events = append(events, entryEvent(&k))
			next = k.ID
			return nil
		})
		return events, next, err
	}
	f := s.o.Figures(environment)
	if f == nil || f.Findings == nil {
		return nil, place, nil
	}
	seen, err := f.Findings(ctx, time.UnixMilli(place+1))
	if err != nil {
		return nil, place, err
	}
	slices.SortFunc(seen, func(a, b Seen) int { return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.ID, b.ID)) })
	// All that was last seen in one millisecond goes out together, for the place is that.
	for i := range seen {
		if len(events) >= forwardBatch && seen[i].Last.UnixMilli() != next {
			break
		}
		events = append(events, findingEvent(environment, &seen[i]))
		next = seen[i].Last.UnixMilli()
	}
	return events, max(next, place), nil
}

// entryEvent is an entry of the audit log for those who collect them. The hash lets a
// log be held against what was collected.
func entryEvent(k *audit.Kept) notify.Event {
	e := notify.Event{
		ID: "audit-" + strconv.FormatInt(k.ID, 10), At: k.At, Stream: StreamAudit, Name: string(k.Action), Severity: 3,
		Text: fmt.Sprintf("%s %s %s", k.Operator, k.Action, k.Object), Environment: k.Environment, Actor: k.Operator, Address: k.Address,
		Object: k.Object, Outcome: string(k.Outcome), Fields: map[string]string{"hash": k.Hash, "id": strconv.FormatInt(k.ID, 10)},
	}
	if k.Outcome != audit.Done {
		e.Severity = 6
	}
	for name, value := range map[string]string{"via": k.Via, "session": k.Session} {
		if value != "" {
			e.Fields[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.Detail)) {
		e.Fields["detail."+name] = k.Detail[name]
	}
	return e
}

func findingEvent(environment string, f *Seen) notify.Event {
	severity := map[string]int{"critical": 10, "high": 8, "medium": 5, "low": 3, "info": 1}[f.Severity]
	return notify.Event{
		ID: "finding-" + f.ID + "-" + strconv.FormatInt(f.Last.UnixMilli(), 10), At: f.Last, Stream: StreamFindings, Name: f.Rule, Severity: severity,
		Text: cmp.Or(f.Title, f.Rule), Environment: environment, Object: f.API, Outcome: "open",
		Fields: map[string]string{
			"fingerprint": f.ID, "operation": f.Operation, "severity": f.Severity, "count": strconv.FormatInt(f.Count, 10),
			"first": f.First.UTC().Format(time.RFC3339),
		},
	}
}
