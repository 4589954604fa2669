package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/fleet/link"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
)

// Fleet are the settings of the listener for gateways that are processes of their
// own.
type Fleet struct {
	// Listen is the address on which they are heard, as "0.0.0.0:9443"; empty for none.
	Listen string `yaml:"listen"`
	// Hosts are the names and addresses under which they reach it.
	Hosts []string `yaml:"hosts"`
}

// look is how often it is asked whether something was published.
const look = 250 * time.Millisecond

// outposts publishes for the environments of the control plane: those that gateways
// of their own serve, and this process's own, which they may serve too.
type outposts struct {
	own  string
	log  *slog.Logger
	dir  string
	base publish.Options
	// publisher publishes for the process's own gateway.
	publisher *publish.Publisher
	// environments lists the ids of all environments.
	environments func(ctx context.Context) ([]string, error)
	// version grows with everything that operators change in an environment, as soon
	// as it is to be served.
	version func(ctx context.Context, environment string) (int64, error)
	// sources give the resources of an environment.
	sources func(environment string) []func(context.Context) ([]manifest.File, error)
	// contain puts the acts of containment of an environment into a revision.
	contain func(environment string) func(*revision.Revision) error
	// expander resolves the references of an environment; pin says which version of a
	// kept secret serves.
	expander func(environment string) secret.Expander
	pin      func(environment string, ref secret.Stored) (secret.Stored, error)

	mu  sync.Mutex
	all map[string]*outpost
}

// outpost is what the gateways of one environment must serve.
type outpost struct {
	publisher *publish.Publisher
	// version is the one that was published last, -1 before the first.
	version atomic.Int64

	mu     sync.Mutex
	served *fleet.Served
}

// shelf is a Server that serves nobody: it holds the revision for those who ask.
type shelf struct{ table atomic.Pointer[router.Table] }

// Load implements publish.Server.
func (s *shelf) Load(_ context.Context, next *router.Table) error {
	s.table.Store(next)
	return nil
}

// Table implements publish.Server.
func (s *shelf) Table() *router.Table { return s.table.Load() }

// run follows what is published until ctx ends.
func (o *outposts) run(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := o.follow(ctx); err != nil && ctx.Err() == nil {
			o.log.Error("it can't be asked what is published; gateways serve on", "error", err)
		}
	}
}

func (o *outposts) follow(ctx context.Context) error {
	ids, err := o.environments(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		version, err := o.version(ctx, id)
		if err != nil {
			return err
		}
		post := o.post(id)
		if post.version.Load() == version {
			continue
		}
		// What is read from here on is not older than the version.
		post.publisher.Publish(ctx)
		post.version.Store(version)
	}
	return nil
}

// post is the outpost of an environment, made when it is first asked for.
func (o *outposts) post(environment string) *outpost {
	o.mu.Lock()
	defer o.mu.Unlock()
	if post := o.all[environment]; post != nil {
		return post
	}
	post := &outpost{publisher: o.publisher}
	post.version.Store(-1)
	if environment != o.own {
		options := o.base
		options.Dir = filepath.Join(o.dir, "environments", environment)
		if err := os.MkdirAll(options.Dir, 0o700); err != nil {
			o.log.Error("there is no folder for what an environment serves", "environment", environment, "error", err)
		}
		options.Server, options.Sources = &shelf{}, o.sources(environment)
		options.Build.Expand, options.Build.Elsewhere = o.expander(environment).Expand, true
		options.Amend = both(o.contain(environment), func(rev *revision.Revision) error {
			return secrets.PinRevision(rev, func(ref secret.Stored) (secret.Stored, error) { return o.pin(environment, ref) })
		})
		options.Paths, options.Refuse, options.Recorded = nil, nil, nil
		options.Compiled = func(rev *revision.Revision, _ router.Options) (*router.Table, error) {
			return &router.Table{Revision: rev}, nil
		}
		post.publisher = publish.New(options)
	}
	if o.all == nil {
		o.all = map[string]*outpost{}
	}
	o.all[environment] = post
	return post
}

// rewrap seals the kept revisions of all environments anew that other master keys have
// sealed.
func (o *outposts) rewrap(keyring *secret.Keyring) (done int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	folder := filepath.Join(o.dir, "environments")
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	errs := []error{err}
	for _, entry := range entries {
		publisher := publish.New(publish.Options{Dir: filepath.Join(folder, entry.Name()), Sealer: keyring})
		if post := o.all[entry.Name()]; post != nil {
			publisher = post.publisher
		}
		changed, err := publisher.Rewrap(keyring.Stale)
		if errs = append(errs, err); changed {
			done++
		}
	}
	return done, errors.Join(errs...)
}

// served implements what fleet asks.
func (o *outposts) served(_ context.Context, environment string) (*fleet.Served, error) {
	post := o.post(environment)
	version, rev := post.version.Load(), post.publisher.Status().Serving
	if rev == nil || version < 0 {
		return nil, nil
	}
	post.mu.Lock()
	defer post.mu.Unlock()
	if s := post.served; s != nil && s.Version == version && s.Revision == rev {
		return s, nil
	}
	secrets, err := o.secrets(environment, rev)
	if err != nil {
		return nil, err
	}
	post.served = &fleet.Served{Version: version, Revision: rev, Secrets: secrets}
	return post.served, nil
}

// secrets are the values of the references to kept secrets in a revision.
func (o *outposts) secrets(environment string, rev *revision.Revision) (map[string]string, error) {
	text, err := json.Marshal(rev)
	if err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", rev.Number, err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", rev.Number, err)
	}
	values, expander := map[string]string{}, o.expander(environment)
	return values, eachText(tree, func(text string) error {
		if !secret.IsStored(text) {
			return nil
		}
		value, err := expander.Expand(text)
		if err != nil {
			return fmt.Errorf("revision %d: %w", rev.Number, err)
		}
		values[text] = value
		return nil
	})
}

