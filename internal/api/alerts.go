package api

import (
	"context"
	"net/http"
	"strconv"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

// alertRoutes are alert rules, channels, times of maintenance and what was noticed.
func alertRoutes(s *alert.Service) []Route {
	const path = "/environments/{environment}/alerts"
	at := func(r *Request) string { return r.Path("environment") }
	see := func(path, summary string, gives any, handle func(ctx context.Context, r *Request) (any, error)) Route {
		return Route{Method: http.MethodGet, Path: path, Summary: summary, Needs: access.ViewAlerts, At: Environment, Gives: gives, Handle: handle}
	}
	act := func(method, path, summary string, takes, gives any, handle func(ctx context.Context, r *Request) (any, error)) Route {
		return Route{Method: method, Path: path, Summary: summary, Needs: access.ManageAlerts, At: Environment, Takes: takes, Gives: gives, Handle: handle}
	}
	return []Route{
		see(path+"/rules", "List alert rules and how they stand", []alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Rules(ctx, r.Principal, at(r))
			return Page{Items: list}, err
		}),
		act(http.MethodPost, path+"/rules", "Make an alert rule", rules.Rule{}, alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			var in rules.Rule
			if err := r.Decode(&in); err != nil {
				return nil, err
			}
			k, err := s.CreateRule(ctx, r.Principal, at(r), in)
			return Created{Location: "/environments/" + at(r) + "/alerts/rules/" + k.ID, Value: k, Version: k.Version}, err
		}),
		see(path+"/rules/{rule}", "Show an alert rule", alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			k, err := s.Rule(ctx, r.Principal, at(r), r.Path("rule"))
			return Versioned{Value: k, Version: k.Version}, err
		}),
		act(http.MethodPut, path+"/rules/{rule}", "Change an alert rule", rules.Rule{}, alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			var in rules.Rule
			version, err := r.IfMatch()
			if err == nil {
				err = r.Decode(&in)
			}
			if err != nil {
				return nil, err
			}
			k, err := s.ChangeRule(ctx, r.Principal, at(r), r.Path("rule"), version, in)
			return Versioned{Value: k, Version: k.Version}, err
		}),
		act(http.MethodDelete, path+"/rules/{rule}", "Remove an alert rule", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			version, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			return nil, s.RemoveRule(ctx, r.Principal, at(r), r.Path("rule"), version)
		}),
		see(path+"/channels", "List channels, without secrets", []alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Channels(ctx, r.Principal, at(r))
			return Page{Items: list}, err
		}),
		act(http.MethodPost, path+"/channels", "Make a channel", alert.ChannelSpec{}, alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			var in alert.ChannelSpec
			if err := r.Decode(&in); err != nil {
				return nil, err
			}
			c, err := s.CreateChannel(ctx, r.Principal, at(r), in)
			return Created{Location: "/environments/" + at(r) + "/alerts/channels/" + c.ID, Value: c, Version: c.Version}, err
		}),
		act(http.MethodPost, path+"/channels/{channel}/test", "Send a test message", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			return nil, s.TestChannel(ctx, r.Principal, at(r), r.Path("channel"))
		}),
		act(http.MethodDelete, path+"/channels/{channel}", "Remove a channel", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			version, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			return nil, s.RemoveChannel(ctx, r.Principal, at(r), r.Path("channel"), version)
		}),
		see(path+"/history", "List what was noticed, newest first", []alert.Past{}, func(ctx context.Context, r *Request) (any, error) {
			after, limit, err := r.Page()
			if err != nil {
				return nil, err
			}
			before := int64(0)
			if after != "" {
				if before, err = strconv.ParseInt(after, 10, 64); err != nil {
					return nil, control.ErrInvalid
				}
			}
			list, err := s.History(ctx, r.Principal, at(r), before, limit)
			page := Page{Items: list}
			if n := len(list); n > 0 && n == limit {
				page.Next = strconv.FormatInt(list[n-1].Number, 10)
			}
			return page, err
		}),
	}
}
