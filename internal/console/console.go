// Package console is the pages that operators see, rendered on the server. It
// is a thin adapter over the services of control, which decide who may do what;
// it keeps nothing and knows no database.
package console

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/governance"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/control/sso"
)

// Options are what the console works with. All are required but Inventory, Secure,
// Hosts, Environment and Version.
type Options struct {
	Sessions   *session.Service
	Exchanges  *exchange.Service
	Served     *served.Service
	Findings   *findings.Service
	Audit      *auditlog.Service
	Governance *governance.Service
	Projects   *projects.Service
	// Inventory may be nil: then there are no pages of the inventory.
	Inventory *inventory.Service
	// Resources may be nil: then there are no pages of drafts and revisions.
	Resources *resource.Service
	// SSO may be nil: then people sign in by password alone.
	SSO *sso.Service
	// People may be nil: then there are no pages of accounts and teams.
	People *people.Service
	// Clients and Portal may be nil: then there are no pages of client applications
	// and contracts, or none of the developer portal.
	Clients *client.Service
	Portal  *portal.Service
	// Alerts may be nil: then there are no pages of alerts.
	Alerts *alert.Service
	// Incidents may be nil: then there are no pages of incidents.
	Incidents *incident.Service
	// Health may be nil: then there are no pages of health checks, and no status page.
	Health *healthcheck.Service
	// Secrets may be nil: then there are no pages of secrets.
	Secrets *secrets.Service
	// Fleet may be nil: then there are no pages of gateways. FleetAddress is where
	// gateways reach the control plane, as "https://control.example.com:9443"; empty
	// while it does not listen for them.
	Fleet        *fleet.Service
	FleetAddress string
	Now          func() time.Time
	Log          *slog.Logger
	// Where is the process's own environment, by which the navigation shows what its
	// reader may see; Environment in the organisation when it is nil.
	Where access.Place
	// Secure says that browsers speak HTTPS to the console.
	Secure bool
	// Hosts are names beyond those of the loopback under which browsers may ask
	// for the console, without port. Any other Host header is refused, so that no
	// foreign name can be made to lead here.
	Hosts []string
	// Environment and Version are shown to operators.
	Environment, Version string
}

// console serves pages. It does not change once it was made.
type console struct {
	Options
	hosts     map[string]bool
	pages     map[string]*template.Template
	assets    map[string]asset
	crossSite *http.CrossOriginProtection
	mux       *http.ServeMux
	// served are the patterns of all routes.
	served map[string]bool
}

// New makes the handler of all pages. An error is a missing service, or a
// mistake in a template, which the tests find.
func New(o Options) (http.Handler, error) {
	if o.Sessions == nil || o.Exchanges == nil || o.Served == nil || o.Findings == nil || o.Audit == nil || o.Governance == nil || o.Projects == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("console: all services, Now and Log are required")
	}
	c := &console{
		Options: o, crossSite: http.NewCrossOriginProtection(), mux: http.NewServeMux(), served: map[string]bool{},
		hosts: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true},
	}
	for _, host := range o.Hosts {
		c.hosts[strings.ToLower(strings.Trim(host, "[]"))] = true
	}
	var err error
	if c.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if c.pages, err = parsePages(c.assetURL); err != nil {
		return nil, err
	}
	for _, r := range c.routes() {
		var allowed rule
		if r.access == operators {
			if allowed, err = ruleOf(r.pattern); err != nil {
				return nil, err
			}
		}
		c.mux.Handle(r.pattern, c.admit(r, allowed))
		c.served[r.pattern] = true
	}
	return http.HandlerFunc(c.serve), nil
}

// admission says who may use a route.
type admission uint8

const (
	// operators is the zero value: a forgotten one is closed.
	operators admission = iota
	// unfinished lets in operators who have yet to set a password, too.
	unfinished
	// everyone needs no session.
	everyone
)

// route is one address of the console.
type route struct {
	pattern string
	access  admission
	handle  func(w http.ResponseWriter, r *request) error
}

// routes is the only list of addresses.
func (c *console) routes() []route {
	return slices.Concat(
		c.ownRoutes(), c.manageRoutes(), c.reviewRoutes(), c.clientRoutes(), c.portalRoutes(), c.inventoryRoutes(), c.alertRoutes(), c.monitoringRoutes(), c.incidentRoutes(), c.healthRoutes(),
		c.gatewayRoutes(), c.secretRoutes(), c.peopleRoutes(), c.auditRoutes(), c.accountRoutes(), c.ssoRoutes(),
	)
}

// ownRoutes are those for which there always is a service.
func (c *console) ownRoutes() []route {
	return []route{
		{"GET /assets/{version}/{path...}", everyone, c.asset},
		{"GET /favicon.ico", everyone, c.favicon},

		{"GET /login", everyone, c.loginPage},
		{"POST /login", everyone, c.login},
		{"POST /login/link", everyone, c.redeem},
		{"GET /password", unfinished, c.passwordPage},
		{"POST /password", unfinished, c.setPassword},
		{"POST /logout", unfinished, c.logout},

		{"GET /{$}", operators, c.lead(c.overview)},
		{"GET /overview/live", operators, c.overviewLive},
		{"GET /overview/series", operators, c.overviewSeries},
		{"GET /apis", operators, c.apis},
		{"GET /apis/{namespace}/{name}", operators, c.api},
		{"GET /refusals", operators, c.refusals},
		{"GET /exchanges", operators, c.lookup},
		{"GET /exchanges/{id}", operators, c.exchange},
		{"GET /findings", operators, c.findingList},
		{"GET /findings/{fingerprint}", operators, c.finding},
		{"POST /findings/{fingerprint}/suppress", operators, c.findingSuppress},
		{"POST /findings/{fingerprint}/reopen", operators, c.findingReopen},
		{"GET /governance", operators, c.governanceOverview},
		{"GET /governance/apis/{namespace}/{name}", operators, c.governanceReport},
		{"GET /governance/rulesets", operators, c.governanceRulesets},
		{"GET " + editorPath, operators, c.governanceEditor},
		{"POST " + editorPath, operators, c.governanceTry},
		{"GET /projects", operators, c.projectList},
		{"POST " + uploadPath, operators, c.projectUpload},
		{"POST /projects/scan", operators, c.projectScan},
		{"GET /projects/{name}", operators, c.project},
		{"POST /projects/{name}/patch", operators, c.projectPatch},
		{"POST /projects/{name}/unpatch", operators, c.projectUnpatch},
		{"POST /projects/{name}/forget", operators, c.projectForget},
		{"GET /revision", operators, c.revision},
		{"GET /search", operators, c.search},
		{"/", operators, c.notFound},
	}
}
