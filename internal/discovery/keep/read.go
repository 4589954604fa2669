package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/store"
)

// Restore calls yield with every operation that this gateway knew when it ended, also
// those that are only known to have been listed, because their statistics were lost:
// they are kept again, so that readers of the inventory find them.
func (k *Keep) Restore(ctx context.Context, yield func(*discovery.Operation) error) error {
	known := map[string]bool{}
	rows, err := k.o.Traffic.Read().Query(ctx, `SELECT id, state FROM discovery_operations WHERE environment = ? AND gateway = ? ORDER BY host, path, id`, k.o.Environment, k.o.Gateway)
	if err != nil {
		return fmt.Errorf("reading what was learned: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var id string
		var state []byte
		if err := rows.Scan(&id, &state); err != nil {
			return fmt.Errorf("reading what was learned: %w", err)
		}
		op, err := k.unpack(state)
		if err != nil {
			continue // one damaged row is relearned; its listing is below
		}
		known[id] = true
		if err := yield(op); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading what was learned: %w", err)
	}
	if err := rows.Close(); err != nil {
		return fmt.Errorf("reading what was learned: %w", err)
	}
	lost, err := k.lost(ctx, known)
	if err != nil {
		return err
	}
	if err := k.saveObserved(ctx, lost, nil, 0); err != nil {
		return fmt.Errorf("keeping what was listed: %w", err)
	}
	for _, op := range lost {
		if err := yield(op); err != nil {
			return err
		}
	}
	return nil
}

// lost are the operations that were listed and whose statistics are not kept.
func (k *Keep) lost(ctx context.Context, known map[string]bool) (lost []*discovery.Operation, err error) {
	rows, err := k.o.Control.Read().Query(ctx, `SELECT id, operation FROM discovery_listed WHERE environment = ? AND gateway = ? ORDER BY id`, k.o.Environment, k.o.Gateway)
	if err != nil {
		return nil, fmt.Errorf("reading what was listed: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, fmt.Errorf("reading what was listed: %w", err)
		}
		if known[id] {
			continue
		}
		op := &discovery.Operation{}
		if err := json.Unmarshal([]byte(text), op); err != nil {
			return nil, fmt.Errorf("reading what was listed: %w", err)
		}
		lost = append(lost, op)
	}
	return lost, rows.Err()
}

// Generation grows whenever something was kept by any gateway of the environment.
// dropped is how many observations were lost for want of room since the gateways began.
func (k *Keep) Generation(ctx context.Context) (generation, dropped uint64, err error) {
	var g, d int64
	err = k.o.Traffic.Read().QueryRow(ctx, `SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT), CAST(COALESCE(SUM(dropped), 0) AS BIGINT) FROM discovery_generation WHERE environment = ?`, k.o.Environment).Scan(&g, &d)
	if err != nil {
		return 0, 0, fmt.Errorf("reading what was learned: %w", err)
	}
	return uint64(g), uint64(d), nil //nolint:gosec // sums of counts
}

// Groups calls yield with the listed operations of the environment, those of all
// gateways added up, one host and API at a time, so that the whole never lies in memory.
func (k *Keep) Groups(ctx context.Context, yield func(ops []*discovery.Operation) error) error {
	rows, err := k.o.Traffic.Read().Query(ctx, `SELECT id, api, host, state FROM discovery_operations WHERE environment = ? AND listed > 0 ORDER BY host, api, path, id`, k.o.Environment)
	if err != nil {
		return fmt.Errorf("reading the inventory: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	var group []*discovery.Operation
	var host, api, last string
	for rows.Next() {
		var id, a, h string
		var state []byte
		if err := rows.Scan(&id, &a, &h, &state); err != nil {
			return fmt.Errorf("reading the inventory: %w", err)
		}
		op, err := k.unpack(state)
		if err != nil {
			continue // as in Restore: one damaged row hides no other operation
		}
		if len(group) > 0 && (h != host || a != api) {
			if err := yield(group); err != nil {
				return err
			}
			group, last = nil, ""
		}
		host, api = h, a
		if id == last {
			group[len(group)-1].Merge(op)
			continue
		}
		group, last = append(group, op), id
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the inventory: %w", err)
	}
	if len(group) > 0 {
		return yield(group)
	}
	return nil
}

// Get gives one operation, what all gateways learned of it added up; its id is that of
// ID. discovery.ErrNotKept says that there is none.
func (k *Keep) Get(ctx context.Context, id string) (*discovery.Operation, error) {
	rows, err := k.o.Traffic.Read().Query(ctx, `SELECT state FROM discovery_operations WHERE environment = ? AND id = ? ORDER BY gateway`, k.o.Environment, id)
	if err != nil {
		return nil, fmt.Errorf("reading an operation: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	var sum *discovery.Operation
	for rows.Next() {
		var state []byte
		if err := rows.Scan(&state); err != nil {
			return nil, fmt.Errorf("reading an operation: %w", err)
		}
		op, err := k.unpack(state)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = op
			continue
		}
		sum.Merge(op)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading an operation: %w", err)
	}
	if sum == nil {
		return nil, discovery.ErrNotKept
	}
	return sum, nil
}

// SaveEdges keeps the calls between services that this gateway was told of.
func (k *Keep) SaveEdges(ctx context.Context, edges []discovery.Edge) error {
	if len(edges) == 0 {
		return nil
	}
	err := k.o.Traffic.Write(ctx, func(tx *store.Tx) error {
		for _, e := range edges {
			if _, err := tx.Exec(ctx, `INSERT INTO discovery_edges (environment, gateway, caller, callee, operation, requests, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, gateway, caller, callee, operation) DO UPDATE SET requests = excluded.requests, first = excluded.first, last = excluded.last`,
				k.o.Environment, k.o.Gateway, e.From, e.To, e.Operation, int64(min(e.Requests, 1<<62)), millis(e.First), millis(e.Last)); err != nil { //nolint:gosec // bounded
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping the calls between services: %w", err)
	}
	return nil
}

// Edges are the calls between services; own says that only those that this gateway was
// told of are wanted.
func (k *Keep) Edges(ctx context.Context, own bool) (edges []discovery.Edge, err error) {
	gateway := "%"
	if own {
		gateway = k.o.Gateway
	}
	rows, err := k.o.Traffic.Read().Query(ctx, `SELECT caller, callee, operation, CAST(SUM(requests) AS BIGINT), MIN(first), MAX(last) FROM discovery_edges
		WHERE environment = ? AND (gateway = ? OR ? = '%') GROUP BY caller, callee, operation ORDER BY caller, callee, operation`, k.o.Environment, gateway, gateway)
	if err != nil {
		return nil, fmt.Errorf("reading the calls between services: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e discovery.Edge
		var requests, first, last int64
		if err := rows.Scan(&e.From, &e.To, &e.Operation, &requests, &first, &last); err != nil {
			return nil, fmt.Errorf("reading the calls between services: %w", err)
		}
		e.Requests, e.First, e.Last = uint64(requests), time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC() //nolint:gosec // sums of counts
		edges = append(edges, e)
	}
	return edges, rows.Err()
}
