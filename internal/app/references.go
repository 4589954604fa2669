package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

const (
	// secretsFile holds the values of the secrets that the revision in service refers
	// to, sealed: it is served also while the database can't be opened.
	secretsFile = "secrets.sealed"
	// secretsPurpose is what they are sealed for.
	secretsPurpose = "served secrets"
	// secretsPause is how often other processes on the same database are looked at.
	secretsPause = 500 * time.Millisecond
)

// references resolve what settings refer to: environment variables, kept secrets and
// Vault.
type references struct {
	cfg     Config
	keyring *secret.Keyring
	log     *slog.Logger
	// news says that a secret has changed.
	news chan struct{}

	mu      sync.Mutex
	service *secrets.Service
	// early is a database that was opened before its time, for a reference that
	// nothing else could resolve.
	early *store.DB
	// values are those of pinned references: they never change.
	values map[string]string
	// written is the file as it was last written.
	written string
}

func newReferences(cfg Config, keyring *secret.Keyring, log *slog.Logger) *references {
	r := &references{cfg: cfg, keyring: keyring, log: log.With("component", "secrets"), news: make(chan struct{}, 1), values: map[string]string{}}
	plain, err := keyring.ReadSealed(filepath.Join(cfg.Data, secretsFile), secretsPurpose)
	if errors.Is(err, fs.ErrNotExist) {
		return r
	}
	if err == nil {
		err = json.Unmarshal(plain, &r.values)
	}
	if err != nil {
		r.log.Error("the secrets of the last revision can't be read", "error", err)
	}
	return r
}

// expander resolves references of all kinds.
func (r *references) expander() secret.Expander {
	e := outsideReferences(r.cfg)
	e.Stored = r.value
	return e
}

// outsideReferences resolve references to environment variables, files and, where
// the settings name one, Vault.
func outsideReferences(cfg Config) secret.Expander {
	e := secret.Environ()
	if cfg.Vault.Address == "" {
		return e
	}
	vault, err := newVault(cfg, cfg.Vault.Address)
	e.Vault = func(ref string) (string, error) {
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return vault.Read(ctx, ref)
	}
	return e
}

// value is the value of a reference to a kept secret.
func (r *references) value(ref secret.Stored) (string, error) {
	if len(ref.Pins) == 0 {
		var err error
		if ref, err = r.pin(ref); err != nil {
			return "", err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.values[ref.String()]; ok {
		return known, nil
	}
	service, err := r.open()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	value, err := service.Value(ctx, r.cfg.Environment, ref)
	if err == nil {
		r.values[ref.String()] = value
	}
	return value, err
}

// pin is the reference with the versions that serve now, or served last while the
// database can't be asked.
func (r *references) pin(ref secret.Stored) (secret.Stored, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.service == nil {
		if last, ok := r.last(ref); ok {
			return last, nil
		}
	}
	service, err := r.open()
	if err == nil {
		var pinned secret.Stored
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if pinned, err = service.Pin(ctx, r.cfg.Environment, ref); err == nil {
			return pinned, nil
		}
		if ping := r.database().Ping(ctx); ping == nil {
			return ref, err
		}
	}
	if last, ok := r.last(ref); ok {
		return last, nil
	}
	return ref, err
}

// last is the newest known version of a reference.
func (r *references) last(ref secret.Stored) (found secret.Stored, ok bool) {
	bare := ref.Bare().String()
	for text := range r.values {
		known, err := secret.ParseStored(text)
		if err == nil && known.Bare().String() == bare && (!ok || slices.Compare(known.Pins, found.Pins) > 0) {
			found, ok = known, true
		}
	}
	return found, ok
}

func (r *references) database() *store.DB {
	if r.early != nil {
		return r.early
	}
	return r.service.DB()
}

// open is the service, over a database that is opened before its time when there is
// none yet: a manifest may refer to a secret at the first start with it.
func (r *references) open() (*secrets.Service, error) {
	if r.service != nil {
		return r.service, nil
	}
	if err := databaseExists(r.cfg); err != nil {
		return nil, errors.New("there are no secrets in this data folder yet; make it in the console, or with the API")
	}
	ctx, cancel := context.WithTimeout(context.Background(), databasePatience)
	defer cancel()
	db, err := openControlDatabase(ctx, r.cfg)
	if err != nil {
		return nil, fmt.Errorf("the store can't be opened: %w", err)
	}
	service, err := secrets.Open(ctx, secrets.Options{DB: db, Tree: nobody{}, Ring: r.keyring, Audit: nobody{}, Now: time.Now, Log: r.log})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	r.service, r.early = service, db
	return service, nil
}

// nobody is for a service that only the program itself asks.
type nobody struct{}

func (nobody) ScopeOf(context.Context, string) (access.Scope, error) {
	return access.Scope{}, access.ErrUnknown
}

func (nobody) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{}, access.ErrUnknown
}

func (nobody) Record(context.Context, *store.Tx, audit.Entry) error {
	return errors.New("the audit log is not open yet")
}

// amend pins the references of a revision and keeps their values for the next start.
func (r *references) amend(rev *revision.Revision) error {
	used := map[string]bool{}
	if err := secrets.PinRevision(rev, func(ref secret.Stored) (secret.Stored, error) {
		pinned, err := r.pin(ref)
		if err != nil {
			return ref, err
		}
		if _, err := r.value(pinned); err != nil {
			return ref, err
		}
		used[pinned.String()] = true
		return pinned, nil
	}); err != nil {
		return err
	}
	if err := r.answer(rev); err != nil {
		return err
	}
	return r.keep(used)
}

// keep writes the values of references, beside those of the file as it is: until the
// revision serves, the one before may have to.
func (r *references) keep(used map[string]bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := map[string]string{}
	var before map[string]string
	if r.written != "" {
		_ = json.Unmarshal([]byte(r.written), &before)
	} else {
		before = r.values
	}
	for text, value := range before {
		// One generation back is kept, no more.
		if len(before) <= 2*len(used)+100 {
			values[text] = value
		}
	}
	for text := range used {
		values[text] = r.values[text]
	}
	if len(values) == 0 {
		return nil
	}
	return r.write(values)
}

func (r *references) write(values map[string]string) error {
	plain, err := json.Marshal(values)
	if err != nil || string(plain) == r.written {
		return err
	}
	if err := r.keyring.WriteSealed(filepath.Join(r.cfg.Data, secretsFile), secretsPurpose, plain); err != nil {
		return fmt.Errorf("keeping the values of secrets: %w", err)
	}
	r.written = string(plain)
	return nil
}

// rewrap seals the file anew with the master key that seals now.
func (r *references) rewrap() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rewrapFile(r.keyring, filepath.Join(r.cfg.Data, secretsFile), secretsPurpose)
}

func (r *references) tell() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}
