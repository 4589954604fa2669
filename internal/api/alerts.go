package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/alert"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

const alertsPath = inEnvironment + "/alerts"

// alertRoutes are alert rules, channels and what was noticed.
func alertRoutes(s *alert.Service) []Route {
	return append(slices.Concat(alertRuleRoutes(s), alertChannelRoutes(s), alertWindowRoutes(s)), Route{
		Method: http.MethodGet, Path: alertsPath + "/history", Summary: "List what was noticed, newest first", Needs: access.ViewAlerts, At: Environment, Gives: []alert.Past{},
		Handle: func(ctx context.Context, r *Request) (any, error) { return alertHistory(ctx, s, r) },
	})
}

// seeAlerts is a route of those who may see alerts.
func seeAlerts(path, summary string, gives any, handle func(context.Context, *Request) (any, error)) Route {
	return Route{Method: http.MethodGet, Path: alertsPath + path, Summary: summary, Needs: access.ViewAlerts, At: Environment, Gives: gives, Handle: handle}
}

// changeAlerts is a route of those who may manage alerts, and see them where it shows
// what was changed.
func changeAlerts(method, path, summary string, takes, gives any, handle func(context.Context, *Request) (any, error)) Route {
	r := Route{Method: method, Path: alertsPath + path, Summary: summary, Needs: access.ManageAlerts, At: Environment, Takes: takes, Gives: gives, Handle: handle}
	if gives != nil || strings.HasSuffix(path, "/test") {
		r.And = []access.Permission{access.ViewAlerts}
	}
	return r
}

func alertRuleRoutes(s *alert.Service) []Route {
	return []Route{
		seeAlerts("/rules", "List alert rules and how they stand", []alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Rules(ctx, r.Principal, r.Path("environment"))
			return Page{Items: list}, err
		}),
		changeAlerts(http.MethodPost, "/rules", "Make an alert rule", rules.Rule{}, alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			var in rules.Rule
			if err := r.Decode(&in); err != nil {
				return nil, err
			}
			k, err := s.CreateRule(ctx, r.Principal, r.Path("environment"), in)
			return Created{Location: "/environments/" + r.Path("environment") + "/alerts/rules/" + k.ID, Value: k, Version: k.Version}, err
		}),
		seeAlerts("/rules/{rule}", "Show an alert rule", alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			k, err := s.Rule(ctx, r.Principal, r.Path("environment"), r.Path("rule"))
			return Versioned{Value: k, Version: k.Version}, err
		}),
		changeAlerts(http.MethodPut, "/rules/{rule}", "Change an alert rule", rules.Rule{}, alert.Kept{}, func(ctx context.Context, r *Request) (any, error) {
			var in rules.Rule
			version, err := r.DecodeSeen(&in)
			if err != nil {
				return nil, err
			}
			k, err := s.ChangeRule(ctx, r.Principal, r.Path("environment"), r.Path("rule"), version, in)
			return Versioned{Value: k, Version: k.Version}, err
		}),
		changeAlerts(http.MethodDelete, "/rules/{rule}", "Remove an alert rule", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			version, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			return nil, s.RemoveRule(ctx, r.Principal, r.Path("environment"), r.Path("rule"), version)
		}),
	}
}

