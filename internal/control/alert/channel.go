package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Streams are what can be forwarded.
const (
	StreamAudit    = "audit"
	StreamFindings = "findings"
)

// Channel is a channel as it is shown: without the values of secrets.
type Channel struct {
	ID       string          `json:"id"`
	Version  int64           `json:"version"`
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Settings notify.Settings `json:"settings"`
	// Secrets names the secrets that are set.
	Secrets []string `json:"secrets,omitempty"`
	// Forwards names the streams that are forwarded to it.
	Forwards []string  `json:"forwards,omitempty"`
	Changed  time.Time `json:"changed"`
	By       string    `json:"by"`
	// Forwarding is how far each stream has come.
	Forwarding []Position `json:"forwarding,omitempty"`

	sealed string
}

// Position is how far a stream was forwarded.
type Position struct {
	Stream string `json:"stream"`
	Place  int64  `json:"place"`
	// Problem is why it does not go on; empty when it does.
	Problem string `json:"problem,omitempty"`
}

// maxChannels bounds the channels of an environment.
const maxChannels = 100

func readChannels(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []Channel, err error) {
	rows, err := r.Query(ctx, "SELECT id, version, name, kind, settings, sealed, secrets, forwards, changed_at, changed_by FROM alerts_channels WHERE environment = ?"+more+" ORDER BY name, id",
		append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			c                           Channel
			settings, secrets, forwards string
			changed                     int64
		)
		if err := rows.Scan(&c.ID, &c.Version, &c.Name, &c.Kind, &settings, &c.sealed, &secrets, &forwards, &changed, &c.By); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(settings), &c.Settings); err != nil {
			return nil, fmt.Errorf("reading channel %s: %w", c.ID, err)
		}
		c.Secrets, c.Forwards, c.Changed = words(secrets), words(forwards), time.UnixMilli(changed).UTC()
		out = append(out, c)
	}
	return out, rows.Err()
}

func words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// Channels lists the channels of an environment.
func (s *Service) Channels(ctx context.Context, p control.Principal, environment string) ([]Channel, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return nil, err
	}
	list, err := readChannels(ctx, s.o.DB.Read(), environment, "")
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Forwarding, err = s.positions(ctx, environment, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Channel gives one channel.
func (s *Service) Channel(ctx context.Context, p control.Principal, environment, id string) (Channel, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return Channel{}, err
	}
	return one(readChannels(ctx, s.o.DB.Read(), environment, " AND id = ?", id))
}

// CreateChannel keeps a new channel. With the first of an environment the default
// rules are switched on.
func (s *Service) CreateChannel(ctx context.Context, p control.Principal, environment string, spec ChannelSpec) (Channel, error) {
	if err := s.manage(ctx, p, environment); err != nil {
		return Channel{}, err
	}
	id := secret.NewID()
	ready, err := s.prepare(ctx, p, environment, id, &spec, nil)
	if err != nil {
		return Channel{}, err
	}
	if err := s.begin(ctx, environment); err != nil {
		return Channel{}, err
	}
	err = s.write(ctx, p, environment, audit.AlertChannelCreated, "alert channel "+id, func(tx *store.Tx) (_, after any, err error) {
		var n int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM alerts_channels WHERE environment = ?", environment).Scan(&n); err != nil {
			return nil, nil, err
		}
		if n >= maxChannels {
			return nil, nil, invalid(fmt.Errorf("there are %d channels already", maxChannels))
		}
		if _, err = tx.Exec(ctx, "INSERT INTO alerts_channels (environment, id, version, name, kind, settings, sealed, secrets, forwards, changed_at, changed_by) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
			environment, id, spec.Name, spec.Kind, ready.settings, ready.sealed, ready.secrets, strings.Join(spec.Forwards, ","), s.o.Now().UnixMilli(), p.Operator); err != nil {
			return nil, nil, err
		}
		if n == 0 {
			err = s.enableDefaults(ctx, tx, environment, id)
		}
		return nil, ready.told(&spec), err
	})
	if err != nil {
		return Channel{}, err
	}
	return s.Channel(ctx, p, environment, id)
}

