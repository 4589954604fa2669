package tokenenforcement

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// roundTrip is a server without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func connect(t testing.TB, s *server, client *http.Client) *asking {
	t.Helper()
	a, err := s.connect(client, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tokensOver(t *testing.T, capacity int, f roundTrip) *tokens {
	t.Helper()
	s := &server{style: introspection, endpoint: "https://login.test/introspect", authorization: "Basic eA==", timeout: 10 * time.Second}
	r := &rules{consumer: byClientID, longest: lifetime{most: time.Minute, withoutExpiry: true}}
	known := newTokens(r, connect(t, s, &http.Client{Transport: f}), time.Now, capacity)
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
		_, err := connect(t, s, &http.Client{}).ask(t.Context(), "very-secret")
		if err == nil || !strings.Contains(err.Error(), c.reason) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %q", c.path, err, c.reason)
		}
		if err != nil && strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: the reason shows the token: %v", c.path, err)
		}
	}
}

// TestTrustedCA: a server whose authority the machine does not know is asked
// only where the settings name that authority.
func TestTrustedCA(t *testing.T) {
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"active":true,"client_id":"mobile"}`)
	}))
	defer upstream.Close()
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw}))
	for _, c := range []struct {
		ca     string
		status int
		reason string
	}{{ca, 0, ""}, {"", http.StatusUnauthorized, "unknown authority"}} {
		raw, err := json.Marshal(map[string]any{
			"introspectionURL": upstream.URL, "authorizationValue": "x", "skipClientIdValidation": true, "trustedCA": c.ca,
		})
		if err != nil {
			t.Fatal(err)
		}
		step := bindStep(t, Introspection(), raw, &http.Client{Transport: &http.Transport{}}, time.Now)
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Bearer tok")
		wantStatus(t, step.Request(t.Context(), x), c.status, c.reason)
	}
}

// TestBusy: beyond so many calls under way a token refuses at once.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := tokensOver(t, 10, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for i := range maxFlights {
			go func() { _, _ = known.grant(t.Context(), fmt.Sprint(i)) }()
		}
		synctest.Wait()
		if _, err := known.grant(t.Context(), "one more"); !errors.Is(err, errBusy) {
			t.Errorf("got %v", err)
		}
		time.Sleep(11 * time.Second)
		known.mu.Lock()
		defer known.mu.Unlock()
		if len(known.flights) != 0 {
			t.Errorf("%d calls are still under way", len(known.flights))
		}
	})
}

// TestBasePath: the metadata of an API lie below its base path, and only there.
func TestBasePath(t *testing.T) {
	raw := json.RawMessage(`{"introspectionURL":"https://login.test/i","authorizationValue":"x","enableProtectedResourceMetadata":true}`)
	step := bindStep(t, Introspection(), raw, &http.Client{}, time.Now)
	x := &traffic.Exchange{BasePath: "/orders", SubPath: metadataPath}
	x.Request.Scheme, x.Request.Host, x.Request.Method = "https", "api.test:8443", http.MethodGet
	v := step.Request(t.Context(), x)
	if v.Answer.Status != http.StatusOK || !strings.Contains(string(v.Answer.Body), `"resource":"https://api.test:8443/orders"`) {
		t.Errorf("%d %s", v.Answer.Status, v.Answer.Body)
	}
	x.SubPath = "/7" + metadataPath
	v = step.Request(t.Context(), x)
	wantStatus(t, v, http.StatusUnauthorized, "no Authorization header")
	want := `Bearer resource_metadata="https://api.test:8443/orders/.well-known/oauth-protected-resource"`
	if got := v.Answer.Header[0].Value; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
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
	s := &step{enforcer: e, tokens: newTokens(&e.rules, connect(b, &e.server, client), time.Now, 10)}
	b.ReportAllocs()
	for b.Loop() {
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")
		if v := s.request(b.Context(), x); v.Stops() {
			b.Fatal(v.Reason)
		}
	}
}
