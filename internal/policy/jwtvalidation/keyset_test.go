package jwtvalidation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/traffic"
)

// issuer serves key sets.
type issuer struct {
	mu     sync.Mutex
	pages  map[string]string // by URL; one that is missing refuses the connection
	takes  time.Duration
	asked  int
	status int
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	page, ok := i.pages[r.URL.String()]
	takes, status := i.takes, max(i.status, 200)
	i.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if !ok {
		return nil, errors.New("connection refused")
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), Request: r}
	if target, ok := strings.CutPrefix(page, "redirect "); ok {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", target)
	}
	return resp, nil
}

func (i *issuer) set(url, page string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pages == nil {
		i.pages = map[string]string{}
	}
	i.pages[url] = page
}

func (i *issuer) fail(url string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.pages, url)
}

func (i *issuer) slow(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.takes = d
}

// count is how often keys were asked for since the last count.
func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := i.asked
	i.asked = 0
	return n
}

const one, two = "https://one.test/keys", "https://two.test/keys?tenant=s3cret"

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// world is a step whose keys come from an issuer, and two keys with a token each.
type world struct {
	*testing.T
	*issuer
	step             *bound
	a, b             string // JWKs
	byA, byB, noKeys string // tokens
}

func inWorld(t *testing.T, settings map[string]any, play func(w *world)) {
	pairs() // outside of the bubble, where time is real
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, issuer: &issuer{}}
		a, b := pairs()["rsa"], pairs()["rsa too"]
		w.a, w.b = jwkOf(t, publicOf(a), `"kid":"a"`), jwkOf(t, publicOf(b), `"kid":"b"`)
		w.byA, w.byB = sign(t, "RS256", a, `{"alg":"RS256","kid":"a"}`, `{}`), sign(t, "RS256", b, `{"alg":"RS256","kid":"b"}`, `{}`)
		w.noKeys = sign(t, "RS256", a, `{"alg":"RS256"}`, `{}`)
		w.set(one, jwks(w.a))
		all := map[string]any{"jwtKeyOrigin": "jwks", "jwksUrl": one}
		for name, value := range settings {
			all[name] = value
		}
		w.step = bind(t, settingsOf(t, all), w.issuer)
		play(w)
	})
}

func (w *world) expect(token string, status, fetches int) {
	w.Helper()
	if got, reason := w.step.send(w, token); got != status {
		w.Errorf("status %d (%s), want %d", got, reason, status)
	}
	if n := w.count(); n != fetches {
		w.Errorf("%d fetches, want %d", n, fetches)
	}
}

func TestRotation(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.expect(w.byA, 0, 1)
		w.expect(w.byA, 0, 0)
		w.set(one, jwks(w.a, w.b))
		w.expect(w.byB, 0, 1) // an unknown kid asks again
		w.set(one, jwks(w.b))
		w.expect(w.byA, 0, 0) // until the time to live is over
		time.Sleep(61 * time.Minute)
		w.expect(w.byA, 401, 2) // withdrawn, though the token was known; its kid asked once more
		w.expect(w.byB, 0, 0)
		w.expect(w.byA, 401, 0)
		w.set(one, jwks())
		time.Sleep(61 * time.Minute)
		w.expect(w.byB, 401, 1)
	})
}

func TestUnknownKidsAskOncePerHalfMinute(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.expect(w.byA, 0, 1)
		w.expect(w.byB, 401, 1)
		for range 29 {
			time.Sleep(time.Second)
			w.expect(w.byB, 401, 0)
		}
		w.expect(w.noKeys, 0, 0) // without kid all keys are tried, and none is asked for
		time.Sleep(time.Second)
		w.set(one, jwks(w.a, w.b))
		w.expect(w.byB, 0, 1)
	})
}

func TestAnOldSetServesWhileFetchingFails(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.expect(w.byA, 0, 1)
		w.fail(one)
		time.Sleep(time.Hour)
		began := time.Now()
		for pause := time.Second; pause <= 4*time.Second; pause *= 2 {
			w.expect(w.byA, 0, 1)
			time.Sleep(pause - time.Millisecond)
			w.expect(w.byA, 0, 0)
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took != 7*time.Second {
			w.Errorf("three pauses took %v", took)
		}
		time.Sleep(23*time.Hour - time.Minute)
		w.expect(w.byA, 0, 1)
		time.Sleep(time.Minute)
		w.expect(w.byA, 503, 1) // 24 hours old
		time.Sleep(5 * time.Minute)
		w.expect(w.byA, 503, 1)
		w.set(one, jwks(w.a))
		time.Sleep(5 * time.Minute)
		w.expect(w.byA, 0, 1)
	})
}

func TestNoKeySetIs503(t *testing.T) {
	for name, page := range map[string]string{
		"no JSON":        "<html>",
		"no keys":        `{}`,
		"keys are null":  `{"keys":null}`,
		"too long":       jwks() + strings.Repeat(" ", maxKeySet),
		"redirect":       "redirect http://one.test/keys",
		"redirect round": "redirect " + one,
		"too many keys":  jwks(strings.TrimSuffix(strings.Repeat("{},", jose.MaxKeys+1), ",")),
	} {
		inWorld(t, nil, func(w *world) {
			w.set(one, page)
			w.set("http://one.test/keys", jwks(w.a))
			if status, _ := w.step.send(w, w.byA); status != 503 {
				w.Errorf("%s: status %d", name, status)
			}
		})
	}
	inWorld(t, nil, func(w *world) {
		w.status = 404
		w.expect(w.byA, 503, 1)
		w.expect(w.byA, 503, 0) // it does not ask again at once
	})
	inWorld(t, nil, func(w *world) {
		w.set(one, jwks(`{"kty":"QUANTUM","kid":"q"}`, `7`, w.a))
		w.expect(w.byA, 0, 1) // what it can't read it leaves
	})
}

