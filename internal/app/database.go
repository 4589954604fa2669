package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// How long a start waits for another process of the same name to end, and before it
// asks again for a database that is not there.
const (
	databasePatience = 10 * time.Second
	databasePause    = 500 * time.Millisecond
)

// databaseAddress is the address of the PostgreSQL database, empty for SQLite
// in the data folder.
func (c *Config) databaseAddress() (string, error) {
	switch {
	case c.Database == "" || strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://"):
		return c.Database, nil
	}
	address, err := secret.Environ().Resolve(c.Database)
	if err != nil {
		return "", fmt.Errorf("setting database: it must be postgres://…, or a reference to it: %w", err)
	}
	if address == "" {
		return "", errors.New("setting database: what it refers to is empty")
	}
	return address, nil
}

// openDatabases opens both databases. Where they may be made, they are.
func openDatabases(ctx context.Context, cfg Config, now func() time.Time) (all store.Databases, err error) {
	if all.Control, err = openControlDatabase(ctx, cfg); err != nil {
		return all, err
	}
	address, err := cfg.databaseAddress()
	if err == nil && address != "" {
		all.Traffic, err = store.OpenPostgres(ctx, address, store.TrafficSchema, store.Options{Disposable: true})
	} else if err == nil {
		all.Traffic, err = store.Open(ctx, filepath.Join(cfg.Data, store.TrafficFile), store.Options{Disposable: true, Now: now})
	}
	if err != nil {
		return store.Databases{}, errors.Join(err, all.Control.Close())
	}
	return all, nil
}

// openControlDatabase opens the database of what operators said.
func openControlDatabase(ctx context.Context, cfg Config) (*store.DB, error) {
	address, err := cfg.databaseAddress()
	if err != nil {
		return nil, err
	}
	if address != "" {
		return store.OpenPostgres(ctx, address, store.ControlSchema, store.Options{})
	}
	return store.Open(ctx, filepath.Join(cfg.Data, store.ControlFile), store.Options{})
}

// existingControlDatabase is openControlDatabase for commands that begin
// nothing: without a file there is nothing to open.
func existingControlDatabase(ctx context.Context, cfg Config) (*store.DB, error) {
	if err := databaseExists(cfg); err != nil {
		return nil, err
	}
	return openControlDatabase(ctx, cfg)
}

func databaseExists(cfg Config) error {
	if cfg.Database != "" {
		return nil
	}
	_, err := os.Stat(filepath.Join(cfg.Data, store.ControlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no control database in %s; start farrier serve with this data folder first", cfg.Data)
	}
	return err
}

// sameKeyPurpose is what the value is sealed for by which processes on one database
// see that they have the same master key.
const sameKeyPurpose = "store/same-master-key"

// sameKey refuses a master key that is not the one of the database: what one
// process seals all must open. After a rotation it seals its proof anew, so that
// it is called before a retired key is forgotten.
func sameKey(ctx context.Context, db *store.DB, keyring *secret.Keyring) error {
	_, err := db.Agree(ctx, "master-key", func(have string) (string, error) {
		if have == "" {
			return keyring.Seal(sameKeyPurpose, []byte("farrier"))
		}
		if _, err := keyring.Open(sameKeyPurpose, have); err != nil {
			return "", fmt.Errorf("the master key of this process is not the one that values in the database are sealed with; "+
				"give it that key (%s in the data folder of the process that made the database, or in its backup): %w", secret.KeyFile, err)
		}
		sealed, _, err := keyring.Rewrap(sameKeyPurpose, have)
		return sealed, err
	})
	return err
}

// claim takes the name of the gateway for this process until ctx ends: records
// are kept by it, and two of one name would count over each other.
func claim(ctx context.Context, cfg Config, db *store.DB, running *group) error {
	if cfg.Database == "" {
		return nil // the lock of the data folder says the same
	}
	ctx, giveUp := context.WithCancel(ctx)
	held := make(chan struct{})
	var once sync.Once
	running.Go(func() error {
		return db.Lead(ctx, "gateway "+cfg.Environment+"/"+cfg.Gateway, func(ctx context.Context) error {
			once.Do(func() { close(held) })
			<-ctx.Done()
			return nil
		})
	})
	patience := time.NewTimer(databasePatience)
	defer patience.Stop()
	select {
	case <-held:
		context.AfterFunc(ctx, giveUp) // it ends with the process
		return nil
	case <-patience.C:
	case <-ctx.Done():
	}
	giveUp()
	return fmt.Errorf("another process on this database is gateway %q of environment %q; give each its own name with the setting gateway", cfg.Gateway, cfg.Environment)
}
