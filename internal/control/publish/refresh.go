package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"farrier.dev/farrier/internal/revision"
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
	return p.again(ctx, &rev)
}

// Repin is Refresh for what references in the resources in service lead to: change
// gets a copy of the revision and writes the versions into it that are to serve. It
// must not write into what the slices and maps of the copy share with the original.
// When it changes nothing, nothing is published.
func (p *Publisher) Repin(ctx context.Context, change func(rev *revision.Revision) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Server.Table()
	if now == nil {
		return errNothingServes
	}
	rev := *now.Revision
	if err := change(&rev); err != nil {
		return err
	}
	if err := rev.Seal(); err != nil {
		return err
	}
	if rev.Digest == now.Revision.Digest {
		return nil
	}
	return p.again(ctx, &rev)
}

// again puts a revision made from the one in service into its place.
func (p *Publisher) again(ctx context.Context, rev *revision.Revision) error {
	before := rev.Number
	rev.Number, rev.Created = p.number+1, p.o.Now().UTC()
	if err := p.serve(ctx, rev); err != nil {
		return fmt.Errorf("compiling revision %d anew: %w", before, err)
	}
	p.number = rev.Number
	if err := keep(p.o.Dir, p.o.Sealer, rev); err != nil {
		p.o.Log.Error("the revision serves, but could not be kept for the next start", "revision", rev.Number, "error", err)
	}
	p.setStatus(func(s *Status) { s.Serving, s.Since = rev, rev.Created })
	p.o.Log.Info("a revision is in service, compiled anew", "revision", rev.Number, "apis", len(rev.APIs), "digest", rev.Digest[:12])
	if p.o.Recorded != nil {
		p.o.Recorded(ctx, rev.Number, nil, true)
	}
	return nil
}

// Rewrap seals the kept revision anew when another key has sealed it.
func (p *Publisher) Rewrap(stale func(sealed string) bool) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sealed, err := keptSeal(p.o.Dir)
	if err != nil || !stale(sealed) {
		return false, err
	}
	rev, err := readKept(p.o.Dir, p.o.Sealer)
	if err != nil {
		return false, err
	}
	return true, keep(p.o.Dir, p.o.Sealer, rev)
}

// keptSeal is the sealed text in the file, empty when there is none.
func keptSeal(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, fileName)) //nolint:gosec // in our own data folder
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	return k.Sealed, err
}
