package credentialinjection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 9, Basic(), APIKey(), OAuth2(), OnBehalfOf())
}

// TestOneFlight holds that however many want a token at once, it is fetched
// once, also when the one who began went away.
func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := newTokens(1, time.Second)
		var fetches atomic.Int32
		fetch := func(ctx context.Context) (*token, error) {
			fetches.Add(1)
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return &token{"t", time.Now(), time.Now().Add(time.Minute)}, nil
		}
		var group sync.WaitGroup
		var got, gone atomic.Int32
		for i := range 20 {
			group.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					inner, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					ctx = inner
				}
				one, err := kept.get(ctx, key{}, time.Now, fetch)
				switch {
				case err == nil && one.value == "t":
					got.Add(1)
				case errors.Is(err, errCallerGone):
					gone.Add(1)
				default:
					t.Errorf("%v, %v", one, err)
				}
			})
		}
		group.Wait()
		if fetches.Load() != 1 || got.Load() < 10 || got.Load()+gone.Load() != 20 {
			t.Errorf("%d fetches, %d got a token, %d went away", fetches.Load(), got.Load(), gone.Load())
		}
	})
}

// TestPanickingFetch holds that nobody waits for a fetch that panicked.
func TestPanickingFetch(t *testing.T) {
	kept := newTokens(1, 0)
	func() {
		defer func() { _ = recover() }()
		_, _ = kept.get(t.Context(), key{}, time.Now, func(context.Context) (*token, error) { panic("out of order") })
	}()
	if _, err := kept.get(t.Context(), key{}, time.Now, func(context.Context) (*token, error) { return nil, errors.New("next") }); err == nil || err.Error() != "next" {
		t.Errorf("the next fetch: %v", err)
	}
}

// TestBounded holds that no more tokens are kept than allowed, and that what
// is kept belongs to its key.
func TestBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 5).Draw(t, "most")
		kept := newTokens(most, 0)
		now := time.Unix(0, 0)
		for range rapid.IntRange(0, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			k := key{byte(rapid.IntRange(0, 9).Draw(t, "key"))}
			got, err := kept.get(context.Background(), k, func() time.Time { return now }, func(context.Context) (*token, error) {
				if rapid.Bool().Draw(t, "failed") {
					return nil, errors.New("no")
				}
				return &token{fmt.Sprint(k[0]), now, now.Add(30 * time.Second)}, nil
			})
			if err == nil && (got.value != fmt.Sprint(k[0]) || !now.Before(got.expires)) {
				t.Fatalf("token %s until %v for key %d at %v", got.value, got.expires, k[0], now)
			}
			if err == nil && rapid.Bool().Draw(t, "refused") {
				if dropped := kept.refused(k, got, now); dropped != (now.Sub(got.fetched) >= leastAge) {
					t.Fatalf("dropped %v at the age of %v", dropped, now.Sub(got.fetched))
				}
			}
			if len(kept.kept) > most || len(kept.order) != len(kept.kept) || len(kept.flights) != 0 {
				t.Fatalf("%d kept, %d in order, %d flights", len(kept.kept), len(kept.order), len(kept.flights))
			}
		}
	})
}

func TestLife(t *testing.T) {
	now := time.Unix(1000, 0)
	cases := []struct {
		ttl, expires string
		want         time.Duration
	}{
		{"0s", "3600", 3570 * time.Second},
		{"0s", "100", 90 * time.Second},
		{"0s", "0", 0},
		{"0s", "-5", 0},
		{"0s", "1e300", 365*24*time.Hour - 30*time.Second},
		{"0s", "", 5 * time.Minute},
		{"60s", "3600", time.Minute},
		{"60s", "10", 9 * time.Second},
		{"10m", "", 10 * time.Minute},
	}
	for _, c := range cases {
		ttl, err := time.ParseDuration(c.ttl)
		if err != nil {
			t.Fatal(err)
		}
		s := &tokenService{life: ttl}
		if got := s.made("t", json.Number(c.expires), now).expires.Sub(now); got != c.want {
			t.Errorf("ttl %s, expires_in %q: used for %v, want %v", c.ttl, c.expires, got, c.want)
		}
	}
	t.Logf("judged %d lives", len(cases))
}

func TestErrorCodes(t *testing.T) {
	for text, want := range map[string]string{
		"invalid_client": "invalid_client", "": "", "a secret": "", "Invalid": "", "eyJhbGciOi": "",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": "",
	} {
		if got := errorCode(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestBearer(t *testing.T) {
	cases := map[string]string{
		"Bearer abc": "abc", "bearer  abc": "abc", "BEARER a.b-c_~+/=": "a.b-c_~+/=",
		"Bearer": "", "Bearer ": "", "Basic abc": "", "abc": "", "Bearer a b": "", "Bearer a\x7f": "",
	}
	for text, want := range cases {
		h := traffic.NewHeader(traffic.Field{Name: "authorization", Value: text})
		if got := bearer(&h); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	two := traffic.NewHeader(traffic.Field{Name: "authorization", Value: "Bearer a"}, traffic.Field{Name: "authorization", Value: "Bearer a"})
	if bearer(&two) != "" {
		t.Error("of two tokens one is taken")
	}
}

// FuzzAnswers plays what token services may answer.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{`{"access_token":"t","expires_in":3600}`, `{"access_token":"t","expires_in":"1e99"}`, `{"error":"invalid_grant"}`, `[]`, `{"access_token":"a\r\nb"}`} {
		f.Add(200, seed)
		f.Add(400, seed)
	}
	f.Fuzz(func(t *testing.T, status int, text string) {
		client := &http.Client{Transport: answers(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
		})}
		s := &tokenService{url: "https://id.test/token", timeout: time.Second}
		got, err := s.ask(t.Context(), client, url.Values{}, time.Now)
		switch {
		case err != nil && got == nil:
			if len(text) > 40 && strings.Contains(err.Error(), text) {
				t.Fatalf("the error repeats the answer: %v", err)
			}
		case err != nil || status < 200 || status > 299 || !validToken(got.value) || got.expires.Before(got.fetched):
			t.Fatalf("status %d, %q: %v, %v", status, text, got, err)
		}
	})
}

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }
