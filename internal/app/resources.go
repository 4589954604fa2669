package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor/capture"
	"farrier.dev/farrier/internal/monitor/capture/replay"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

const (
	// editedFile is a copy of the resources that the console put into service, sealed:
	// they are served with the manifests also while the database can't be opened.
	editedFile = "resources.sealed"
	// editedPurpose is what it is sealed for.
	editedPurpose = "served resources"
	// editedPause is how often other processes on the same database are looked at.
	editedPause = 500 * time.Millisecond
	// dryRunSpan is how far back a draft is held against recorded traffic.
	dryRunSpan = 7 * 24 * time.Hour
)

// edited are the resources that operators put into service, as a source of what a
// gateway serves.
type edited struct {
	cfg     Config
	keyring *secret.Keyring
	log     *slog.Logger
	// news says that another revision is to be served.
	news chan struct{}

	mu      sync.Mutex
	service *resource.Service
	// written is the copy as it was last written.
	written string
}

func newEdited(cfg Config, keyring *secret.Keyring, log *slog.Logger) *edited {
	return &edited{cfg: cfg, keyring: keyring, log: log, news: make(chan struct{}, 1)}
}

// files are the resources in service: of the database, or of the copy until that is open.
func (e *edited) files(ctx context.Context) ([]manifest.File, error) {
	e.mu.Lock()
	service := e.service
	e.mu.Unlock()
	if service == nil {
		return e.copied()
	}
	files, err := service.Files(ctx, e.cfg.Environment)
	if err != nil {
		return nil, err
	}
	if err := e.copy(files); err != nil {
		e.log.Error("the resources of the console could not be copied for the next start", "error", err)
	}
	return files, nil
}

func (e *edited) copied() ([]manifest.File, error) {
	plain, err := e.keyring.ReadSealed(filepath.Join(e.cfg.Data, editedFile), editedPurpose)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var files []manifest.File
	if err == nil {
		err = json.Unmarshal(plain, &files)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", editedFile, err)
	}
	return files, nil
}

// copy writes the copy where it differs from what was written last.
func (e *edited) copy(files []manifest.File) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	plain, err := json.Marshal(files)
	if err != nil || string(plain) == e.written {
		return err
	}
	if err := e.keyring.WriteSealed(filepath.Join(e.cfg.Data, editedFile), editedPurpose, plain); err != nil {
		return err
	}
	e.written = string(plain)
	return nil
}

// rewrap seals the copy anew when another master key has sealed it.
func (e *edited) rewrap() (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return rewrapFile(e.keyring, filepath.Join(e.cfg.Data, editedFile), editedPurpose)
}

// open makes the service over the open database.
func (e *edited) open(ctx context.Context, c *control, publisher *publish.Publisher, all *policy.Catalogue, paths []string) (*resource.Service, error) {
	policies, build := publisher.Building()
	schemas := schemasOf(all)
	own := func(environment string) bool { return environment == e.cfg.Environment }
	service, err := resource.New(ctx, resource.Options{
		DB: c.controlDB, Gate: controls.Gate{Tree: c.access}, Auditor: c.audit, Sealer: e.keyring,
		Catalogue: policies, Now: c.now,
		Build: func(environment string) manifest.Options {
			if own(environment) {
				return build
			}
			elsewhere := build
			elsewhere.Expand, elsewhere.Elsewhere = c.expanderOf(environment).Expand, true
			return elsewhere
		},
		Beside: func(ctx context.Context, environment string) ([]manifest.File, error) {
			if c.clients == nil {
				return nil, nil
			}
			return c.clients.Files(ctx, environment)
		},
		Try: func(ctx context.Context, environment string, rev *revision.Revision) []manifest.Problem {
			if !own(environment) {
				return nil // who serves it compiles it
			}
			return publisher.Try(ctx, rev)
		},
		Schema: func(name string) map[string]any {
			if found := all.Find(name); found != nil {
				return schemas[found.Name]
			}
			return nil
		},
		MayUse:   c.mayUse,
		Policies: policiesOf(all),
		Owned: func(environment string) []manifest.Resource {
			if !own(environment) {
				return nil
			}
			return publisher.Owned()
		},
		Paths: func(environment string) []string {
			if !own(environment) {
				return nil
			}
			return paths
		},
		ReadOnly:  func(environment string) bool { return own(environment) && e.cfg.ReadOnly },
		Published: func(string) { e.tell() },
		DryRun:    e.dryRun,
	})
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.service = service
	e.mu.Unlock()
	e.tell()
	return service, nil
}

