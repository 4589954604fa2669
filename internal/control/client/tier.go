package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Status says whether a tier can be asked for.
type Status string

// The statuses of a tier.
const (
	Active Status = "ACTIVE"
	// Deprecated tiers serve those who have them, and nobody else gets them.
	Deprecated Status = "DEPRECATED"
)

// Tier is an SLA tier of an API.
type Tier struct {
	ID          string `json:"id"`
	Environment string `json:"environment"`
	API         string `json:"api"`
	TierDraft
	// Contracts is how many contracts are on it, or ask for it.
	Contracts int   `json:"contracts"`
	Version   int64 `json:"version"`
}

// TierDraft is what a tier is made of.
type TierDraft struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// AutoApprove grants every request for the tier at once.
	AutoApprove bool   `json:"autoApprove"`
	Status      Status `json:"status"`
	// Limits all hold together.
	Limits []Limit `json:"limits"`
}

// Limit is one quota of a tier.
type Limit struct {
	// Visible limits are shown in the portal.
	Visible                  bool  `json:"visible"`
	MaximumRequests          int64 `json:"maximumRequests"`
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds"`
}

// The bounds of tiers.
const (
	maxLimits = 10
	maxTiers  = 100
)

var apiForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

func apiFits(api string) error {
	if !apiForm.MatchString(api) {
		return wrong("api", "must be namespace/name of an API")
	}
	return nil
}

func (d *TierDraft) check() error {
	d.Name, d.Description = strings.TrimSpace(d.Name), strings.TrimSpace(d.Description)
	if d.Status == "" {
		d.Status = Active
	}
	if err := errors.Join(line("name", d.Name, 1, maxName), prose("description", d.Description)); err != nil {
		return err
	}
	if d.Status != Active && d.Status != Deprecated {
		return wrong("status", "must be ACTIVE or DEPRECATED")
	}
	if len(d.Limits) == 0 || len(d.Limits) > maxLimits {
		return wrong("limits", "must be 1 to %d", maxLimits)
	}
	d.Limits = slices.Clone(d.Limits)
	for i, l := range d.Limits {
		if l.MaximumRequests < 1 || l.MaximumRequests > 1e15 {
			return wrong(fmt.Sprintf("limits[%d].maximumRequests", i), "must be a whole number from 1 to 1000000000000000")
		}
		if l.TimePeriodInMilliseconds < 1 || l.TimePeriodInMilliseconds > 1e12 {
			return wrong(fmt.Sprintf("limits[%d].timePeriodInMilliseconds", i), "must be a whole number from 1 to 1000000000000")
		}
	}
	return nil
}

const tierColumns = `SELECT t.id, t.environment, t.api, t.name, t.description, t.auto_approve, t.status, t.limits, t.version,
	(SELECT COUNT(*) FROM clients_contracts c WHERE c.environment = t.environment AND c.tier_id = t.id)
	+ (SELECT COUNT(*) FROM clients_contracts c WHERE c.environment = t.environment AND c.wanted_tier = t.id AND c.wanted_tier <> c.tier_id) FROM clients_tiers t `

func tiers(ctx context.Context, r store.Reader, where string, args ...any) ([]Tier, error) {
	rows, err := r.Query(ctx, tierColumns+where+" ORDER BY t.name", args...)
	if err != nil {
		return nil, fmt.Errorf("listing tiers: %w", err)
	}
	var list []Tier
	err = each(rows, func() error {
		var t Tier
		var limits string
		if err := rows.Scan(&t.ID, &t.Environment, &t.API, &t.Name, &t.Description, &t.AutoApprove, &t.Status, &limits, &t.Version, &t.Contracts); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(limits), &t.Limits)
		list = append(list, t)
		return err
	})
	return list, err
}

// Tiers lists the tiers of an API by name. Who may only use the portal sees those of
// published APIs that can be asked for, with their visible limits.
func (s *Service) Tiers(ctx context.Context, p control.Principal, environment, api string) ([]Tier, error) {
	operator, err := s.reader(ctx, p, environment, api)
	if err != nil {
		return nil, err
	}
	list, err := tiers(ctx, s.o.DB.Read(), "WHERE t.environment = ? AND t.api = ?", environment, api)
	if err != nil || operator {
		return list, err
	}
	list = slices.DeleteFunc(list, func(t Tier) bool { return t.Status != Active })
	for i := range list {
		list[i].Contracts = 0
		list[i].Limits = slices.DeleteFunc(list[i].Limits, func(l Limit) bool { return !l.Visible })
	}
	return list, nil
}

// reader authorises to look at an API: as an operator, or as a developer to whom it
// is published.
func (s *Service) reader(ctx context.Context, p control.Principal, environment, api string) (operator bool, err error) {
	return s.admits(ctx, p, access.ViewContracts, environment, api)
}