// ChangeChannel puts settings in the place of the version that was seen.
func (s *Service) ChangeChannel(ctx context.Context, p control.Principal, environment, id string, version int64, spec ChannelSpec) (Channel, error) {
	if err := s.manage(ctx, p, environment); err != nil {
		return Channel{}, err
	}
	before, err := s.Channel(ctx, p, environment, id)
	if err != nil {
		return Channel{}, err
	}
	if before.Version != version {
		return Channel{}, control.ErrConflict
	}
	ready, err := s.prepare(ctx, p, environment, id, &spec, &before)
	if err != nil {
		return Channel{}, err
	}
	err = s.write(ctx, p, environment, audit.AlertChannelChanged, "alert channel "+id, func(tx *store.Tx) (_, _ any, err error) {
		n, err := tx.Exec(ctx, "UPDATE alerts_channels SET version = version + 1, name = ?, kind = ?, settings = ?, sealed = ?, secrets = ?, forwards = ?, changed_at = ?, changed_by = ? WHERE environment = ? AND id = ? AND version = ?",
			spec.Name, spec.Kind, ready.settings, ready.sealed, ready.secrets, strings.Join(spec.Forwards, ","), s.o.Now().UnixMilli(), p.Operator, environment, id, version)
		if err == nil && n == 0 {
			err = conflict(ctx, tx, "alerts_channels", environment, id)
		}
		shown := map[string]any{"name": before.Name, "kind": before.Kind, "settings": before.Settings, "set": before.Secrets, "forwards": before.Forwards}
		return shown, ready.told(&spec), err
	})
	if err != nil {
		return Channel{}, err
	}
	return s.Channel(ctx, p, environment, id)
}

// RemoveChannel removes a channel, from rules too; what waits for it is given up.
func (s *Service) RemoveChannel(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.manage(ctx, p, environment); err != nil {
		return err
	}
	return s.write(ctx, p, environment, audit.AlertChannelRemoved, "alert channel "+id, func(tx *store.Tx) (_, _ any, err error) {
		c, err := one(readChannels(ctx, tx.Reader, environment, " AND id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if c.Version != version {
			return nil, nil, control.ErrConflict
		}
		kept, err := readRules(ctx, tx.Reader, environment, "")
		if err != nil {
			return nil, nil, err
		}
		for i := range kept {
			if r := &kept[i].Rule; slices.Contains(r.Channels, id) {
				r.Channels = slices.DeleteFunc(r.Channels, func(c string) bool { return c == id })
				if err := s.updateRule(ctx, tx, environment, kept[i].ID, kept[i].Version, p.Operator, r); err != nil {
					return nil, nil, err
				}
			}
		}
		for _, from := range []string{"alerts_channels WHERE environment = ? AND id = ?", "alerts_positions WHERE environment = ? AND channel = ?"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+from, environment, id); err != nil {
				return nil, nil, err
			}
		}
		_, err = tx.Exec(ctx, "UPDATE alerts_outbox SET state = 'failed', problem = 'the channel was removed' WHERE environment = ? AND channel = ? AND state = 'waiting'", environment, id)
		return map[string]any{"name": c.Name, "kind": c.Kind}, nil, err
	})
}

// TestChannel sends a message that says that nothing has happened, at once. The error
// says why it was not taken.
func (s *Service) TestChannel(ctx context.Context, p control.Principal, environment, id string) error {
	if err := s.manage(ctx, p, environment); err != nil {
		return err
	}
	c, err := s.Channel(ctx, p, environment, id)
	if err != nil {
		return err
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		return s.o.Audit.Record(ctx, tx, control.Told(p, environment, audit.AlertChannelTested, "alert channel "+id))
	})
	if err != nil {
		return err
	}
	way, err := s.open(ctx, environment, &c)
	if err == nil {
		err = way.Send(ctx, notify.Message{
			Key: "test-" + secret.NewID(), Incident: "test", Test: true, Severity: string(rules.Info), At: s.o.Now().UTC(), Environment: environment,
			Rule: "Test", Kind: "test", Title: "Test: nothing has happened", Text: p.Operator + " tests the channel " + c.Name + ". Alerts will look like this.", Link: s.link(),
		})
	}
	if err != nil {
		return invalid(fmt.Errorf("the message was not taken: %w", err))
	}
	return nil
}

// open makes a channel of what is kept.
func (s *Service) open(ctx context.Context, environment string, c *Channel) (notify.Channel, error) {
	kind, err := s.kind(c.Kind)
	if err != nil {
		return nil, err
	}
	hidden, err := s.secretsOf(environment, c)
	if err != nil {
		return nil, err
	}
	settings := maps.Clone(c.Settings)
	maps.Copy(settings, hidden)
	if settings, err = kind.Check(settings); err != nil {
		return nil, notify.Permanent(err)
	}
	if settings, err = s.resolve(ctx, environment, settings); err != nil {
		return nil, err
	}
	return kind.Open(settings, s.o.Env)
}

func (s *Service) link() string {
	if s.o.Link == "" {
		return ""
	}
	return strings.TrimSuffix(s.o.Link, "/") + "/alerts"
}
