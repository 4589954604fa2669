package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/resource"
)

// AttachRequest is a description for an API, and the version of the one that it
// replaces, 0 for none.
type AttachRequest struct {
	resource.Attaching
	Version int64 `json:"version,omitempty"`
}

// specificationRoutes are the descriptions that are attached to APIs of the draft.
func specificationRoutes(s *resource.Service) []Route {
	const one = inEnvironment + "/apis/{namespace}/{name}/specification"
	return []Route{
		{
			Method: http.MethodGet, Path: one, Summary: "Tell which description is attached to an API", Needs: access.ViewAPIs, At: Environment, Gives: resource.Specification{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				d, err := s.Specification(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"))
				if err != nil {
					return nil, err
				}
				return Versioned{d, d.Version}, nil
			},
		},
		{
			Method: http.MethodGet, Path: one + "/text", Summary: "Read the description that is attached to an API", Needs: access.ViewAPIs, At: Environment, Media: "application/octet-stream",
			Handle: func(ctx context.Context, r *Request) (any, error) {
				d, err := s.Specification(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"))
				if err != nil {
					return nil, err
				}
				return Download{Name: d.File, Media: "application/octet-stream", Bytes: d.Text}, nil
			},
		},
		{
			Method: http.MethodPut, Path: one, Summary: "Attach a description to an API, in the place of the version that is named", Needs: access.ManageAPIs, At: Environment,
			Takes: AttachRequest{}, Gives: resource.Specification{}, Body: 4 << 20,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in AttachRequest
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				d, err := s.Attach(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"), in.Attaching, in.Version)
				if err != nil {
					return nil, err
				}
				return Versioned{d, d.Version}, nil
			},
		},
		{
			Method: http.MethodDelete, Path: one, Summary: "Remove the description of an API, whose version If-Match names", Needs: access.ManageAPIs, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.Detach(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"), version)
			},
		},
	}
}
