package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/incident"
)

// IncidentDetail is an incident with its timeline and what was done about it.
type IncidentDetail struct {
	incident.Incident
	Timeline     []incident.Event       `json:"timeline"`
	Containments []incident.Containment `json:"containments"`
}

const (
	incidentsPath    = "/environments/{environment}/incidents"
	containmentsPath = "/environments/{environment}/containments"
)

// incidentRoutes are incidents, acts of containment and the rules that act.
func incidentRoutes(s *incident.Service) []Route {
	return append([]Route{
		{
			Method: http.MethodGet, Path: incidentsPath, Summary: "List incidents, those that nobody has resolved first", Needs: access.ViewFindings, At: Environment,
			Query: map[string]string{"state": "open, acknowledged or resolved"}, Gives: []incident.Incident{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.List(ctx, r.Principal, r.Path("environment"), incident.Progress(r.Query("state")))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodGet, Path: incidentsPath + "/{incident}", Summary: "Show an incident with its timeline", Needs: access.ViewFindings, At: Environment, Gives: IncidentDetail{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				i, events, err := s.Get(ctx, r.Principal, r.Path("environment"), r.Path("incident"))
				if err != nil {
					return nil, err
				}
				acts, err := s.Containments(ctx, r.Principal, r.Path("environment"), i.ID)
				return Versioned{Value: IncidentDetail{i, events, acts}, Version: i.Version}, err
			},
		},
		{
			Method: http.MethodPatch, Path: incidentsPath + "/{incident}", Summary: "Change state or owner of an incident, or add a note", Needs: access.ManageFindings, At: Environment, Takes: incident.Change{}, Gives: incident.Incident{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in incident.Change
				version, err := r.IfMatch()
				if err == nil {
					err = r.Decode(&in)
				}
				if err != nil {
					return nil, err
				}
				i, err := s.Change(ctx, r.Principal, r.Path("environment"), r.Path("incident"), version, in)
				return Versioned{Value: i, Version: i.Version}, err
			},
		},
		{
			Method: http.MethodGet, Path: incidentsPath + "/{incident}/evidence", Summary: "Export all that is kept of an incident", Needs: access.ViewTraffic, And: []access.Permission{access.ViewFindings}, At: Environment, Gives: incident.Evidence{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return s.Export(ctx, r.Principal, r.Path("environment"), r.Path("incident"))
			},
		},
	}, append(containmentRoutes(s), containmentRuleRoutes(s)...)...)
}

func containmentRoutes(s *incident.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: containmentsPath, Summary: "List acts of containment, those that are open first", Needs: access.ViewFindings, At: Environment, Gives: []incident.Containment{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Containments(ctx, r.Principal, r.Path("environment"), "")
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: containmentsPath, Summary: "Block an address, client, subject or session, or stop an API, for a time", Needs: access.Contain, At: Environment, Takes: incident.Act{}, Gives: incident.Containment{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in incident.Act
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				c, err := s.Contain(ctx, r.Principal, r.Path("environment"), in)
				return Created{Location: "/environments/" + r.Path("environment") + "/containments/" + c.ID, Value: c}, err
			},
		},
		{
			Method: http.MethodPost, Path: containmentsPath + "/{containment}/approve", Summary: "Let a proposed act hold", Needs: access.Contain, At: Environment, Gives: incident.Containment{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return s.Approve(ctx, r.Principal, r.Path("environment"), r.Path("containment"))
			},
		},
		{
			Method: http.MethodDelete, Path: containmentsPath + "/{containment}", Summary: "End an act of containment now, or refuse a proposed one", Needs: access.Contain, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				return nil, s.End(ctx, r.Principal, r.Path("environment"), r.Path("containment"))
			},
		},
	}
}

func containmentRuleRoutes(s *incident.Service) []Route {
	const path = "/environments/{environment}/containment-rules"
	return []Route{
		{
			Method: http.MethodGet, Path: path, Summary: "List the rules that act on incidents", Needs: access.ViewFindings, At: Environment, Gives: []incident.KeptRule{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				list, err := s.Rules(ctx, r.Principal, r.Path("environment"))
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: path, Summary: "Make a rule that acts on incidents", Needs: access.Contain, At: Environment, Takes: incident.Rule{}, Gives: incident.KeptRule{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in incident.Rule
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				k, err := s.KeepRule(ctx, r.Principal, r.Path("environment"), "", 0, in)
				return Created{Location: "/environments/" + r.Path("environment") + "/containment-rules/" + k.ID, Value: k, Version: k.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: path + "/{rule}", Summary: "Change a rule that acts on incidents", Needs: access.Contain, At: Environment, Takes: incident.Rule{}, Gives: incident.KeptRule{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in incident.Rule
				version, err := r.IfMatch()
				if err == nil {
					err = r.Decode(&in)
				}
				if err != nil {
					return nil, err
				}
				k, err := s.KeepRule(ctx, r.Principal, r.Path("environment"), r.Path("rule"), version, in)
				return Versioned{Value: k, Version: k.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: path + "/{rule}", Summary: "Remove a rule that acts on incidents; what it did holds on", Needs: access.Contain, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				version, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.RemoveRule(ctx, r.Principal, r.Path("environment"), r.Path("rule"), version)
			},
		},
	}
}
