package app

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"farrier.dev/farrier/internal/control/content"
	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/policy/attackprotection"
	"farrier.dev/farrier/internal/traffic"
)

// attackWatch marks the requests of files that hold attacks, so that they teach
// nothing; at the gateway the policies have judged them already. A nil one marks none.
type attackWatch struct{ engine *detect.Engine }

func newAttackWatch() (*attackWatch, error) {
	settings, err := json.Marshal(map[string]any{"paranoiaLevel": 1})
	if err != nil {
		return nil, fmt.Errorf("preparing to look for attacks: %w", err)
	}
	engine, err := attackprotection.Engine(settings, content.None().Sources...)
	if err != nil {
		return nil, fmt.Errorf("preparing to look for attacks: %w", err)
	}
	return &attackWatch{engine}, nil
}

// mark judges observations, on all processors.
func (w *attackWatch) mark(ctx context.Context, all []*discovery.Observation) {
	if w == nil {
		return
	}
	var workers sync.WaitGroup
	parts := min(runtime.GOMAXPROCS(0), len(all))
	for part := range parts {
		workers.Go(func() {
			for i := part; i < len(all); i += parts {
				if !all[i].Attack {
					all[i].Attack = w.attack(ctx, all[i])
				}
			}
		})
	}
	workers.Wait()
}

// attack judges one request as far as it was seen.
func (w *attackWatch) attack(ctx context.Context, o *discovery.Observation) bool {
	host := o.Host
	if host == "" {
		host = "unknown.invalid" // A log without hosts is no request without one.
	}
	x := &traffic.Exchange{Received: o.Time}
	x.Request = traffic.Request{
		Method: o.Method, Scheme: o.Scheme, Host: host, Proto: o.Proto,
		Path: o.Path, RawQuery: o.Query, RawTarget: o.Path, Client: o.Caller.Address,
	}
	if o.Query != "" {
		x.Request.RawTarget += "?" + o.Query
	}
	if h := o.Request.Header; h != nil {
		x.Request.Header = h.Clone()
		// A body that was opened has no coding any more.
		x.Request.Header.Del("content-encoding")
	}
	if len(o.Request.Body) > 0 {
		x.Request.Body.Put(o.Request.Body)
	}
	v := w.engine.Judge(ctx, x, detect.Lessons{})
	return v.Block && (v.Err != nil || discovery.Attacks(v.Findings))
}
