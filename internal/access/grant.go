package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// KeptGrant is a grant as it is stored: to an account or a team, of a role or a single
// permission, in a group or an environment of it.
type KeptGrant struct {
	ID          string     `json:"id"`
	Account     string     `json:"account,omitempty"`
	Team        string     `json:"team,omitempty"`
	Role        Role       `json:"role,omitempty"`
	Permission  Permission `json:"permission,omitempty"`
	Group       string     `json:"group"`
	Environment string     `json:"environment,omitempty"`
	Created     time.Time  `json:"created"`
	CreatedBy   string     `json:"createdBy"`
}

const grantColumns = "SELECT id, COALESCE(account, ''), COALESCE(team, ''), role, permission, grp, environment, created_at, created_by FROM access_grants"

func scanGrant(scan func(...any) error) (g KeptGrant, err error) {
	var created int64
	err = scan(&g.ID, &g.Account, &g.Team, &g.Role, &g.Permission, &g.Group, &g.Environment, &created, &g.CreatedBy)
	g.Created = moment(created)
	return g, err
}

func readGrants(ctx context.Context, r store.Reader) ([]KeptGrant, error) {
	return collect(ctx, r, scanGrant, grantColumns+" ORDER BY created_at, id")
}

// Granted lists the grants that were made to an account or to a team; with both empty,
// all.
func (s *Service) Granted(ctx context.Context, account, team string) ([]KeptGrant, error) {
	list, err := readGrants(ctx, s.db.Read())
	if err != nil {
		return nil, fmt.Errorf("listing grants: %w", err)
	}
	if account == "" && team == "" {
		return list, nil
	}
	return slices.DeleteFunc(list, func(g KeptGrant) bool { return g.Account != account || g.Team != team }), nil
}

// GrantScope is where a stored grant holds; ErrUnknown when there is no such place.
func (s *Service) GrantScope(ctx context.Context, g KeptGrant) (Scope, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return Scope{}, fmt.Errorf("looking for a place: %w", err)
	}
	at, ok := t.scope(g.Group, g.Environment)
	if !ok {
		return Scope{}, ErrUnknown
	}
	return at, nil
}

// check refuses what grants nothing.
func (g KeptGrant) check() error {
	switch {
	case (g.Account == "") == (g.Team == ""):
		return fmt.Errorf("%w: a grant goes to an account or to a team", ErrInvalid)
	case (g.Role == "") == (g.Permission == ""):
		return fmt.Errorf("%w: a grant gives a role or a permission", ErrInvalid)
	case g.Role != "" && !slices.Contains(Roles(), g.Role):
		return fmt.Errorf("%w: there is no role %.40q", ErrInvalid, string(g.Role))
	case g.Permission != "" && !slices.Contains(Permissions(), g.Permission):
		return fmt.Errorf("%w: there is no permission %.40q", ErrInvalid, string(g.Permission))
	}
	return nil
}

// AddGrant grants something. One that is there already is ErrTaken.
func (s *Service) AddGrant(ctx context.Context, by By, g KeptGrant) (KeptGrant, error) {
	if err := g.check(); err != nil {
		return KeptGrant{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) error { return s.insertGrant(ctx, tx, by, &g) })
	if err != nil {
		return KeptGrant{}, fmt.Errorf("granting: %w", err)
	}
	return g, nil
}

func (s *Service) insertGrant(ctx context.Context, tx *store.Tx, by By, g *KeptGrant) error {
	t, err := readTree(ctx, tx.Reader)
	if err != nil {
		return err
	}
	if _, ok := t.scope(g.Group, g.Environment); !ok {
		return ErrUnknown
	}
	to, err := s.bearer(ctx, tx.Reader, *g)
	if err != nil {
		return err
	}
	there, err := readGrants(ctx, tx.Reader)
	if err != nil {
		return err
	}
	for _, one := range there {
		one.ID, one.Created, one.CreatedBy = g.ID, g.Created, g.CreatedBy
		if one == *g {
			return ErrTaken
		}
	}
	g.ID, g.Created, g.CreatedBy = secret.NewID(), s.now(), by.Operator
	if _, err := tx.Exec(ctx, "INSERT INTO access_grants (id, account, team, role, permission, grp, environment, created_at, created_by) "+
		"VALUES (?, NULLIF(?, ''), NULLIF(?, ''), ?, ?, ?, ?, ?, ?)", g.ID, g.Account, g.Team, string(g.Role), string(g.Permission), g.Group, g.Environment,
		g.Created.UnixMilli(), g.CreatedBy); err != nil {
		return err
	}
	return s.tell(ctx, tx, by, ActionGrantAdded, to, nil, *g)
}

// bearer is who a grant goes to, as entries say it.
func (s *Service) bearer(ctx context.Context, r store.Reader, g KeptGrant) (string, error) {
	if g.Account != "" {
		a, err := readAccount(ctx, r, "id", g.Account)
		return "account " + a.Name, err
	}
	t, err := readTeam(ctx, r, g.Team)
	return "team " + t.Name, err
}

// RevokeGrant takes a grant back; it ends at once, in all sessions. The last
// administrator's can't be.
func (s *Service) RevokeGrant(ctx context.Context, by By, id string) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		g, err := scanGrant(tx.QueryRow(ctx, grantColumns+" WHERE id = ?", id).Scan)
		if err != nil {
			return missing(err)
		}
		to, err := s.bearer(ctx, tx.Reader, g)
		if err != nil {
			return err
		}
		return s.keepAdmin(ctx, tx, func() error {
			if _, err := tx.Exec(ctx, "DELETE FROM access_grants WHERE id = ?", id); err != nil {
				return err
			}
			return s.tell(ctx, tx, by, ActionGrantRevoked, to, g, nil)
		})
	})
	return wrap("revoking a grant", err)
}

// Holds reports whether a principal may do all that a grant gives, and where it gives
// it: nobody can pass on what they do not hold.
func (p Principal) Holds(g Grant) bool {
	for _, what := range Permissions() {
		if (g.Permission == what || g.Role.Allows(what)) && !p.May(what, g.Scope) {
			return false
		}
	}
	return g.Role != "" || g.Permission != ""
}

// HoldsAll reports whether a principal may do all that another may: who does not can't
// act for it, as by resetting its password.
func (p Principal) HoldsAll(of Principal) bool {
	for _, role := range of.Roles {
		if !p.Holds(Grant{Role: role, Scope: Scope{Group: Root}}) {
			return false
		}
	}
	return !slices.ContainsFunc(of.Grants, func(g Grant) bool { return !p.Holds(g) })
}
