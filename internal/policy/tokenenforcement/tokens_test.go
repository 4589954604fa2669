package tokenenforcement

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http/httpguts"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/traffic"
)

// roundTrip is a server without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func tokensOver(t *testing.T, capacity int, f roundTrip) *tokens {
	t.Helper()
	s := &server{style: introspection, endpoint: "https://login.test/introspect", authorization: "Basic eA==", timeout: 10 * time.Second}
	r := &rules{consumer: byClientID, longest: lifetime{most: time.Minute, withoutExpiry: true}}
	known := newTokens(r, s.connect(&http.Client{Transport: f}, time.Now), time.Now, capacity)
	t.Cleanup(func() { _ = known.Close() })
	return known
}

// TestOneCall: requests with one token share one call, also when the request
// that began it goes away; another token has its own.
func TestOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		known := tokensOver(t, 10, func(*http.Request) (*http.Response, error) {
			calls.Add(1)
			time.Sleep(time.Second)
			return reply(200, `{"active":true,"client_id":"mobile"}`)
		})
		impatient, leave := context.WithCancel(t.Context())
		go func() {
			if _, err := known.grant(impatient, "tok"); !errors.Is(err, context.Canceled) {
				t.Errorf("the impatient got %v", err)
			}
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				token := "tok"
				if i == 0 {
					token = "other"
				}
				if g, err := known.grant(t.Context(), token); err != nil || g.clientID != "mobile" {
					t.Errorf("got %v, %v", g, err)
				}
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		if n := calls.Load(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
		if len(known.flights) != 0 {
			t.Errorf("%d calls are still noted", len(known.flights))
		}
	})
}

// TestTimeout: a server that keeps silent is waited for as long as the settings
// say; a closed state ends the call at once.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := tokensOver(t, 10, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		if _, err := known.grant(t.Context(), "tok"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		go func() {
			time.Sleep(time.Second)
			_ = known.Close()
		}()
		began = time.Now()
		if _, err := known.grant(t.Context(), "tok"); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
	})
}

// TestPanic: what panics while asking refuses, and does so for all who wait.
func TestPanic(t *testing.T) {
	known := tokensOver(t, 10, func(*http.Request) (*http.Response, error) { panic("boom") })
	if _, err := known.grant(t.Context(), "tok"); !errors.Is(err, errAnswer) {
		t.Errorf("got %v", err)
	}
}

