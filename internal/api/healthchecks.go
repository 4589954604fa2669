package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/healthcheck"
)

const healthChecksPath = "/environments/{environment}/health-checks"

// healthCheckRoutes are checks of APIs, and what they came to.
func healthCheckRoutes(s *healthcheck.Service) []Route {
	return append(healthCheckEdits(s), Route{
		Method: http.MethodGet, Path: healthChecksPath + "/{check}/results", Summary: "List the results of the last day, newest first", Needs: access.ViewAlerts, At: Environment, Gives: []healthcheck.Result{},
		Handle: func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Results(ctx, r.Principal, r.Path("environment"), r.Path("check"))
			return Page{Items: list}, err
		},
	})
}

func healthCheckEdits(s *healthcheck.Service) []Route {
	const path = healthChecksPath
	return []Route{
		{
			Method: http.MethodGet, Path: path, Summary: "List health checks and how they stand", Needs: access.ViewAlerts, At: Environment, Gives: []healthcheck.Check{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.List(ctx, r.Principal, r.Path("environment"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: path, Summary: "Make a health check", Needs: access.ManageAlerts, At: Environment, Takes: healthcheck.Spec{}, Gives: healthcheck.Check{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in healthcheck.Spec
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				c, err := s.Keep(ctx, r.Principal, r.Path("environment"), "", 0, in)
				return Created{Location: "/environments/" + r.Path("environment") + "/health-checks/" + c.ID, Value: c, Version: c.Version}, err
			},
		},
		{
			Method: http.MethodGet, Path: path + "/{check}", Summary: "Show a health check", Needs: access.ViewAlerts, At: Environment, Gives: healthcheck.Check{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				c, err := s.Get(ctx, r.Principal, r.Path("environment"), r.Path("check"))
				return Versioned{Value: c, Version: c.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: path + "/{check}", Summary: "Change a health check", Needs: access.ManageAlerts, At: Environment, Takes: healthcheck.Spec{}, Gives: healthcheck.Check{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in healthcheck.Spec
				version, err := r.IfMatch()
				if err == nil {
					err = r.Decode(&in)
				}
				if err != nil {
					return nil, err
				}
				c, err := s.Keep(ctx, r.Principal, r.Path("environment"), r.Path("check"), version, in)
				return Versioned{Value: c, Version: c.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: path + "/{check}", Summary: "Remove a health check with its results", Needs: access.ManageAlerts, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.Remove(ctx, r.Principal, r.Path("environment"), r.Path("check"), version)
			},
		},
	}
}
