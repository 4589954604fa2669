package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/control/content"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// heapFloor is how much garbage may gather, in bytes, however little lives.
const heapFloor = 32 << 20

// Serve runs gateway, control plane and console until ctx ends. What an
// operator must read at the terminal goes to out; ready is called when the
// gateway serves and the console is up, with the addresses of both.
func Serve(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer, ready func(Ready)) error {
	own := log
	logs, log := newLogs(own, out)
	defer closeLogs(ctx, logs, own)
	// Beyond the few megabytes that live, the collector lets as much garbage
	// gather as lives: with this in memory it runs ten times less often, which
	// saves a tenth of the CPU time. Nothing touches the bytes, so that they
	// themselves take no memory of the machine.
	defer runtime.KeepAlive(make([]byte, heapFloor))

	if err := assertApproved(cfg); err != nil {
		return err
	}
	if _, err := cfg.Access.breached(); err != nil {
		return err
	}
	// Lock and key come first: nothing is read or written without them.
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	keyring, err := openMaster(ctx, cfg)
	if err != nil {
		return err
	}
	journalDir := filepath.Join(cfg.Data, "journal")
	records, err := journal.Open(journalDir, journal.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { _ = records.Close() }()

	// The gateway serves before the store is open: a dead database is a banner.
	feed := traffic.NewFeed()
	var publisher *publish.Publisher
	discovered := newDiscoverer(cfg.Discovery, log, time.Now, func() publish.Status { return publisher.Status() })
	rec := &recorder{rollup: monitor.NewRollup(time.Now), journal: records, feed: feed, log: log}
	gate, err := gateway.New(gateway.Options{
		Now: time.Now, Log: log.With("component", "gateway"), Recorder: rec, Logs: logs, Observer: discovered.observer(),
		Environment: cfg.Environment, Name: cfg.Gateway, TrustedProxies: cfg.TrustedProxies, Bind: cfg.Bind,
		Framing: framing.Limits{MaxConns: cfg.Limits.Connections, MaxConnsPerAddr: cfg.Limits.ConnectionsPerAddress},
		Limits:  gateway.Limits{InFlight: cfg.Limits.InFlight, BufferedBytes: cfg.Limits.BufferedBytes, Judges: cfg.Limits.Judges, Lag: cfg.Limits.Lag},
	})
	if err != nil {
		return err
	}
	live := content.Start(contentFolder(cfg.Data), log.With("component", "content"))
	all, err := catalogue.New(installedContent(live))
	if err != nil {
		return fmt.Errorf("reading the catalogue of policies: %w", err)
	}
	learner := newLearner()
	captured := openCapture(cfg, keyring, log)
	defer captured.close()
	kept := newStores(cfg, gate.Table, log)
	spans := newCollectors(cfg.Gateway, gate.Table, log)
	control := &control{log: log, where: &ownPlace{environment: cfg.Environment}, now: time.Now, feed: feed, changed: make(chan struct{}, 1), stores: kept}
	if err := control.newGovernance(cfg, func() publish.Status { return publisher.Status() }, router.PolicyClient(nil)); err != nil {
		return err
	}
	adopted, err := inventory.OpenAdopted(cfg.Data)
	if err != nil {
		return err
	}
	control.discovered = discovered
	if err := control.newProjects(cfg, func() *publish.Publisher { return publisher }); err != nil {
		return err
	}
	drafts := newEdited(cfg, keyring, log)
	refs := newReferences(cfg, keyring, log)
	kept.references, spans.references = refs.expander(), refs.expander()
	acts, err := newContained(cfg, all, time.Now, log)
	if err != nil {
		return err
	}
	control.drafts, control.posts = drafts, &outposts{dir: cfg.Data}
	publishing := publish.Options{
		Sources: []func(context.Context) ([]manifest.File, error){drafts.files, control.contractFiles(cfg.Environment, func() publish.Status { return publisher.Status() })},
		Paths:   append(slices.Clone(cfg.Manifests), adopted.Dir()), Catalogue: catalogue.Manifests{Catalogue: all}, Dir: cfg.Data, Sealer: keyring, Server: gate,
		Build: manifest.Options{RequireAuthentication: cfg.RequireAuthentication, Expand: refs.expander().Expand},
		Compile: router.Options{
			Catalogue: all, Expand: refs.expander().Expand, Runtime: gate.Runtime(),
			Now: time.Now, Log: log.With("component", "policy"), HTTP: router.PolicyClient(nil),
			Models: learner, Capture: captured.capturer(),
			Shared: kept.shared, Local: kept.local, Durable: kept.durable, Tracing: spans.provider,
		},
		Now: time.Now, Log: log.With("component", "publish"), Debounce: cfg.Debounce, Recorded: control.published, Refuse: control.governance.Refuse, Amend: both(both(both(control.patches.Amend, acts.amend), refs.amend), drafts.describe),
	}
	publisher = publish.New(publishing)
	if err := publisher.Start(ctx); err != nil {
		return err
	}

	// From here on the gateway serves; what follows may fail without stopping it.
	metrics := prometheus.NewRegistry()
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var running group
	if err := control.open(ctx, background, cfg, keyring, publisher, &running, rec, metrics); errors.As(err, &lastingError{}) || ctx.Err() != nil {
		return stopEarly(ctx, cfg, gate, stopBackground, &running, err)
	} else if err != nil {
		log.Error("the store can't be opened; the gateway serves without records and console", "error", err)
	} else {
		if err := control.openSecrets(background, refs, publisher, all); err != nil {
			log.Error("secrets can't be opened; those served last are served on", "error", err)
		} else {
			control.keepSecrets(background, refs, publisher, &running)
		}
		running.Go(func() error { return control.monitor.Run(background) })
		running.Go(func() error { control.watchSuppressions(background); return nil })
		control.keepClients(background, cfg, publisher, gate, &running)
		running.Go(control.led(background, "audit log", control.keepAudit))
		running.Go(control.led(background, "audit watch", control.watchOperators))
		running.Go(logged(log, "APIs are not judged by governance", func() error { return control.govern(background, cfg) }))
		running.Go(logged(log, "projects can't be scanned", func() error { return control.rememberScans(background, cfg, publisher) }))
	}
	if err := discovered.open(ctx, control, cfg, keyring); err != nil {
		log.Error("the inventory can't be opened; nothing is learned of APIs", "error", err)
	} else {
		running.Go(func() error { return discovered.run(background) })
		running.Go(logged(log, "projects can't be read", func() error { return discovered.readProjects(background, cfg.Projects) }))
	}
	others, err := discovered.listen(background, secret.Environ().Expand)
	if err != nil {
		log.Error("traffic that others carry is not taken", "error", err)
	}
	registerLearner(metrics, learner)
	registerFigures(metrics, all)
	captured.register(metrics)
	discovered.register(metrics)
	spans.register(metrics)
	running.Go(func() error { learn(background, learner, control.trafficDB, cfg, log); return nil })
	control.openIncidents(background, cfg, acts, publisher, &running)
	if control.monitor != nil {
		if control.resources, err = drafts.open(background, control, publisher, all, append(slices.Clone(cfg.Manifests), adopted.Dir())); err != nil {
			log.Error("the resources of the console can't be opened; those served last are served on", "error", err)
		}
		running.Go(func() error { drafts.follow(background, publisher); return nil })
		if err := control.openFleet(background, cfg, refs, publisher, publishing, &running); err != nil {
			log.Error("gateways of their own are not served", "error", err)
		}
	}
	gateways, err := listenForGateways(ctx, cfg.Fleet, control.fleet, (&receivers{c: control}).receive, (&pupils{c: control, keyring: keyring}).learned, log.With("component", "fleet"))
	if err != nil {
		log.Error("gateways of their own are not heard", "error", err)
	}
	control.keepCertificates(background, &running)
	running.Go(func() error { return publisher.Watch(background) })
	running.Go(func() error { kept.watch(background); return nil })
	running.Go(func() error { spans.watch(background); return nil })
	running.Go(func() error { control.followContent(background, live, publisher.Refresh); return nil })
	if control.inventory, err = control.openInventory(discovered, adopted, publisher); err != nil {
		log.Error("the inventory can't be shown", "error", err)
	} else if control.inventory != nil {
		running.Go(func() error { return control.inventory.Run(background) })
	}
	if control.monitor != nil {
		running.Go(control.openAlerts(background, cfg, keyring))
		running.Go(control.openHealthChecks(background, cfg, publisher))
	}
	console, err := control.pages(ctx, cfg, keyring, publisher, all, metrics, gate)
	if err != nil {
		log.Error("the console can't be opened; the gateway serves without it", "error", err)
	}
	tokens, err := control.issueTokens(background, cfg, refs, publisher.Status, &running)
	if err != nil {
		log.Error("the authorization server can't be opened; the gateway serves without it", "error", err)
	}
	admin, err := serveAdmin(cfg.Data, log, func(mux *http.ServeMux) { control.serveMaster(mux, refs, publisher) })
	if err != nil {
		log.Error("the admin socket can't be opened", "error", err)
	}
	link := control.firstLink(ctx, console, out)
	if ready != nil {
		ready(Ready{Gateway: gate.Addresses(), Console: console.address(), Tokens: tokens.address(), Gateways: gateways.address(), Link: link, Publishing: publisher.Status, control: control})
	}
	<-ctx.Done()

	// Stop: no new connections, drain, end hooks, judgements, journal, rollups, store.
	log.Info("stopping", "drainSeconds", cfg.Limits.DrainSeconds)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(cfg.Limits.DrainSeconds)*time.Second)
	defer cancel()
	stopped := gate.Shutdown(drain)
	console.close(drain)
	tokens.close(drain)
	admin.close(drain)
	others.close(drain)
	gateways.close(drain)
	stopBackground()
	return errors.Join(stopped, running.Wait(), control.close())
}

