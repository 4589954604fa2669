package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// How long a process that waits for its database waits between two tries: as long as
// databasePause at first, then twice as long each time.
const longestDatabasePause = 5 * time.Second

// lastingError says that the databases can't be opened for a reason that does not mend
// by itself.
type lastingError struct{ error }

// Unwrap gives the reason.
func (e lastingError) Unwrap() error { return e.error }

// open opens both databases and everything that lives in them, or nothing. For a
// PostgreSQL that is not there it waits until it is, or ctx ends; the gateway serves
// meanwhile, and publisher follows the manifests. Everything that goes on afterwards
// belongs to background.
func (c *control) open(ctx, background context.Context, cfg Config, keyring *secret.Keyring, publisher *publish.Publisher, running *group, rec *recorder, metrics prometheus.Registerer) error {
	for {
		databases, err := c.await(ctx, cfg, publisher)
		if err != nil {
			return err
		}
		try, giveUp := context.WithCancel(background)
		err = c.openAll(try, databases, cfg, keyring, running, rec, metrics)
		if err == nil {
			context.AfterFunc(background, giveUp)
			return nil
		}
		giveUp()
		away := cfg.Database != "" && store.IsAway(err) && ctx.Err() == nil
		err = errors.Join(err, c.close())
		c.controlDB, c.trafficDB, c.access, c.posture, c.monitor = nil, nil, nil, nil, nil
		c.where.tree.Store(nil)
		if !away {
			return err
		}
		c.log.Error("the database went away while it was opened", "error", err)
	}
}

// await opens both databases, as soon as they can be.
func (c *control) await(ctx context.Context, cfg Config, publisher *publish.Publisher) (store.Databases, error) {
	all, err := openDatabases(ctx, cfg, c.now)
	if err == nil || cfg.Database == "" || ctx.Err() != nil {
		return all, err
	}
	waiting, stop := context.WithCancel(ctx)
	var beside group
	defer func() { stop(); _ = beside.Wait() }()
	if !isLasting(cfg, err) {
		beside.Go(func() error { return publisher.Watch(waiting) })
		beside.Go(func() error { return waitingPage(waiting, cfg, c.now, c.log) })
	}
	pause, began := databasePause, c.now()
	for try := 1; ; try++ {
		if isLasting(cfg, err) {
			return store.Databases{}, lastingError{fmt.Errorf("the database can't be opened, and waiting does not mend it: %w", err)}
		}
		c.log.Error("the database can't be opened; the gateway serves without records and console, and it is tried again",
			"try", try, "again", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return store.Databases{}, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestDatabasePause)
		if all, err = openDatabases(ctx, cfg, c.now); err == nil {
			c.log.Info("the database is there", "waited", c.now().Sub(began).Round(time.Millisecond).String())
			return all, nil
		}
	}
}

// isLasting tells that the database can't be opened however long one waits.
func isLasting(cfg Config, err error) bool {
	_, wrong := cfg.databaseAddress()
	return wrong != nil || store.IsLasting(err)
}

// waitingPage stands at the address of the console until ctx ends, and says why there
// is none yet.
func waitingPage(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) error {
	if cfg.Console == "off" {
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Console)
	if err != nil {
		log.Error("the address of the console can't be listened at", "error", err)
		return nil
	}
	spoken, err := cfg.ConsoleTLS.listener(ln, now, log)
	if err != nil {
		_ = ln.Close()
		log.Error("the console can't speak HTTPS", "error", err)
		return nil
	}
	p := servePage(spoken, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		notReady(w, "Farrier waits for its database, so there is no console yet. The gateway serves; the log tells why the database can't be opened. It is tried again every few seconds.")
	}), log)
	log.Info("the console waits for the database", "console", cfg.consoleScheme()+ln.Addr().String())
	<-ctx.Done()
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	p.close(ended)
	return nil
}

// notReady answers that the control plane can't work now.
func notReady(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Retry-After", strconv.Itoa(int(longestDatabasePause/time.Second)))
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, why+"\n") // the client has gone away; there is nobody to tell
}

// readiness tells orchestrators whether the control plane can work: whether its
// databases answer. That of the gateway is told at the probe's port.
func (c *control) readiness(w http.ResponseWriter, r *http.Request) {
	if c.monitor == nil {
		notReady(w, "not ready: the databases could not be opened")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), placePatience)
	defer cancel()
	for _, db := range []*store.DB{c.controlDB, c.trafficDB} {
		if db.Ping(ctx) != nil { // why is in the log, and none of a stranger's business
			notReady(w, "not ready: the database does not answer")
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ready\n") // the client has gone away; there is nobody to tell
}