// eachText shows every text of a JSON value.
func eachText(value any, show func(text string) error) error {
	switch v := value.(type) {
	case string:
		return show(v)
	case []any:
		for _, one := range v {
			if err := eachText(one, show); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, one := range v {
			if err := eachText(one, show); err != nil {
				return err
			}
		}
	}
	return nil
}

// listenForGateways hears gateways of their own.
func listenForGateways(ctx context.Context, cfg Fleet, service *fleet.Service, records link.Records, log *slog.Logger) (*page, error) {
	if cfg.Listen == "" || service == nil {
		return nil, nil //nolint:nilnil // a nil page does nothing
	}
	config, err := service.ServerConfig(ctx, cfg.Hosts)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for gateways: %w", err)
	}
	p := &page{url: "https://" + ln.Addr().String(), server: &http.Server{
		Handler: link.NewHandler(service, records, log), TLSConfig: config, ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		if err := p.server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			log.Error("gateways are not heard any more", "address", ln.Addr().String(), "error", err)
		}
	}()
	return p, nil
}

// openFleet opens what gateways of their own need: what is published for them, and
// who they are.
func (c *control) openFleet(ctx context.Context, cfg Config, refs *references, publisher *publish.Publisher, base publish.Options, running *group) error {
	if c.resources == nil || c.clients == nil || c.secrets == nil {
		return errors.New("resources, contracts and secrets are not open")
	}
	posts := c.posts
	posts.own, posts.log, posts.base, posts.publisher = cfg.Environment, c.log.With("component", "fleet"), base, publisher
	posts.environments = func(ctx context.Context) ([]string, error) {
		all, err := c.access.Environments(ctx)
		return slices.Collect(maps.Keys(all)), err
	}
	posts.version = c.publishedVersion
	posts.contain = func(environment string) func(*revision.Revision) error {
		return c.containElsewhere(ctx, environment, identifying(base.Compile.Catalogue))
	}
	posts.sources = func(environment string) []func(context.Context) ([]manifest.File, error) {
		return []func(context.Context) ([]manifest.File, error){
			func(ctx context.Context) ([]manifest.File, error) { return c.resources.Files(ctx, environment) },
			func(ctx context.Context) ([]manifest.File, error) { return c.clients.Files(ctx, environment) },
		}
	}
	posts.expander = func(environment string) secret.Expander {
		if environment == cfg.Environment {
			return refs.expander()
		}
		return c.expanderOf(environment)
	}
	posts.pin = func(environment string, ref secret.Stored) (secret.Stored, error) {
		return c.secrets.Pin(ctx, environment, ref)
	}
	var err error
	if c.fleet, err = fleet.Open(ctx, fleet.Options{
		DB: c.controlDB, Gate: controls.Gate{Tree: c.access}, Audit: c.audit, Sealer: refs.keyring, Now: c.now, Served: posts.served,
	}); err != nil {
		return err
	}
	running.Go(func() error { posts.run(ctx); return nil })
	return nil
}

// publishedVersion grows with everything that operators put into service.
func (c *control) publishedVersion(ctx context.Context, environment string) (int64, error) {
	sum := int64(0)
	for _, count := range []func(context.Context, string) (int64, error){c.resources.Live, c.clients.Version, c.secrets.Counter, c.containmentVersion} {
		n, err := count(ctx, environment)
		if err != nil {
			return 0, fmt.Errorf("asking what is published in %s: %w", environment, err)
		}
		sum += n
	}
	return sum, nil
}

// expanderOf resolves the references of an environment that gateways of their own
// serve. Variables are theirs; those that are set here too are only used to check.
func (c *control) expanderOf(environment string) secret.Expander {
	e := secret.Environ()
	if c.secrets == nil {
		return e
	}
	e.Stored = func(ref secret.Stored) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if len(ref.Pins) == 0 {
			var err error
			if ref, err = c.secrets.Pin(ctx, environment, ref); err != nil {
				return "", err
			}
		}
		return c.secrets.Value(ctx, environment, ref)
	}
	return e
}

// receivers take what gateways of their own hand over.
type receivers struct {
	c   *control
	mu  sync.Mutex
	all map[string]*monitor.Receiver
}

// receive implements link.Records.
func (r *receivers) receive(ctx context.Context, g fleet.Gateway, batch []byte) (any, error) {
	var s monitor.Shipment
	if err := json.Unmarshal(batch, &s); err != nil {
		return nil, fmt.Errorf("reading a gateway's records: %w", err)
	}
	receiver, err := r.of(ctx, g)
	if err != nil {
		return nil, err
	}
	return receiver.Receive(ctx, &s)
}

// of is the receiver of a gateway.
func (r *receivers) of(ctx context.Context, g fleet.Gateway) (*monitor.Receiver, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := g.Environment + "/" + g.Name
	if known := r.all[key]; known != nil {
		return known, nil
	}
	found, err := posture.New(ctx, posture.Options{DB: r.c.trafficDB, Control: r.c.controlDB, Environment: g.Environment, Gateway: g.Name, Now: r.c.now})
	if err != nil {
		return nil, err
	}
	receiver, err := monitor.NewReceiver(ctx, monitor.Options{
		DB: r.c.trafficDB, Findings: found, Environment: g.Environment, Gateway: g.Name,
		Now: r.c.now, Log: r.c.log.With("component", "monitor"),
	})
	if err != nil {
		return nil, err
	}
	if r.all == nil {
		r.all = map[string]*monitor.Receiver{}
	}
	r.all[key] = receiver
	return receiver, nil
}
