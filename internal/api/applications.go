package api

import (
	"context"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
)

// NewSecret is a client secret, which is shown this once.
type NewSecret struct {
	Application *client.Application `json:"application,omitempty"`
	Secret      string              `json:"secret"`
}

// SecretReset asks for a new client secret.
type SecretReset struct {
	// GraceHours is how long the secret before it stays right; 24 when it is left out,
	// 0 cuts it off at once.
	GraceHours *int `json:"graceHours,omitempty"`
}

func (s *SecretReset) grace() time.Duration {
	if s.GraceHours == nil {
		return client.DefaultGrace
	}
	return time.Duration(max(-1, min(*s.GraceHours, 1<<20))) * time.Hour
}

// ClientImport is what is imported: its tiers and contracts belong to Environment.
type ClientImport struct {
	Environment string `json:"environment,omitempty"`
	client.Imported
}

// applicationAPI has the handlers.
type applicationAPI struct{ s *client.Service }

func applicationRoutes(s *client.Service) []Route {
	h := applicationAPI{s}
	const all, one = "/groups/{group}/applications", "/groups/{group}/applications/{id}"
	list := map[string]string{"q": "must stand in the name, or begin the client id"}
	return []Route{
		{Method: http.MethodGet, Path: all, Summary: "List the client applications of a business group", Needs: access.ViewClients, At: Group, Query: list, Gives: []client.Application{}, Handle: h.list},
		{Method: http.MethodPost, Path: all, Summary: "Make a client application", Needs: access.ManageClients, At: Group, Takes: client.Draft{}, Gives: NewSecret{}, Handle: h.create},
		{Method: http.MethodPost, Path: all + "/import", Summary: "Import applications, tiers and contracts of another platform", Needs: access.ManageClients, At: Group, Takes: ClientImport{}, Gives: client.ImportResult{}, Body: 32 << 20, Handle: h.load},
		{Method: http.MethodGet, Path: one, Summary: "Show a client application", Needs: access.ViewClients, At: Group, Gives: client.Application{}, Handle: h.get},
		{Method: http.MethodPut, Path: one, Summary: "Change a client application", Needs: access.ManageClients, At: Group, Takes: client.Draft{}, Gives: client.Application{}, Handle: h.change},
		{Method: http.MethodDelete, Path: one, Summary: "Remove a client application", Needs: access.ManageClients, At: Group, Handle: h.remove},
		{Method: http.MethodPost, Path: one + "/secret", Summary: "Reset the secret of a client application", Needs: access.ManageClients, At: Group, Takes: SecretReset{}, Gives: NewSecret{}, Handle: h.reset},
		{Method: http.MethodGet, Path: one + "/contracts", Summary: "List the contracts of a client application in all environments", Needs: access.ViewClients, At: Group, Gives: []client.Contract{}, Handle: h.contracts},
	}
}

func (h applicationAPI) list(ctx context.Context, r *Request) (any, error) {
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	list, next, err := h.s.Applications(ctx, r.Principal, r.Path("group"), client.Query{Text: r.Query("q"), After: after, Limit: limit})
	return Page{list, next}, err
}

func (h applicationAPI) create(ctx context.Context, r *Request) (any, error) {
	var d client.Draft
	if err := r.Decode(&d); err != nil {
		return nil, err
	}
	a, secret, err := h.s.Create(ctx, r.Principal, r.Path("group"), d)
	if err != nil {
		return nil, err
	}
	return Created{Location: "/groups/" + a.Group + "/applications/" + a.ID, Value: NewSecret{a, secret}, Version: a.Version}, nil
}

func (h applicationAPI) load(ctx context.Context, r *Request) (any, error) {
	var in ClientImport
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	return h.s.Import(ctx, r.Principal, r.Path("group"), in.Environment, in.Imported)
}

func (h applicationAPI) get(ctx context.Context, r *Request) (any, error) {
	a, err := h.s.Application(ctx, r.Principal, r.Path("group"), r.Path("id"))
	if err != nil {
		return nil, err
	}
	return Versioned{a, a.Version}, nil
}

func (h applicationAPI) change(ctx context.Context, r *Request) (any, error) {
	var d client.Draft
	version, err := r.DecodeSeen(&d)
	if err != nil {
		return nil, err
	}
	a, err := h.s.Update(ctx, r.Principal, r.Path("group"), r.Path("id"), version, d)
	if err != nil {
		return nil, err
	}
	return Versioned{a, a.Version}, nil
}

func (h applicationAPI) remove(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.Delete(ctx, r.Principal, r.Path("group"), r.Path("id"), version)
}

func (h applicationAPI) reset(ctx context.Context, r *Request) (any, error) {
	return resetSecret(ctx, h.s, r, r.Path("group"))
}

func (h applicationAPI) contracts(ctx context.Context, r *Request) (any, error) {
	list, err := h.s.Held(ctx, r.Principal, r.Path("group"), r.Path("id"))
	return Page{Items: list}, err
}

func resetSecret(ctx context.Context, s *client.Service, r *Request, group string) (any, error) {
	var in SecretReset
	version, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	secret, err := s.ResetSecret(ctx, r.Principal, group, r.Path("id"), version, in.grace())
	if err != nil {
		return nil, err
	}
	return NewSecret{Secret: secret}, nil
}
