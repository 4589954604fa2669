package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
)

// NewTier is a tier of an API.
type NewTier struct {
	API string `json:"api"`
	client.TierDraft
}

// clientRoutes are client applications, SLA tiers and contracts.
func clientRoutes(s *client.Service) []Route {
	return append(append(applicationRoutes(s), tierRoutes(s)...), append(contractRoutes(s), decisionRoutes(s)...)...)
}

func tierRoutes(s *client.Service) []Route {
	const all, one = inEnvironment + "/tiers", inEnvironment + "/tiers/{id}"
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
				version, err := r.DecodeSeen(&d)
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
