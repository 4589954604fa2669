package app

import (
	"context"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/watch"
	"farrier.dev/farrier/internal/finding"
)

const (
	// auditFollow is how often the audit log is looked at for what operators should
	// not do.
	auditFollow = 5 * time.Second
	// auditMemory is how far back the rules learn at a start.
	auditMemory = 200 * 24 * time.Hour
	// auditFollower names how far the rules have read.
	auditFollower = "watch"
)

// follower reads the audit log as it grows.
type follower struct {
	watch *watch.Watch
	next  audit.Query
	// told is the last entry whose findings are kept, pending what is to be kept yet.
	told    int64
	pending []finding.Finding
}

// watchOperators follows the audit log and reports what stands out, until ctx ends. Of
// the processes on one database one does, so that everything is told once.
func (c *control) watchOperators(ctx context.Context) {
	ticker := time.NewTicker(auditFollow)
	defer ticker.Stop()
	// What was told before is read again, so that the rules know what is usual.
	f := &follower{watch: watch.New(watch.Options{Raises: raises}), next: audit.Query{Since: c.now().Add(-auditMemory)}}
	var err error
	for f.told, err = c.audit.Position(ctx, auditFollower); ; {
		if err == nil {
			err = c.followAudit(ctx, f)
		}
		if err != nil && ctx.Err() == nil {
			c.log.Error("the audit log can't be followed", "component", "audit", "error", err)
		}
		err = nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// followAudit reads what is new and reports of it.
func (c *control) followAudit(ctx context.Context, f *follower) error {
	last := f.told
	err := c.audit.Walk(ctx, f.next, func(k audit.Kept) error {
		f.next.After, f.next.Since = k.ID, time.Time{}
		if found := f.watch.Take(k); k.ID > f.told {
			f.pending = append(f.pending, found...)
			last = k.ID
		}
		return nil
	})
	if err == nil && len(f.pending) > 0 {
		if err = c.posture.Report(ctx, f.pending); err == nil {
			f.pending = nil
		}
	}
	if err == nil && last > f.told {
		err = c.audit.SetPosition(ctx, auditFollower, last)
	}
	f.told = last
	return err
}

// auditTampered reports that the audit log does not hold.
func (c *control) auditTampered(ctx context.Context, err error) {
	if c.posture == nil {
		return
	}
	if err := c.posture.Report(ctx, []finding.Finding{watch.Tampered(err)}); err != nil {
		c.log.Error("that the audit log was tampered with could not be kept as a finding", "component", "audit", "error", err)
	}
}

// raises says whether a role or permission allows more than others do.
func raises(had []string, got string) bool {
	allows := func(name string, p access.Permission) bool {
		return access.Permission(name) == p || access.Role(name).Allows(p)
	}
	return slices.ContainsFunc(access.Permissions(), func(p access.Permission) bool {
		return allows(got, p) && !slices.ContainsFunc(had, func(name string) bool { return allows(name, p) })
	})
}
