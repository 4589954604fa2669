package console

import (
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/control/sso"
)

// Patterns are those of all addresses of the console, as http.ServeMux has them, also
// of pages whose service is not there: what plays every address begins with them.
func Patterns() []string {
	c := &console{Options: everything()}
	var list []string
	for _, r := range c.routes() {
		list = append(list, r.pattern)
	}
	return list
}

// everything are options with all services, none of which can be asked.
func everything() Options {
	return Options{
		Inventory: &inventory.Service{}, Resources: &resource.Service{}, SSO: &sso.Service{}, People: &people.Service{},
		Clients: &client.Service{}, Portal: &portal.Service{}, Alerts: &alert.Service{}, Secrets: &secrets.Service{},
		Incidents: &incident.Service{}, Health: &healthcheck.Service{},
	}
}
