package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/store"
)

// How long it is tried to deliver: after ten seconds again, then after twice as long
// each time, an hour at most.
const (
	firstWait   = 10 * time.Second
	longestWait = time.Hour
	maxAttempts = 20
	atOnce      = 50
)

// The states of a delivery.
const (
	Waiting = "waiting"
	Sent    = "sent"
	Failed  = "failed"
)

// Delivery is a message on its way to a channel, or what became of it.
type Delivery struct {
	ID       string    `json:"id"`
	Channel  string    `json:"channel"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Created  time.Time `json:"created"`
	// Due is when it is tried again, or was tried last.
	Due     time.Time `json:"due"`
	Problem string    `json:"problem,omitempty"`
	Title   string    `json:"title"`

	environment string
	message     notify.Message
}

const deliveryColumns = "SELECT environment, id, channel, state, attempts, created, due, problem, message FROM alerts_outbox o WHERE "

func readDeliveries(ctx context.Context, r store.Reader, more string, args ...any) (out []Delivery, err error) {
	rows, err := r.Query(ctx, deliveryColumns+more, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			d            Delivery
			created, due int64
			message      string
		)
		if err := rows.Scan(&d.environment, &d.ID, &d.Channel, &d.State, &d.Attempts, &created, &due, &d.Problem, &message); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(message), &d.message); err != nil {
			return nil, fmt.Errorf("reading message %s: %w", d.ID, err)
		}
		d.Created, d.Due, d.Title = time.UnixMilli(created).UTC(), time.UnixMilli(due).UTC(), d.message.Title
		out = append(out, d)
	}
	return out, rows.Err()
}

// Deliver sends what is due. A message waits for those before it of the same incident
// and channel, so that no end comes before its beginning.
func (s *Service) Deliver(ctx context.Context) error {
	for {
		due, err := readDeliveries(ctx, s.o.DB.Read(), `o.state = 'waiting' AND o.due <= ? AND NOT EXISTS (
			SELECT 1 FROM alerts_outbox e WHERE e.environment = o.environment AND e.channel = o.channel AND e.incident = o.incident
			AND e.state = 'waiting' AND e.number < o.number) ORDER BY o.due, o.number LIMIT ?`, s.o.Now().UnixMilli(), atOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		for i := range due {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the rest waits for the next start
			}
			if err := s.deliver(ctx, &due[i]); err != nil {
				return err
			}
		}
	}
}

// deliver sends one message and writes down what became of it. A crash between both
// sends it once more, under the same key.
func (s *Service) deliver(ctx context.Context, d *Delivery) error {
	err := s.send(ctx, d)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was broken off, and waits
	}
	d.Attempts++
	d.State, d.Problem = Sent, ""
	d.Due = s.o.Now()
	if err != nil {
		d.State, d.Problem = Waiting, notify.Clip(err.Error(), 500)
		d.Due = d.Due.Add(min(firstWait<<min(d.Attempts-1, 12), longestWait))
		if errors.Is(err, notify.ErrPermanent) || errors.Is(err, control.ErrNotFound) || d.Attempts >= maxAttempts {
			d.State = Failed
		}
		s.o.Log.WarnContext(ctx, "a message was not taken", "component", "alerts", "channel", d.Channel, "state", d.State, "attempts", d.Attempts, "problem", d.Problem)
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE alerts_outbox SET state = ?, attempts = ?, due = ?, problem = ? WHERE environment = ? AND id = ? AND state = 'waiting'",
			d.State, d.Attempts, d.Due.UnixMilli(), d.Problem, d.environment, d.ID)
		return err
	})
}

func (s *Service) send(ctx context.Context, d *Delivery) error {
	c, err := one(readChannels(ctx, s.o.DB.Read(), d.environment, " AND id = ?", d.Channel))
	if err != nil {
		return err
	}
	way, err := s.open(ctx, d.environment, &c)
	if err != nil {
		return err
	}
	return way.Send(ctx, d.message)
}

// Deliveries lists what was sent and what waits, the newest first.
func (s *Service) Deliveries(ctx context.Context, p control.Principal, environment string, limit int) ([]Delivery, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return nil, err
	}
	return readDeliveries(ctx, s.o.DB.Read(), "o.environment = ? ORDER BY o.number DESC, o.id LIMIT ?", environment, min(max(limit, 1), 1000))
}

// Past is one entry of the history.
type Past struct {
	Number int64  `json:"number"`
	Rule   string `json:"rule"`
	notify.Message
}

// History lists what was noticed before an entry, the newest first; before is 0 for the
// newest of all.
func (s *Service) History(ctx context.Context, p control.Principal, environment string, before int64, limit int) (out []Past, err error) {
	if err := s.view(ctx, p, environment); err != nil {
		return nil, err
	}
	query, args := "SELECT number, rule, message FROM alerts_history WHERE environment = ?", []any{environment}
	if before > 0 {
		query += " AND number < ?"
		args = append(args, before)
	}
	rows, err := s.o.DB.Read().Query(ctx, query+" ORDER BY number DESC LIMIT ?", append(args, min(max(limit, 1), 1000))...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			past    Past
			rule    string
			message string
		)
		if err := rows.Scan(&past.Number, &rule, &message); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(message), &past.Message); err != nil {
			return nil, err
		}
		past.Rule = rule
		out = append(out, past)
	}
	return out, rows.Err()
}

// Active lists the rules that alert now, the worst first.
func (s *Service) Active(ctx context.Context, p control.Principal, environment string) ([]Kept, error) {
	all, err := s.Rules(ctx, p, environment)
	if err != nil {
		return nil, err
	}
	return active(all), nil
}
