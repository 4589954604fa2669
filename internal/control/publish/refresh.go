package publish

import (
	"context"
	"errors"
	"fmt"
)

// errNothingServes says that there is nothing to compile anew.
var errNothingServes = errors.New("no revision is in service")

// Refresh compiles the resources in service again and puts them into service
// under a new number: what policies compile from beside their settings, as
// detection rules, has changed, and the Version of those policies with it. The
// manifests are not read, so that neither a broken one nor one that is being
// written keeps it from happening. With an error the revision in service stays.
func (p *Publisher) Refresh(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Server.Table()
	if now == nil {
		return errNothingServes
	}
	rev := *now.Revision
	rev.Number, rev.Created = p.number+1, p.o.Now().UTC()
	if err := p.serve(ctx, &rev); err != nil {
		return fmt.Errorf("compiling revision %d anew: %w", now.Revision.Number, err)
	}
	p.number = rev.Number
	if err := keep(p.o.Dir, p.o.Sealer, &rev); err != nil {
		p.o.Log.Error("the revision serves, but could not be kept for the next start", "revision", rev.Number, "error", err)
	}
	p.setStatus(func(s *Status) { s.Serving, s.Since = &rev, rev.Created })
	p.o.Log.Info("a revision is in service, compiled anew", "revision", rev.Number, "apis", len(rev.APIs), "digest", rev.Digest[:12])
	if p.o.Recorded != nil {
		p.o.Recorded(ctx, rev.Number, nil, true)
	}
	return nil
}
