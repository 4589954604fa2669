package app

import (
	"cmp"
	"context"
	"time"

	"farrier.dev/farrier/internal/access"
	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/secret"
)

// openAlerts opens the service of alerts. What it returns judges rules and tells
// people, in the one process that leads.
func (c *control) openAlerts(ctx context.Context, cfg Config, keyring *secret.Keyring) func() error {
	figures := &alert.Figures{
		Series: c.monitor, Findings: c.seenFindings, Shadows: c.seenShadows,
		Gateways: func(ctx context.Context) ([]alert.Heard, error) { return c.heardGateways(ctx, cfg) },
		Expiring: func(ctx context.Context) ([]alert.Expiring, error) { return c.expiring(ctx, cfg.Environment) },
	}
	options := alert.Options{
		DB: c.controlDB, Tree: c.access, Audit: c.audit, Sealer: keyring, Entries: c.audit, Environments: []string{cfg.Environment},
		Env: notify.NewEnv(notify.Guard{Networks: cfg.AlertNetworks}, c.now),
		Figures: func(environment string) *alert.Figures {
			if environment != cfg.Environment {
				return nil
			}
			return figures
		},
		Now: c.now, Log: c.log.With("component", "alerts"), Link: cfg.consoleURL(),
	}
	if c.secrets != nil {
		options.Resolve = c.secrets.Resolve
	}
	var err error
	if c.alerts, err = alert.Open(ctx, options); err != nil {
		c.log.Error("the alerts can't be opened; nobody is told of anything", "error", err)
		return func() error { return nil }
	}
	return logged(c.log, "nobody is told of alerts", func() error {
		return c.controlDB.Lead(ctx, "alerts "+cfg.Environment, c.alerts.Run)
	})
}

// itself is who looks things up for rules.
func itself() controls.Principal {
	return controls.Principal{Operator: "system", Roles: []access.Role{access.RoleAdmin}}
}

// seenFindings gives the findings that were seen at a time or later.
func (c *control) seenFindings(ctx context.Context, since time.Time) ([]alert.Seen, error) {
	const page, most = 1000, 10_000
	var out []alert.Seen
	for len(out) < most {
		items, total, err := c.posture.List(ctx, posture.Filter{State: posture.Open, Since: since, Offset: len(out), Limit: page})
		if err != nil {
			return nil, err
		}
		for i := range items {
			f := &items[i]
			out = append(out, alert.Seen{
				ID: f.Fingerprint, Rule: f.Rule, Title: f.Title, API: f.Location.API, Operation: f.Location.Operation, Severity: f.Severity.String(),
				First: f.FirstSeen, Last: f.LastSeen, Count: f.Count,
			})
		}
		if len(items) == 0 || len(out) >= total {
			break
		}
	}
	return out, nil
}

// seenShadows gives the operations that nobody described and that were first called at
// a time or later.
func (c *control) seenShadows(ctx context.Context, since time.Time) ([]alert.Seen, error) {
	if c.inventory == nil {
		return nil, nil
	}
	page, err := c.inventory.List(ctx, itself(), inventory.Wanted{Query: "state:shadow first:<35d"})
	if err != nil {
		return nil, err
	}
	var out []alert.Seen
	for _, row := range page.Rows {
		if !row.First.Before(since) {
			out = append(out, alert.Seen{ID: row.ID, Rule: "shadow", Title: "shadow operation", API: row.API, Operation: row.Method + " " + cmp.Or(row.Host, "") + row.Path, First: row.First, Last: row.First})
		}
	}
	return out, nil
}

// heardGateways tells when gateways were last heard of. The process's own is heard of
// as long as it runs.
func (c *control) heardGateways(ctx context.Context, cfg Config) ([]alert.Heard, error) {
	out := []alert.Heard{{Name: cfg.Gateway, Last: c.now()}}
	if c.fleet == nil {
		return out, nil
	}
	gateways, err := c.fleet.List(ctx, itself(), cfg.Environment)
	if err != nil {
		return nil, err
	}
	for i := range gateways {
		if !gateways[i].Enrolled.IsZero() {
			out = append(out, alert.Heard{Name: gateways[i].Name, Last: gateways[i].Seen})
		}
	}
	return out, nil
}

// expiring gives the certificates and secrets of an environment that end within a year.
func (c *control) expiring(ctx context.Context, environment string) ([]alert.Expiring, error) {
	if c.secrets == nil {
		return nil, nil
	}
	const year = 366 * 24 * time.Hour
	ends, err := c.secrets.Expiring(ctx, year)
	var out []alert.Expiring
	for i := range ends {
		if e := &ends[i]; e.Environment == environment && !e.Rotation {
			out = append(out, alert.Expiring{Name: e.Group + "/" + e.Name, What: string(e.Kind), At: e.At})
		}
	}
	return out, err
}
