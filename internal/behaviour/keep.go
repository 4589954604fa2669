package behaviour

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/detect/model"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Keep is where a learner is kept.
type Keep struct {
	DB *store.DB
	// Environment is what this process speaks of, Gateway its name in it.
	Environment, Gateway string
}

// Run loads what was learned before and then, until ctx ends, makes a snapshot
// and writes changes down at the learner's interval, and once more at the end.
// It tells failures and goes on; without a store it only makes snapshots.
func (l *Learner) Run(ctx context.Context, keep Keep, failed func(error)) {
	loaded := false
	if keep.DB != nil {
		err := l.Load(ctx, keep)
		if loaded = err == nil; !loaded {
			failed(err)
		}
	}
	tick := time.NewTicker(l.opts.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if loaded {
				if err := l.Save(context.WithoutCancel(ctx), keep); err != nil {
					failed(err)
				}
			}
			return
		case <-tick.C:
		}
		if err := l.Refresh(); err != nil {
			failed(err)
		}
		if loaded {
			if err := l.Save(ctx, keep); err != nil {
				failed(err)
			}
		}
	}
}

// Load opens the tables and takes what was learned before. What was learned
// since the start of the process is forgotten, for its sources were told apart
// by another key.
func (l *Learner) Load(ctx context.Context, keep Keep) error {
	if err := keep.DB.Migrate(ctx, "behaviour", migrations); err != nil {
		return err
	}
	key, err := l.loadKey(ctx, keep)
	if err != nil {
		return fmt.Errorf("reading the key of what was learned: %w", err)
	}
	operations, err := l.loadOperations(ctx, keep)
	if err != nil {
		return fmt.Errorf("reading what was learned: %w", err)
	}
	l.mu.Lock()
	l.key, l.operations = key, operations
	l.mu.Unlock()
	return l.Refresh()
}

func (l *Learner) loadKey(ctx context.Context, keep Keep) (key [keySize]byte, err error) {
	var stored []byte
	err = keep.DB.Read().QueryRow(ctx, `SELECT secret FROM behaviour_keys WHERE environment = ? AND gateway = ?`,
		keep.Environment, keep.Gateway).Scan(&stored)
	switch {
	case errors.Is(err, store.ErrNoRows):
		key = l.opts.Key
		return key, keep.DB.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO behaviour_keys (environment, gateway, secret) VALUES (?, ?, ?)`,
				keep.Environment, keep.Gateway, key[:])
			return err
		})
	case err != nil:
		return key, err
	case len(stored) != keySize:
		return key, fmt.Errorf("it has %d bytes, not %d", len(stored), keySize)
	}
	copy(key[:], stored)
	return key, nil
}

func (l *Learner) loadOperations(ctx context.Context, keep Keep) (map[model.Key]*lesson, error) {
	rows, err := keep.DB.Read().Query(ctx, `SELECT api, operation, learned FROM behaviour_models
		WHERE environment = ? AND gateway = ? ORDER BY updated DESC LIMIT ?`, keep.Environment, keep.Gateway, l.opts.MaxOperations)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	operations := map[model.Key]*lesson{}
	for rows.Next() {
		var key model.Key
		var learned []byte
		if err := rows.Scan(&key.API, &key.Operation, &learned); err != nil {
			return nil, err
		}
		o := model.NewOperation()
		if err := o.UnmarshalBinary(learned); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", key.Operation, key.API, err)
		}
		operations[key] = &lesson{operation: o}
	}
	return operations, rows.Err()
}

// Save writes what changed since the last time.
func (l *Learner) Save(ctx context.Context, keep Keep) error {
	changed := map[model.Key][]byte{}
	l.mu.RLock()
	for key, lesson := range l.operations {
		lesson.mu.Lock()
		if lesson.changed {
			text, err := lesson.operation.MarshalBinary()
			if err != nil {
				lesson.mu.Unlock()
				l.mu.RUnlock()
				return err
			}
			changed[key], lesson.changed = text, false
		}
		lesson.mu.Unlock()
	}
	l.mu.RUnlock()
	if len(changed) == 0 {
		return nil
	}
	now := l.opts.Now().UnixMilli()
	err := keep.DB.Write(ctx, func(tx *store.Tx) error {
		for key, text := range changed {
			if _, err := tx.Exec(ctx, `INSERT INTO behaviour_models (environment, gateway, api, operation, learned, updated) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, gateway, api, operation) DO UPDATE SET learned = excluded.learned, updated = excluded.updated`,
				keep.Environment, keep.Gateway, key.API, key.Operation, text, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.again(changed)
		return fmt.Errorf("writing what was learned: %w", err)
	}
	return nil
}

// again marks operations as changed that could not be written.
func (l *Learner) again(changed map[model.Key][]byte) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for key := range changed {
		if lesson := l.operations[key]; lesson != nil {
			lesson.mu.Lock()
			lesson.changed = true
			lesson.mu.Unlock()
		}
	}
}
