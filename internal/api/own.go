package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/session"
)

// OwnAccess is what people see of their own account. Codes is how many recovery codes
// are left, Permissions those that a token could be good for.
type OwnAccess struct {
	Account     access.Account      `json:"account"`
	Factors     []access.Factor     `json:"factors"`
	Codes       int                 `json:"codes"`
	Sessions    []access.Running    `json:"sessions"`
	Tokens      []access.APIToken   `json:"tokens"`
	Teams       []access.Team       `json:"teams"`
	Permissions []access.Permission `json:"permissions"`
}

// ownRoutes are people's own sessions and tokens. API tokens are refused by the service:
// one must not make another.
func ownRoutes(s *session.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/self/access", Summary: "Show your own account with its factors, sessions, tokens and teams", At: Self, Gives: OwnAccess{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				o, err := s.Own(ctx, r.Principal)
				return OwnAccess{o.Account, o.Factors, o.Recovery, o.Sessions, o.Tokens, o.Teams, o.May}, err
			},
		},
		{
			Method: http.MethodPost, Path: "/self/tokens", Summary: "Make an API token of your own", At: Self, Fresh: true, Takes: NewToken{}, Gives: MadeToken{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in NewToken
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				t, text, err := s.CreateToken(ctx, r.Principal, access.APIToken{Name: in.Name, Limits: in.Permissions, Expires: in.Expires})
				return Created{Location: "/self/tokens/" + t.ID, Value: MadeToken{t, text}}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/self/tokens/{token}", Summary: "Revoke an API token of your own", At: Self,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.RevokeToken(ctx, r.Principal, r.Path("token"))
			},
		},
		{
			Method: http.MethodDelete, Path: "/self/sessions", Summary: "End all sessions of your own but this one", At: Self,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				_, err := s.Revoke(ctx, r.Principal, "")
				return nil, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/self/sessions/{session}", Summary: "End a session of your own", At: Self,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				_, err := s.Revoke(ctx, r.Principal, r.Path("session"))
				return nil, err
			},
		},
	}
}
