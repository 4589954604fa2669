package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/discovery/tap"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/spec/languages"
)

// discoveryEvery is how often what was learned is kept: a killed process loses no more.
const discoveryEvery = 2 * time.Second

// keyPurpose names the key of hashes where it is sealed.
const keyPurpose = "discovery key"

// discoverer learns what passes the gateway, from the start; what it learned before and
// keeps is there once the store is open. A nil one learns nothing.
type discoverer struct {
	cfg    Discovery
	log    *slog.Logger
	now    func() time.Time
	status func() publish.Status
	tap    *tap.Tap
	// learner is there once the store is open; until then nothing is taken from the queue.
	learner *discovery.Learner
	// memory is where what was learned is kept: keep in the control process, the control
	// plane in a gateway of its own; nil for nowhere. It is saved that often.
	memory memory
	keep   *keep.Keep
	every  time.Duration

	// changed says that what is described may be different.
	changed chan struct{}
	mu      sync.Mutex
	// described is what is known of the APIs; projects what was read of projects, by
	// their folders.
	described []discovery.Described
	projects  map[string]knownProject
	// edges is until when calls between services are kept.
	edges    uint64
	failures atomic.Uint64
	// told and seen are what the last judgement said of each API and operation.
	told map[string]string
	seen map[discovery.Key][]discovery.State
}

// memory keeps what a gateway learned; *keep.Keep is one.
type memory interface {
	Edits(ctx context.Context) ([]discovery.Edit, error)
	EditsVersion(ctx context.Context) (string, error)
	Restore(ctx context.Context, yield func(*discovery.Operation) error) error
	Edges(ctx context.Context, own bool) ([]discovery.Edge, error)
	Save(ctx context.Context, ops []*discovery.Operation, gone []discovery.Key, dropped uint64) error
	SaveEdges(ctx context.Context, edges []discovery.Edge) error
}

// newDiscoverer makes a discoverer whose tap watches the gateway at once.
func newDiscoverer(cfg Discovery, log *slog.Logger, now func() time.Time, status func() publish.Status) *discoverer {
	if !cfg.Enabled {
		return nil
	}
	d := &discoverer{
		cfg: cfg, log: log.With("component", "discovery"), now: now, status: status,
		every: discoveryEvery, changed: make(chan struct{}, 1), projects: map[string]knownProject{}, told: map[string]string{},
	}
	d.tap = tap.New(tap.Options{Learner: observer{d}, Log: d.log})
	return d
}

// observer hands observations to the learner of a discoverer.
type observer struct{ d *discoverer }

// Observe implements tap.Learner.
func (o observer) Observe(seen *discovery.Observation) { o.d.learner.Observe(seen) }

// observer is what the gateway shows exchanges to.
func (d *discoverer) observer() gateway.Observer {
	if d == nil {
		return nil
	}
	return d.tap
}

// open makes the learner, with what was kept. Without a store it begins anew and keeps
// everything in memory.
func (d *discoverer) open(ctx context.Context, c *control, cfg Config, keyring *secret.Keyring) error {
	if d == nil {
		return nil
	}
	options, err := d.options()
	if err != nil {
		return err
	}
	if c.controlDB != nil && c.trafficDB != nil {
		if d.keep, err = keep.Open(ctx, keep.Options{Traffic: c.trafficDB, Control: c.controlDB, Environment: cfg.Environment, Gateway: cfg.Gateway, Now: d.now}); err != nil {
			return err
		}
		if err := sharedKey(ctx, d.keep, keyring, &options.Key); err != nil {
			return err
		}
		options.Details, d.memory = d.keep, d.keep
	}
	return d.begin(ctx, options)
}

// options are those of the learner, with a key of its own.
func (d *discoverer) options() (o discovery.Options, err error) {
	o = discovery.Options{
		Now: d.now, Internal: d.cfg.Internal, Partner: d.cfg.Partner,
		Limits: discovery.Limits{AcceptRequests: d.cfg.AcceptRequests, AcceptMinutes: d.cfg.AcceptMinutes},
	}
	_, _ = rand.Read(o.Key[:]) // it never fails
	o.Detector, err = detector(d.cfg.Patterns)
	return o, err
}

// begin makes the learner, with what its memory holds.
func (d *discoverer) begin(ctx context.Context, options discovery.Options) error {
	learner, err := discovery.New(options)
	if err != nil {
		return err
	}
	if err := d.restore(ctx, learner); err != nil {
		return err
	}
	d.learner = learner
	return nil
}

// sharedKey is the key of hashes that the gateways of an environment share.
func sharedKey(ctx context.Context, k *keep.Keep, keyring *secret.Keyring, key *[32]byte) error {
	fresh, err := keyring.Seal(keyPurpose, key[:])
	if err != nil {
		return err
	}
	sealed, err := k.Key(ctx, []byte(fresh))
	if err != nil {
		return err
	}
	plain, err := keyring.Open(keyPurpose, string(sealed))
	if err != nil {
		return fmt.Errorf("the key of discovery: %w", err)
	}
	copy(key[:], plain)
	return nil
}

// restoring is how many operations are handed to the learner at once.
const restoring = 500

