package app

import (
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/control/provision"
	"farrier.dev/farrier/internal/control/session"
)

// provisioning makes SCIM, by which identity providers keep accounts and teams.
func (c *control) provisioning(cfg Config, sessions *session.Service) (http.Handler, error) {
	service, err := provision.New(c.access, strings.TrimSuffix(cfg.Access.URL, "/")+api.SCIMPrefix)
	if err != nil {
		return nil, err
	}
	return api.NewSCIM(api.SCIMOptions{Sessions: sessions, Service: service, Now: c.now, Log: c.log.With("component", "scim")})
}
