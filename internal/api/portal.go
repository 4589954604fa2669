package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/portal"
)

// OwnApplication is an application that a developer makes in a business group.
type OwnApplication struct {
	Group string `json:"group"`
	client.Draft
}

// portalRoutes are what developers do.
func portalRoutes(s *portal.Service, clients *client.Service) []Route {
	return append(portalAPIRoutes(s, clients), ownApplicationRoutes(clients)...)
}

// portalAPIRoutes are the APIs that are published to developers.
func portalAPIRoutes(s *portal.Service, clients *client.Service) []Route {
	const all, one = inEnvironment + "/portal/apis", inEnvironment + "/portal/apis/{namespace}/{name}"
	name := func(r *Request) string { return r.Path("namespace") + "/" + r.Path("name") }
	return []Route{
		{
			Method: http.MethodGet, Path: all, Summary: "Find APIs that are published to the caller", Needs: access.UsePortal, At: Environment, Gives: []portal.API{},
			Query: map[string]string{"q": "words that must stand in name, tags or description"},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.List(ctx, r.Principal, r.Path("environment"), r.Query("q"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodGet, Path: one, Summary: "Read the documentation of an API", Needs: access.UsePortal, At: Environment, Gives: portal.Page{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return s.Page(ctx, r.Principal, r.Path("environment"), name(r))
			},
		},
		{
			Method: http.MethodGet, Path: one + "/tiers", Summary: "List the tiers of an API that can be asked for", Needs: access.UsePortal, At: Environment, Gives: []client.Tier{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := clients.Tiers(ctx, r.Principal, r.Path("environment"), name(r))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: one + "/try", Summary: "Try a call at the gateway's own port", Needs: access.UsePortal, At: Environment, Takes: portal.Call{}, Gives: portal.Answer{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in portal.Call
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				return s.Try(ctx, r.Principal, r.Path("environment"), name(r), in)
			},
		},
		{
			Method: http.MethodPost, Path: inEnvironment + "/portal/contracts", Summary: "Ask for access of one's own application to an API", Needs: access.UsePortal, At: Environment,
			Takes: client.Asking{}, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) { return requestAccess(ctx, clients, r) },
		},
		{
			Method: http.MethodPost, Path: inEnvironment + "/portal/contracts/{id}/tier", Summary: "Ask for another SLA tier of a contract of one's own application", Needs: access.UsePortal, At: Environment,
			Takes: Decision{}, Gives: client.Contract{}, Handle: contractAPI{clients}.changeTier,
		},
	}
}

// ownApplicationRoutes are the client applications that developers own.
func ownApplicationRoutes(clients *client.Service) []Route {
	const all, one = "/portal/applications", "/portal/applications/{in}/{id}"
	return []Route{
		{
			Method: http.MethodGet, Path: all, Summary: "List one's own client applications", At: Self, Gives: []client.Application{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := clients.Mine(ctx, r.Principal)
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: all, Summary: "Make a client application of one's own", At: Self, Takes: OwnApplication{}, Gives: NewSecret{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in OwnApplication
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				a, secret, err := clients.Create(ctx, r.Principal, in.Group, in.Draft)
				if err != nil {
					return nil, err
				}
				return Created{Location: "/portal/applications/" + a.Group + "/" + a.ID, Value: NewSecret{a, secret}, Version: a.Version}, nil
			},
		},
		{
			Method: http.MethodGet, Path: one, Summary: "Show an own client application", At: Self, Gives: client.Application{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				a, err := clients.Application(ctx, r.Principal, r.Path("in"), r.Path("id"))
				if err != nil {
					return nil, err
				}
				return Versioned{a, a.Version}, nil
			},
		},
		{
			Method: http.MethodGet, Path: one + "/usage", Summary: "Tell what an own client application used of its contracts", At: Self, Gives: []client.Usage{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := clients.Usage(ctx, r.Principal, r.Path("in"), r.Path("id"))
				if err != nil {
					return nil, err
				}
				return Page{Items: list}, nil
			},
		},
		{
			Method: http.MethodPost, Path: one + "/secret", Summary: "Reset the secret of an own client application", At: Self, Takes: SecretReset{}, Gives: NewSecret{},
			Handle: func(ctx context.Context, r *Request) (any, error) { return resetSecret(ctx, clients, r, r.Path("in")) },
		},
	}
}
