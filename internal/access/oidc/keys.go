package oidc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"farrier.dev/farrier/internal/jose"
)

// The life of keys.
const (
	// keysLife is how long keys are used without being read again.
	keysLife = time.Hour
	// keysPause is the least time between two readings: who sends tokens with made-up
	// key ids can't make us ask the provider for each.
	keysPause = 30 * time.Second
)

// keyset are the keys of a provider, read again when they are old or a token names
// one that is not among them.
type keyset struct {
	fetch     func(ctx context.Context) ([]byte, error)
	now       func() time.Time
	permitted jose.Permitted

	mu    sync.Mutex
	keys  []*jose.Key
	read  time.Time // when keys were read
	asked time.Time // when that was last tried
	err   error     // why it failed
}

// verifies reports whether one of the keys signed the token.
func (k *keyset) verifies(ctx context.Context, t *jose.Token) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.read.IsZero() || k.now().Sub(k.read) >= keysLife {
		k.refresh(ctx)
	}
	if good, named := k.match(t); good || named {
		return signed(good)
	}
	k.refresh(ctx)
	if len(k.keys) == 0 && k.err != nil {
		return refuse(ErrUnreachable, "its keys can't be read: %.200s", k.err.Error())
	}
	good, named := k.match(t)
	if !named && !good {
		return refuse(ErrAnswer, "it is signed by a key that the provider does not publish")
	}
	return signed(good)
}

func signed(good bool) error {
	if !good {
		return refuse(ErrAnswer, "its signature is wrong")
	}
	return nil
}

// match tries the keys; named says that one of them is what the token calls for.
func (k *keyset) match(t *jose.Token) (good, named bool) {
	for _, key := range k.keys {
		if t.KeyID != "" && key.ID() != "" && key.ID() != t.KeyID || !key.Suits(t.Algorithm) {
			continue
		}
		named = named || t.KeyID != "" && key.ID() == t.KeyID
		if key.Verifies(t) {
			return true, true
		}
	}
	return false, named
}

// refresh reads the keys again, unless that was tried a moment ago. Keys that are
// known stay when it fails.
func (k *keyset) refresh(ctx context.Context) {
	if !k.asked.IsZero() && k.now().Sub(k.asked) < keysPause {
		return
	}
	k.asked = k.now()
	text, err := k.fetch(ctx)
	if err == nil {
		var keys []*jose.Key
		if keys, _, err = jose.ReadKeySet(text, k.permitted, k.keys); err == nil && len(keys) == 0 {
			err = errors.New("it publishes no key that is allowed")
		}
		if err == nil {
			k.keys, k.read = keys, k.asked
		}
	}
	k.err = err
}

// fetchKeys reads the provider's published keys.
func (p *Provider) fetchKeys(ctx context.Context) ([]byte, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	return p.get(ctx, m.keys, "")
}

// get reads an address of the provider, as the bearer of a token where there is one.
func (p *Provider) get(ctx context.Context, at, bearer string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("the answer has status " + resp.Status)
	}
	return io.ReadAll(resp.Body)
}
