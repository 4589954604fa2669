package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// Handed begins the names of manifests that lie on no disk.
const Handed = "console/"

// ErrNotReady is what a source gives until its store is open: then nothing is
// published, and nobody is told of a refusal. Where nothing serves yet, the paths
// are published alone.
var ErrNotReady = errors.New("the store is not open yet")

// read reads the paths and the sources.
func (p *Publisher) read(ctx context.Context) (*manifest.Set, error) {
	var beside []manifest.File
	for _, source := range p.o.Sources {
		files, err := source(ctx)
		switch {
		case errors.Is(err, ErrNotReady) && p.o.Server.Table() == nil:
			continue
		case err != nil:
			return nil, fmt.Errorf("reading the resources of the console: %w", err)
		}
		beside = append(beside, files...)
	}
	set := manifest.Join(p.o.Paths, beside)
	owned := slices.DeleteFunc(set.Resources(), func(r manifest.Resource) bool { return strings.HasPrefix(r.Source.File, Handed) })
	p.ownedMu.Lock()
	p.owned = owned
	p.ownedMu.Unlock()
	return set, nil
}

// unread refuses a change that could not be read.
func (p *Publisher) unread(ctx context.Context, err error) []manifest.Problem {
	if errors.Is(err, ErrNotReady) {
		return nil
	}
	return p.refuseFor(ctx, nil, err)
}

// Owned are the resources that files hold, as they were last read.
func (p *Publisher) Owned() []manifest.Resource {
	p.ownedMu.RLock()
	defer p.ownedMu.RUnlock()
	return p.owned
}

// fromFiles says whether files gave an API of a revision: those of the console go
// only when somebody removes them.
func fromFiles(rev *revision.Revision) bool {
	return slices.ContainsFunc(rev.APIs, func(a revision.API) bool { return !strings.HasPrefix(a.Source.File, Handed) })
}

// Building is what revisions are built with.
func (p *Publisher) Building() (manifest.Catalogue, manifest.Options) {
	return p.o.Catalogue, p.o.Build
}
