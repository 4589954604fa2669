package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
)

// Decision is what is said with a decision about a contract; Tier is only for a
// change of tier.
type Decision struct {
	Note string `json:"note,omitempty"`
	Tier string `json:"tier,omitempty"`
}

// contractAPI has the handlers.
type contractAPI struct{ s *client.Service }

const contractPath = inEnvironment + "/contracts/{id}"

func contractRoutes(s *client.Service) []Route {
	h := contractAPI{s}
	const all, one = inEnvironment + "/contracts", contractPath
	list := map[string]string{
		"api": "namespace/name of the API", "application": "id of the application", "state": "PENDING, APPROVED, REJECTED or REVOKED", "waiting": "true leaves those that wait for a decision",
	}
	return []Route{
		{Method: http.MethodGet, Path: all, Summary: "List contracts, those that wait for a decision first", Needs: access.ViewContracts, At: Environment, Query: list, Gives: []client.Contract{}, Handle: h.list},
		{Method: http.MethodPost, Path: all, Summary: "Ask for access of an application to an API", Needs: access.ManageContracts, At: Environment, Takes: client.Asking{}, Gives: client.Contract{}, Handle: h.request},
		{Method: http.MethodGet, Path: one, Summary: "Show a contract", Needs: access.ViewContracts, At: Environment, Gives: client.Contract{}, Handle: h.get},
		{Method: http.MethodGet, Path: one + "/events", Summary: "List what happened to a contract, the newest first", Needs: access.ViewContracts, At: Environment, Gives: []client.Event{}, Handle: h.events},
		{Method: http.MethodPost, Path: one + "/tier", Summary: "Move a contract to another SLA tier", Needs: access.ManageContracts, At: Environment, Takes: Decision{}, Gives: client.Contract{}, Handle: h.changeTier},
		{Method: http.MethodDelete, Path: one, Summary: "Remove a contract that was revoked or rejected", Needs: access.ManageContracts, At: Environment, Handle: h.remove},
	}
}

// decisionRoutes are a route for each decision about a contract.
func decisionRoutes(s *client.Service) (list []Route) {
	for act, summary := range map[client.Act]string{
		client.Approve: "Approve a contract, or the tier that it asks for", client.Reject: "Reject a contract, or the tier that it asks for",
		client.Revoke: "Revoke a contract", client.Restore: "Restore a revoked contract",
	} {
		list = append(list, Route{
			Method: http.MethodPost, Path: contractPath + "/" + string(act), Summary: summary, Needs: access.ManageContracts, At: Environment, Takes: Decision{}, Gives: client.Contract{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in Decision
				version, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				return ofContract(s.Decide(ctx, r.Principal, r.Path("environment"), r.Path("id"), version, act, in.Note))
			},
		})
	}
	return list
}

func (h contractAPI) list(ctx context.Context, r *Request) (any, error) {
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	list, next, err := h.s.Contracts(ctx, r.Principal, r.Path("environment"), client.Filter{
		API: r.Query("api"), Application: r.Query("application"), State: client.State(r.Query("state")), Waiting: r.Query("waiting") == "true", After: after, Limit: limit,
	})
	return Page{list, next}, err
}

func (h contractAPI) request(ctx context.Context, r *Request) (any, error) {
	return requestAccess(ctx, h.s, r)
}

func (h contractAPI) get(ctx context.Context, r *Request) (any, error) {
	c, err := h.s.Contract(ctx, r.Principal, r.Path("environment"), r.Path("id"))
	return ofContract(c, err)
}

func (h contractAPI) events(ctx context.Context, r *Request) (any, error) {
	events, err := h.s.History(ctx, r.Principal, r.Path("environment"), r.Path("id"))
	return Page{Items: events}, err
}

func (h contractAPI) changeTier(ctx context.Context, r *Request) (any, error) {
	var in Decision
	version, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	return ofContract(h.s.ChangeTier(ctx, r.Principal, r.Path("environment"), r.Path("id"), version, in.Tier, in.Note))
}

func (h contractAPI) remove(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.Remove(ctx, r.Principal, r.Path("environment"), r.Path("id"), version)
}

func ofContract(c *client.Contract, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Versioned{c, c.Version}, nil
}

// requestAccess asks for access; the service decides whether the caller may.
func requestAccess(ctx context.Context, s *client.Service, r *Request) (any, error) {
	var in client.Asking
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	c, err := s.Request(ctx, r.Principal, r.Path("environment"), in)
	if err != nil {
		return nil, err
	}
	return Created{Location: "/environments/" + c.Environment + "/contracts/" + c.ID, Value: c, Version: c.Version}, nil
}
