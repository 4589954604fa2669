package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/governance"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/revision"
)

// hookTimeout bounds one call of a webhook.
const hookTimeout = 10 * time.Second

// newGovernance makes the service that judges what is published; status is asked
// once something serves.
func (c *control) newGovernance(cfg Config, status func() publish.Status, client *http.Client) (err error) {
	c.governance, err = governance.New(governance.Options{
		Where:       c.where,
		Profiles:    cfg.Governance,
		Serving:     func() *revision.Revision { return status().Serving },
		Findings:    renewer{c},
		Notify:      func(ctx context.Context, e governance.Event) { c.conformanceChanged(ctx, e, client) },
		Environment: cfg.Environment, Now: c.now, Log: c.log.With("component", "governance"),
	})
	if err != nil {
		return fmt.Errorf("governance: %w", err)
	}
	return nil
}

// govern judges the APIs in service until ctx ends.
func (c *control) govern(ctx context.Context, cfg Config) error {
	memory, err := history.Open(ctx, c.controlDB, cfg.Environment, c.now)
	if err != nil {
		return err
	}
	c.governance.Remember(memory)
	c.governance.Run(ctx, c.changed)
	return nil
}

// renewer hands findings to posture once the store is open.
type renewer struct{ c *control }

// Renew implements governance.Findings.
func (r renewer) Renew(ctx context.Context, engine, api string, findings []finding.Finding) error {
	return r.c.posture.Renew(ctx, engine, api, findings)
}

// conformanceChanged records that an API stands differently, and calls the
// webhooks of its profile.
func (c *control) conformanceChanged(ctx context.Context, e governance.Event, client *http.Client) {
	c.log.Warn("the conformance of an API has changed", "api", e.API, "profile", e.Profile, "before", e.Before, "now", e.Now, "new", len(e.New), "mended", len(e.Mended))
	c.record(ctx, audit.Entry{
		Operator: "system", Action: audit.ConformanceChanged, Object: e.API, Outcome: audit.Done,
		Detail: map[string]string{"profile": e.Profile, "before": string(e.Before), "now": string(e.Now)},
	})
	body, err := json.Marshal(map[string]any{
		"version": 1, "event": "conformance", "at": c.now().UTC(), "api": e.API, "profile": e.Profile,
		"before": e.Before, "now": e.Now, "new": e.New, "mended": e.Mended,
	})
	if err != nil {
		c.log.Error("a webhook could not be called", "error", err)
		return
	}
	for _, address := range e.Webhooks {
		if err := callHook(ctx, client, address, body); err != nil {
			c.log.Error("a webhook of governance could not be called", "profile", e.Profile, "error", err)
		}
	}
}

func callHook(ctx context.Context, client *http.Client, address string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("calling a webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("calling a webhook: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is read from it
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("calling a webhook: it answered %d", resp.StatusCode)
	}
	return nil
}

// logged runs a task whose error is told and stops nothing else.
func logged(log *slog.Logger, what string, task func() error) func() error {
	return func() error {
		if err := task(); err != nil {
			log.Error(what, "error", err)
		}
		return nil
	}
}
