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

// Contract is the access of an application to one API.
type Contract struct {
	ID          string `json:"id"`
	Environment string `json:"environment"`
	API         string `json:"api"`
	// Application, Group, ApplicationName and ClientID are who has it.
	Application     string `json:"application"`
	Group           string `json:"group"`
	ApplicationName string `json:"applicationName"`
	ClientID        string `json:"clientId"`
	State           State  `json:"state"`
	// Tier is what an approved contract has; Wanted what is asked for. They are nil
	// for none.
	Tier   *TierName `json:"tier,omitempty"`
	Wanted *TierName `json:"wanted,omitempty"`
	// Reason is why it was asked for, Note what was said when it was decided.
	Reason    string    `json:"reason,omitempty"`
	AskedBy   string    `json:"askedBy"`
	Asked     time.Time `json:"asked"`
	DecidedBy string    `json:"decidedBy,omitempty"`
	Decided   time.Time `json:"decided,omitzero"`
	Note      string    `json:"note,omitempty"`
	Version   int64     `json:"version"`
}

// TierName names a tier.
type TierName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Asking asks for access to an API.
type Asking struct {
	// Group and Application are who wants it.
	Group       string `json:"group"`
	Application string `json:"application"`
	API         string `json:"api"`
	// Tier is the id of a tier, empty where the API has none.
	Tier   string `json:"tier,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// move is what an act brings with it.
type move struct {
	tier    *Tier
	note    string
	granted bool // nobody must decide
}

// operates reports whether a principal decides about contracts; a developer to whom
// the API is published does not, and for anybody else it is an error.
func (s *Service) operates(ctx context.Context, p control.Principal, environment, api string) (bool, error) {
	return s.admits(ctx, p, access.ManageContracts, environment, api)
}

func (s *Service) admits(ctx context.Context, p control.Principal, what access.Permission, environment, api string) (operator bool, err error) {
	refused := s.gate.Environment(ctx, p, what, environment)
	if refused == nil {
		return true, nil
	}
	if s.o.Published == nil || !errors.Is(refused, control.ErrForbidden) && !errors.Is(refused, control.ErrNotFound) {
		return false, refused
	}
	if err := s.o.Published(ctx, p, environment, api); !errors.Is(err, control.ErrNotFound) {
		return false, err
	}
	return false, refused
}

// Request asks for access of an application to an API, as who manages its contracts
// or as a developer to whom it is published; the application must be one that the
// principal may see. Where the API has no tiers, or the tier approves by itself, it
// is granted at once.
func (s *Service) Request(ctx context.Context, p control.Principal, environment string, a Asking) (*Contract, error) {
	if _, err := s.operates(ctx, p, environment, a.API); err != nil {
		return nil, err
	}
	app, err := s.Application(ctx, p, a.Group, a.Application)
	if err != nil {
		return nil, err
	}
	a.Reason = strings.TrimSpace(a.Reason)
	if err := errors.Join(apiFits(a.API), prose("reason", a.Reason)); err != nil {
		return nil, err
	}
	if s.o.Taken != nil {
		if file := s.o.Taken(environment, a.API, app.ClientID); file != "" {
			return nil, fmt.Errorf("%w: %s holds a contract of this client on the API", control.ErrReadOnly, file)
		}
	}
	var out *Contract
	err = s.write(ctx, p, func(c *change) error {
		tier, err := c.wanted(ctx, environment, a.API, a.Tier)
		if err != nil {
			return err
		}
		held, err := contracts(ctx, c.Reader, "WHERE c.environment = ? AND c.api = ? AND c.application_id = ?", environment, a.API, app.ID)
		if err != nil {
			return err
		}
		if len(held) == 0 {
			out = &Contract{
				ID: newID(10), Environment: environment, API: a.API, Application: app.ID, Group: app.Group, ApplicationName: app.Name, ClientID: app.ClientID,
			}
		} else {
			out = &held[0]
			if !out.Can(Request) {
				return wrong("application", "it has a contract on this API already, which is %s", out.State)
			}
		}
		out.Reason, out.AskedBy, out.Asked = a.Reason, p.Operator, millis(c.now)
		return c.step(ctx, out, Request, move{tier: tier, granted: tier == nil || tier.AutoApprove})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// wanted is the tier that is asked for, nil where the API has none.
func (c *change) wanted(ctx context.Context, environment, api, id string) (*Tier, error) {
	list, err := tiers(ctx, c.Reader, "WHERE t.environment = ? AND t.api = ?", environment, api)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].ID != id {
			continue
		}
		if list[i].Status != Active {
			return nil, wrong("tier", "it is deprecated; choose another")
		}
		return &list[i], nil
	}
	switch {
	case id != "":
		return nil, wrong("tier", "the API has no such tier")
	case len(list) > 0:
		return nil, wrong("tier", "the API has tiers; choose one")
	}
	return nil, nil //nolint:nilnil // an API without tiers
}

// Decide approves, rejects, revokes or restores a contract of the version that was
// seen.
func (s *Service) Decide(ctx context.Context, p control.Principal, environment, id string, version int64, act Act, note string) (*Contract, error) {
	if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
		return nil, err
	}
	if !slices.Contains([]Act{Approve, Reject, Revoke, Restore}, act) {
		return nil, wrong("act", "must be one of approve, reject, revoke, restore")
	}
	note = strings.TrimSpace(note)
	if err := prose("note", note); err != nil {
		return nil, err
	}
	return s.alter(ctx, p, environment, id, version, func(_ *change, _ *Contract) (Act, move, error) { return act, move{note: note}, nil })
}

// ChangeTier moves a contract to another tier of its API. Who manages contracts does
// it at once; the owner of the application asks for it, and keeps the present one
// until it is granted.
func (s *Service) ChangeTier(ctx context.Context, p control.Principal, environment, id string, version int64, tier, reason string) (*Contract, error) {
	operator, err := s.holder(ctx, p, environment, id)
	if err != nil {
		return nil, err
	}
	reason = strings.TrimSpace(reason)
	if err := prose("reason", reason); err != nil {
		return nil, err
	}
	return s.alter(ctx, p, environment, id, version, func(c *change, held *Contract) (Act, move, error) {
		to, err := c.wanted(ctx, environment, held.API, tier)
		if err != nil {
			return Change, move{}, err
		}
		if held.State == Approved && tierID(held.Tier) == tier {
			return Change, move{}, wrong("tier", "the contract has this tier already")
		}
		granted := to == nil || to.AutoApprove || operator && held.State == Approved
		if !granted {
			held.Reason, held.AskedBy, held.Asked = reason, p.Operator, millis(c.now)
		}
		return Change, move{tier: to, granted: granted, note: reason}, nil
	})
}

// Remove forgets a contract that was revoked or rejected.
func (s *Service) Remove(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
		return err
	}
	_, err := s.alter(ctx, p, environment, id, version, func(_ *change, _ *Contract) (Act, move, error) { return Remove, move{}, nil })
	return err
}

// alter carries out an act on a contract of a version.
func (s *Service) alter(ctx context.Context, p control.Principal, environment, id string, version int64, what func(c *change, held *Contract) (Act, move, error)) (*Contract, error) {
	var out *Contract
	err := s.write(ctx, p, func(c *change) error {
		held, err := contracts(ctx, c.Reader, "WHERE c.environment = ? AND c.id = ?", environment, id)
		if err != nil {
			return err
		}
		if len(held) == 0 {
			return control.ErrNotFound
		}
		if out = &held[0]; out.Version != version {
			return control.ErrConflict
		}
		act, m, err := what(c, out)
		if err != nil {
			return err
		}
		if !out.Can(act) {
			return wrong("state", "a contract that is %s can't be changed by %s", out.standing(), act)
		}
		return c.step(ctx, out, act, m)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// step changes a contract as the table of states says, and keeps it.
func (c *change) step(ctx context.Context, held *Contract, act Act, m move) error {
	before := *held
	to, ok := machine()[held.standing()][act]
	if !ok {
		return wrong("state", "a contract that is %s can't be changed by %s", held.standing(), act)
	}
	next := to.asked
	if m.granted {
		next = to.granted
	}
	held.settle(act, next, m)
	if next != pending && next != changing && act != Change {
		held.DecidedBy, held.Decided, held.Note = c.p.Operator, millis(c.now), m.note
	}
	held.Version++
	if err := c.keep(ctx, &before, held, next); err != nil {
		return err
	}
	action := actionOf(act, before.standing(), next)
	if err := c.happened(ctx, held, action, m.note); err != nil {
		return err
	}
	var was, is any = before.told(), held.told()
	if before.Version == 0 {
		was = nil
	}
	if next == none {
		is = nil
	}
	return c.tell(ctx, held.Environment, action, fmt.Sprintf("contract of %.100s on %.140s", held.ClientID, held.API), was, is)
}

// settle puts state and tiers in order after an act.
func (c *Contract) settle(act Act, next standing, m move) {
	name := func(t *Tier) *TierName {
		if t == nil {
			return nil
		}
		return &TierName{t.ID, t.Name}
	}
	switch next {
	case none, pending, approved, rejected, revoked:
		c.State = State(next)
	case changing:
		c.State = Approved
	}
	switch act {
	case Request, Change:
		c.Wanted = name(m.tier)
		if next == approved {
			c.Tier, c.Wanted = c.Wanted, nil
		}
	case Approve:
		c.Tier, c.Wanted = c.Wanted, nil
	case Reject, Revoke:
		c.Wanted = nil
	default: // nothing is wanted
	}
}

// keep writes a contract; it is decided when nobody needs to look at it.
func (c *change) keep(ctx context.Context, before, held *Contract, next standing) error {
	decided := 1
	if next == pending || next == changing {
		decided = 0
	}
	var err error
	switch {
	case next == none:
		err = one(c.Exec(ctx, "DELETE FROM clients_contracts WHERE environment = ? AND id = ? AND version = ?", held.Environment, held.ID, before.Version))
	case before.Version == 0:
		_, err = c.Exec(ctx, `INSERT INTO clients_contracts (id, environment, api, application_id, tier_id, wanted_tier, state, reason, asked_by, asked_at, decided_by, decided_at, note, decided, version)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`, held.ID, held.Environment, held.API, held.Application, tierID(held.Tier), tierID(held.Wanted), string(held.State),
			held.Reason, held.AskedBy, held.Asked.UnixMilli(), held.DecidedBy, unixMillis(held.Decided), held.Note, decided)
		if store.IsConflict(err) {
			return control.ErrConflict
		}
	default:
		err = one(c.Exec(ctx, `UPDATE clients_contracts SET tier_id = ?, wanted_tier = ?, state = ?, reason = ?, asked_by = ?, asked_at = ?, decided_by = ?, decided_at = ?, note = ?, decided = ?, version = version + 1
			WHERE environment = ? AND id = ? AND version = ?`, tierID(held.Tier), tierID(held.Wanted), string(held.State), held.Reason, held.AskedBy, held.Asked.UnixMilli(),
			held.DecidedBy, unixMillis(held.Decided), held.Note, decided, held.Environment, held.ID, before.Version))
	}
	if err != nil {
		return fmt.Errorf("keeping the contract: %w", err)
	}
	return nil
}

func unixMillis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}

func tierID(t *TierName) string {
	if t == nil {
		return ""
	}
	return t.ID
}

func (t *TierName) text() string {
	if t == nil {
		return ""
	}
	return t.Name
}

// told is what the audit log reads of a contract.
func (c *Contract) told() map[string]any {
	return map[string]any{"state": c.State, "tier": c.Tier.text(), "wanted": c.Wanted.text(), "reason": c.Reason, "note": c.Note, "client": c.ClientID, "api": c.API}
}

// actionOf is what the audit log calls an act.
func actionOf(act Act, from, to standing) audit.Action {
	switch act {
	case Request:
		if to == approved {
			return audit.ContractApproved
		}
		return audit.ContractRequested
	case Approve:
		if from == changing {
			return audit.ContractTierChanged
		}
		return audit.ContractApproved
	case Reject:
		if from == changing {
			return audit.ContractTierDeclined
		}
		return audit.ContractRejected
	case Revoke:
		return audit.ContractRevoked
	case Restore:
		return audit.ContractRestored
	case Change:
		if to == approved && from == approved || from == changing && to == approved {
			return audit.ContractTierChanged
		}
		if to == approved {
			return audit.ContractApproved
		}
		return audit.ContractTierRequested
	case Remove:
		return audit.ContractRemoved
	}
	return ""
}