func TestSlowIssuer(t *testing.T) {
	inWorld(t, map[string]any{"jwksServiceConnectionTimeout": 3000}, func(w *world) {
		w.slow(2 * time.Second)
		var wg sync.WaitGroup
		began := time.Now()
		for range 20 {
			wg.Go(func() {
				if status, reason := w.step.send(w, w.byA); status != 0 {
					w.Errorf("status %d (%s)", status, reason)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != 2*time.Second || w.count() != 1 {
			w.Errorf("twenty requests took %v", took)
		}
		w.slow(time.Hour)
		time.Sleep(time.Hour)
		for _, want := range []time.Duration{patience, 0, 0} { // only the beginning of a fetch is waited for
			began = time.Now()
			w.step.send(w, w.byA)
			if took := time.Since(began); took != want {
				w.Errorf("a request with an old set took %v, want %v", took, want)
			}
		}
		time.Sleep(5 * time.Second)
		w.slow(0)
		w.expect(w.byA, 0, 2)
	})
	inWorld(t, map[string]any{"jwksServiceConnectionTimeout": 3000}, func(w *world) {
		w.slow(time.Hour)
		began := time.Now()
		w.expect(w.byA, 503, 1)
		if took := time.Since(began); took != 3*time.Second {
			w.Errorf("a request without a set took %v", took)
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Bearer "+w.byA)
		if v := w.step.Request(ctx, x); v.Answer.Status != 503 || time.Since(began) != 5*time.Second {
			w.Errorf("a request that is abandoned: %d after %v", v.Answer.Status, time.Since(began))
		}
		time.Sleep(3 * time.Second)
	})
}

func TestSeveralSets(t *testing.T) {
	inWorld(t, map[string]any{"jwksUrl": one + " , " + two}, func(w *world) {
		w.expect(w.byA, 0, 2)
		w.expect(w.byB, 503, 1) // the key may be in the set that is missing
		w.set(two, jwks(w.b))
		time.Sleep(time.Second)
		w.expect(w.byB, 0, 1)
		w.fail(one)
		time.Sleep(25 * time.Hour)
		w.expect(w.byB, 0, 2)
		w.expect(w.byA, 503, 1)
	})
}

func TestKeysWithoutKid(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.set(one, jwks(jwkOf(w, publicOf(pairs()["rsa"]), "")))
		w.expect(w.byA, 0, 1)
		w.expect(w.noKeys, 0, 0)
		w.expect(w.byB, 401, 0)
	})
	inWorld(t, nil, func(w *world) { // no more than eight keys are tried
		var keys []string
		for range maxTried {
			keys = append(keys, jwkOf(w, publicOf(pairs()["rsa too"]), ""))
		}
		w.set(one, jwks(append(keys, w.a)...))
		w.expect(w.noKeys, 401, 1)
		w.expect(w.byA, 401, 0)
	})
}

// TestKnownTokensSurviveAFetch holds that a set that is written as before does
// not cost the tokens that are known.
func TestKnownTokensSurviveAFetch(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.expect(w.byA, 0, 1)
		cache := w.step.states["tokens"].(*tokenCache)
		id := identify("", w.byA)
		before := cache.find(&id)
		time.Sleep(time.Hour)
		w.set(one, jwks(w.a, w.b))
		w.expect(w.byA, 0, 1)
		if before == nil || cache.find(&id) != before {
			w.Error("the token was verified anew")
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	var c tokenCache
	for i := range 3 * maxCached {
		id := identify("", fmt.Sprint(i))
		c.keep(&id, &verified{expires: float64(i)})
	}
	if n := c.len(); n > maxCached || n < maxCached*9/10 {
		t.Errorf("%d tokens are kept, at most %d should be", n, maxCached)
	}
	last := identify("", fmt.Sprint(3*maxCached-1))
	if c.find(&last) == nil {
		t.Error("the token that expires last gave way")
	}
}

// TestCacheObeysTime holds that a known token still expires, to the moment.
func TestCacheObeysTime(t *testing.T) {
	secret := pairs()["hmac"].([]byte)
	synctest.Test(t, func(t *testing.T) {
		step := bind(t, settingsOf(t, map[string]any{"signingMethod": "hmac", "textKey": string(secret)}), nil)
		now := time.Now().Unix()
		token := sign(t, "HS256", secret, `{"alg":"HS256"}`, fmt.Sprintf(`{"nbf":%d,"exp":%d.5}`, now, now+60))
		for wait, want := range []int{0, 0, 401, 401} {
			if status, reason := step.send(t, token); status != want {
				t.Errorf("send %d: %d (%s), want %d", wait, status, reason, want)
			}
			time.Sleep([]time.Duration{60499 * time.Millisecond, time.Millisecond, 0, 0}[wait])
		}
		if n := step.states["tokens"].(*tokenCache).len(); n != 0 {
			t.Errorf("%d tokens are kept that have expired", n)
		}
	})
}
