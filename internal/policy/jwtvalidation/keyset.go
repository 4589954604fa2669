package jwtvalidation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/jose"
)

const (
	maxKeySet    = 1 << 20         // bytes of a key set
	maxStale     = 24 * time.Hour  // that a set serves while it can't be fetched
	firstBackoff = time.Second     // after the first failure; doubled with each further one
	lastBackoff  = 5 * time.Minute // which it does not exceed
	refetchPause = 30 * time.Second
	// patience is how long a fetch may keep requests waiting that have an old set.
	patience = 200 * time.Millisecond
)

// fetching is what the key sets of one step have in common.
type fetching struct {
	client  *http.Client
	now     func() time.Time
	log     *slog.Logger
	ttl     time.Duration
	timeout time.Duration
	allowed jose.Permitted
}

// keySet is the JWK set (RFC 7517) behind one URL. It is fetched when first
// needed, again when its time to live is over, and at most every 30 seconds for
// a key that it does not have. While fetching fails the last good set serves.
type keySet struct {
	*fetching
	url    string
	latest atomic.Pointer[snapshot]

	mu       sync.Mutex
	busy     chan struct{} // closed when the fetch under way ends; nil without one
	began    time.Time     // of the fetch under way
	retry    time.Time
	backoff  time.Duration
	renewals time.Time // when an unknown key last asked for a fetch
}

// snapshot is a key set as it was once.
type snapshot struct {
	fetched time.Time
	keys    []*jose.Key
}

// current is the set as far as it may be used now, nil when there is none.
func (s *keySet) current(ctx context.Context) *snapshot {
	now := s.now()
	had := s.latest.Load()
	if had != nil && now.Sub(had.fetched) < s.ttl {
		return had
	}
	usable := func(one *snapshot) bool { return one != nil && s.now().Sub(one.fetched) < max(maxStale, s.ttl) }
	if busy, began := s.refresh(ctx, now); busy != nil {
		if !usable(had) {
			await(ctx, busy, 0)
		} else if rest := patience - now.Sub(began); rest > 0 {
			await(ctx, busy, rest)
		}
	}
	if latest := s.latest.Load(); usable(latest) {
		return latest
	}
	return nil
}

// renew fetches the set for a key that it does not have, and tells whether it
// looked again.
func (s *keySet) renew(ctx context.Context) bool {
	now := s.now()
	s.mu.Lock()
	busy := s.busy
	if busy == nil {
		if !s.renewals.IsZero() && now.Sub(s.renewals) < refetchPause {
			s.mu.Unlock()
			return false
		}
		s.renewals = now
	}
	s.mu.Unlock()
	again, _ := s.refresh(ctx, now)
	if again == nil {
		return false
	}
	await(ctx, again, 0)
	return true
}

// refresh starts a fetch unless one is under way or the last one failed a
// moment ago, and returns what is closed at its end and when it began; nil when
// there is none.
func (s *keySet) refresh(ctx context.Context, now time.Time) (busy <-chan struct{}, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		if now.Before(s.retry) {
			return nil, began
		}
		s.busy, s.began = make(chan struct{}), now
		// Others wait for this fetch too: it must survive the request that began it.
		go s.update(context.WithoutCancel(ctx), s.busy)
	}
	return s.busy, s.began
}

func await(ctx context.Context, done <-chan struct{}, most time.Duration) {
	var tired <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		tired = timer.C
	}
	select {
	case <-done:
	case <-tired:
	case <-ctx.Done():
	}
}

func (s *keySet) update(ctx context.Context, done chan struct{}) {
	keys, err := s.fetch(ctx)
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(done)
	s.busy = nil
	if err == nil {
		s.backoff, s.retry = 0, time.Time{}
		s.latest.Store(&snapshot{fetched: now, keys: keys})
		return
	}
	s.backoff = min(max(firstBackoff, 2*s.backoff), lastBackoff)
	s.retry = now.Add(s.backoff)
	s.log.Warn("a key set could not be fetched", "url", s.shown(), "error", err, "retry", s.backoff, "stale", s.latest.Load() != nil)
}

// shown is the URL without what may be a secret.
func (s *keySet) shown() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// fetch gets and reads the set. A panic in a parser must not end the program.
func (s *keySet) fetch(ctx context.Context) (keys []*jose.Key, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("reading the key set panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("the URL is not valid")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, whose query may hold a secret
		}
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	_ = resp.Body.Close() // all that is wanted has been read
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the key set: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the status is %d, not 200", resp.StatusCode)
	case len(text) > maxKeySet:
		return nil, errors.New("the key set is longer than 1 MiB")
	}
	return s.read(text)
}

// read takes the usable keys out of a set. A key that is written as before stays
// the same key, so that the tokens it verified stay known.
func (s *keySet) read(text []byte) ([]*jose.Key, error) {
	var had []*jose.Key
	if latest := s.latest.Load(); latest != nil {
		had = latest.keys
	}
	keys, left, err := jose.ReadKeySet(text, s.allowed, had)
	if err != nil {
		return nil, err
	}
	ambiguous := 0
	for _, l := range left {
		if errors.Is(l.Why, jose.ErrAmbiguous) {
			ambiguous++
		}
		s.log.Debug("a key of a key set is left out", "url", s.shown(), "position", l.Position, "why", l.Why)
	}
	if ambiguous > 0 {
		s.log.Warn("a key set gives different keys one kid; they are left out", "url", s.shown(), "keys", ambiguous)
	}
	if len(keys) == 0 {
		s.log.Warn("a key set has no key that suits the settings", "url", s.shown())
	}
	return keys, nil
}
