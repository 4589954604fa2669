package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/console"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/secret"
)

// pages opens the console and the metrics. Without the store there is no one to
// sign in; then every page says so.
func (c *control) pages(ctx context.Context, cfg Config, keyring *secret.Keyring, publisher *publish.Publisher, all *policy.Catalogue, metrics *prometheus.Registry, gate *gateway.Gateway) (*page, error) {
	if cfg.Console == "off" {
		return nil, nil //nolint:nilnil // a nil page does nothing
	}
	if err := metrics.Register(gatewayMetrics{gate}); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "The databases can't be opened, so there is no console. The gateway serves; its log tells what is wrong.", http.StatusServiceUnavailable)
	})
	if c.monitor != nil {
		var err error
		if handler, err = c.console(ctx, cfg, keyring, publisher, all); err != nil {
			return nil, fmt.Errorf("preparing the console: %w", err)
		}
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Console)
	if err != nil {
		return nil, fmt.Errorf("opening the console: %w", err)
	}
	spoken, err := cfg.ConsoleTLS.listener(ln, c.now, c.log)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", loopbackOnly(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /probes/readiness", c.readiness)
	mux.Handle("/", c.withChallenges(handler))
	p := servePage(spoken, mux, c.log)
	p.url = cfg.consoleScheme() + strings.TrimPrefix(loopbackURL(ln.Addr()), "http://")
	p.public = cfg.Access.URL
	return p, nil
}

// console wires the services of control, and the pages and the API over them.
func (c *control) console(ctx context.Context, cfg Config, keyring *secret.Keyring, publisher *publish.Publisher, all *policy.Catalogue) (http.Handler, error) {
	sessions, err := session.New(c.access)
	if err != nil {
		return nil, err
	}
	exchanges, err := exchange.New(exchange.Options{Where: c.where, Monitor: c.monitor, Catalogue: all, Feed: c.feed, Now: c.now})
	if err != nil {
		return nil, err
	}
	serving, err := served.New(served.Options{
		Where:       c.where,
		Publication: func() served.Publication { return publication(publisher.Status()) },
		Counts:      c.monitor, Catalogue: all, Log: c.log,
	})
	if err != nil {
		return nil, err
	}
	found, err := findings.New(c.posture, c.where)
	if err != nil {
		return nil, err
	}
	found.Managed(c.posture, c.audit)
	entries, err := auditlog.New(c.audit, c.access)
	if err != nil {
		return nil, err
	}
	managed, err := people.New(c.access, c.now)
	if err != nil {
		return nil, err
	}
	programs, err := c.programs(ctx, cfg, keyring, sessions, &api.Observed{Exchanges: exchanges, Findings: found})
	if err != nil {
		return nil, err
	}
	provisioned, err := c.provisioning(cfg, sessions)
	if err != nil {
		return nil, err
	}
	signOn, err := c.signOn(ctx, cfg, keyring)
	if err != nil {
		return nil, err
	}
	shown, err := console.New(console.Options{
		Sessions: sessions, Exchanges: exchanges, Served: serving, Findings: found, Audit: entries, Governance: c.governance, Projects: c.projects, Clients: c.clients, Portal: c.portal, Inventory: c.inventory, Resources: c.resources, Alerts: c.alerts, Incidents: c.incidents, Health: c.healthChecks, Secrets: c.secrets, People: managed, SSO: signOn,
		Fleet: c.fleet, FleetAddress: cfg.Fleet.address(), Where: c.where,
		Now: c.now, Log: c.log.With("component", "console"), Hosts: cfg.consoleHosts(), Secure: cfg.consoleSecure(),
		Environment: cfg.Environment, Version: version(),
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", programs)
	mux.Handle(api.SCIMPrefix+"/", provisioned)
	mux.Handle("/", shown)
	return mux, nil
}

func publication(s publish.Status) served.Publication {
	p := served.Publication{Serving: s.Serving, Since: s.Since, FromDisk: s.FromDisk, Warnings: s.Warnings}
	if s.Refused != nil {
		p.RefusedAt, p.Refused = s.Refused.At, s.Refused.Problems
	}
	return p
}

// loopbackOnly serves peers on this machine: metrics tell names of APIs.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() {
			http.Error(w, "metrics are for this machine only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// firstLink prints a sign-in link while no password is set.
func (c *control) firstLink(ctx context.Context, console *page, out io.Writer) string {
	if c.access == nil || console == nil {
		return ""
	}
	if has, err := c.access.HasPassword(ctx); err != nil || has {
		return ""
	}
	token, expires, err := c.access.LoginLink(ctx)
	if err != nil {
		c.log.Error("no sign-in link could be made; run farrier login-link", "error", err)
		return ""
	}
	// A browser gives a cookie back only where it speaks as access.url says.
	link := cmp.Or(console.public, console.url) + "/login?token=" + token
	_, _ = fmt.Fprintf(out, "Sign in to the console (once, until %s):\n  %s\n", expires.Format("15:04"), link)
	return link
}

// gatewayMetrics are the gateway's counters for Prometheus.
type gatewayMetrics struct{ gate *gateway.Gateway }

var gatewayDescs = map[string]*prometheus.Desc{
	"connections": prometheus.NewDesc("farrier_connections", "Open client connections.", nil, nil),
	"in_flight":   prometheus.NewDesc("farrier_exchanges_in_flight", "Exchanges under way.", nil, nil),
	"buffered":    prometheus.NewDesc("farrier_buffered_bytes", "Bytes of bodies held in memory.", nil, nil),
	"shed":        prometheus.NewDesc("farrier_shed_total", "Requests answered 503 for overload.", nil, nil),
	"unjudged":    prometheus.NewDesc("farrier_unjudged_total", "Exchanges that watch mode had no room to judge.", nil, nil),
}

// Describe implements prometheus.Collector.
func (gatewayMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range gatewayDescs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m gatewayMetrics) Collect(out chan<- prometheus.Metric) {
	s := m.gate.Stats()
	gauge := func(name string, kind prometheus.ValueType, value float64) {
		out <- prometheus.MustNewConstMetric(gatewayDescs[name], kind, value)
	}
	gauge("connections", prometheus.GaugeValue, float64(s.Connections.Open))
	gauge("in_flight", prometheus.GaugeValue, float64(s.InFlight))
	gauge("buffered", prometheus.GaugeValue, float64(s.Buffered))
	gauge("shed", prometheus.CounterValue, float64(s.Shed))
	gauge("unjudged", prometheus.CounterValue, float64(s.Unjudged))
}