// TestCapacity: however many tokens come, no more are kept than the settings
// say, and invented ones do not push out valid ones.
func TestCapacity(t *testing.T) {
	var calls atomic.Int32
	known := tokensOver(t, 20, func(r *http.Request) (*http.Response, error) {
		calls.Add(1)
		text, _ := io.ReadAll(r.Body)
		if form, _ := url.ParseQuery(string(text)); strings.HasPrefix(form.Get("token"), "good") {
			return reply(200, `{"active":true,"client_id":"mobile"}`)
		}
		return reply(200, `{"active":false}`)
	})
	for i := range 20 {
		if _, err := known.grant(t.Context(), fmt.Sprint("good", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		if _, err := known.grant(t.Context(), fmt.Sprint("bad", i)); !errors.Is(err, errNotValid) {
			t.Fatal(err)
		}
	}
	before := calls.Load()
	for i := range 20 {
		if _, err := known.grant(t.Context(), fmt.Sprint("good", i)); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != before {
		t.Errorf("%d valid tokens were pushed out", calls.Load()-before)
	}
	for i := range 500 {
		if _, err := known.grant(t.Context(), fmt.Sprint("good-", i)); err != nil {
			t.Fatal(err)
		}
		if len(known.known) > 20 {
			t.Fatalf("%d tokens are kept", len(known.known))
		}
	}
}

// TestServers: answers over TCP that are too long, break off, or come from
// nowhere, told without the token.
func TestServers(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			_, _ = io.WriteString(w, `{"active":true,"x":"`+strings.Repeat("x", maxAnswer)+`"}`)
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"active":true`)
		}
	}))
	defer upstream.Close()
	for _, c := range []struct {
		path, reason string
		is           error
	}{
		{"/long", "longer than 64 KiB", errAnswer},
		{"/short", "broke off", nil},
		{"", "could not be reached", nil},
	} {
		s := &server{endpoint: upstream.URL + c.path, style: queryGet, timeout: 5 * time.Second}
		if c.path == "" {
			s.endpoint = "http://127.0.0.1:1/"
		}
		_, err := s.connect(&http.Client{}, time.Now).ask(t.Context(), "very-secret")
		if err == nil || !strings.Contains(err.Error(), c.reason) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %q", c.path, err, c.reason)
		}
		if err != nil && strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: the reason shows the token: %v", c.path, err)
		}
	}
}

// TestBound: a token that is bound to a client certificate passes with that
// certificate alone.
func TestBound(t *testing.T) {
	sum := sha256.Sum256([]byte("certificate"))
	claims := map[string]any{"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}}
	g, err := (&rules{}).grant(claims, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for raw, reason := range map[string]string{"certificate": "", "another": "bound to another client certificate"} {
		x := &traffic.Exchange{}
		x.Request.TLS = &traffic.TLS{Peer: []*x509.Certificate{{Raw: []byte(raw)}}}
		if err := g.bound(x); (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestTimes: what counts as begun and as over, and until when a token is known.
func TestTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		answer string
		life   lifetime
		reason string
		keep   time.Duration // from now; 0 for not at all
	}{
		{`{}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
		{`{}`, lifetime{unbounded: true}, "", 0},
		{`{}`, lifetime{most: time.Minute}, "", 0},
		{`{"exp":1000030}`, lifetime{most: time.Minute, withoutExpiry: true}, "", 30 * time.Second},
		{`{"exp":1000090}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
		{`{"exp":1000090}`, lifetime{unbounded: true}, "", 90 * time.Second},
		{`{"exp":1000090,"expires_in":5}`, lifetime{unbounded: true}, "", 90 * time.Second},
		{`{"expires_in":5}`, lifetime{unbounded: true}, "", 5 * time.Second},
		{`{"expires_in":0}`, lifetime{unbounded: true}, "its expiry is over", 0},
		{`{"exp":1000000}`, lifetime{unbounded: true}, "its expiry is over", 0},
		{`{"exp":"soon"}`, lifetime{unbounded: true}, "exp is no number", 0},
		{`{"exp":-1}`, lifetime{unbounded: true}, "exp is no number of seconds", 0},
		{`{"exp":1e300}`, lifetime{most: time.Minute}, "", time.Minute},
		{`{"expires_in":1e300}`, lifetime{most: time.Minute}, "", time.Minute},
		{`{"nbf":1000001}`, lifetime{unbounded: true}, "its nbf lies ahead", 0},
		{`{"nbf":1000000}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
	} {
		claims, err := object([]byte(c.answer))
		if err != nil {
			t.Fatal(err)
		}
		g, err := (&rules{longest: c.life}).grant(claims, now)
		switch {
		case c.reason != "":
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s: got %v, want %q", c.answer, err, c.reason)
			}
		case err != nil:
			t.Errorf("%s: %v", c.answer, err)
		case c.keep == 0 && !g.keep.IsZero() || c.keep != 0 && !g.keep.Equal(now.Add(c.keep)):
			t.Errorf("%s: kept until %v, want %v", c.answer, g.keep, c.keep)
		}
	}
}

// TestScopes holds AND and OR against their meaning.
func TestScopes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scope := rapid.SampledFrom([]string{"a", "b", "c", "A"})
		wanted, granted := rapid.SliceOfN(scope, 1, 3).Draw(t, "wanted"), rapid.SliceOfN(scope, 0, 4).Draw(t, "granted")
		has := map[string]bool{}
		for _, one := range scopesOf(strings.Join(granted, " ")) {
			has[one] = true
		}
		all, some := true, false
		for _, one := range wanted {
			all, some = all && has[one], some || has[one]
		}
		and, or := (&rules{scopes: wanted}).enough(granted), (&rules{scopes: wanted, anyScope: true}).enough(granted)
		if and != all || or != some {
			t.Fatalf("AND %v, want %v; OR %v, want %v", and, all, or, some)
		}
	})
}

// FuzzAnswer: no answer panics, and none makes a header that is none.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"active":true,"client_id":"mobile","exp":4102444800,"scope":"a b","cnf":{"x5t#S256":"x"}}`, `{"active":false}`,
		`{"active":true,"a b":"x","n":1e999,"l":["a",1,true,null],"scope":["a"]}`, `[]`, `null`, `{"access_token":{"u":"v"},"A_b":1,"a-B":2}`,
	} {
		f.Add(seed, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, how uint8) {
		s := &server{style: style(how % 4)}
		claims, err := s.read(http.StatusOK, []byte(text))
		if err != nil {
			return
		}
		g, err := (&rules{expose: true, consumer: byClientID, scopes: []string{"a"}}).grant(claims, time.Unix(1, 0))
		if err != nil {
			return
		}
		for _, field := range g.headers {
			if !strings.HasPrefix(field.Name, exposedPrefix) || !httpguts.ValidHeaderFieldName(field.Name) || !httpguts.ValidHeaderFieldValue(field.Value) {
				t.Fatalf("header %q: %q", field.Name, field.Value)
			}
		}
	})
}

// BenchmarkKnown is a request whose token is known.
func BenchmarkKnown(b *testing.B) {
	settings := json.RawMessage(`{"introspectionURL":"https://login.test/i","authorizationValue":"x","skipClientIdValidation":true,"exposeHeaders":true}`)
	compiled, err := compileIntrospection(settings)
	if err != nil {
		b.Fatal(err)
	}
	e := compiled.(*enforcer)
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return reply(200, `{"active":true,"client_id":"mobile","username":"ada","scope":"read"}`)
	})}
	s := &step{enforcer: e, tokens: newTokens(&e.rules, e.server.connect(client, time.Now), time.Now, 10)}
	b.ReportAllocs()
	for b.Loop() {
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")
		if v := s.request(b.Context(), x); v.Stops() {
			b.Fatal(v.Reason)
		}
	}
}
