package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/governance"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/scan/history"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
)

// control is what needs the databases: records, findings, audit, sign-in. The
// gateway serves without it.
type control struct {
	log *slog.Logger
	// where is the process's own environment.
	where *ownPlace
	now   func() time.Time

	feed *traffic.Feed
	// stores are where the gateway of this process counts.
	stores *stores

	// early are audit entries from before the log was open.
	early                []audit.Entry
	controlDB, trafficDB *store.DB
	audit                *audit.Log
	access               *access.Service
	monitor              *monitor.Monitor
	posture              *posture.Posture
	governance           *governance.Service
	projects             *projects.Service
	patches              *projects.Patches
	// scans are remembered here; nil while gateways of their own are not served.
	scans *history.History
	// discovered learns the inventory, which inventory shows; nil for none.
	discovered *discoverer
	inventory  *inventory.Service
	// resources are drafts and revisions of environments; nil while the store is closed.
	resources *resource.Service
	// clients and portal are nil while the store is not open.
	clients *client.Service
	portal  *portal.Service
	// secrets is nil while the store is not open.
	secrets *secrets.Service
	// drafts are what operators edit, and posts what is published for gateways of their
	// own: both keep copies on disk.
	drafts *edited
	posts  *outposts
	// fleet knows gateways of their own; nil while the store is not open.
	fleet *fleet.Service
	// alerts is nil while the store is not open.
	alerts *alert.Service
	// incidents is nil while the store is not open.
	incidents *incident.Service
	// healthChecks is nil while the store is not open.
	healthChecks *healthcheck.Service
	// changed tells governance of a new revision.
	changed chan struct{}
}

// openAll opens everything that lives in the databases; ctx ends what goes on.
func (c *control) openAll(ctx context.Context, databases store.Databases, cfg Config, keyring *secret.Keyring, running *group, rec *recorder, metrics prometheus.Registerer) (err error) {
	c.controlDB, c.trafficDB = databases.Control, databases.Traffic
	if err := sameKey(ctx, c.controlDB, keyring); err != nil {
		return err
	}
	if err := claim(ctx, cfg, c.trafficDB, running); err != nil {
		return err
	}
	if moved := c.trafficDB.Replaced(); moved != nil {
		c.log.Error("the database of records was damaged; it was moved aside and a new one begun", "movedTo", moved.MovedTo, "error", moved.Reason)
	}
	log, err := audit.Open(ctx, c.controlDB, c.now)
	if err != nil {
		return err
	}
	if c.access, err = openAccess(ctx, cfg, c.controlDB, keyring, log, c.now); err != nil {
		return err
	}
	c.where.tree.Store(c.access)
	if c.posture, err = posture.New(ctx, posture.Options{
		DB: c.trafficDB, Control: c.controlDB, Environment: cfg.Environment, Gateway: cfg.Gateway, Now: c.now,
	}); err != nil {
		return err
	}
	if c.monitor, err = monitor.New(ctx, monitor.Options{
		DB: c.trafficDB, Journal: rec.journal, Rollup: rec.rollup, Findings: c.posture, Feed: rec.feed,
		Environment: cfg.Environment, Gateway: cfg.Gateway, Now: c.now, Log: c.log.With("component", "monitor"),
	}); err != nil {
		return err
	}
	if err := c.monitor.Register(metrics); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	rec.samples.Store(c.monitor)
	c.signAudit(ctx, cfg, log)
	c.audit = log
	for _, entry := range c.early {
		c.record(ctx, entry)
	}
	return nil
}

// led runs a schedule in one of the processes on one database.
func (c *control) led(ctx context.Context, name string, run func(context.Context)) func() error {
	return func() error {
		err := c.controlDB.Lead(ctx, name, func(ctx context.Context) error { run(ctx); return nil })
		if err != nil && ctx.Err() == nil {
			c.log.Error("a schedule has ended", "schedule", name, "error", err)
		}
		return nil
	}
}

// watchSuppressions lets suppressed findings come back when their time is over. Every
// process does: it applies them to what it finds itself.
func (c *control) watchSuppressions(ctx context.Context) {
	c.posture.Run(ctx, func(err error) { c.log.Error("suppressions could not be read", "error", err) })
}

func (c *control) close() error {
	var errs []error
	for _, db := range []*store.DB{c.trafficDB, c.controlDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// published records a change of what is served in the audit log. The first is
// made before the log is open and waits for it; later ones come from one
// goroutine, which begins when it is.
func (c *control) published(ctx context.Context, number uint64, problems []manifest.Problem, published bool) {
	select {
	case c.changed <- struct{}{}:
	default:
	}
	c.discovered.noticed()
	entry := audit.Entry{
		Operator: "system", Action: audit.RevisionPublished, Object: "revision " + strconv.FormatUint(number, 10),
		Outcome: audit.Done, Detail: map[string]string{"problems": strconv.Itoa(len(problems))},
	}
	if !published {
		entry.Action, entry.Outcome = audit.RevisionRefused, audit.Refused
		entry.Detail["first"] = problems[0].Text()
	}
	if c.audit == nil {
		if len(c.early) < 100 { // without a store it will never open
			c.early = append(c.early, entry)
		}
		return
	}
	c.record(ctx, entry)
}

func (c *control) record(ctx context.Context, entry audit.Entry) {
	if err := c.audit.Record(ctx, nil, entry); err != nil {
		c.log.Error("a change could not be recorded in the audit log", "error", err)
	}
}

// auditor hands what access tells to the audit log.
type auditor struct{ log *audit.Log }

// Record implements access.Auditor.
func (a auditor) Record(ctx context.Context, tx *store.Tx, e access.Event) error {
	return a.log.Record(ctx, tx, audit.Entry{
		Operator: e.Operator, Via: e.Via, Session: e.Session, Address: e.Address, Action: audit.Action(e.Action), Object: e.Object,
		Outcome: audit.Outcome(e.Outcome), Detail: e.Detail, Before: e.Before, After: e.After,
	})
}