// CreateTier adds a tier to an API.
func (s *Service) CreateTier(ctx context.Context, p control.Principal, environment, api string, d TierDraft) (*Tier, error) {
	if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
		return nil, err
	}
	if err := errors.Join(apiFits(api), d.check()); err != nil {
		return nil, err
	}
	t := &Tier{ID: newID(8), Environment: environment, API: api, TierDraft: d, Version: 1}
	return t, s.write(ctx, p, func(c *change) error {
		list, err := tiers(ctx, c.Reader, "WHERE t.environment = ? AND t.api = ?", environment, api)
		if err != nil {
			return err
		}
		if len(list) >= maxTiers {
			return wrong("api", "it has %d tiers, more are not possible", len(list))
		}
		if err := nameFree(list, "", d.Name); err != nil {
			return err
		}
		return c.addTier(ctx, t)
	})
}

// addTier keeps a tier that was checked.
func (c *change) addTier(ctx context.Context, t *Tier) error {
	_, err := c.Exec(ctx, "INSERT INTO clients_tiers (id, environment, api, name, description, auto_approve, status, limits, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
		t.ID, t.Environment, t.API, t.Name, t.Description, t.AutoApprove, string(t.Status), limitsText(t.Limits))
	if err != nil {
		return fmt.Errorf("keeping the tier: %w", err)
	}
	return c.tell(ctx, t.Environment, audit.TierCreated, tierObject(t), nil, t.TierDraft)
}

func tierObject(t *Tier) string { return fmt.Sprintf("tier %.60s of api %.180s", t.Name, t.API) }

func nameFree(list []Tier, id, name string) error {
	for i := range list {
		if list[i].ID != id && strings.EqualFold(list[i].Name, name) {
			return wrong("name", "the API has a tier of this name; choose another")
		}
	}
	return nil
}

func limitsText(limits []Limit) string {
	text, err := json.Marshal(limits)
	if err != nil {
		return "[]" // numbers can always be written
	}
	return string(text)
}

// tier is one tier of an environment.
func (c *change) tier(ctx context.Context, environment, id string) (*Tier, error) {
	list, err := tiers(ctx, c.Reader, "WHERE t.environment = ? AND t.id = ?", environment, id)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, control.ErrNotFound
	}
	return &list[0], nil
}

// UpdateTier changes a tier of the version that was seen, at once for all who have
// it. One that begins to approve by itself grants what waits for it.
func (s *Service) UpdateTier(ctx context.Context, p control.Principal, environment, id string, version int64, d TierDraft) (*Tier, error) {
	if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	var after Tier
	err := s.write(ctx, p, func(c *change) error {
		before, err := c.tier(ctx, environment, id)
		if err != nil {
			return err
		}
		list, err := tiers(ctx, c.Reader, "WHERE t.environment = ? AND t.api = ?", environment, before.API)
		if err != nil {
			return err
		}
		if err := nameFree(list, id, d.Name); err != nil {
			return err
		}
		after = *before
		after.TierDraft, after.Version = d, version+1
		if err := one(c.Exec(ctx, "UPDATE clients_tiers SET name = ?, description = ?, auto_approve = ?, status = ?, limits = ?, version = version + 1 WHERE environment = ? AND id = ? AND version = ?",
			d.Name, d.Description, d.AutoApprove, string(d.Status), limitsText(d.Limits), environment, id, version)); err != nil {
			return err
		}
		if _, err := c.touch(ctx, environment); err != nil {
			return err
		}
		if err := c.tell(ctx, environment, audit.TierChanged, tierObject(before), before.TierDraft, d); err != nil {
			return err
		}
		if before.AutoApprove || !d.AutoApprove {
			return nil
		}
		return c.grantWaiting(ctx, environment, id)
	})
	if err != nil {
		return nil, err
	}
	return &after, nil
}

// grantWaiting approves what waits for a tier.
func (c *change) grantWaiting(ctx context.Context, environment, tier string) error {
	waiting, err := contracts(ctx, c.Reader, "WHERE c.environment = ? AND c.wanted_tier = ? AND c.decided = 0 ORDER BY c.id", environment, tier)
	if err != nil {
		return err
	}
	for i := range waiting {
		if err := c.step(ctx, &waiting[i], Approve, move{note: "the tier approves by itself"}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTier removes a tier that no contract is on or asks for.
func (s *Service) DeleteTier(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
		return err
	}
	return s.write(ctx, p, func(c *change) error {
		before, err := c.tier(ctx, environment, id)
		if err != nil {
			return err
		}
		if before.Contracts > 0 {
			return wrong("id", "%d applications are on this tier or ask for it; move them to another, or set its status to DEPRECATED so that nobody else gets it", before.Contracts)
		}
		if err := one(c.Exec(ctx, "DELETE FROM clients_tiers WHERE environment = ? AND id = ? AND version = ?", environment, id, version)); err != nil {
			return err
		}
		return c.tell(ctx, environment, audit.TierRemoved, tierObject(before), before.TierDraft, nil)
	})
}
