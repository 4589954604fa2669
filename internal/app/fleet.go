package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/fleet/link"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan/history"
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

// listenForGateways hears gateways of their own.
func listenForGateways(ctx context.Context, cfg Fleet, service *fleet.Service, records, learned link.Records, log *slog.Logger) (*page, error) {
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
		Handler: link.NewHandler(service, records, learned, log), TLSConfig: config, ReadHeaderTimeout: 10 * time.Second,
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
func (c *control) openFleet(ctx context.Context, cfg Config, refs *references, publisher *publish.Publisher, base publish.Options, running *group) (err error) {
	if c.resources == nil || c.clients == nil || c.secrets == nil {
		return errors.New("resources, contracts and secrets are not open")
	}
	if c.scans, err = history.Open(ctx, c.controlDB, cfg.Environment); err != nil {
		return err
	}
	posts := c.posts
	posts.own, posts.log, posts.base, posts.publisher = cfg.Environment, c.log.With("component", "fleet"), base, publisher
	posts.now = c.now
	posts.environments = func(ctx context.Context) ([]string, error) {
		all, err := c.access.Environments(ctx)
		return slices.Collect(maps.Keys(all)), err
	}
	posts.version = c.publishedVersion
	posts.contain = func(environment string) func(*revision.Revision) error {
		return both(c.patchElsewhere(ctx, environment), both(c.containElsewhere(ctx, environment, identifying(base.Compile.Catalogue)), c.answerElsewhere(ctx, environment)))
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
	if c.fleet, err = fleet.Open(ctx, fleet.Options{
		DB: c.controlDB, Gate: controls.Gate{Tree: c.access}, Audit: c.audit, Sealer: refs.keyring, Now: c.now, Served: posts.served, Publication: posts.publication,
	}); err != nil {
		return err
	}
	running.Go(func() error { posts.run(ctx); return nil })
	return nil
}

// publishedVersion grows with everything that operators put into service.
func (c *control) publishedVersion(ctx context.Context, environment string) (int64, error) {
	sum := int64(0)
	for _, count := range []func(context.Context, string) (int64, error){c.resources.Live, c.clients.Version, c.secrets.Counter, c.containmentVersion, c.patchesVersion} {
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
