package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/history"
)

// newProjects makes the service that scans Mule projects; the publisher is asked
// once something serves.
func (c *control) newProjects(cfg Config, publisher func() *publish.Publisher) (err error) {
	for i, folder := range cfg.Projects {
		whole, err := filepath.Abs(folder)
		if err != nil {
			return fmt.Errorf("projects: %w", err)
		}
		if info, err := os.Stat(whole); err != nil || !info.IsDir() {
			return fmt.Errorf("projects: %s is no folder that can be read", folder)
		}
		cfg.Projects[i] = whole
	}
	patches, err := projects.OpenPatches(cfg.Data)
	if err != nil {
		return err
	}
	c.projects, err = projects.New(projects.Options{
		Where:   c.where,
		Folders: cfg.Projects, Findings: renewer{c}, Patches: patches, Dir: cfg.Data, Record: c.record,
		Scan: func(ctx context.Context, path string) (*scan.Report, map[string][]finding.Finding, error) {
			return c.scanAt(ctx, path)
		},
		Serving: func() *revision.Revision { return publisher().Status().Serving },
		Publish: func(ctx context.Context) { publisher().Publish(context.WithoutCancel(ctx)) },
		Now:     c.now, Log: c.log.With("component", "projects"),
	})
	if err != nil {
		return fmt.Errorf("projects: %w", err)
	}
	c.patches = patches
	return nil
}

// patchesPause is how often it is looked whether another process made a virtual patch.
const patchesPause = 500 * time.Millisecond

// rememberScans gives the service its memory, once the store is open, and lets the
// gateway follow the virtual patches of all processes until ctx ends.
func (c *control) rememberScans(ctx context.Context, cfg Config, publisher *publish.Publisher) error {
	memory, err := history.Open(ctx, c.controlDB, cfg.Environment)
	if err != nil {
		return err
	}
	c.projects.Remember(memory)
	if err := c.patches.Share(ctx, memory); err != nil {
		return err
	}
	tick := time.NewTicker(patchesPause)
	defer tick.Stop()
	for told := ""; ; {
		changed, err := c.patches.Refresh(ctx)
		if changed {
			publisher.Publish(ctx)
		}
		// A database that is away comes back; what is told is told once.
		if text := fmt.Sprint(err); err != nil && text != told && ctx.Err() == nil {
			told = text
			c.log.Error("virtual patches of other processes can't be read; those that are known hold", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// patchElsewhere puts the virtual patches of an environment into the revision that its
// gateways are handed.
func (c *control) patchElsewhere(ctx context.Context, environment string) func(*revision.Revision) error {
	return func(rev *revision.Revision) error {
		return projects.AmendElsewhere(ctx, c.scans.In(environment), rev)
	}
}

// patchesVersion is what virtual patches add to the version of an environment.
func (c *control) patchesVersion(ctx context.Context, environment string) (int64, error) {
	return c.scans.In(environment).PatchesVersion(ctx)
}

// scanAt scans the projects at a path, with the rules and advisories that are built
// in, and gives their findings by the folder of each.
func (c *control) scanAt(ctx context.Context, path string) (*scan.Report, map[string][]finding.Finding, error) {
	advisories, err := advisory.Builtin()
	if err != nil {
		return nil, nil, err
	}
	workspace, err := mule.Find(ctx, []string{path}, mule.Limits{})
	if err != nil {
		return nil, nil, err
	}
	byDir := map[string][]finding.Finding{}
	rep, err := scan.Run(ctx, workspace, scan.Options{
		Advisories: advisories, Now: c.now(),
		Keep: func(_ int, p *mule.Project, found []finding.Finding) {
			byDir[p.Dir] = found
			c.discovered.project(p)
		},
	})
	if err == nil {
		for _, p := range workspace.Problems() {
			rep.Problems = append(rep.Problems, scan.Problem{File: p.File, Line: p.Line, Column: p.Column, Message: p.Message})
		}
	}
	return rep, byDir, errors.Join(err, workspace.Close())
}