func alertChannelRoutes(s *alert.Service) []Route {
	return []Route{
		seeAlerts("/channels", "List channels, without secrets", []alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Channels(ctx, r.Principal, r.Path("environment"))
			return Page{Items: list}, err
		}),
		changeAlerts(http.MethodPost, "/channels", "Make a channel", alert.ChannelSpec{}, alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			var in alert.ChannelSpec
			if err := r.Decode(&in); err != nil {
				return nil, err
			}
			c, err := s.CreateChannel(ctx, r.Principal, r.Path("environment"), in)
			return Created{Location: "/environments/" + r.Path("environment") + "/alerts/channels/" + c.ID, Value: c, Version: c.Version}, err
		}),
		seeAlerts("/channels/{channel}", "Show a channel, without secrets", alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			c, err := s.Channel(ctx, r.Principal, r.Path("environment"), r.Path("channel"))
			return Versioned{Value: c, Version: c.Version}, err
		}),
		changeAlerts(http.MethodPut, "/channels/{channel}", "Change a channel; secrets that are left out stay", alert.ChannelSpec{}, alert.Channel{}, func(ctx context.Context, r *Request) (any, error) {
			var in alert.ChannelSpec
			version, err := r.DecodeSeen(&in)
			if err != nil {
				return nil, err
			}
			c, err := s.ChangeChannel(ctx, r.Principal, r.Path("environment"), r.Path("channel"), version, in)
			return Versioned{Value: c, Version: c.Version}, err
		}),
		changeAlerts(http.MethodPost, "/channels/{channel}/test", "Send a test message", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			return nil, s.TestChannel(ctx, r.Principal, r.Path("environment"), r.Path("channel"))
		}),
		changeAlerts(http.MethodDelete, "/channels/{channel}", "Remove a channel", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			version, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			return nil, s.RemoveChannel(ctx, r.Principal, r.Path("environment"), r.Path("channel"), version)
		}),
	}
}

// NewWindow is a time of maintenance that is to be made.
type NewWindow struct {
	Name  string    `json:"name"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	APIs  []string  `json:"apis,omitempty"`
}

// maxDeliveries is how many deliveries are listed.
const maxDeliveries = 200

// alertWindowRoutes are times of maintenance, what was sent, and what a rule would do.
func alertWindowRoutes(s *alert.Service) []Route {
	preview := seeAlerts("/preview", "Tell how often a rule would have fired in the last seven days", alert.Preview{}, func(ctx context.Context, r *Request) (any, error) {
		var in rules.Rule
		if err := r.Decode(&in); err != nil {
			return nil, err
		}
		return s.Preview(ctx, r.Principal, r.Path("environment"), in)
	})
	preview.Method, preview.Takes = http.MethodPost, rules.Rule{}
	return []Route{
		preview,
		seeAlerts("/deliveries", "List what was sent, or is to be sent, to channels", []alert.Delivery{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Deliveries(ctx, r.Principal, r.Path("environment"), maxDeliveries)
			return Page{Items: list}, err
		}),
		seeAlerts("/windows", "List times of maintenance, in which nobody is told", []alert.Window{}, func(ctx context.Context, r *Request) (any, error) {
			list, err := s.Windows(ctx, r.Principal, r.Path("environment"))
			return Page{Items: list}, err
		}),
		changeAlerts(http.MethodPost, "/windows", "Make a time of maintenance", NewWindow{}, alert.Window{}, func(ctx context.Context, r *Request) (any, error) {
			var in NewWindow
			if err := r.Decode(&in); err != nil {
				return nil, err
			}
			w, err := s.CreateWindow(ctx, r.Principal, r.Path("environment"), alert.Window{Name: in.Name, From: in.From, Until: in.Until, APIs: in.APIs})
			return Created{Location: "/environments/" + r.Path("environment") + "/alerts/windows/" + w.ID, Value: w}, err
		}),
		changeAlerts(http.MethodDelete, "/windows/{window}", "End a time of maintenance", nil, nil, func(ctx context.Context, r *Request) (any, error) {
			return nil, s.RemoveWindow(ctx, r.Principal, r.Path("environment"), r.Path("window"))
		}),
	}
}

func alertHistory(ctx context.Context, s *alert.Service, r *Request) (any, error) {
	before, limit, err := r.Before()
	if err != nil {
		return nil, err
	}
	list, err := s.History(ctx, r.Principal, r.Path("environment"), before, limit)
	page := Page{Items: list}
	if n := len(list); n > 0 && n == limit {
		page.Next = strconv.FormatInt(list[n-1].Number, 10)
	}
	return page, err
}
