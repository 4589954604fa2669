package jwtvalidation

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"farrier.dev/farrier/internal/jose"
)

// errNoKeys says that it can't be decided who signed a token, because a key set
// is missing.
var errNoKeys = errors.New("no key set is available")

// maxTried is how many keys are tried on one token: each costs a multiple of
// what the token cost its sender.
const maxTried = 8

// keyring knows the keys that may have signed a token.
type keyring interface {
	// holds tells whether the key is still one of them.
	holds(ctx context.Context, k *jose.Key) bool
	// find gives the keys that a token may have been signed with, none when
	// there is none, or errNoKeys.
	find(ctx context.Context, t *token) ([]*jose.Key, error)
}

// oneKey is a keyring of a key that is given as text.
type oneKey struct{ *jose.Key }

func (o oneKey) holds(context.Context, *jose.Key) bool { return true }

func (o oneKey) find(context.Context, *token) ([]*jose.Key, error) { return []*jose.Key{o.Key}, nil }

// keySets is a keyring of key sets that are fetched.
type keySets []*keySet

func newKeySets(urls []string, f fetching) keySets {
	client := *f.client
	follow := client.CheckRedirect
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
			return errors.New("redirected from https to http")
		case follow != nil:
			return follow(r, via)
		case len(via) >= 5:
			return errors.New("redirected too often")
		}
		return nil
	}
	f.client = &client
	var sets keySets
	for _, one := range urls {
		sets = append(sets, &keySet{fetching: &f, url: one})
	}
	return sets
}

func (sets keySets) holds(ctx context.Context, k *jose.Key) bool {
	for _, s := range sets {
		if now := s.current(ctx); now != nil && slices.Contains(now.keys, k) {
			return true
		}
	}
	return false
}

func (sets keySets) find(ctx context.Context, t *token) ([]*jose.Key, error) {
	found := sets.look(ctx, t)
	if t.KeyID != "" && !found.exact && found.ids {
		again := false
		for _, s := range sets {
			again = s.renew(ctx) || again
		}
		if again {
			found = sets.look(ctx, t)
		}
	}
	if !found.exact && found.missing {
		return nil, errNoKeys
	}
	return found.keys, nil
}

// findings is what key sets hold for one token.
type findings struct {
	keys    []*jose.Key
	exact   bool // a key has the token's kid
	ids     bool // there are keys with a kid, so that the token's should be among them
	missing bool // a set is missing, in which the key might be
}

// look gathers the keys with the token's kid and those without any; for a token
// without a kid it gathers all. They must suit the token's algorithm.
func (sets keySets) look(ctx context.Context, t *token) findings {
	var f findings
	for _, s := range sets {
		now := s.current(ctx)
		if now == nil {
			f.missing = true
			continue
		}
		for _, k := range now.keys {
			f.ids = f.ids || k.ID() != ""
			same := t.KeyID != "" && k.ID() == t.KeyID
			f.exact = f.exact || same
			if (same || t.KeyID == "" || k.ID() == "") && k.Suits(t.Algorithm) && len(f.keys) < maxTried {
				f.keys = append(f.keys, k)
			}
		}
	}
	return f
}