// mayUse tells of which groups of an environment a principal may use the secrets.
func (c *control) mayUse(ctx context.Context, p controls.Principal, environment string) (func(string) bool, error) {
	if c.secrets == nil {
		return nil, controls.ErrForbidden
	}
	return c.secrets.MayUse(ctx, p, environment)
}

// policiesOf lists the policies that operators can bind.
func policiesOf(all *policy.Catalogue) []resource.Policy {
	var out []resource.Policy
	for _, e := range all.All() {
		// Routes are said by the API itself; how its port speaks TLS is not.
		if !e.Structural || e.Name == "tls" || e.Name == "tls-outbound" {
			out = append(out, resource.Policy{Name: e.Name, Title: e.Title, Category: e.Category, Outbound: e.Outbound, Schema: e.Schema})
		}
	}
	return out
}

// schemasOf reads the schemas of all policies once.
func schemasOf(all *policy.Catalogue) map[string]map[string]any {
	schemas := map[string]map[string]any{}
	for _, one := range all.All() {
		var schema map[string]any
		if json.Unmarshal(one.Schema, &schema) == nil {
			schemas[one.Name] = schema
		}
	}
	return schemas
}

func (e *edited) tell() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// follow publishes what operators put into service, here or through another process
// on the same database, until ctx ends.
func (e *edited) follow(ctx context.Context, publisher *publish.Publisher) {
	e.mu.Lock()
	service := e.service
	e.mu.Unlock()
	if service == nil {
		return
	}
	served := int64(-1)
	ticker := time.NewTicker(editedPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.news:
		case <-ticker.C:
		}
		live, err := service.Live(ctx, e.cfg.Environment)
		if err != nil || live == served {
			continue // a database that is away comes back, or is told of elsewhere
		}
		publisher.Publish(ctx)
		served = live
	}
}

// dryRunReport is what a draft would have refused of recorded traffic.
type dryRunReport struct {
	Version int `json:"version"`
	// Captured says that requests are recorded; without them nothing can be said.
	Captured bool `json:"captured"`
	// APIs are the reports by namespace/name of those with attack protection; other
	// policies are not tried.
	APIs map[string]*replay.Report `json:"apis"`
}

// dryRun judges recorded requests as a draft would: by the attack protection of each
// API.
func (e *edited) dryRun(ctx context.Context, environment string, rev *revision.Revision) (any, error) {
	out := &dryRunReport{Version: 1, APIs: map[string]*replay.Report{}}
	dir := filepath.Join(e.cfg.Data, capture.Folder)
	exist, err := capture.Exists(dir)
	if err != nil || !exist || environment != e.cfg.Environment {
		return out, err
	}
	out.Captured = true
	for i := range rev.APIs {
		api := &rev.APIs[i]
		for j := range api.Policies {
			b := &api.Policies[j]
			if b.Policy != "attack-protection" || len(b.Rules) > 0 {
				continue
			}
			engine, err := protectionEngine(e.cfg, b.Settings)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", controls.ErrInvalid, b.Name, err)
			}
			if out.APIs[api.Name.String()], err = replay.Run(ctx, replay.Options{Dir: dir, Opener: e.keyring, Engine: engine, Since: dryRunSpan, API: api.Name.String(), Now: time.Now}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
