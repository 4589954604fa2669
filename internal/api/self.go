package api

import (
	"context"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/access"
)

// Account is who asks.
type Account struct {
	Operator string         `json:"operator"`
	Via      string         `json:"via"`
	Roles    []access.Role  `json:"roles"`
	Grants   []access.Grant `json:"grants"`
	// Limits are all that the API token may be used for; absent for none.
	Limits    []access.Permission `json:"limits,omitempty"`
	Confirmed *time.Time          `json:"confirmed,omitempty"`
}

func selfRoutes() []Route {
	return []Route{{
		Method: http.MethodGet, Path: "/self", Summary: "Tell who asks and what they may do", At: Self, Gives: Account{},
		Handle: func(_ context.Context, r *Request) (any, error) {
			p := r.Principal
			self := Account{Operator: p.Operator, Via: p.Via, Roles: append([]access.Role{}, p.Roles...), Grants: append([]access.Grant{}, p.Grants...), Limits: p.Limits}
			if !p.Confirmed.IsZero() {
				self.Confirmed = &p.Confirmed
			}
			return self, nil
		},
	}}
}
