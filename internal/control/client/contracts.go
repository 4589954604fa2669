package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

const contractColumns = `SELECT c.id, c.environment, c.api, c.application_id, a.group_id, a.name, a.client_id, c.state, c.tier_id, COALESCE(t.name, ''), c.wanted_tier, COALESCE(w.name, ''),
	c.reason, c.asked_by, c.asked_at, c.decided_by, c.decided_at, c.note, c.version
	FROM clients_contracts c JOIN clients_applications a ON a.id = c.application_id
	LEFT JOIN clients_tiers t ON t.id = c.tier_id AND t.environment = c.environment
	LEFT JOIN clients_tiers w ON w.id = c.wanted_tier AND w.environment = c.environment `

func contracts(ctx context.Context, r store.Reader, where string, args ...any) ([]Contract, error) {
	rows, err := r.Query(ctx, contractColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing contracts: %w", err)
	}
	var list []Contract
	err = each(rows, func() error {
		var c Contract
		var tier, wanted TierName
		var asked, decided int64
		err := rows.Scan(&c.ID, &c.Environment, &c.API, &c.Application, &c.Group, &c.ApplicationName, &c.ClientID, &c.State, &tier.ID, &tier.Name, &wanted.ID, &wanted.Name,
			&c.Reason, &c.AskedBy, &asked, &c.DecidedBy, &decided, &c.Note, &c.Version)
		if tier.ID != "" {
			c.Tier = &tier
		}
		if wanted.ID != "" {
			c.Wanted = &wanted
		}
		c.Asked, c.Decided = millis(asked), millis(decided)
		list = append(list, c)
		return err
	})
	return list, err
}

// Filter asks for a part of the contracts of an environment; what is empty does not
// filter.
type Filter struct {
	API, Application string
	State            State
	// Waiting leaves those about which somebody must decide.
	Waiting bool
	After   string
	Limit   int
}

// Contracts lists those of an environment, what waits for a decision first.
func (s *Service) Contracts(ctx context.Context, p control.Principal, environment string, f Filter) ([]Contract, string, error) {
	if err := s.gate.Environment(ctx, p, access.ViewContracts, environment); err != nil {
		return nil, "", err
	}
	where, args := "WHERE c.environment = ?", []any{environment}
	add := func(text string, values ...any) { where, args = where+" AND "+text, append(args, values...) }
	if f.API != "" {
		add("c.api = ?", f.API)
	}
	if f.Application != "" {
		add("c.application_id = ?", f.Application)
	}
	if f.State != "" {
		add("c.state = ?", string(f.State))
	}
	if f.Waiting {
		add("c.decided = 0")
	}
	if f.After != "" {
		decided, id, ok := strings.Cut(f.After, ".")
		if !ok || decided != "0" && decided != "1" {
			return nil, "", wrong("after", "must be the next of the part before")
		}
		n := int64(decided[0] - '0')
		add("(c.decided > ? OR c.decided = ? AND c.id > ?)", n, n, id)
	}
	limit := (&Query{Limit: f.Limit}).limit()
	list, err := contracts(ctx, s.o.DB.Read(), where+" ORDER BY c.decided, c.id LIMIT ?", append(args, limit+1)...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	list = list[:limit]
	decided := "1"
	if last := list[limit-1].standing(); last == pending || last == changing {
		decided = "0"
	}
	return list, decided + "." + list[limit-1].ID, nil
}

// Held lists the contracts of an application, for who may see it: those in all
// environments for who owns it or manages clients, and for others those in environments
// whose contracts they see.
func (s *Service) Held(ctx context.Context, p control.Principal, group, application string) ([]Contract, error) {
	if _, err := s.Application(ctx, p, group, application); err != nil {
		return nil, err
	}
	all, err := contracts(ctx, s.o.DB.Read(), "WHERE c.application_id = ? AND a.group_id = ? ORDER BY c.decided, c.id LIMIT 1000", application, group)
	if err != nil {
		return nil, err
	}
	switch _, err := s.manage(ctx, p, group, application); {
	case err == nil:
		return all, nil // whose it is knows what it has
	case !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound):
		return nil, err
	}
	sees := map[string]bool{}
	for i := range all {
		environment := all[i].Environment
		if _, asked := sees[environment]; asked {
			continue
		}
		err := s.gate.Environment(ctx, p, access.ViewContracts, environment)
		if err != nil && !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound) {
			return nil, err
		}
		sees[environment] = err == nil
	}
	return slices.DeleteFunc(all, func(c Contract) bool { return !sees[c.Environment] }), nil
}

