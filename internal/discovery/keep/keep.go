// Package keep keeps what was learned of operations in the store, and what
// operators decided about them. What was observed lies in the database of traffic;
// that an operation was listed, and decisions, in the one of control.
package keep

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/store"
)

//go:embed observed/migrations/*.sql decided/migrations/*.sql
var migrations embed.FS

// Options are what a Keep works with. All are required.
type Options struct {
	// Traffic holds what was observed, Control what must not be lost; both may be the
	// same.
	Traffic, Control *store.DB
	// Environment is what this process speaks of, Gateway its name in it.
	Environment, Gateway string
	Now                  func() time.Time
}

// Keep is the tables of discovery. Its methods are safe for concurrent use.
type Keep struct {
	o   Options
	enc *zstd.Encoder
	dec *zstd.Decoder

	mu sync.Mutex
	// listed are the operations of this gateway whose listing is written down.
	listed map[string]bool
}

// maxState bounds an operation as it is read from the store, in bytes.
const maxState = 16 << 20

// Open opens the tables.
func Open(ctx context.Context, o Options) (*Keep, error) {
	if o.Traffic == nil || o.Control == nil || o.Environment == "" || o.Gateway == "" || o.Now == nil {
		return nil, errors.New("opening the tables of discovery: all options are required")
	}
	for _, one := range []struct {
		db     *store.DB
		folder string
	}{{o.Traffic, "observed"}, {o.Control, "decided"}} {
		files, err := fs.Sub(migrations, one.folder)
		if err != nil {
			return nil, fmt.Errorf("opening the tables of discovery: %w", err)
		}
		if err := one.db.Migrate(ctx, "discovery"+one.folder, files); err != nil {
			return nil, err
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("opening the tables of discovery: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxState))
	if err != nil {
		return nil, fmt.Errorf("opening the tables of discovery: %w", err)
	}
	k := &Keep{o: o, enc: enc, dec: dec, listed: map[string]bool{}}
	rows, err := o.Control.Read().Query(ctx, `SELECT id FROM discovery_listed WHERE environment = ? AND gateway = ?`, o.Environment, o.Gateway)
	if err != nil {
		return nil, fmt.Errorf("reading what was listed: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading what was listed: %w", err)
		}
		k.listed[id] = true
	}
	return k, rows.Err()
}

// ID is the stable name of an operation in the store and in links.
func ID(key discovery.Key) string {
	h := sha256.New()
	for _, part := range []string{key.Host, key.Method, key.Path, key.Version, key.Name} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Save keeps operations in the place of what was kept of them before, and forgets those
// that are gone because they became part of others. All of it is kept or nothing.
func (k *Keep) Save(ctx context.Context, ops []*discovery.Operation, gone []discovery.Key, dropped uint64) error {
	if len(ops) == 0 && len(gone) == 0 {
		return nil
	}
	// The listing is written first: what a page shows as listed is never forgotten.
	if err := k.saveListed(ctx, ops, gone); err != nil {
		return fmt.Errorf("keeping what is listed: %w", err)
	}
	if err := k.saveObserved(ctx, ops, gone, dropped); err != nil {
		return fmt.Errorf("keeping what was learned: %w", err)
	}
	return nil
}

// saveObserved writes the statistics.
func (k *Keep) saveObserved(ctx context.Context, ops []*discovery.Operation, gone []discovery.Key, dropped uint64) error {
	if len(ops) == 0 && len(gone) == 0 {
		return nil
	}
	now := k.o.Now().UnixMilli()
	return k.o.Traffic.Write(ctx, func(tx *store.Tx) error {
		for _, key := range gone {
			if _, err := tx.Exec(ctx, `DELETE FROM discovery_operations WHERE environment = ? AND gateway = ? AND id = ?`, k.o.Environment, k.o.Gateway, ID(key)); err != nil {
				return err
			}
		}
		for _, op := range ops {
			state, err := k.pack(op)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO discovery_operations (environment, gateway, id, api, host, path, listed, changed, state)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, gateway, id) DO UPDATE SET api = excluded.api, listed = excluded.listed, changed = excluded.changed, state = excluded.state`,
				k.o.Environment, k.o.Gateway, ID(op.Key), op.API, op.Host, op.Path, millis(op.Listed), now, state); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO discovery_generation (environment, gateway, generation, dropped) VALUES (?, ?, 1, ?)
			ON CONFLICT (environment, gateway) DO UPDATE SET generation = discovery_generation.generation + 1, dropped = excluded.dropped`,
			k.o.Environment, k.o.Gateway, int64(min(dropped, 1<<62))) //nolint:gosec // bounded
		return err
	})
}

// saveListed writes down which operations are listed. Those that are gone leave when
// what they became is listed, in the same transaction.
func (k *Keep) saveListed(ctx context.Context, ops []*discovery.Operation, gone []discovery.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var fresh []*discovery.Operation
	for _, op := range ops {
		if !op.Listed.IsZero() && !k.listed[ID(op.Key)] {
			fresh = append(fresh, op)
		}
	}
	var left []string
	for _, key := range gone {
		if id := ID(key); k.listed[id] {
			left = append(left, id)
		}
	}
	if len(fresh) == 0 && len(left) == 0 {
		return nil
	}
	err := k.o.Control.Write(ctx, func(tx *store.Tx) error {
		for _, id := range left {
			if _, err := tx.Exec(ctx, `DELETE FROM discovery_listed WHERE environment = ? AND gateway = ? AND id = ?`, k.o.Environment, k.o.Gateway, id); err != nil {
				return err
			}
		}
		for _, op := range fresh {
			brief, err := json.Marshal(&discovery.Operation{Key: op.Key, Protocol: op.Protocol, API: op.API, BasePath: op.BasePath, Listed: op.Listed, By: op.By, First: op.First})
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO discovery_listed (environment, gateway, id, listed, operation) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (environment, gateway, id) DO NOTHING`, k.o.Environment, k.o.Gateway, ID(op.Key), millis(op.Listed), string(brief)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range left {
		delete(k.listed, id)
	}
	for _, op := range fresh {
		k.listed[ID(op.Key)] = true
	}
	return nil
}

func (k *Keep) pack(op *discovery.Operation) ([]byte, error) {
	text, err := json.Marshal(op)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", op.Key, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.enc.EncodeAll(text, nil), nil
}

func (k *Keep) unpack(state []byte) (*discovery.Operation, error) {
	text, err := k.dec.DecodeAll(state, nil)
	if err != nil {
		return nil, fmt.Errorf("reading what was learned: %w", err)
	}
	op := &discovery.Operation{}
	if err := json.Unmarshal(text, op); err != nil {
		return nil, fmt.Errorf("reading what was learned: %w", err)
	}
	return op, nil
}

// Load gives what this gateway learned of an operation; discovery.ErrNotKept when there
// is nothing. It implements discovery.Details.
func (k *Keep) Load(key discovery.Key) (*discovery.Operation, error) {
	var state []byte
	err := k.o.Traffic.Read().QueryRow(context.Background(), `SELECT state FROM discovery_operations WHERE environment = ? AND gateway = ? AND id = ?`,
		k.o.Environment, k.o.Gateway, ID(key)).Scan(&state)
	if errors.Is(err, store.ErrNoRows) {
		return nil, discovery.ErrNotKept
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was learned of %s: %w", key, err)
	}
	return k.unpack(state)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
