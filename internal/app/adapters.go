package app

import (
	"context"
	"fmt"

	"farrier.dev/farrier/internal/adapter/mirror"
	"farrier.dev/farrier/internal/adapter/otlp"
)

// adapters are the listeners for traffic that others carry; nil ones are not asked for.
type adapters struct {
	mirror *mirror.Server
	otlp   *otlp.Server
}

// listen opens the listeners that the settings ask for. The learner must be open.
func (d *discoverer) listen(ctx context.Context, expand func(string) (string, error)) (a *adapters, err error) {
	a = &adapters{}
	if d == nil || d.learner == nil {
		return a, nil
	}
	if m := d.cfg.Mirror; m.Address != "" {
		if m.Token, err = expand(m.Token); err != nil {
			return a, fmt.Errorf("discovery.mirror.token: %w", err)
		}
		if a.mirror, err = mirror.Start(ctx, mirror.Options{
			Address: m.Address, Token: m.Token, Allowed: m.Networks, Answers: mirror.Answers(m.Answers), Plain: m.Plain,
			Learner: d.learner, Log: d.log, Now: d.now,
		}); err != nil {
			return a, fmt.Errorf("discovery.mirror: %w", err)
		}
		d.log.Info("mirrored requests are taken", "address", a.mirror.Addr().String())
	}
	if o := d.cfg.OTLP; o.GRPC != "" || o.HTTP != "" {
		if o.Token, err = expand(o.Token); err != nil {
			return a, fmt.Errorf("discovery.otlp.token: %w", err)
		}
		if a.otlp, err = otlp.Start(ctx, otlp.Options{GRPC: o.GRPC, HTTP: o.HTTP, Token: o.Token, Allowed: o.Networks, Learner: d.learner, Log: d.log, Now: d.now}); err != nil {
			return a, fmt.Errorf("discovery.otlp: %w", err)
		}
		d.log.Info("traces are taken", "grpc", o.GRPC, "http", o.HTTP)
	}
	return a, nil
}

// close ends the listeners; what waits is learned first.
func (a *adapters) close(ctx context.Context) {
	if a == nil {
		return
	}
	if a.mirror != nil {
		_ = a.mirror.Close(ctx)
	}
	if a.otlp != nil {
		_ = a.otlp.Close(ctx)
	}
}
