package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// rooms are the versions of tables that this program knows, by the name that a
// room hands to Migrate: a backup with a higher one was made by a newer program.
// The folder is where its migrations lie; a test holds this against them.
var rooms = []struct {
	name, folder string
	version      int64
}{
	{"access", "access", 4},
	{"alerts", "control/alert", 1},
	{"audit", "audit", 2},
	{"authserver", "authserver", 1},
	{"behaviour", "behaviour", 1},
	{"clients", "control/client", 2},
	{"discoverydecided", "discovery/keep/decided", 1},
	{"discoveryobserved", "discovery/keep/observed", 1},
	{"fleet", "control/fleet", 1},
	{"governance", "governance/history", 2},
	{"healthchecks", "control/healthcheck", 1},
	{"idempotency", "control/idempotency", 1},
	{"incidents", "control/incident", 1},
	{"monitor", "monitor", 4},
	{"posture", "posture", 3},
	{"posturesuppressions", "posture/suppressions", 1},
	{"resource", "control/resource", 3},
	{"scan", "scan/history", 2},
	{"secrets", "control/secrets", 3},
	{"sso", "control/sso", 1},
	{"store", "store", 1},
}

// knownVersion is the version of a room's tables that this program knows.
func knownVersion(name string) int64 {
	for _, room := range rooms {
		if room.name == name {
			return room.version
		}
	}
	return 0
}

// Backup writes all that the databases hold to a new file, "-" for out, also
// while farrier serve runs. What is said of it goes to say.
func Backup(ctx context.Context, cfg Config, file string, out, say io.Writer) error {
	if err := databaseExists(cfg); err != nil {
		return err
	}
	all, err := openBothToRead(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeBoth(all)
	var summary store.Summary
	if file == "-" {
		summary, err = store.Dump(ctx, out, all, version(), time.Now())
	} else {
		summary, err = backupTo(ctx, file, all)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(say, "%d rows of %d tables are in the backup. What is sealed in it opens only with the master key, which is not in it:\n"+
		"keep %s apart from it. Manifests, adopted APIs, installed content and captured requests are files beside the database: save them as files.\n",
		summary.Rows, summary.Tables, filepath.Join(cfg.Data, secret.KeyFile))
	return err
}

// backupTo writes a file that is there whole or not at all.
func backupTo(ctx context.Context, file string, all store.Databases) (summary store.Summary, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return summary, fmt.Errorf("%s exists already; a backup is written to a new file", file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".farrier-backup-*") // mode 0600
	if err != nil {
		return summary, fmt.Errorf("making a backup: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or harmless
	summary, err = store.Dump(ctx, f, all, version(), time.Now())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return summary, err
	}
	// A link, unlike a rename, replaces nothing that came meanwhile.
	if err := os.Link(f.Name(), file); err != nil {
		return summary, fmt.Errorf("making a backup: %w", err)
	}
	return summary, nil
}

// openBothToRead opens both databases and leaves a damaged one as it is.
func openBothToRead(ctx context.Context, cfg Config) (all store.Databases, err error) {
	if cfg.Database != "" {
		return openDatabases(ctx, cfg, time.Now)
	}
	if all.Control, err = store.Open(ctx, filepath.Join(cfg.Data, store.ControlFile), store.Options{}); err != nil {
		return all, err
	}
	if all.Traffic, err = store.Open(ctx, filepath.Join(cfg.Data, store.TrafficFile), store.Options{}); err != nil {
		return store.Databases{}, errors.Join(err, all.Control.Close())
	}
	return all, nil
}

func closeBoth(all store.Databases) {
	_ = all.Control.Close()
	_ = all.Traffic.Close()
}

// Restore fills empty databases with a backup, "-" for in: all of it or nothing.
func Restore(ctx context.Context, cfg Config, file string, in io.Reader, out io.Writer) (err error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("restoring a backup: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read from
		in = bufio.NewReader(f)
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // it ends with the process
	var begun []string
	if cfg.Database == "" {
		begun = absent(cfg.Data)
	}
	all, err := openBothToRead(ctx, cfg)
	if err != nil {
		return err
	}
	summary, err := store.Load(ctx, in, all, knownVersion)
	closeBoth(all)
	if err != nil {
		for _, path := range begun { // what was begun is gone, as if nothing had been
			_ = os.Remove(path)
		}
		return err
	}
	_, err = fmt.Fprintf(out, "%d rows of %d tables are restored from the backup of %s (farrier %s). The master key was not in it:\n"+
		"before farrier serve starts, put the one that belongs to it at %s.\n",
		summary.Rows, summary.Tables, summary.Made.Format(time.RFC3339), summary.Program, filepath.Join(cfg.Data, secret.KeyFile))
	return err
}

// absent are the files of the databases that a restore begins.
func absent(data string) []string {
	var paths []string
	for _, name := range []string{store.ControlFile, store.TrafficFile} {
		path := filepath.Join(data, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			paths = append(paths, path, path+"-wal", path+"-shm")
		}
	}
	return paths
}
