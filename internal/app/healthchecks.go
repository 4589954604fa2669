package app

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/monitor/notify"
)

// healthEngine is the engine of the findings of checks that are down: alert rules on
// findings tell of them.
const healthEngine = "health"

// openHealthChecks opens the service of health checks. What it returns makes the
// checks, in the one process that leads.
func (c *control) openHealthChecks(ctx context.Context, cfg Config, publisher *publish.Publisher) func() error {
	options := healthcheck.Options{
		DB: c.controlDB, Tree: c.access, Audit: c.audit, HTTP: notify.NewEnv(notify.Guard{Networks: cfg.AlertNetworks}, c.now).HTTP,
		Environments: []string{cfg.Environment}, Now: c.now, Log: c.log.With("component", "health"),
		Target: func(environment, api string) (healthcheck.Target, bool) {
			if environment != cfg.Environment {
				return healthcheck.Target{}, false
			}
			return listenerOf(publisher.Status(), api)
		},
		Failing: func(ctx context.Context, environment, api string, down []healthcheck.Trouble) error {
			if environment != cfg.Environment {
				return nil
			}
			return c.posture.Renew(ctx, healthEngine, api, healthFindings(api, down))
		},
	}
	if c.alerts != nil {
		options.Maintenance = func(ctx context.Context, environment, api string) (string, error) {
			working, err := c.alerts.InMaintenance(ctx, environment, api)
			if err != nil || !working {
				return "", err
			}
			return "Planned maintenance", nil
		}
	}
	var err error
	if c.healthChecks, err = healthcheck.Open(ctx, options); err != nil {
		c.log.Error("the health checks can't be opened; none is made", "error", err)
		return func() error { return nil }
	}
	return logged(c.log, "no health checks are made", func() error {
		return c.controlDB.Lead(ctx, "health checks "+cfg.Environment, c.healthChecks.Run)
	})
}

// listenerOf is where an API in service listens, as this machine reaches it.
func listenerOf(s publish.Status, name string) (healthcheck.Target, bool) {
	if s.Serving == nil {
		return healthcheck.Target{}, false
	}
	for i := range s.Serving.APIs {
		api := &s.Serving.APIs[i]
		if api.Name.String() != name {
			continue
		}
		host := api.Host
		if at, err := netip.ParseAddr(host); err != nil || at.IsUnspecified() {
			host = "127.0.0.1"
			if at.Is6() {
				host = "::1"
			}
		}
		address := net.JoinHostPort(host, strconv.Itoa(api.Port))
		return healthcheck.Target{URL: api.Scheme + "://" + address + api.BasePath, Dial: address}, true
	}
	return healthcheck.Target{}, false
}

// healthFindings are the checks of an API that are down, as findings.
func healthFindings(api string, down []healthcheck.Trouble) []finding.Finding {
	var out []finding.Finding
	for _, t := range down {
		out = append(out, finding.Finding{
			Rule: "health-check-down", Severity: finding.High, Title: "A health check is down", Message: t.Name + ": " + t.Problem,
			// Each time that it is down is a finding of its own, of which alerts tell.
			Location: finding.Location{API: api, Place: "health check " + t.ID + " since " + t.Since.UTC().Format(time.RFC3339)},
			Fix:      "See what the check asks for under Health, and whether the service behind the API answers.",
		})
	}
	return out
}