// Contract gives one, to who may see those of its environment or owns its
// application.
func (s *Service) Contract(ctx context.Context, p control.Principal, environment, id string) (*Contract, error) {
	refused := s.gate.Environment(ctx, p, access.ViewContracts, environment)
	if refused != nil && !errors.Is(refused, control.ErrForbidden) && !errors.Is(refused, control.ErrNotFound) {
		return nil, refused
	}
	list, err := contracts(ctx, s.o.DB.Read(), "WHERE c.environment = ? AND c.id = ?", environment, id)
	switch {
	case err != nil:
		return nil, err
	case refused == nil && len(list) == 0:
		return nil, control.ErrNotFound
	case refused == nil:
		return &list[0], nil
	case len(list) == 0:
		return nil, refused
	}
	if _, err := s.manage(ctx, p, list[0].Group, list[0].Application); err != nil {
		if errors.Is(err, control.ErrForbidden) || errors.Is(err, control.ErrNotFound) {
			return nil, refused
		}
		return nil, err
	}
	return &list[0], nil
}

// holder reports whether a principal manages the contracts of an environment; who
// owns the application of one does not, and for anybody else it is an error.
func (s *Service) holder(ctx context.Context, p control.Principal, environment, id string) (bool, error) {
	refused := s.gate.Environment(ctx, p, access.ManageContracts, environment)
	if refused == nil {
		return true, nil
	}
	held, err := s.Contract(ctx, p, environment, id)
	if err != nil {
		return false, err
	}
	if _, err := s.manage(ctx, p, held.Group, held.Application); err != nil {
		return false, refused
	}
	return false, nil
}

// Event is something that happened to a contract.
type Event struct {
	// Seq grows with every event of an environment.
	Seq         int64        `json:"seq"`
	Environment string       `json:"environment"`
	Contract    string       `json:"contract"`
	API         string       `json:"api"`
	ClientID    string       `json:"clientId"`
	Action      audit.Action `json:"action"`
	// State and Tier are those after it.
	State    State     `json:"state,omitempty"`
	Tier     string    `json:"tier,omitempty"`
	Operator string    `json:"operator"`
	Note     string    `json:"note,omitempty"`
	At       time.Time `json:"at"`
}

// happened keeps an event.
func (c *change) happened(ctx context.Context, held *Contract, action audit.Action, note string) error {
	seq, err := c.touch(ctx, held.Environment)
	if err != nil {
		return err
	}
	tier := held.Tier.text()
	if held.Wanted != nil {
		tier = held.Wanted.Name
	}
	_, err = c.Exec(ctx, "INSERT INTO clients_events (environment, seq, contract_id, api, client_id, action, state, tier, operator, note, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		held.Environment, seq, held.ID, held.API, held.ClientID, string(action), string(held.State), tier, c.p.Operator, note, c.now)
	if err != nil {
		return fmt.Errorf("keeping the event: %w", err)
	}
	return nil
}

// History lists what happened to a contract, the newest first.
func (s *Service) History(ctx context.Context, p control.Principal, environment, id string) ([]Event, error) {
	if _, err := s.Contract(ctx, p, environment, id); err != nil {
		return nil, err
	}
	return s.events(ctx, "WHERE environment = ? AND contract_id = ? ORDER BY seq DESC LIMIT 100", environment, id)
}

// Events lists what happened to the contracts of an environment after an event, the
// oldest first; it is for Farrier's own alerts and asks nobody's permission.
func (s *Service) Events(ctx context.Context, environment string, after int64, limit int) ([]Event, error) {
	return s.events(ctx, "WHERE environment = ? AND seq > ? ORDER BY seq LIMIT ?", environment, after, limit)
}

func (s *Service) events(ctx context.Context, where string, args ...any) ([]Event, error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT seq, environment, contract_id, api, client_id, action, state, tier, operator, note, at FROM clients_events "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	var list []Event
	err = each(rows, func() error {
		var e Event
		var at int64
		err := rows.Scan(&e.Seq, &e.Environment, &e.Contract, &e.API, &e.ClientID, &e.Action, &e.State, &e.Tier, &e.Operator, &e.Note, &at)
		e.At = millis(at)
		list = append(list, e)
		return err
	})
	return list, err
}
