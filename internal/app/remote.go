package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/control/content"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/fleet/link"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/gateway/logging"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// The files of a gateway that is a process of its own, sealed in its data folder.
const (
	identityFile = "identity.sealed"
	handedFile   = "handed.sealed"
	// What they are sealed for.
	identityPurpose = "gateway-identity"
	handedPurpose   = "gateway-secrets"
)

// remote is a gateway that is a process of its own: it serves what the control plane
// published, and goes on serving it when the control plane is away.
type remote struct {
	cfg       Config
	address   string
	log       *slog.Logger
	keyring   *secret.Keyring
	identity  *link.Identity
	client    atomic.Pointer[link.Client]
	publisher *publish.Publisher
	// discovered learns of APIs for the control plane's inventory; nil for nothing.
	discovered *discoverer
	// held are the values of references to kept secrets.
	held atomic.Pointer[handed]
	// refused is the digest of a revision that could not be put into service.
	refused, why string
}

// handed is what came with a revision.
type handed struct {
	Version int64             `json:"version"`
	Secrets map[string]string `json:"secrets"`
}

// Gateway runs a gateway for the control plane at address until ctx ends. The first
// start needs the token of an invitation; from then on the gateway knows itself by
// what it keeps in its data folder.
func Gateway(ctx context.Context, cfg Config, address, token string, log *slog.Logger, out io.Writer, ready func(Ready)) error {
	own := log
	logs, log := newLogs(own, out)
	defer closeLogs(ctx, logs, own)
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	r := &remote{cfg: cfg, address: address, log: log.With("component", "fleet")}
	if err := r.introduce(ctx, token); err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop before it had enrolled
		}
		return err
	}
	records, err := journal.Open(filepath.Join(cfg.Data, "journal"), journal.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { _ = records.Close() }()
	rec := &recorder{rollup: monitor.NewRollup(time.Now), journal: records, feed: traffic.NewFeed(), log: log}
	r.discovered = newDiscoverer(cfg.Discovery, log, time.Now, func() publish.Status { return r.publisher.Status() })
	gate, err := r.open(rec, logs)
	if err != nil {
		return err
	}
	kept := newStores(r.cfg, gate.Table, log)
	spans := newCollectors(r.cfg.Gateway, gate.Table, log)
	if err := r.publish(gate, kept, spans); err != nil {
		return err
	}
	if _, err := r.publisher.Restore(ctx); err != nil {
		r.log.Error("the last good revision can't be served; the control plane is asked for the next", "error", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running group
	running.Go(func() error { r.follow(background); return nil })
	r.report(background, rec, &running)
	running.Go(func() error { kept.watch(background); return nil })
	running.Go(func() error { spans.watch(background); return nil })
	admin, err := serveAdmin(cfg.Data, log)
	if err != nil {
		log.Error("the admin socket can't be opened", "error", err)
	}
	if ready != nil {
		ready(Ready{Gateway: gate.Addresses(), Publishing: r.publisher.Status})
	}
	<-ctx.Done()
	log.Info("stopping", "drainSeconds", cfg.Limits.DrainSeconds)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(cfg.Limits.DrainSeconds)*time.Second)
	defer cancel()
	stopped := gate.Shutdown(drain)
	admin.close(drain)
	stop()
	return errors.Join(stopped, running.Wait())
}

// report hands over what is counted, recorded and learned, until ctx ends.
func (r *remote) report(ctx context.Context, rec *recorder, running *group) {
	running.Go(func() error { r.shipper(rec).Run(ctx); return nil })
	running.Go(func() error { return r.learn(ctx) })
}

// introduce opens the keys of the data folder and finds who this gateway is, or
// enrols it.
func (r *remote) introduce(ctx context.Context, token string) (err error) {
	path := filepath.Join(r.cfg.Data, identityFile)
	if r.keyring, err = secret.OpenKeyring(r.cfg.Data, func() (bool, error) { return exists(path) }); err != nil {
		return err
	}
	plain, err := r.keyring.ReadSealed(path, identityPurpose)
	switch {
	case err == nil:
		r.identity = new(link.Identity)
		if err := json.Unmarshal(plain, r.identity); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case token == "":
		return errors.New("this gateway has not enrolled yet: invite it in the console (Gateways), and start it once with --token")
	}
	if r.identity == nil || token != "" && !r.identity.MadeWith(token) {
		if err := r.enrol(ctx, token); err != nil {
			return err
		}
	}
	if _, err := rewrapFile(r.keyring, path, identityPurpose); err != nil {
		return err
	}
	if _, err := rewrapFile(r.keyring, filepath.Join(r.cfg.Data, handedFile), handedPurpose); err != nil {
		return err
	}
	r.cfg.Environment, r.cfg.Gateway = r.identity.Environment, r.identity.Name
	return r.dial()
}

// enrol makes the gateway's identity of an invitation. It waits for a control plane
// that is away.
func (r *remote) enrol(ctx context.Context, token string) error {
	pause := time.Second
	for try := 1; ; try++ {
		id, err := link.Enrol(ctx, r.address, token)
		if err == nil {
			r.identity = id
			break
		}
		if !link.IsAway(err) || ctx.Err() != nil {
			return err
		}
		r.log.Error("the control plane can't be reached; the gateway enrols as soon as it can", "try", try, "again", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
	r.log.Info("the gateway has enrolled", "gateway", r.identity.Name, "environment", r.identity.Environment)
	// Whatever an identity before was handed is older than all that this one is.
	if err := os.Remove(filepath.Join(r.cfg.Data, handedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting what was handed over before: %w", err)
	}
	return r.keepIdentity()
}

func (r *remote) dial() error {
	client, err := link.Dial(r.address, r.identity)
	if err == nil {
		r.client.Store(client)
	}
	return err
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (r *remote) keepIdentity() error {
	plain, err := json.Marshal(r.identity)
	if err != nil {
		return fmt.Errorf("keeping the gateway's identity: %w", err)
	}
	return r.keyring.WriteSealed(filepath.Join(r.cfg.Data, identityFile), identityPurpose, plain)
}

func (r *remote) open(rec *recorder, logs *logging.Logs) (*gateway.Gateway, error) {
	return gateway.New(gateway.Options{
		Now: time.Now, Log: r.log.With("component", "gateway"), Recorder: rec, Logs: logs, Observer: r.discovered.observer(),
		Environment: r.cfg.Environment, Name: r.cfg.Gateway, TrustedProxies: r.cfg.TrustedProxies, Bind: r.cfg.Bind,
		Framing: framing.Limits{MaxConns: r.cfg.Limits.Connections, MaxConnsPerAddr: r.cfg.Limits.ConnectionsPerAddress},
		Limits:  gateway.Limits{InFlight: r.cfg.Limits.InFlight, BufferedBytes: r.cfg.Limits.BufferedBytes, Judges: r.cfg.Limits.Judges, Lag: r.cfg.Limits.Lag},
	})
}

// publish makes the publisher, which takes what the control plane made.
func (r *remote) publish(gate *gateway.Gateway, kept *stores, spans *spanCollectors) error {
	all, err := catalogue.New(installedContent(content.Start(contentFolder(r.cfg.Data), r.log.With("component", "content"))))
	if err != nil {
		return fmt.Errorf("reading the catalogue of policies: %w", err)
	}
	r.held.Store(&handed{})
	if plain, err := r.keyring.ReadSealed(filepath.Join(r.cfg.Data, handedFile), handedPurpose); err == nil {
		var h handed
		if err := json.Unmarshal(plain, &h); err != nil {
			return fmt.Errorf("reading %s: %w", handedFile, err)
		}
		r.held.Store(&h)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	expander := secret.Environ()
	expander.Stored = r.stored
	kept.references.Stored, spans.references.Stored = r.stored, r.stored
	r.publisher = publish.New(publish.Options{
		Dir: r.cfg.Data, Sealer: r.keyring, Server: gate,
		Compile: router.Options{
			Catalogue: all, Expand: expander.Expand, Runtime: gate.Runtime(),
			Now: time.Now, Log: r.log.With("component", "policy"), HTTP: router.PolicyClient(nil),
			Shared: kept.shared, Local: kept.local, Durable: kept.durable, Tracing: spans.provider,
		},
		Now: time.Now, Log: r.log.With("component", "publish"),
	})
	return nil
}

// stored is the value of a reference, as the control plane handed it over.
func (r *remote) stored(ref secret.Stored) (string, error) {
	if value, ok := r.held.Load().Secrets[ref.String()]; ok {
		return value, nil
	}
	return "", fmt.Errorf("secret %s/%s did not come with the revision", ref.Group, ref.Name)
}

// shipper hands over what this gateway counted and recorded.
func (r *remote) shipper(rec *recorder) *monitor.Shipper {
	process, _ := secret.NewToken()
	return monitor.NewShipper(monitor.ShipperOptions{
		Journal: rec.journal, Rollup: rec.rollup, Process: process, Now: time.Now, Log: r.log,
		Send: func(ctx context.Context, s *monitor.Shipment) (place journal.Position, err error) {
			err = r.client.Load().Send(ctx, s, &place)
			return place, err
		},
	})
}

// longestPause bounds how long the gateway waits before it asks again.
const longestPause = 30 * time.Second

// firstPause is how long it waits at first, and then twice as long each time: a control
// process that is started anew is away for a second.
const firstPause = 250 * time.Millisecond

// follow asks for what is to be served until ctx ends. While the control plane is
// away, what serves goes on serving.
func (r *remote) follow(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := r.once(ctx)
		switch {
		case err == nil:
			pause = firstPause
			continue
		case ctx.Err() != nil:
			return
		}
		r.log.Error("the control plane can't be asked; what serves goes on serving", "control", r.address, "again", pause.String(), "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// once renews the certificate when it is time to, and takes the next revision.
func (r *remote) once(ctx context.Context) error {
	if r.client.Load().Due(time.Now()) {
		next, err := r.client.Load().Renew(ctx)
		if err != nil {
			return err
		}
		next.Token = r.identity.Token
		r.identity = next
		if err := r.keepIdentity(); err != nil {
			return err
		}
		if err := r.dial(); err != nil {
			return err
		}
	}
	status, digest := fleet.Status{Program: version(), Refused: r.why}, r.refused
	if now := r.publisher.Status().Serving; now != nil {
		status.Revision = int64(now.Number)
		if digest == "" {
			digest = now.Digest
		}
	}
	next, err := r.client.Load().Next(ctx, r.held.Load().Version, digest, status)
	if err != nil || next == nil {
		return err
	}
	return r.take(ctx, next)
}

// take puts a revision into service. One that can't be is told to the control plane
// and not asked for again.
func (r *remote) take(ctx context.Context, next *fleet.Served) error {
	before := r.held.Load()
	// Whichever revision is found at the next start, its secrets are there.
	both := &handed{Version: next.Version, Secrets: maps.Clone(before.Secrets)}
	if both.Secrets == nil {
		both.Secrets = map[string]string{}
	}
	maps.Copy(both.Secrets, next.Secrets)
	if err := r.keepSecrets(both); err != nil {
		return err
	}
	if err := r.publisher.Take(ctx, next.Revision); err != nil {
		r.held.Store(&handed{Version: next.Version, Secrets: before.Secrets})
		r.refused, r.why = next.Revision.Digest, err.Error()
		r.log.Error("the next revision can't be served; what served goes on serving", "revision", next.Revision.Number, "error", err)
		return nil
	}
	r.refused, r.why = "", ""
	r.discovered.noticed()
	return r.keepSecrets(&handed{Version: next.Version, Secrets: next.Secrets})
}

func (r *remote) keepSecrets(h *handed) error {
	plain, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("keeping secrets: %w", err)
	}
	r.held.Store(h)
	return r.keyring.WriteSealed(filepath.Join(r.cfg.Data, handedFile), handedPurpose, plain)
}
