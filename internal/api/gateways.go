package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/fleet"
)

// NewGateway is a gateway that is to be invited.
type NewGateway struct {
	// Name is lower-case letters, digits, dots and hyphens, 63 at most.
	Name string `json:"name"`
}

// InvitedGateway is a gateway with the token that is shown once.
type InvitedGateway struct {
	Gateway fleet.Gateway `json:"gateway"`
	// Token enrols the gateway once, within an hour.
	Token string `json:"token"`
}

func gatewayRoutes(s *fleet.Service) []Route {
	const path = inEnvironment + "/gateways"
	return []Route{
		{
			Method: http.MethodGet, Path: inEnvironment + "/publication", Summary: "Tell what gateways of an environment are handed, and why what was published since is not", Needs: access.ViewGateways, At: Environment, Gives: fleet.Publication{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return s.Publication(ctx, r.Principal, r.Path("environment"))
			},
		},
		{
			Method: http.MethodGet, Path: path, Summary: "List the gateways of an environment", Needs: access.ViewGateways, At: Environment, Gives: []fleet.Gateway{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.List(ctx, r.Principal, r.Path("environment"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: path, Summary: "Invite a gateway", Needs: access.ManageGateways, At: Environment, Takes: NewGateway{}, Gives: InvitedGateway{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewGateway
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				environment := r.Path("environment")
				g, token, err := s.Invite(ctx, r.Principal, environment, in.Name)
				return Created{Location: "/environments/" + environment + "/gateways/" + g.ID, Value: InvitedGateway{g, token}}, err
			},
		},
		{
			Method: http.MethodDelete, Path: path + "/{gateway}", Summary: "Remove a gateway", Needs: access.ManageGateways, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.Remove(ctx, r.Principal, r.Path("environment"), r.Path("gateway"))
			},
		},
	}
}
