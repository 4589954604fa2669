package tokenenforcement

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// refusalLifetime is how long a token that is not valid is known as such: long
	// enough for a client that tries again at once.
	refusalLifetime = 2 * time.Second
	cacheSample     = 8
	// maxFlights is how many calls to the server may be under way at once.
	maxFlights = 1000
)

// tokenID is the SHA-256 by which a token is known again, so that no token stays
// in memory.
type tokenID [sha256.Size]byte

// verdict is what is known of a token: a grant, or why there is none.
type verdict struct {
	grant *grant
	err   error
	until time.Time
}

// flight is one call to the server, for which all requests with the same token
// wait.
type flight struct {
	done    chan struct{}
	verdict verdict
}

// tokens knows what the server said of tokens, and asks it. It outlives revisions
// that change nothing of the settings.
type tokens struct {
	rules    *rules
	server   *asking
	now      func() time.Time
	capacity int
	ctx      context.Context //nolint:containedctx // ends the calls under way when nothing uses the state any more
	cancel   context.CancelFunc

	mu      sync.Mutex
	known   map[tokenID]verdict
	flights map[tokenID]*flight
}

func newTokens(r *rules, server *asking, now func() time.Time, capacity int) *tokens {
	t := &tokens{
		rules: r, server: server, now: now, capacity: capacity,
		known: map[tokenID]verdict{}, flights: map[tokenID]*flight{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Close ends the calls under way.
func (t *tokens) Close() error {
	t.cancel()
	if t.server.roots != nil {
		t.server.client.CloseIdleConnections() // the transport is its own
	}
	return nil
}

// grant is what is known of a token, asking the server where nothing is. Requests
// with one token share one call.
func (t *tokens) grant(ctx context.Context, token string) (*grant, error) {
	id := tokenID(sha256.Sum256([]byte(token)))
	now := t.now()
	t.mu.Lock()
	if v, ok := t.known[id]; ok {
		if now.Before(v.until) {
			t.mu.Unlock()
			return v.grant, v.err
		}
		delete(t.known, id)
	}
	f := t.flights[id]
	if f == nil && len(t.flights) >= maxFlights {
		t.mu.Unlock()
		return nil, errBusy
	}
	if f == nil {
		f = &flight{done: make(chan struct{})}
		t.flights[id] = f
		// Others wait for this call too: it must survive the request that began it.
		go t.fly(id, token, f)
	}
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.verdict.grant, f.verdict.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the client did not wait for the authorization server: %w", ctx.Err())
	}
}

// fly makes one call. A panic in a parser must not end the program.
func (t *tokens) fly(id tokenID, token string, f *flight) {
	v := verdict{err: fmt.Errorf("%w: reading it panicked", errAnswer)}
	defer func() {
		_ = recover() // v says so already
		t.mu.Lock()
		defer t.mu.Unlock()
		f.verdict = v
		delete(t.flights, id)
		t.keep(id, v)
		close(f.done)
	}()
	claims, err := t.server.ask(t.ctx, token)
	now := t.now()
	if err != nil {
		v = verdict{err: err}
	} else {
		g, err := t.rules.grant(claims, now)
		v = verdict{grant: g, err: err}
	}
	switch {
	case errors.Is(v.err, errNotValid):
		v.until = now.Add(refusalLifetime)
	case v.err == nil:
		v.until = v.grant.keep
	}
}

// keep remembers a verdict until its time is over. Of a sample the one that ends
// first gives way, which is a refusal before it is a grant.
func (t *tokens) keep(id tokenID, v verdict) {
	if t.capacity == 0 || !t.now().Before(v.until) {
		return
	}
	if _, had := t.known[id]; !had && len(t.known) >= t.capacity {
		var victim tokenID
		var first time.Time
		n := 0
		for other, one := range t.known {
			if n == 0 || one.until.Before(first) {
				victim, first = other, one.until
			}
			if n++; n == cacheSample {
				break
			}
		}
		if v.err != nil && first.After(v.until) {
			return // a flood of bad tokens does not push out good ones
		}
		delete(t.known, victim)
	}
	t.known[id] = v
}
