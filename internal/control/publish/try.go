package publish

import (
	"context"
	"fmt"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
)

// Try says why a revision that could be built would not be put into service, and what
// would be warned of. It does all that Publish does but serve: it amends the revision,
// asks who may refuse it, and compiles it.
func (p *Publisher) Try(ctx context.Context, rev *revision.Revision) []manifest.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.amend(rev); err != nil {
		return p.reasons(err)
	}
	o := p.o.Compile
	if o.Previous = p.o.Server.Table(); o.Previous != nil {
		switch {
		case o.Previous.Revision.Digest == rev.Digest:
			return nil
		case len(rev.APIs) == 0 && fromFiles(o.Previous.Revision):
			return p.reasons(errNoAPI)
		}
	}
	var problems []manifest.Problem
	if p.o.Refuse != nil {
		if problems = p.o.Refuse(ctx, rev); manifest.HasErrors(problems) {
			return problems
		}
	}
	compile := p.o.Compiled
	if compile == nil {
		compile = router.Compile
	}
	table, err := compile(rev, o)
	if err != nil {
		return append(problems, p.reasons(fmt.Errorf("compiling: %w", err))...)
	}
	table.Retire(o.Previous)
	return problems
}
