package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// remoteMemory is the memory of a gateway of its own: it lies in the control plane.
type remoteMemory struct {
	send func(ctx context.Context, batch, answer any) error
	pack *packer

	mu       sync.Mutex
	key      []byte
	restored []*discovery.Operation
	edges    []discovery.Edge
	version  string
	edits    []discovery.Edit
}

// learn learns of APIs for the control plane, until ctx ends. It begins when the control
// plane has said what the gateway knew; what passes before waits in the tap's queue, and
// is dropped and counted where that is full.
func (r *remote) learn(ctx context.Context) error {
	d := r.discovered
	if d == nil {
		return nil
	}
	pack, err := newPacker()
	if err != nil {
		return err
	}
	m := &remoteMemory{pack: pack, send: func(ctx context.Context, batch, answer any) error { return r.client.Load().Learned(ctx, batch, answer) }}
	pause := firstPause
	for told := false; ; told = true {
		if err = m.begin(ctx); err == nil {
			break
		}
		if !told && ctx.Err() == nil {
			r.log.Error("the control plane can't be asked what this gateway had learned; nothing is learned until it can", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
	options, err := d.options()
	if err != nil {
		return fmt.Errorf("learning of APIs: %w", err)
	}
	copy(options.Key[:], m.key)
	d.memory, d.every = m, remoteEvery
	if err := d.begin(ctx, options); err != nil {
		return fmt.Errorf("learning of APIs: %w", err)
	}
	m.restored, m.edges = nil, nil
	return d.run(ctx)
}

// tell sends a lesson and remembers what operators decided.
func (m *remoteMemory) tell(ctx context.Context, l *lesson) (*lessonAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, lessonPatience)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	l.Edits = m.version
	var a lessonAnswer
	if err := m.send(ctx, l, &a); err != nil {
		return nil, err
	}
	if a.Edits != m.version {
		m.version, m.edits = a.Edits, a.Decisions
	}
	return &a, nil
}

// begin asks for the key of hashes, and for what the gateway had learned.
func (m *remoteMemory) begin(ctx context.Context) error {
	m.restored, m.version = nil, ""
	for more := true; more; {
		a, err := m.tell(ctx, &lesson{Ask: true, Skip: len(m.restored)})
		if err != nil {
			return err
		}
		ops, err := m.pack.unpack(a.Operations)
		if err != nil {
			return err
		}
		if len(a.Key) != len(discovery.Options{}.Key) || a.More && len(ops) == 0 {
			return errors.New("the control plane does not say what this gateway had learned")
		}
		m.key, m.edges, more = a.Key, a.Edges, a.More
		m.restored = append(m.restored, ops...)
	}
	return nil
}

// Edits implements memory.
func (m *remoteMemory) Edits(context.Context) ([]discovery.Edit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.edits, nil
}

// EditsVersion implements memory.
func (m *remoteMemory) EditsVersion(ctx context.Context) (string, error) {
	if _, err := m.tell(ctx, &lesson{}); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, nil
}

// Restore implements memory.
func (m *remoteMemory) Restore(_ context.Context, yield func(*discovery.Operation) error) error {
	for _, op := range m.restored {
		if err := yield(op); err != nil {
			return err
		}
	}
	return nil
}

// Edges implements memory.
func (m *remoteMemory) Edges(context.Context, bool) ([]discovery.Edge, error) { return m.edges, nil }

// Save implements memory. What is large is told in parts: each operation is whole.
func (m *remoteMemory) Save(ctx context.Context, ops []*discovery.Operation, gone []discovery.Key, dropped uint64) error {
	for len(ops)+len(gone) > 0 {
		n := len(ops)
		packed, err := m.pack.pack(ops[:n])
		for err == nil && len(packed) > lessonBytes && n > 1 {
			n /= 2
			packed, err = m.pack.pack(ops[:n])
		}
		if err != nil {
			return err
		}
		if _, err := m.tell(ctx, &lesson{Operations: packed, Gone: gone, Dropped: dropped}); err != nil {
			return err
		}
		ops, gone = ops[n:], nil
	}
	return nil
}

// SaveEdges implements memory.
func (m *remoteMemory) SaveEdges(ctx context.Context, edges []discovery.Edge) error {
	if len(edges) == 0 {
		return nil
	}
	_, err := m.tell(ctx, &lesson{Edges: edges})
	return err
}
