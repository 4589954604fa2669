package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/store"
)

// The rhythms.
const (
	judging    = time.Minute
	delivering = 5 * time.Second
	forwarding = 5 * time.Second
	// settling is how long after a minute its figures are judged: they are flushed
	// when it is over.
	settling = 5 * time.Second
)

// The bounds of what is kept.
const (
	historyKept    = 90 * 24 * time.Hour
	historyRows    = 20_000
	deliveriesKept = 30 * 24 * time.Hour
)

// Run judges rules, delivers messages and forwards streams until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for _, environment := range s.o.Environments {
		if err := s.begin(ctx, environment); err != nil {
			s.o.Log.ErrorContext(ctx, "the default alert rules could not be kept", "component", "alerts", "environment", environment, "error", err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.loop(ctx, "rules could not be judged", s.toNextMinute, nil, s.Judge) })
	wg.Go(func() {
		s.loop(ctx, "messages could not be delivered", func() time.Duration { return delivering }, s.wake, s.Deliver)
	})
	wg.Go(func() {
		s.loop(ctx, "streams could not be forwarded", func() time.Duration { return forwarding }, nil, s.Forward)
	})
	wg.Wait()
	return nil
}

func (s *Service) toNextMinute() time.Duration {
	now := s.o.Now()
	wait := now.Truncate(judging).Add(settling).Sub(now)
	if wait <= 0 {
		wait += judging
	}
	return wait
}

func (s *Service) loop(ctx context.Context, problem string, pause func() time.Duration, wake <-chan struct{}, do func(context.Context) error) {
	timer := time.NewTimer(pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-wake:
		}
		if s.o.Leads == nil || s.o.Leads() {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				s.o.Log.ErrorContext(ctx, problem, "component", "alerts", "error", err)
			}
		}
		timer.Reset(pause())
	}
}

// Judge judges the rules of all environments once.
func (s *Service) Judge(ctx context.Context) error {
	now := s.o.Now().UTC()
	for _, environment := range s.o.Environments {
		if err := s.judge(ctx, environment, now); err != nil {
			return fmt.Errorf("judging the rules of %s: %w", environment, err)
		}
	}
	return s.prune(ctx, now)
}

// judged is what became of a rule.
type judged struct {
	kept    *Kept
	state   string
	notices []rules.Notice
}

func (s *Service) judge(ctx context.Context, environment string, now time.Time) error {
	kept, err := readRules(ctx, s.o.DB.Read(), environment, "")
	if err != nil || len(kept) == 0 {
		return err
	}
	windows, err := readWindows(ctx, s.o.DB.Read(), environment, now)
	if err != nil {
		return err
	}
	r := s.reader(environment, now, windows)
	var done []judged
	for i := range kept {
		k := &kept[i]
		var readings []rules.Reading
		if k.Rule.Enabled {
			if readings, err = r.read(ctx, &k.Rule); err != nil {
				s.o.Log.WarnContext(ctx, "a rule could not be judged", "component", "alerts", "rule", k.ID, "error", err)
				continue
			}
		} else if k.State.Since.IsZero() || len(k.State.Incidents) == 0 && len(k.State.Targets) == 0 {
			continue // it is paused already
		}
		state, notices := rules.Evaluate(k.ID, &k.Rule, k.State, readings, now)
		text, err := json.Marshal(state)
		if err != nil {
			return err
		}
		done = append(done, judged{k, string(text), notices})
	}
	return s.keep(ctx, environment, done)
}

// keep writes states and what is to be told of them in one transaction: a message is
// neither lost nor made twice by a crash.
func (s *Service) keep(ctx context.Context, environment string, done []judged) error {
	told := false
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for _, d := range done {
			n, err := tx.Exec(ctx, `INSERT INTO alerts_states (environment, rule, state)
				SELECT environment, id, ? FROM alerts_rules WHERE environment = ? AND id = ? AND version = ?
				ON CONFLICT (environment, rule) DO UPDATE SET state = excluded.state`, d.state, environment, d.kept.ID, d.kept.Version)
			if err != nil {
				return err
			}
			if n == 0 {
				continue // it was changed meanwhile, and is judged anew in a minute
			}
			for i := range d.notices {
				told = true
				if err := s.keepNotice(ctx, tx, environment, d.kept, &d.notices[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && told {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return err
}

// keepNotice writes a notice into the history, and into the outbox for each channel.
func (s *Service) keepNotice(ctx context.Context, tx *store.Tx, environment string, k *Kept, n *rules.Notice) error {
	m := notify.Message{
		Key: n.Key, Incident: n.Incident, Resolved: n.Change == rules.Resolved, Severity: string(k.Rule.Severity), At: n.At.UTC(),
		Environment: environment, Rule: k.Rule.Name, Kind: string(k.Rule.Kind), Title: n.Title(&k.Rule), Text: n.Text(&k.Rule), Link: s.link(),
	}
	for _, t := range n.Targets[:min(len(n.Targets), 100)] {
		m.Targets = append(m.Targets, notify.Target{Name: t.Name, Value: t.Value, Text: t.Text})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var number int64
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM alerts_history WHERE environment = ?", environment).Scan(&number); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO alerts_history (environment, number, id, rule, incident, at, severity, resolved, message)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, id) DO NOTHING`,
		environment, number, m.Key, k.ID, m.Incident, m.At.UnixMilli(), m.Severity, m.Resolved, string(text)); err != nil {
		return err
	}
	at := s.o.Now().UnixMilli()
	for _, channel := range k.Rule.Channels {
		if _, err := tx.Exec(ctx, `INSERT INTO alerts_outbox (environment, id, channel, incident, number, created, due, attempts, state, problem, message)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, 'waiting', '', ?) ON CONFLICT (environment, id) DO NOTHING`,
			environment, m.Key+"@"+channel, channel, m.Incident, number, at, at, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is older than it is kept.
func (s *Service) prune(ctx context.Context, now time.Time) error {
	if now.Minute() != 17 { // once an hour
		return nil
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for _, environment := range s.o.Environments {
			for _, old := range []struct {
				from  string
				bound int64
			}{
				{"alerts_outbox WHERE environment = ? AND state <> 'waiting' AND created < ?", now.Add(-deliveriesKept).UnixMilli()},
				{"alerts_history WHERE environment = ? AND at < ?", now.Add(-historyKept).UnixMilli()},
				{"alerts_windows WHERE environment = ? AND ends_at < ?", now.Add(-historyKept).UnixMilli()},
			} {
				if _, err := tx.Exec(ctx, "DELETE FROM "+old.from, environment, old.bound); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, "DELETE FROM alerts_history WHERE environment = ? AND number <= (SELECT MAX(number) FROM alerts_history WHERE environment = ?) - ?",
				environment, environment, historyRows); err != nil {
				return err
			}
		}
		return nil
	})
}
