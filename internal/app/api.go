package app

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/console"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/idempotency"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/secret"
)

// programs makes the HTTP API over the services of control.
func (c *control) programs(ctx context.Context, cfg Config, keyring *secret.Keyring, sessions *session.Service, observed *api.Observed) (http.Handler, error) {
	once, err := idempotency.Open(ctx, c.controlDB, keyring, c.now)
	if err != nil {
		return nil, err
	}
	observed.Environment = cfg.Environment
	entries, err := auditlog.New(c.audit, c.access)
	if err != nil {
		return nil, err
	}
	managed, err := people.New(c.access, c.now)
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Sessions: sessions, Tree: c.access, Once: once, Cookie: console.CookieName(cfg.consoleSecure()),
		Now: c.now, Log: c.log.With("component", "api"), Version: version(),
		Services: api.Services{Clients: c.clients, Portal: c.portal, Alerts: c.alerts, Incidents: c.incidents, HealthChecks: c.healthChecks, Audit: entries, Observed: observed, Fleet: c.fleet, Resources: c.resources, Secrets: c.secrets, People: managed, Own: sessions},
	})
}
