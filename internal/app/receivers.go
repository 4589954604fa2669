package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/posture"
)

// receivers take what gateways of their own hand over.
type receivers struct {
	c   *control
	mu  sync.Mutex
	all map[string]*monitor.Receiver
}

// receive implements link.Records.
func (r *receivers) receive(ctx context.Context, g fleet.Gateway, batch []byte) (any, error) {
	var s monitor.Shipment
	if err := json.Unmarshal(batch, &s); err != nil {
		return nil, fmt.Errorf("reading a gateway's records: %w", err)
	}
	receiver, err := r.of(ctx, g)
	if err != nil {
		return nil, err
	}
	return receiver.Receive(ctx, &s)
}

// of is the receiver of a gateway.
func (r *receivers) of(ctx context.Context, g fleet.Gateway) (*monitor.Receiver, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := g.Environment + "/" + g.Name
	if known := r.all[key]; known != nil {
		return known, nil
	}
	found, err := posture.New(ctx, posture.Options{DB: r.c.trafficDB, Control: r.c.controlDB, Environment: g.Environment, Gateway: g.Name, Now: r.c.now})
	if err != nil {
		return nil, err
	}
	receiver, err := monitor.NewReceiver(ctx, monitor.Options{
		DB: r.c.trafficDB, Findings: found, Environment: g.Environment, Gateway: g.Name,
		Now: r.c.now, Log: r.c.log.With("component", "monitor"),
	})
	if err != nil {
		return nil, err
	}
	if r.all == nil {
		r.all = map[string]*monitor.Receiver{}
	}
	r.all[key] = receiver
	return receiver, nil
}
