// Package people is who may come in and who may do what: accounts, teams, grants, API
// tokens, business groups and environments, as administrators manage them. What is
// kept, and its records in the audit log, are the room access's; here it is decided
// who may change it. Nobody can grant what they do not hold, change what is granted to
// themselves, or act for an account that may do more than they.
package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Service manages people. It is safe for use by many goroutines.
type Service struct {
	access *access.Service
	now    func() time.Time
}

// New makes the service.
func New(a *access.Service, now func() time.Time) (*Service, error) {
	if a == nil || now == nil {
		return nil, errors.New("people: it needs access and a clock")
	}
	return &Service{access: a, now: now}, nil
}

// top is the scope of the whole organisation.
var top = access.Scope{Group: access.Root} //nolint:gochecknoglobals // a constant in all but name

// fresh refuses, with ErrStale, who did not prove lately who they are. API tokens never
// did.
func (s *Service) fresh(p control.Principal) error {
	if s.now().Sub(p.Confirmed) >= access.ConfirmedLife {
		return control.ErrStale
	}
	return nil
}

// manage authorises a change of the organisation.
func manage(p control.Principal) error { return control.Authorise(p, access.ManageAccess, top) }

// view authorises a look at the organisation.
func view(p control.Principal) error {
	if p.May(access.ManageAccess, top) {
		return nil
	}
	return control.Authorise(p, access.ViewAccess, top)
}

// mend turns the refusals of access into those of all services, and keeps their words.
func mend(err error) error {
	for _, pair := range [][2]error{
		{access.ErrUnknown, control.ErrNotFound},
		{access.ErrVersion, control.ErrConflict},
		{access.ErrTaken, control.ErrConflict},
		{access.ErrInvalid, control.ErrInvalid},
		{access.ErrNotEmpty, control.ErrInvalid},
		{access.ErrLastAdmin, control.ErrInvalid},
		{access.ErrStale, control.ErrStale},
	} {
		if errors.Is(err, pair[0]) {
			return errors.Join(pair[1], err)
		}
	}
	return err
}

// over authorises a change of somebody else's account: nobody can act for one that may
// do more than they, nor change what they themselves may do.
func (s *Service) over(ctx context.Context, p control.Principal, account string) error {
	if err := manage(p); err != nil {
		return err
	}
	if account == p.Account {
		return fmt.Errorf("%w: it is your own account; somebody else must do this", control.ErrForbidden)
	}
	of, err := s.access.PrincipalOf(ctx, account)
	if err != nil {
		return mend(err)
	}
	if !p.HoldsAll(of) {
		return fmt.Errorf("%w: the account may do things that you may not", control.ErrForbidden)
	}
	return nil
}

// Accounts lists accounts by name.
func (s *Service) Accounts(ctx context.Context, p control.Principal, q access.AccountQuery) ([]access.Account, error) {
	if err := view(p); err != nil {
		return nil, err
	}
	return s.access.Accounts(ctx, q)
}

// Placed is a grant with the place it holds in, as people read it.
type Placed struct {
	access.KeptGrant
	// Place is the name of the group or environment, Team the team's that it comes by.
	Place, TeamName string
}

// Detail is all about one account.
type Detail struct {
	access.Account
	// Grants are those made to the account, Inherited those that come by its teams.
	Grants     []Placed
	Inherited  []Placed
	Teams      []access.Team
	Factors    []access.Factor
	Identities []access.Identity
	Sessions   []access.Running
	Tokens     []access.APIToken
}

// Account is all about one account.
func (s *Service) Account(ctx context.Context, p control.Principal, id string) (d Detail, err error) {
	if err := view(p); err != nil {
		return Detail{}, err
	}
	if d.Account, err = s.access.Account(ctx, id); err != nil {
		return Detail{}, mend(err)
	}
	if d.Factors, err = s.access.Factors(ctx, id); err != nil {
		return Detail{}, err
	}
	d.Factors = slices.DeleteFunc(d.Factors, func(f access.Factor) bool { return f.Kind == "recovery" })
	if d.Identities, err = s.access.Identities(ctx, id); err != nil {
		return Detail{}, err
	}
	if d.Sessions, err = s.access.Sessions(ctx, id); err != nil {
		return Detail{}, err
	}
	if d.Tokens, err = s.access.APITokens(ctx, id); err != nil {
		return Detail{}, err
	}
	if d.Teams, err = s.teamsOf(ctx, id); err != nil {
		return Detail{}, err
	}
	all, err := s.placed(ctx)
	if err != nil {
		return Detail{}, err
	}
	for _, g := range all {
		switch {
		case g.Account == id:
			d.Grants = append(d.Grants, g)
		case g.Team != "" && slices.ContainsFunc(d.Teams, func(t access.Team) bool { return t.ID == g.Team }):
			d.Inherited = append(d.Inherited, g)
		}
	}
	return d, nil
}

