// Package api is the HTTP API of the control plane, under /api/v1: what the
// console does with pages, programs do here. It is a thin adapter over the services
// of control, which decide who may do what; the table of routes says once more what
// each needs, so that a route without a rule can't be built. The same table writes
// the OpenAPI document.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/control/session"
)

// Prefix is where the API lies.
const Prefix = "/api/v1"

// Options are what the API works with. Services that are nil have no routes.
type Options struct {
	Sessions Sessions
	// Tree finds environments and business groups.
	Tree control.Tree
	// Once remembers answers by idempotency key; nil for none.
	Once Once
	// Cookie is the name of the console's cookie, by which pages may use the API too;
	// empty for none.
	Cookie  string
	Now     func() time.Time
	Log     *slog.Logger
	Version string

	Services
}

// Sessions tells whose session or API token it is; *session.Service is the one to
// use. Every error refuses.
type Sessions interface {
	Identify(ctx context.Context, token string) (control.Principal, error)
}

// Services are those of control that have routes.
type Services struct {
	Alerts *alert.Service
	Audit  *auditlog.Service
	// Observed are those of the process's own environment.
	Observed     *Observed
	Fleet        *fleet.Service
	Incidents    *incident.Service
	HealthChecks *healthcheck.Service
	Resources    *resource.Service
	Clients      *client.Service
	// Portal needs Clients.
	Portal  *portal.Service
	Secrets *secrets.Service
	// Own is for people's own sessions and tokens.
	Own    *session.Service
	People *people.Service
}

// area is the routes of one service.
type area struct {
	// present says that there is the service.
	present bool
	routes  []Route
}

// areas is the only list of routes. The routes of a service that is nil can be
// described, not served.
func areas(s *Services) []area {
	return []area{
		{true, selfRoutes()},
		{s.Own != nil, ownRoutes(s.Own)},
		{s.Alerts != nil, alertRoutes(s.Alerts)},
		{s.Observed != nil, observeRoutes(s.Observed)},
		{s.Fleet != nil, gatewayRoutes(s.Fleet)},
		{s.Incidents != nil, incidentRoutes(s.Incidents)},
		{s.HealthChecks != nil, healthCheckRoutes(s.HealthChecks)},
		{s.Resources != nil, resourceRoutes(s.Resources)},
		{s.Clients != nil, clientRoutes(s.Clients)},
		{s.Portal != nil && s.Clients != nil, portalRoutes(s.Portal, s.Clients)},
		{s.Audit != nil, auditRoutes(s.Audit)},
		{s.Secrets != nil, secretsRoutes(s.Secrets)},
		{s.People != nil, peopleRoutes(s.People)},
	}
}

// Routes lists all routes, also those of services that are nil.
func Routes(s *Services) []Route {
	var all []Route
	for _, a := range areas(s) {
		all = append(all, a.routes...)
	}
	return all
}

// handler serves the routes. It does not change once it was made.
type handler struct {
	Options
	gate      control.Gate
	mux       *http.ServeMux
	document  []byte
	crossSite *http.CrossOriginProtection
}

// New makes the handler of everything below Prefix. An error is a missing service,
// or a mistake in the table of routes, which the tests find.
func New(o Options) (http.Handler, error) {
	if o.Sessions == nil || o.Tree == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("api: Sessions, Tree, Now and Log are required")
	}
	h := &handler{
		Options: o, gate: control.Gate{Tree: o.Tree}, mux: http.NewServeMux(),
		crossSite: http.NewCrossOriginProtection(),
	}
	var served []Route
	for _, a := range areas(&o.Services) {
		if !a.present {
			continue
		}
		for i := range a.routes {
			if err := a.routes[i].check(); err != nil {
				return nil, err
			}
			h.mux.Handle(a.routes[i].Method+" "+Prefix+a.routes[i].Path, h.admit(&a.routes[i]))
		}
		served = append(served, a.routes...)
	}
	var err error
	if h.document, err = Document(served, o.Version); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("GET "+Prefix+"/openapi.json", h.describe)
	h.mux.HandleFunc("/", h.unknown)
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shield(w)
	defer h.recovered(w, r)
	h.mux.ServeHTTP(w, r)
}

// shield keeps an answer out of caches and other sites.
func shield(w http.ResponseWriter) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
}

func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	h.fail(w, r, control.ErrNotFound)
}

func (h *handler) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(h.document) // the client has gone away; there is nobody to tell
}