// stopEarly ends a process that could not open its database, or was told to stop while
// it waited for it.
func stopEarly(ctx context.Context, cfg Config, gate *gateway.Gateway, stopBackground func(), running *group, err error) error {
	if ctx.Err() != nil {
		err = nil
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(cfg.Limits.DrainSeconds)*time.Second)
	defer cancel()
	stopped := gate.Shutdown(drain)
	stopBackground()
	return errors.Join(err, stopped, running.Wait())
}

// Ready tells where everything can be reached.
type Ready struct {
	// Gateway are the open ports by the address asked for.
	Gateway map[string]net.Addr
	// Console is its URL, empty when there is none; Link signs in once.
	Console, Link string
	// Tokens is the address of the authorization server, empty when there is none.
	Tokens string
	// Gateways is the address at which gateways of their own are heard, empty when there
	// is none.
	Gateways string
	// Publishing tells which revision serves, and which change was refused.
	Publishing func() publish.Status

	control *control
}

// page is a running HTTP server of our own; a nil one does nothing.
type page struct {
	server *http.Server
	url    string
	// public is where browsers find it, empty when that is url.
	public string
}

func (p *page) address() string {
	if p == nil {
		return ""
	}
	return p.url
}

func (p *page) close(ctx context.Context) {
	if p == nil {
		return
	}
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
}

// servePage serves a handler on an open listener.
func servePage(ln net.Listener, handler http.Handler, log *slog.Logger) *page {
	p := &page{url: "http://" + ln.Addr().String(), server: &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		if err := p.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a page server ended", "address", ln.Addr().String(), "error", err)
		}
	}()
	return p
}

// loopbackURL is the URL of an address as an operator on this machine types it.
func loopbackURL(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
