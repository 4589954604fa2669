package jwtvalidation

import (
	"crypto/sha256"
	"sync"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/traffic"
)

const (
	maxCached      = 10_000  // tokens
	maxCachedToken = 8 << 10 // bytes of a token that is kept
	cacheShards    = 16
	cacheSample    = 8
)

// tokenID is the SHA-256 by which a verified token is known again, so that no
// token stays in memory.
type tokenID [sha256.Size]byte

// verified is what is known of a token whose signature and claims held. It is
// immutable. As an object it is `vars`, with the claims as claimSet.
type verified struct {
	key                *jose.Key // that verified it, nil without a signature
	notBefore, expires float64
	claims             dataweave.Value
	property           any    // the claims, for authentication.properties
	clientID           string // unless it must be evaluated each time
	headers            []traffic.Field
}

// Get implements dataweave.Object.
func (v *verified) Get(name string) (dataweave.Value, bool) {
	if name != "claimSet" {
		return dataweave.Null(), false
	}
	return v.claims, true
}

// Len implements dataweave.Object.
func (v *verified) Len() int { return 1 }

// Keys implements dataweave.Object.
func (v *verified) Keys() []string { return []string{"claimSet"} }

// tokenCache keeps verified tokens, at most maxCached. It judges neither keys
// nor times: whoever finds a token looks at both.
type tokenCache struct {
	shards [cacheShards]struct {
		sync.Mutex
		tokens map[tokenID]*verified
	}
}

func (c *tokenCache) find(id *tokenID) *verified {
	s := &c.shards[id[0]%cacheShards]
	s.Lock()
	defer s.Unlock()
	return s.tokens[*id]
}

func (c *tokenCache) drop(id *tokenID) {
	s := &c.shards[id[0]%cacheShards]
	s.Lock()
	defer s.Unlock()
	delete(s.tokens, *id)
}

// keep adds a token. Of a sample the one that expires first gives way.
func (c *tokenCache) keep(id *tokenID, v *verified) {
	s := &c.shards[id[0]%cacheShards]
	s.Lock()
	defer s.Unlock()
	if s.tokens == nil {
		s.tokens = make(map[tokenID]*verified)
	}
	if s.tokens[*id] == nil && len(s.tokens) >= maxCached/cacheShards {
		var victim *tokenID
		var first float64
		n := 0
		for other, v := range s.tokens {
			if victim == nil || v.expires < first {
				victim, first = &other, v.expires
			}
			if n++; n == cacheSample {
				break
			}
		}
		delete(s.tokens, *victim)
	}
	s.tokens[*id] = v
}

func (c *tokenCache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		n += len(s.tokens)
		s.Unlock()
	}
	return n
}
