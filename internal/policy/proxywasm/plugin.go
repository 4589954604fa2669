package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/policy"
)

const (
	// maxBirths is how many instances a binding replaces in one second, so that
	// requests that make a module trap cost no more than refusing them.
	maxBirths = 20
	// leastTick is the shortest tick period.
	leastTick = 10 * time.Millisecond
)

var (
	errClosed = errors.New("the policy has been taken away")
	errDead   = errors.New("the instance was stopped when it served another exchange")
	errBirths = fmt.Errorf("more than %d instances had to be replaced in one second", maxBirths)
)

// plugin is what one binding keeps across revisions: its instances and what
// they share.
type plugin struct {
	*options
	library *library
	log     *slog.Logger
	now     func() time.Time
	http    *http.Client
	api     string
	shared  *sharedData
	// properties are those that modules may read, by their path.
	properties map[string]func(*session) ([]byte, bool)

	// ctx ends with the plugin; work counts what runs in the background.
	ctx    context.Context //nolint:containedctx // the life of the background work, which no caller bounds
	cancel context.CancelFunc
	work   sync.WaitGroup

	opening sync.Mutex
	module  *module

	mu        sync.Mutex
	instances []*instance
	coming    int // instances that are being made
	second    int64
	births    int
	closed    bool
	ticking   bool
}

func newPlugin(o *options, l *library, env policy.Env) *plugin {
	p := &plugin{options: o, library: l, log: env.Log, now: env.Now, api: env.API, shared: newSharedData()}
	p.properties = make(map[string]func(*session) ([]byte, bool))
	for _, one := range properties() {
		p.properties[one.path] = one.read
	}
	if env.HTTP != nil {
		client := *env.HTTP
		// A proxy hands redirects to the module; following one would leave the
		// services that the settings name.
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		p.http = &client
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// open compiles the module and makes the first instance; it does nothing when
// that is done.
func (p *plugin) open(code []byte) error {
	p.opening.Lock()
	defer p.opening.Unlock()
	if p.module != nil {
		return nil
	}
	m, err := p.library.take(moduleKey{p.Module, p.pages}, code)
	if err != nil {
		return err
	}
	p.module = m
	in, err := p.spawn()
	if err != nil {
		p.module = nil
		p.library.give(m)
		return err
	}
	p.mu.Lock()
	p.instances = append(p.instances, in)
	p.mu.Unlock()
	p.joined(in)
	return nil
}

// joined begins the ticks of an instance that is in the pool now.
func (p *plugin) joined(in *instance) {
	if in.acquire(p.ctx) != nil {
		return
	}
	defer in.release()
	if in.pooled = true; in.tick > 0 {
		p.startTicks()
	}
}

// Close implements io.Closer.
func (p *plugin) Close() error {
	p.cancel()
	p.mu.Lock()
	p.closed = true
	list := p.instances
	p.instances = nil
	p.mu.Unlock()
	p.work.Wait()
	for _, in := range list {
		if in.acquire(context.Background()) == nil {
			in.kill(errClosed)
			in.release()
		}
	}
	p.opening.Lock()
	defer p.opening.Unlock()
	if p.module != nil {
		p.library.give(p.module)
		p.module = nil
	}
	return nil
}

// assign gives an exchange the instance that serves it to its end: one that
// serves no other, a new one, or the one that serves the fewest.
func (p *plugin) assign() (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	var best *instance
	for _, in := range p.instances {
		if best == nil || in.live < best.live {
			best = in
		}
	}
	if best != nil && (best.live == 0 || len(p.instances)+p.coming >= p.Instances || !p.mayBear()) {
		best.live++
		p.mu.Unlock()
		return best, nil
	}
	if best == nil && !p.mayBear() {
		p.mu.Unlock()
		return nil, errBirths
	}
	p.births++
	p.coming++
	p.mu.Unlock()
	in, err := p.spawn()
	p.mu.Lock()
	p.coming--
	switch {
	case err != nil:
		p.mu.Unlock()
		return nil, err
	case p.closed:
		p.mu.Unlock()
		in.kill(errClosed)
		return nil, errClosed
	}
	in.live++
	p.instances = append(p.instances, in)
	p.mu.Unlock()
	p.joined(in)
	return in, nil
}

// mayBear says whether one more instance may be made in this second.
func (p *plugin) mayBear() bool {
	if now := p.now().Unix(); now != p.second {
		p.second, p.births = now, 0
	}
	return p.births < maxBirths
}

// leave ends the assignment of an exchange.
func (p *plugin) leave(in *instance) {
	p.mu.Lock()
	in.live--
	p.mu.Unlock()
}

// drop takes a dead instance out of the pool.
func (p *plugin) drop(in *instance) {
	p.mu.Lock()
	p.instances = slices.DeleteFunc(p.instances, func(one *instance) bool { return one == in })
	p.mu.Unlock()
}

// background runs what nobody waits for, until the plugin is closed.
func (p *plugin) background(run func(ctx context.Context)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.work.Go(func() { run(p.ctx) })
}

// startTicks makes the clock of the plugin run, once.
func (p *plugin) startTicks() {
	p.mu.Lock()
	running := p.ticking
	p.ticking = true
	p.mu.Unlock()
	if !running {
		p.background(p.ticks)
	}
}

// ticks calls proxy_on_tick where it is due.
func (p *plugin) ticks(ctx context.Context) {
	timer := time.NewTimer(leastTick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		p.mu.Lock()
		list := slices.Clone(p.instances)
		p.mu.Unlock()
		next := time.Second
		for _, in := range list {
			next = min(next, in.tickIfDue(ctx))
		}
		timer.Reset(max(next, leastTick))
	}
}
