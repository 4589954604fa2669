package api

import (
	"context"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
)

// NewSecret is a client secret, which is shown this once.
type NewSecret struct {
	Application *client.Application `json:"application,omitempty"`
	Secret      string              `json:"secret"`
}

// SecretReset asks for a new client secret.
type SecretReset struct {
	// GraceHours is how long the secret before it stays right; 24 when it is left out,
	// 0 cuts it off at once.
	GraceHours *int `json:"graceHours,omitempty"`
}

func (s *SecretReset) grace() time.Duration {
	if s.GraceHours == nil {
		return client.DefaultGrace
	}
	return time.Duration(max(-1, min(*s.GraceHours, 1<<20))) * time.Hour
}

// ClientImport is what is imported: its tiers and contracts belong to Environment.
type ClientImport struct {
	Environment string `json:"environment,omitempty"`
	client.Imported
}

// NewTier is a tier of an API.
type NewTier struct {
	API string `json:"api"`
	client.TierDraft
}

// Decision is what is said with a decision about a contract; Tier is only for a
// change of tier.
type Decision struct {
	Note string `json:"note,omitempty"`
	Tier string `json:"tier,omitempty"`
}

// clientRoutes are client applications, SLA tiers and contracts.
func clientRoutes(s *client.Service) []Route {
	return append(append(applicationRoutes(s), tierRoutes(s)...), contractRoutes(s)...)
}

func applicationRoutes(s *client.Service) []Route {
	const all, one = "/groups/{group}/applications", "/groups/{group}/applications/{id}"
	return []Route{
		{
			Method: http.MethodGet, Path: all, Summary: "List the client applications of a business group", Needs: access.ViewClients, At: Group, Gives: []client.Application{},
			Query: map[string]string{"q": "must stand in the name, or begin the client id"},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				after, limit, err := r.Page()
				if err != nil {
					return nil, err
				}
				list, next, err := s.Applications(ctx, r.Principal, r.Path("group"), client.Query{Text: r.Query("q"), After: after, Limit: limit})
				return Page{list, next}, err
			},
		},
		{
			Method: http.MethodPost, Path: all, Summary: "Make a client application", Needs: access.ManageClients, At: Group, Takes: client.Draft{}, Gives: NewSecret{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return createApplication(ctx, s, r, r.Path("group"))
			},
		},
		{
			Method: http.MethodPost, Path: "/groups/{group}/applications/import", Summary: "Import applications, tiers and contracts of another platform", Needs: access.ManageClients, At: Group,
			Takes: ClientImport{}, Gives: client.ImportResult{}, Body: 32 << 20,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in ClientImport
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				return s.Import(ctx, r.Principal, r.Path("group"), in.Environment, in.Imported)
			},
		},
		{
			Method: http.MethodGet, Path: one, Summary: "Show a client application", Needs: access.ViewClients, At: Group, Gives: client.Application{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				a, err := s.Application(ctx, r.Principal, r.Path("group"), r.Path("id"))
				if err != nil {
					return nil, err
				}
				return Versioned{a, a.Version}, nil
			},
		},
		{
			Method: http.MethodPut, Path: one, Summary: "Change a client application", Needs: access.ManageClients, At: Group, Takes: client.Draft{}, Gives: client.Application{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var d client.Draft
				version, err := seen(r, &d)
				if err != nil {
					return nil, err
				}
				a, err := s.Update(ctx, r.Principal, r.Path("group"), r.Path("id"), version, d)
				if err != nil {
					return nil, err
				}
				return Versioned{a, a.Version}, nil
			},
		},
		{
			Method: http.MethodDelete, Path: one, Summary: "Remove a client application", Needs: access.ManageClients, At: Group,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.Delete(ctx, r.Principal, r.Path("group"), r.Path("id"), version)
			},
		},
		{
			Method: http.MethodPost, Path: one + "/secret", Summary: "Reset the secret of a client application", Needs: access.ManageClients, At: Group, Takes: SecretReset{}, Gives: NewSecret{},
			Handle: func(ctx context.Context, r *Request) (any, error) { return resetSecret(ctx, s, r, r.Path("group")) },
		},
		{
			Method: http.MethodGet, Path: one + "/contracts", Summary: "List the contracts of a client application in all environments", Needs: access.ViewClients, At: Group, Gives: []client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Held(ctx, r.Principal, r.Path("group"), r.Path("id"))
				return Page{Items: list}, err
			},
		},
	}
}

// seen decodes the body and gives the version that the caller saw.
func seen(r *Request, into any) (int64, error) {
	version, err := r.IfMatch()
	if err != nil {
		return 0, err
	}
	return version, r.Decode(into)
}

func createApplication(ctx context.Context, s *client.Service, r *Request, group string) (any, error) {
	var d client.Draft
	if err := r.Decode(&d); err != nil {
		return nil, err
	}
	a, secret, err := s.Create(ctx, r.Principal, group, d)
	if err != nil {
		return nil, err
	}
	return Created{Location: "/groups/" + a.Group + "/applications/" + a.ID, Value: NewSecret{a, secret}, Version: a.Version}, nil
}

func resetSecret(ctx context.Context, s *client.Service, r *Request, group string) (any, error) {
	var in SecretReset
	version, err := seen(r, &in)
	if err != nil {
		return nil, err
	}
	secret, err := s.ResetSecret(ctx, r.Principal, group, r.Path("id"), version, in.grace())
	if err != nil {
		return nil, err
	}
	return NewSecret{Secret: secret}, nil
}

