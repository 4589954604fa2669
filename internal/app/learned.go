package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/secret"
)

const (
	// remoteEvery is how often a gateway of its own hands over what it learned.
	remoteEvery = 5 * time.Second
	// lessonPatience bounds how long one lesson may take.
	lessonPatience = 10 * time.Second
	// lessonBytes is when a lesson is full, mostLesson bounds one, decoded.
	lessonBytes = 2 << 20
	mostLesson  = 64 << 20
	// pageOperations is how many operations a gateway is given back at once.
	pageOperations = 500
)

// lesson is what a gateway of its own tells the control plane of what it learned. All
// of it stands in the place of what was told before, so that it may come twice.
type lesson struct {
	// Ask says that the gateway begins: it asks for the key, and for what it had told
	// before, from the operation at Skip on.
	Ask  bool `json:"ask,omitempty"`
	Skip int  `json:"skip,omitempty"`
	// Edits is the version of operators' decisions that the gateway knows.
	Edits string `json:"edits"`
	// Operations is JSON, compressed.
	Operations []byte           `json:"operations,omitempty"`
	Gone       []discovery.Key  `json:"gone,omitempty"`
	Edges      []discovery.Edge `json:"edges,omitempty"`
	Dropped    uint64           `json:"dropped,omitempty"`
}

// lessonAnswer is what the gateway is told.
type lessonAnswer struct {
	Key        []byte           `json:"key,omitempty"`
	Operations []byte           `json:"operations,omitempty"`
	More       bool             `json:"more,omitempty"`
	Edges      []discovery.Edge `json:"edges,omitempty"`
	// Edits is the version of operators' decisions, Decisions are they when it is another
	// than the gateway's.
	Edits     string           `json:"edits"`
	Decisions []discovery.Edit `json:"decisions,omitempty"`
}

// packer writes operations for the link.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("making a compressor: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostLesson))
	if err != nil {
		return nil, fmt.Errorf("making a decompressor: %w", err)
	}
	return &packer{enc, dec}, nil
}

func (p *packer) pack(ops []*discovery.Operation) ([]byte, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(ops)
	if err != nil {
		return nil, fmt.Errorf("writing what was learned: %w", err)
	}
	return p.enc.EncodeAll(text, nil), nil
}

func (p *packer) unpack(packed []byte) (ops []*discovery.Operation, err error) {
	if len(packed) == 0 {
		return nil, nil
	}
	text, err := p.dec.DecodeAll(packed, nil)
	if err == nil {
		err = json.Unmarshal(text, &ops)
	}
	if err != nil || slices.Contains(ops, nil) {
		return nil, errors.Join(errors.New("what was learned can't be read"), err)
	}
	return ops, nil
}

// pupils take what gateways of their own learned.
type pupils struct {
	c       *control
	keyring *secret.Keyring

	mu   sync.Mutex
	all  map[string]*keep.Keep
	pack *packer
}

// of is where what a gateway learned is kept.
func (p *pupils) of(ctx context.Context, g fleet.Gateway) (k *keep.Keep, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pack == nil {
		if p.pack, err = newPacker(); err != nil {
			return nil, err
		}
		p.all = map[string]*keep.Keep{}
	}
	key := g.Environment + "/" + g.Name
	if k = p.all[key]; k != nil {
		return k, nil
	}
	k, err = keep.Open(ctx, keep.Options{Traffic: p.c.trafficDB, Control: p.c.controlDB, Environment: g.Environment, Gateway: g.Name, Now: p.c.now})
	if err == nil {
		p.all[key] = k
	}
	return k, err
}

// learned implements link.Records.
func (p *pupils) learned(ctx context.Context, g fleet.Gateway, batch []byte) (any, error) {
	var l lesson
	if err := json.Unmarshal(batch, &l); err != nil || l.Skip < 0 {
		return nil, errors.Join(controls.ErrInvalid, err)
	}
	k, err := p.of(ctx, g)
	if err != nil {
		return nil, err
	}
	ops, err := p.pack.unpack(l.Operations)
	if err != nil {
		return nil, errors.Join(controls.ErrInvalid, err)
	}
	if err := errors.Join(k.Save(ctx, ops, l.Gone, l.Dropped), k.SaveEdges(ctx, l.Edges)); err != nil {
		return nil, err
	}
	var a lessonAnswer
	if l.Ask {
		if err := p.begin(ctx, k, l.Skip, &a); err != nil {
			return nil, err
		}
	}
	if a.Edits, err = k.EditsVersion(ctx); err == nil && a.Edits != l.Edits {
		a.Decisions, err = k.Edits(ctx)
	}
	return &a, err
}

// begin tells a gateway what it knew.
func (p *pupils) begin(ctx context.Context, k *keep.Keep, skip int, a *lessonAnswer) error {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	if err := sharedKey(ctx, k, p.keyring, &key); err != nil {
		return err
	}
	a.Key = key[:]
	var page []*discovery.Operation
	full, at := errors.New("the page is full"), 0
	err := k.Restore(ctx, func(op *discovery.Operation) error {
		if at++; at <= skip {
			return nil
		}
		if len(page) == pageOperations {
			a.More = true
			return full
		}
		page = append(page, op)
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return err
	}
	if a.Operations, err = p.pack.pack(page); err != nil || a.More {
		return err
	}
	a.Edges, err = k.Edges(ctx, true)
	return err
}
