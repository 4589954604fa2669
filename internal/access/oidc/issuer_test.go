package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/jose"
)

// issuer is a provider made by hand, which a test makes lie in one way.
type issuer struct {
	t    *testing.T
	http *httptest.Server

	mu sync.Mutex
	// now is the clock of both sides.
	now                    time.Time
	kid                    string
	key                    *ecdsa.PrivateKey
	seen                   map[string]time.Time
	nonce                  string
	asked                  url.Values // what the browser was sent with
	posted                 url.Values // what the code was redeemed with
	keysRead, metadataRead int

	// What a test changes.
	metadata func(map[string]any)
	claims   func(map[string]any)
	header   func(map[string]any)
	token    func(raw string) string
	answer   func(map[string]any)
	userInfo func(w http.ResponseWriter)
	keys     func() any
	status   int
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func jwk(kid string, key *ecdsa.PrivateKey) map[string]any {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": coding.EncodeToString(point[1:33]), "y": coding.EncodeToString(point[33:])}
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), kid: "k1", key: newKey(t), seen: map[string]time.Time{}, status: http.StatusOK}
	mux := http.NewServeMux()
	i.http = httptest.NewServer(mux)
	t.Cleanup(i.http.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.metadataRead++
		m := map[string]any{
			"issuer": i.http.URL, "authorization_endpoint": i.http.URL + "/authorize", "token_endpoint": i.http.URL + "/token",
			"jwks_uri": i.http.URL + "/keys", "end_session_endpoint": i.http.URL + "/end",
		}
		if i.metadata != nil {
			i.metadata(m)
		}
		i.write(w, m)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.keysRead++
		if i.keys != nil {
			i.write(w, i.keys())
			return
		}
		i.write(w, map[string]any{"keys": []any{jwk(i.kid, i.key)}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		must(t, r.ParseForm())
		i.posted = r.PostForm
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(i.status)
		answer := map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": i.idToken()}
		if i.status != http.StatusOK {
			answer = map[string]any{"error": "invalid_grant", "error_description": "<b>hostile</b>"}
		}
		if i.answer != nil {
			i.answer(answer)
		}
		i.write(w, answer)
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { i.userInfo(w) })
	return i
}

func (i *issuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// idToken is the token of the flow under way.
func (i *issuer) idToken() string {
	return i.signed(map[string]any{
		"iss": i.http.URL, "sub": "248289761001", "aud": "farrier", "exp": i.now.Add(5 * time.Minute).Unix(), "iat": i.now.Unix(),
		"nonce": i.nonce, "preferred_username": "alice", "name": "Alice Adams", "email": "alice@example.com", "email_verified": true,
	})
}

func (i *issuer) signed(claims map[string]any) string {
	header := map[string]any{"alg": "ES256", "kid": i.kid}
	if i.header != nil {
		i.header(header)
	}
	if i.claims != nil {
		i.claims(claims)
	}
	return i.sign(header, claims)
}

func (i *issuer) sign(header, claims map[string]any) string {
	h, err := json.Marshal(header)
	must(i.t, err)
	c, err := json.Marshal(claims)
	must(i.t, err)
	var raw string
	switch header["alg"] {
	case "ES256":
		signer, err := jose.NewSigner("ES256", i.key)
		must(i.t, err)
		raw, err = signer.Sign(h, c)
		must(i.t, err)
	case "HS256":
		point, err := i.key.PublicKey.Bytes()
		must(i.t, err)
		signer, err := jose.NewSigner("HS256", point)
		must(i.t, err)
		raw, err = signer.Sign(h, c)
		must(i.t, err)
	default:
		raw = coding.EncodeToString(h) + "." + coding.EncodeToString(c) + "."
	}
	if i.token != nil {
		return i.token(raw)
	}
	return raw
}

// provider is one of ours that people sign in at the issuer with.
func (i *issuer) provider(change ...func(*Options)) *Provider {
	i.t.Helper()
	o := Options{
		Settings: Settings{Name: "corp", Issuer: i.http.URL, ClientID: "farrier", ClientSecret: "s3cret", Scopes: []string{"profile", "email"}},
		Redirect: "https://console.example.com/sso/corp/callback", Key: []byte("0123456789abcdef0123456789abcdef"),
		Once: i.once, HTTP: i.http.Client(), Now: func() time.Time { return i.now },
	}
	for _, c := range change {
		c(&o)
	}
	p, err := New(o)
	must(i.t, err)
	return p
}

func (i *issuer) once(_ context.Context, id string, until time.Time) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !until.After(i.now) {
		return false, fmt.Errorf("remembering %s until the past", id)
	}
	_, had := i.seen[id]
	i.seen[id] = until
	return !had, nil
}

// begin starts a sign-in and takes what the browser would.
func (i *issuer) begin(p *Provider, ask Ask) Begun {
	i.t.Helper()
	b, err := p.Begin(i.t.Context(), ask)
	must(i.t, err)
	u, err := url.Parse(b.URL)
	must(i.t, err)
	i.asked = u.Query()
	i.nonce = i.asked.Get("nonce")
	return b
}

// back is the query that the browser comes back with.
func (i *issuer) back() url.Values {
	return url.Values{"state": {i.asked.Get("state")}, "code": {"c0de"}, "iss": {i.http.URL}}
}
