package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"farrier.dev/farrier/internal/policy/tlsoutbound"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/sharedstate/disk"
	"farrier.dev/farrier/internal/sharedstate/redis"
)

// stores are where the steps of all revisions count and keep things.
type stores struct {
	references     secret.Expander
	local, durable sharedstate.Store

	environment string
	serving     func() *router.Table
	log         *slog.Logger

	mu   sync.Mutex
	open map[string]*openStore // by settings
}

// openStore is a connection to a server; idle says that the revision in service
// did not use it when that was looked at last.
type openStore struct {
	*redis.Store
	idle bool
}

// newStores opens the stores of this process. serving is the table in service,
// nil before the first.
func newStores(cfg Config, serving func() *router.Table, log *slog.Logger) *stores {
	log = log.With("component", "sharedstate")
	s := &stores{
		local: sharedstate.NewMemory(time.Now), environment: cfg.Environment,
		serving: serving, log: log, open: map[string]*openStore{}, references: outsideReferences(cfg),
	}
	s.durable = s.local
	kept, err := disk.Open(disk.Options{Dir: filepath.Join(cfg.Data, "cache"), Now: time.Now, Log: log})
	if err != nil {
		log.Error("caches will not outlive this process", "error", err)
		return s
	}
	s.durable = kept
	return s
}

// shared is the store that a revision's settings ask for. Equal settings give
// the same one.
func (s *stores) shared(settings revision.SharedStorage) (sharedstate.Store, error) {
	key, err := storeKey(settings)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.open[key]; known != nil {
		known.idle = false
		return known.Store, nil
	}
	o, err := storeOptions(settings, s.references)
	if err != nil {
		return nil, err
	}
	o.Prefix, o.Now, o.Log = s.environment, time.Now, s.log
	opened, err := redis.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	s.open[key] = &openStore{Store: opened}
	return opened, nil
}

// storeKey is equal for equal settings, wherever they stand.
func storeKey(settings revision.SharedStorage) (string, error) {
	settings.Source = revision.Source{}
	key, err := json.Marshal(settings)
	if err != nil {
		return "", fmt.Errorf("comparing settings: %w", err)
	}
	return string(key), nil
}

// storeOptions resolves the references in settings.
func storeOptions(settings revision.SharedStorage, references secret.Expander) (redis.Options, error) {
	o := redis.Options{DB: settings.DB, SentinelMaster: settings.SentinelMaster}
	for _, one := range []struct {
		name, text string
		to         *string
	}{
		{"address", settings.Address, &o.Address},
		{"username", settings.Username, &o.Username},
		{"password", settings.Password, &o.Password},
		{"sentinel.password", settings.SentinelPassword, &o.SentinelPassword},
	} {
		text, err := references.Expand(one.text)
		if err != nil {
			return o, fmt.Errorf("%s: %w", one.name, err)
		}
		*one.to = text
	}
	for _, address := range settings.SentinelAddresses {
		text, err := references.Expand(address)
		if err != nil {
			return o, fmt.Errorf("sentinel.addresses: %w", err)
		}
		o.Sentinels = append(o.Sentinels, text)
	}
	if settings.TLS == nil {
		return o, nil
	}
	resolved, err := references.ExpandJSON(settings.TLS)
	if err != nil {
		return o, fmt.Errorf("tls: %w", err)
	}
	if o.TLS, err = tlsoutbound.Config(resolved); err != nil {
		return o, fmt.Errorf("tls: %w", err)
	}
	return o, nil
}

// sweeping is how often unused connections are looked for. One is closed when it
// was unused twice, so that exchanges under way can end on it.
const sweeping = time.Minute

// watch closes the stores that no revision uses any more, and all when ctx ends.
func (s *stores) watch(ctx context.Context) {
	tick := time.NewTicker(sweeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.sweep("", true)
			return
		case <-tick.C:
			if table := s.serving(); table != nil {
				if key, err := storeKey(table.Revision.Settings.SharedStorage); err == nil {
					s.sweep(key, false)
				}
			}
		}
	}
}

func (s *stores) sweep(used string, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.open {
		switch {
		case key == used:
			one.idle = false
		case one.idle || all:
			_ = one.Close()
			delete(s.open, key)
		default:
			one.idle = true
		}
	}
}