func (d *discoverer) restore(ctx context.Context, learner *discovery.Learner) error {
	if d.memory == nil {
		return nil
	}
	edits, err := d.memory.Edits(ctx)
	if err != nil {
		return err
	}
	learner.Edit(edits)
	d.describe(ctx, learner)
	var some []*discovery.Operation
	if err := d.memory.Restore(ctx, func(op *discovery.Operation) error {
		if some = append(some, op); len(some) == restoring {
			learner.Restore(some)
			some = some[:0]
		}
		return nil
	}); err != nil {
		return err
	}
	learner.Restore(some)
	edges, err := d.memory.Edges(ctx, true)
	if err != nil {
		return err
	}
	for _, e := range edges {
		learner.Edge(e)
	}
	_, d.edges = learner.Edges(0)
	return nil
}

// run learns, and keeps what was learned, until ctx ends and what is queued is learned.
func (d *discoverer) run(ctx context.Context) error {
	if d == nil {
		return nil
	}
	learned := make(chan struct{})
	go func() {
		defer close(learned)
		d.tap.Run(ctx)
	}()
	// Hundreds of descriptions take longer to read than what was learned may wait.
	var describing sync.WaitGroup
	defer describing.Wait()
	describing.Go(func() {
		for {
			select {
			case <-d.changed:
				d.describe(ctx, d.learner)
			case <-ctx.Done():
				return
			}
		}
	})
	describing.Go(func() { d.followEdits(ctx) })
	tick, hour := time.NewTicker(d.every), time.NewTicker(time.Hour)
	defer tick.Stop()
	defer hour.Stop()
	for {
		select {
		case <-hour.C:
			d.learner.Age()
		case <-tick.C:
			d.save(ctx)
		case <-learned:
			d.save(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// editsPause is how often it is looked what operators decided at other processes.
const editsPause = time.Second

// followEdits lets the learner know of decisions about templates that were made at
// another process, until ctx ends.
func (d *discoverer) followEdits(ctx context.Context) {
	if d.memory == nil {
		return
	}
	tick := time.NewTicker(editsPause)
	defer tick.Stop()
	for seen := ""; ; {
		version, err := d.memory.EditsVersion(ctx)
		if err == nil && version != seen {
			edits, err := d.memory.Edits(ctx)
			if err == nil {
				d.learner.Edit(edits)
				seen = version
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C: // a database that is away comes back
		}
	}
}

// saving is how many operations are kept in one transaction.
const saving = 500

// save keeps what changed since the last time.
func (d *discoverer) save(ctx context.Context) {
	if d.memory == nil {
		return
	}
	for {
		ops, gone := d.learner.Changed(saving)
		if err := d.memory.Save(ctx, ops, gone, d.tap.Stats().Dropped); err != nil {
			if d.failures.Add(1) == 1 {
				d.log.Error("what was learned can't be kept", "error", err)
			}
			d.learner.Again(ops, gone)
			return
		}
		d.failures.Store(0)
		if len(ops) < saving {
			break
		}
	}
	edges, until := d.learner.Edges(d.edges)
	if err := d.memory.SaveEdges(ctx, edges); err != nil {
		d.log.Error("calls between services can't be kept", "error", err)
		return
	}
	d.edges = until
}

// noticed says that a revision or a project is another.
func (d *discoverer) noticed() {
	if d == nil {
		return
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// project keeps what was read of a project.
func (d *discoverer) project(p *mule.Project) {
	if d == nil {
		return
	}
	one := knownProject{p.Name, known.Project(p)}
	d.mu.Lock()
	d.projects[p.Dir] = one
	d.mu.Unlock()
	d.noticed()
}

// knownProject is a Mule project and what it says of its APIs.
type knownProject struct {
	name      string
	described []discovery.Described
}

// readProjects reads the projects of folders, so that their flows are known without a
// scan.
func (d *discoverer) readProjects(ctx context.Context, folders []string) error {
	if d == nil || len(folders) == 0 {
		return nil
	}
	workspace, err := mule.Find(ctx, folders, mule.Limits{})
	if err != nil {
		return err
	}
	for i := range workspace.Len() {
		p, err := workspace.Read(ctx, i)
		if err != nil {
			d.log.Warn("a project can't be read", "project", workspace.Dir(i), "error", err)
			continue
		}
		d.project(p)
	}
	return workspace.Close()
}

// all is what is known of the APIs.
func (d *discoverer) all() []discovery.Described {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.described
}

// describe gathers what is written down of the APIs and tells the learner.
func (d *discoverer) describe(ctx context.Context, learner *discovery.Learner) {
	var out []discovery.Described
	if rev := d.status().Serving; rev != nil {
		for i := range rev.APIs {
			if doc := known.Document(&rev.APIs[i]); doc != nil {
				out = append(out, known.Instance(&rev.APIs[i], doc))
			}
		}
	}
	for _, path := range d.cfg.Specifications {
		found, err := descriptions([]string{path}, "")
		if err != nil {
			d.log.Error("descriptions can't be read", "error", err)
			continue
		}
		for _, one := range found {
			project, err := one.open(known.Limits())
			if err != nil {
				d.log.Error("a description can't be read", "file", one.name(), "error", err)
				continue
			}
			doc := languages.Read(project, one.main)
			doc.File = one.shown(doc.File)
			out = append(out, known.Specification(doc))
		}
	}
	d.mu.Lock()
	for _, dir := range slices.Sorted(maps.Keys(d.projects)) {
		out = append(out, known.Served(d.status().Serving, d.projects[dir].name, d.projects[dir].described)...)
	}
	known.Supersede(out)
	d.described = out
	d.mu.Unlock()
	if err := learner.Describe(out); err != nil && ctx.Err() == nil {
		d.log.Error("a description can't be held against traffic", "error", err)
	}
}