func tierRoutes(s *client.Service) []Route {
	const all, one = "/environments/{environment}/tiers", "/environments/{environment}/tiers/{id}"
	return []Route{
		{
			Method: http.MethodGet, Path: all, Summary: "List the SLA tiers of an API", Needs: access.ViewContracts, At: Environment, Gives: []client.Tier{},
			Query: map[string]string{"api": "namespace/name of the API"},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Tiers(ctx, r.Principal, r.Path("environment"), r.Query("api"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: all, Summary: "Add an SLA tier to an API", Needs: access.ManageContracts, At: Environment, Takes: NewTier{}, Gives: client.Tier{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewTier
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				t, err := s.CreateTier(ctx, r.Principal, r.Path("environment"), in.API, in.TierDraft)
				if err != nil {
					return nil, err
				}
				return Created{Location: "/environments/" + t.Environment + "/tiers/" + t.ID, Value: t, Version: t.Version}, nil
			},
		},
		{
			Method: http.MethodPut, Path: one, Summary: "Change an SLA tier, at once for all who have it", Needs: access.ManageContracts, At: Environment, Takes: client.TierDraft{}, Gives: client.Tier{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var d client.TierDraft
				version, err := seen(r, &d)
				if err != nil {
					return nil, err
				}
				t, err := s.UpdateTier(ctx, r.Principal, r.Path("environment"), r.Path("id"), version, d)
				if err != nil {
					return nil, err
				}
				return Versioned{t, t.Version}, nil
			},
		},
		{
			Method: http.MethodDelete, Path: one, Summary: "Remove an SLA tier that no application has", Needs: access.ManageContracts, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.DeleteTier(ctx, r.Principal, r.Path("environment"), r.Path("id"), version)
			},
		},
	}
}

func contractRoutes(s *client.Service) []Route {
	const all, one = "/environments/{environment}/contracts", "/environments/{environment}/contracts/{id}"
	list := []Route{
		{
			Method: http.MethodGet, Path: all, Summary: "List contracts, those that wait for a decision first", Needs: access.ViewContracts, At: Environment, Gives: []client.Contract{},
			Query: map[string]string{
				"api": "namespace/name of the API", "application": "id of the application", "state": "PENDING, APPROVED, REJECTED or REVOKED", "waiting": "true leaves those that wait for a decision",
			},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				after, limit, err := r.Page()
				if err != nil {
					return nil, err
				}
				list, next, err := s.Contracts(ctx, r.Principal, r.Path("environment"), client.Filter{
					API: r.Query("api"), Application: r.Query("application"), State: client.State(r.Query("state")), Waiting: r.Query("waiting") == "true", After: after, Limit: limit,
				})
				return Page{list, next}, err
			},
		},
		{
			Method: http.MethodPost, Path: all, Summary: "Ask for access of an application to an API", Needs: access.ManageContracts, At: Environment, Takes: client.Asking{}, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) { return requestAccess(ctx, s, r) },
		},
		{
			Method: http.MethodGet, Path: one, Summary: "Show a contract", Needs: access.ViewContracts, At: Environment, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				c, err := s.Contract(ctx, r.Principal, r.Path("environment"), r.Path("id"))
				return ofContract(c, err)
			},
		},
		{
			Method: http.MethodGet, Path: one + "/events", Summary: "List what happened to a contract, the newest first", Needs: access.ViewContracts, At: Environment, Gives: []client.Event{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				events, err := s.History(ctx, r.Principal, r.Path("environment"), r.Path("id"))
				return Page{Items: events}, err
			},
		},
		{
			Method: http.MethodPost, Path: one + "/tier", Summary: "Move a contract to another SLA tier", Needs: access.ManageContracts, At: Environment, Takes: Decision{}, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in Decision
				version, err := seen(r, &in)
				if err != nil {
					return nil, err
				}
				return ofContract(s.ChangeTier(ctx, r.Principal, r.Path("environment"), r.Path("id"), version, in.Tier, in.Note))
			},
		},
		{
			Method: http.MethodDelete, Path: one, Summary: "Remove a contract that was revoked or rejected", Needs: access.ManageContracts, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.Remove(ctx, r.Principal, r.Path("environment"), r.Path("id"), version)
			},
		},
	}
	for act, summary := range map[client.Act]string{
		client.Approve: "Approve a contract, or the tier that it asks for", client.Reject: "Reject a contract, or the tier that it asks for",
		client.Revoke: "Revoke a contract", client.Restore: "Restore a revoked contract",
	} {
		list = append(list, Route{
			Method: http.MethodPost, Path: one + "/" + string(act), Summary: summary, Needs: access.ManageContracts, At: Environment, Takes: Decision{}, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in Decision
				version, err := seen(r, &in)
				if err != nil {
					return nil, err
				}
				return ofContract(s.Decide(ctx, r.Principal, r.Path("environment"), r.Path("id"), version, act, in.Note))
			},
		})
	}
	return list
}

func ofContract(c *client.Contract, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Versioned{c, c.Version}, nil
}

// requestAccess asks for access; the service decides whether the caller may.
func requestAccess(ctx context.Context, s *client.Service, r *Request) (any, error) {
	var in client.Asking
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	c, err := s.Request(ctx, r.Principal, r.Path("environment"), in)
	if err != nil {
		return nil, err
	}
	return Created{Location: "/environments/" + c.Environment + "/contracts/" + c.ID, Value: c, Version: c.Version}, nil
}
