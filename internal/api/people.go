package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/people"
)

// NewAccount is an account that is to be made.
type NewAccount struct {
	Name    string      `json:"name"`
	Display string      `json:"display,omitempty"`
	Email   string      `json:"email,omitempty"`
	Kind    access.Kind `json:"kind,omitempty"`
}

// AccountChange is what of an account can be changed.
type AccountChange struct {
	Display  string `json:"display"`
	Email    string `json:"email"`
	Disabled bool   `json:"disabled"`
}

// Invitation is a one-time link's token, which is shown once.
type Invitation struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// NewGrant is a grant that is to be made, to an account or a team by their ids, of a
// role or a permission; an empty environment means the group with all below it.
type NewGrant struct {
	Account     string            `json:"account,omitempty"`
	Team        string            `json:"team,omitempty"`
	Role        access.Role       `json:"role,omitempty"`
	Permission  access.Permission `json:"permission,omitempty"`
	Environment string            `json:"environment,omitempty"`
}

// NewToken is an API token that is to be made.
type NewToken struct {
	Name        string              `json:"name"`
	Permissions []access.Permission `json:"permissions"`
	Expires     time.Time           `json:"expires"`
}

// MadeToken is an API token with its text, which is shown this once.
type MadeToken struct {
	access.APIToken
	Text string `json:"token"`
}

// MappedGroup is a group of an identity provider.
type MappedGroup struct {
	Provider string `json:"provider"`
	Group    string `json:"group"`
}

// TeamChange is name and place of a team or business group.
type TeamChange struct {
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
}

// Membership is an account in a team.
type Membership struct {
	Account    string `json:"account"`
	Maintainer bool   `json:"maintainer,omitempty"`
}

func peopleRoutes(s *people.Service) []Route {
	return slices.Concat(accountRoutes(s), accountActRoutes(s), teamRoutes(s), teamChangeRoutes(s), groupRoutes(s), placeRoutes(s), grantRoutes(s))
}

func accountRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/accounts", Summary: "List accounts by name", Needs: access.ViewAccess, Query: map[string]string{"q": "text in name, display name or e-mail"}, Gives: []access.Account{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				after, limit, err := r.Page()
				if err != nil {
					return nil, err
				}
				list, err := s.Accounts(ctx, r.Principal, access.AccountQuery{Text: r.Query("q"), After: after, Limit: limit + 1})
				p := Page{Items: list}
				if len(list) > limit {
					p.Items, p.Next = list[:limit], list[limit-1].Name
				}
				return p, err
			},
		},
		{
			Method: http.MethodPost, Path: "/accounts", Summary: "Make an account", Needs: access.ManageAccess, Takes: NewAccount{}, Gives: access.Account{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewAccount
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				a, err := s.CreateAccount(ctx, r.Principal, access.Account{Name: in.Name, Display: in.Display, Email: in.Email, Kind: in.Kind})
				return Created{Location: "/accounts/" + a.ID, Value: a, Version: a.Version}, err
			},
		},
		{
			Method: http.MethodGet, Path: "/accounts/{id}", Summary: "Show an account with its grants, factors, sessions and tokens", Needs: access.ViewAccess, Gives: people.Detail{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				d, err := s.Account(ctx, r.Principal, r.Path("id"))
				return Versioned{d, d.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: "/accounts/{id}", Summary: "Change or disable an account", Needs: access.ManageAccess, Takes: AccountChange{}, Gives: access.Account{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in AccountChange
				seen, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				a, err := s.UpdateAccount(ctx, r.Principal, access.Account{ID: r.Path("id"), Display: in.Display, Email: in.Email, Disabled: in.Disabled, Version: seen})
				return Versioned{a, a.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/accounts/{id}", Summary: "Delete an account with all that belongs to it", Needs: access.ManageAccess, Fresh: true,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				seen, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.DeleteAccount(ctx, r.Principal, r.Path("id"), seen)
			},
		},
	}
}

func accountActRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodPost, Path: "/accounts/{id}/invitation", Summary: "Make a one-time link by which a person sets a password", Needs: access.ManageAccess, Fresh: true, Gives: Invitation{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				token, expires, err := s.Invite(ctx, r.Principal, r.Path("id"))
				return Invitation{token, expires}, err
			},
		},
		{
			Method: http.MethodPost, Path: "/accounts/{id}/reset", Summary: "Take password and second factors from an account", Needs: access.ManageAccess, Fresh: true,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.Reset(ctx, r.Principal, r.Path("id"))
			},
		},
		{
			Method: http.MethodDelete, Path: "/accounts/{id}/sessions", Summary: "End all sessions of an account", Needs: access.ManageAccess,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				_, err := s.EndSessions(ctx, r.Principal, r.Path("id"), "")
				return nil, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/accounts/{id}/sessions/{session}", Summary: "End a session of an account", Needs: access.ManageAccess,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				_, err := s.EndSessions(ctx, r.Principal, r.Path("id"), r.Path("session"))
				return nil, err
			},
		},
		{
			Method: http.MethodPost, Path: "/accounts/{id}/tokens", Summary: "Make an API token for a service account", Needs: access.ManageAccess, Fresh: true, Takes: NewToken{}, Gives: MadeToken{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewToken
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				t, text, err := s.CreateToken(ctx, r.Principal, access.APIToken{Account: r.Path("id"), Name: in.Name, Limits: in.Permissions, Expires: in.Expires})
				return Created{Location: "/accounts/" + r.Path("id") + "/tokens/" + t.ID, Value: MadeToken{t, text}}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/accounts/{id}/tokens/{token}", Summary: "Revoke an API token", Needs: access.ManageAccess,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.RevokeToken(ctx, r.Principal, r.Path("id"), r.Path("token"))
			},
		},
	}
}

func teamRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/teams", Summary: "List the teams that one may see", At: Self, Gives: []access.Team{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Teams(ctx, r.Principal)
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: "/teams", Summary: "Make a team", Needs: access.ManageAccess, Takes: TeamChange{}, Gives: access.Team{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in TeamChange
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				t, err := s.CreateTeam(ctx, r.Principal, access.Team{Name: in.Name, Parent: in.Parent})
				return Created{Location: "/teams/" + t.ID, Value: t, Version: t.Version}, err
			},
		},
		{
			Method: http.MethodGet, Path: "/teams/{id}", Summary: "Show a team with its members and grants", At: Self, Gives: people.TeamDetail{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				t, err := s.Team(ctx, r.Principal, r.Path("id"))
				return Versioned{t, t.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: "/teams/{id}", Summary: "Rename a team or put it into another", Needs: access.ManageAccess, Takes: TeamChange{}, Gives: access.Team{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in TeamChange
				seen, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				t, err := s.UpdateTeam(ctx, r.Principal, access.Team{ID: r.Path("id"), Name: in.Name, Parent: in.Parent, Version: seen})
				return Versioned{t, t.Version}, err
			},
		},
	}
}

func teamChangeRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodDelete, Path: "/teams/{id}", Summary: "Delete a team with its memberships and grants", Needs: access.ManageAccess,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				seen, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.DeleteTeam(ctx, r.Principal, r.Path("id"), seen)
			},
		},
		{
			Method: http.MethodPost, Path: "/teams/{id}/members", Summary: "Put an account into a team that one manages or maintains", At: Self, Takes: Membership{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in Membership
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				return nil, s.AddMember(ctx, r.Principal, r.Path("id"), in.Account, in.Maintainer)
			},
		},
		{
			Method: http.MethodDelete, Path: "/teams/{id}/members/{account}", Summary: "Take an account out of a team that one manages or maintains", At: Self,
			Query: map[string]string{"source": "the identity provider that put it there; none for people"},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.RemoveMember(ctx, r.Principal, r.Path("id"), r.Path("account"), r.Query("source"))
			},
		},
		{
			Method: http.MethodPost, Path: "/teams/{id}/groups", Summary: "Put who is in a group of an identity provider into a team", Needs: access.ManageAccess, Fresh: true, Takes: MappedGroup{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in MappedGroup
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				return nil, s.MapGroup(ctx, r.Principal, access.GroupMap{Provider: in.Provider, Group: in.Group, Team: r.Path("id")})
			},
		},
		{
			Method: http.MethodDelete, Path: "/teams/{id}/groups/{provider}", Summary: "Take that back", Needs: access.ManageAccess,
			Query: map[string]string{"group": "the group of the identity provider"},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.UnmapGroup(ctx, r.Principal, access.GroupMap{Provider: r.Path("provider"), Group: r.Query("group"), Team: r.Path("id")})
			},
		},
	}
}

func grantRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/groups/{group}/grants", Summary: "List what is granted in a business group and its environments", Needs: access.ViewAccess, At: Group, Gives: []people.Placed{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.GrantsIn(ctx, r.Principal, r.Path("group"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: "/groups/{group}/grants", Summary: "Grant a role or a permission", Needs: access.ManageAccess, At: Group, Fresh: true, Takes: NewGrant{}, Gives: access.KeptGrant{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewGrant
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				g, err := s.Grant(ctx, r.Principal, access.KeptGrant{
					Account: in.Account, Team: in.Team, Role: in.Role, Permission: in.Permission, Group: r.Path("group"), Environment: in.Environment,
				})
				return Created{Location: "/groups/" + g.Group + "/grants/" + g.ID, Value: g}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/groups/{group}/grants/{id}", Summary: "Take a grant back", Needs: access.ManageAccess, At: Group,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.GrantsIn(ctx, r.Principal, r.Path("group"))
				if err != nil {
					return nil, err
				}
				if !slices.ContainsFunc(list, func(g people.Placed) bool { return g.ID == r.Path("id") }) {
					return nil, control.ErrNotFound
				}
				return nil, s.Revoke(ctx, r.Principal, r.Path("id"))
			},
		},
	}
}