// teamsOf are the teams of an account, and those above them.
func (s *Service) teamsOf(ctx context.Context, account string) (list []access.Team, err error) {
	members, err := s.access.Members(ctx, "", account)
	if err != nil {
		return nil, err
	}
	teams, err := s.access.Teams(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]access.Team{}
	for _, t := range teams {
		byID[t.ID] = t
	}
	seen := map[string]bool{}
	for _, m := range members {
		for id := m.Team; id != "" && !seen[id]; id = byID[id].Parent {
			seen[id] = true
			list = append(list, byID[id])
		}
	}
	return list, nil
}

// placed are all grants with the names of their places.
func (s *Service) placed(ctx context.Context) ([]Placed, error) {
	kept, err := s.access.Granted(ctx, "", "")
	if err != nil {
		return nil, err
	}
	groups, err := s.access.Groups(ctx)
	if err != nil {
		return nil, err
	}
	teams, err := s.access.Teams(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	for _, t := range teams {
		names["team "+t.ID] = t.Name
	}
	list := make([]Placed, 0, len(kept))
	for _, g := range kept {
		one := Placed{KeptGrant: g, Place: names[g.Group], TeamName: names["team "+g.Team]}
		if g.Environment != "" {
			one.Place += " / " + g.Environment
		}
		list = append(list, one)
	}
	return list, nil
}

// CreateAccount makes an account that is granted nothing yet.
func (s *Service) CreateAccount(ctx context.Context, p control.Principal, a access.Account) (access.Account, error) {
	if err := manage(p); err != nil {
		return access.Account{}, err
	}
	a.External = ""
	a, err := s.access.CreateAccount(ctx, p.By(), a)
	return a, mend(err)
}

// UpdateAccount changes display name, e-mail address and whether an account is
// disabled.
func (s *Service) UpdateAccount(ctx context.Context, p control.Principal, a access.Account) (access.Account, error) {
	if err := s.over(ctx, p, a.ID); err != nil {
		return access.Account{}, err
	}
	a, err := s.access.UpdateAccount(ctx, p.By(), a)
	return a, mend(err)
}

// DeleteAccount deletes an account with all that belongs to it.
func (s *Service) DeleteAccount(ctx context.Context, p control.Principal, id string, version int64) error {
	if err := s.over(ctx, p, id); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	return mend(s.access.DeleteAccount(ctx, p.By(), id, version))
}

// Invite makes a one-time link by which a person sets a password; it is shown once.
func (s *Service) Invite(ctx context.Context, p control.Principal, id string) (token string, expires time.Time, err error) {
	if err := s.over(ctx, p, id); err != nil {
		return "", time.Time{}, err
	}
	if err := s.fresh(p); err != nil {
		return "", time.Time{}, err
	}
	token, expires, err = s.access.Invite(ctx, p.By(), id)
	return token, expires, mend(err)
}

// Reset takes password and second factors from an account and ends its sessions.
func (s *Service) Reset(ctx context.Context, p control.Principal, id string) error {
	if err := s.over(ctx, p, id); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	return mend(s.access.Reset(ctx, p.By(), id))
}

// EndSessions ends a session of an account, or all with an empty id.
func (s *Service) EndSessions(ctx context.Context, p control.Principal, account, id string) (int, error) {
	if err := s.over(ctx, p, account); err != nil {
		return 0, err
	}
	n, err := s.access.RevokeSessions(ctx, p.By(), account, id, "")
	return n, mend(err)
}

// CreateToken makes an API token for a service account; the text is shown once. People
// make their own.
func (s *Service) CreateToken(ctx context.Context, p control.Principal, t access.APIToken) (access.APIToken, string, error) {
	if err := s.over(ctx, p, t.Account); err != nil {
		return access.APIToken{}, "", err
	}
	if err := s.fresh(p); err != nil {
		return access.APIToken{}, "", err
	}
	a, err := s.access.Account(ctx, t.Account)
	if err != nil {
		return access.APIToken{}, "", mend(err)
	}
	if a.Kind != access.ServiceAccount {
		return access.APIToken{}, "", fmt.Errorf("%w: people make their tokens themselves", control.ErrInvalid)
	}
	t, text, err := s.access.CreateAPIToken(ctx, p.By(), t)
	return t, text, mend(err)
}

// RevokeToken ends an API token of an account.
func (s *Service) RevokeToken(ctx context.Context, p control.Principal, account, id string) error {
	if err := s.over(ctx, p, account); err != nil {
		return err
	}
	return mend(s.access.RevokeAPIToken(ctx, p.By(), account, id))
}

// LinkIdentity lets somebody at an identity provider sign in to an account.
func (s *Service) LinkIdentity(ctx context.Context, p control.Principal, account, provider, subject string) error {
	if err := s.over(ctx, p, account); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	return mend(s.access.LinkIdentity(ctx, p.By(), account, provider, subject))
}

// UnlinkIdentity takes that back.
func (s *Service) UnlinkIdentity(ctx context.Context, p control.Principal, account, provider, subject string) error {
	if err := s.over(ctx, p, account); err != nil {
		return err
	}
	return mend(s.access.UnlinkIdentity(ctx, p.By(), account, provider, subject))
}

// Grant grants a role or a permission to an account or a team. ManageAccess is needed
// where it is to hold, and all that it gives.
func (s *Service) Grant(ctx context.Context, p control.Principal, g access.KeptGrant) (access.KeptGrant, error) {
	if err := s.passOn(ctx, p, g); err != nil {
		return access.KeptGrant{}, err
	}
	if err := s.fresh(p); err != nil {
		return access.KeptGrant{}, err
	}
	g, err := s.access.AddGrant(ctx, p.By(), g)
	return g, mend(err)
}

// passOn authorises to give or take a grant.
func (s *Service) passOn(ctx context.Context, p control.Principal, g access.KeptGrant) error {
	at, err := s.access.GrantScope(ctx, g)
	if errors.Is(err, access.ErrUnknown) {
		return control.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := control.Authorise(p, access.ManageAccess, at); err != nil {
		return err
	}
	if g.Account != "" && g.Account == p.Account {
		return fmt.Errorf("%w: nobody changes their own grants; somebody else must do this", control.ErrForbidden)
	}
	if g.Role == "" && g.Permission == "" {
		return fmt.Errorf("%w: a grant gives a role or a permission", control.ErrInvalid)
	}
	if !p.Holds(access.Grant{Role: g.Role, Permission: g.Permission, Scope: at}) {
		return fmt.Errorf("%w: nobody can pass on what they do not hold themselves", control.ErrForbidden)
	}
	return nil
}

// Revoke takes a grant back; it ends at once.
func (s *Service) Revoke(ctx context.Context, p control.Principal, id string) error {
	all, err := s.access.Granted(ctx, "", "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(g access.KeptGrant) bool { return g.ID == id })
	if i < 0 {
		if err := view(p); err != nil {
			return err
		}
		return control.ErrNotFound
	}
	if err := s.passOn(ctx, p, all[i]); err != nil {
		return err
	}
	return mend(s.access.RevokeGrant(ctx, p.By(), id))
}

// GrantsIn lists the grants that were made in a business group and its environments.
func (s *Service) GrantsIn(ctx context.Context, p control.Principal, group string) ([]Placed, error) {
	if err := s.seeGroup(ctx, p, group); err != nil {
		return nil, err
	}
	all, err := s.placed(ctx)
	return slices.DeleteFunc(all, func(g Placed) bool { return g.Group != group }), err
}

// personal refuses API tokens.
func personal(p control.Principal) bool {
	return p.Account != "" && !strings.HasPrefix(p.Via, "token:")
}
