package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/people"
)

func groupRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/groups", Summary: "List the business groups and environments that one may know of", At: Self, Gives: []people.Branch{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Tree(ctx, r.Principal)
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: "/groups/{group}/groups", Summary: "Make a business group in another", Needs: access.ManageAccess, At: Group, Takes: TeamChange{}, Gives: access.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in TeamChange
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				g, err := s.CreateGroup(ctx, r.Principal, access.Group{Name: in.Name, Parent: r.Path("group")})
				return Created{Location: "/groups/" + g.ID, Value: g, Version: g.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: "/groups/{group}", Summary: "Rename or move a business group", Needs: access.ManageAccess, At: Group, Takes: TeamChange{}, Gives: access.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in TeamChange
				seen, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				g, err := s.UpdateGroup(ctx, r.Principal, access.Group{ID: r.Path("group"), Name: in.Name, Parent: in.Parent, Version: seen})
				return Versioned{g, g.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/groups/{group}", Summary: "Delete an empty business group", Needs: access.ManageAccess, At: Group,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				seen, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.DeleteGroup(ctx, r.Principal, r.Path("group"), seen)
			},
		},
	}
}

func placeRoutes(s *people.Service) []Route {
	return []Route{
		{
			Method: http.MethodPost, Path: "/groups/{group}/environments", Summary: "Make an environment in a business group", Needs: access.ManageAccess, At: Group, Takes: EnvironmentChange{}, Gives: access.Environment{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in EnvironmentChange
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				e, err := s.CreateEnvironment(ctx, r.Principal, access.Environment{ID: in.ID, Name: in.Name, Kind: in.Kind, Review: in.Review, Group: r.Path("group")})
				return Created{Location: "/groups/" + e.Group + "/environments/" + e.ID, Value: e, Version: e.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: "/groups/{group}/environments/{id}", Summary: "Change or move an environment", Needs: access.ManageAccess, At: Group, Takes: EnvironmentChange{}, Gives: access.Environment{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in EnvironmentChange
				seen, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				if in.Group == "" {
					in.Group = r.Path("group")
				}
				e, err := s.UpdateEnvironment(ctx, r.Principal, access.Environment{ID: r.Path("id"), Name: in.Name, Kind: in.Kind, Review: in.Review, Group: in.Group, Version: seen})
				return Versioned{e, e.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: "/groups/{group}/environments/{id}", Summary: "Delete an environment", Needs: access.ManageAccess, At: Group, Fresh: true,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				seen, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.DeleteEnvironment(ctx, r.Principal, r.Path("id"), seen)
			},
		},
	}
}

// EnvironmentChange is what of an environment can be changed. Group is only read when
// it is to be moved.
type EnvironmentChange struct {
	ID     string                 `json:"id,omitempty"`
	Name   string                 `json:"name"`
	Kind   access.EnvironmentKind `json:"kind"`
	Review bool                   `json:"review"`
	Group  string                 `json:"group,omitempty"`
}
