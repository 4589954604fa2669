package publish

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// Restore serves the last good revision, if one was kept; found says whether there
// was one.
func (p *Publisher) Restore(ctx context.Context) (found bool, err error) {
	err = p.restore(ctx)
	if errors.Is(err, errNoneKept) {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("restoring the last good revision: %w", err)
	}
	return true, nil
}

// PublishAgain is Publish for what is tried until it succeeds: a refusal for the reasons
// of the last one is neither logged nor recorded.
func (p *Publisher) PublishAgain(ctx context.Context) []manifest.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = true
	defer func() { p.quiet = false }()
	set, err := p.read(ctx)
	if errors.Is(err, ErrNotReady) {
		return p.reasons(err)
	}
	if err != nil {
		return p.refuseFor(ctx, nil, err)
	}
	return p.publish(ctx, set)
}

// Take puts a revision that another publisher made into service, as a whole or not at
// all, and keeps it for the next start.
func (p *Publisher) Take(ctx context.Context, rev *revision.Revision) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.o.Server.Table(); now == nil || now.Revision.Digest != rev.Digest {
		if err := p.serve(ctx, rev); err != nil {
			p.setStatus(func(s *Status) { s.Refused = &Refused{At: p.o.Now().UTC()} })
			return fmt.Errorf("putting revision %d into service: %w", rev.Number, err)
		}
	}
	p.number = rev.Number
	if err := keep(p.o.Dir, p.o.Sealer, rev); err != nil {
		p.o.Log.Error("the revision serves, but could not be kept for the next start", "revision", rev.Number, "error", err)
	}
	p.setStatus(func(s *Status) { *s = Status{Serving: rev, Since: p.o.Now().UTC()} })
	p.o.Log.Info("a revision is in service", "revision", rev.Number, "apis", len(rev.APIs), "digest", rev.Digest[:12])
	return nil
}
