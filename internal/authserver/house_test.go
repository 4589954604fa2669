package authserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/store/storetest"
)

// clock is a time that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// known are the clients of a test; a test may take one away.
type known map[string]Client

func (k known) Client(_ context.Context, id string) (Client, bool) {
	c, ok := k[id]
	return c, ok
}

const (
	orders  = "https://api.example.com/orders"
	billing = "https://api.example.com/billing"
	shop    = "https://shop.example.com/cb"
)

func someClients() known {
	is := func(right string) func(string) bool {
		return func(shown string) bool { return secret.Equal(right, shown) }
	}
	all := known{}
	for _, c := range []Client{
		{ID: "robot", SecretIs: is("robot-secret"), Scopes: []string{"read", "write"}, Grants: []Grant{ClientCredentials}, Audiences: []string{orders, billing}},
		{
			ID: "shop", Name: "The <shop>", SecretIs: is("shop-secret"), Scopes: []string{openID, "read", "write"},
			Grants: []Grant{AuthorizationCode, RefreshToken}, RedirectURIs: []string{shop, shop + "?tenant=1"}, Audiences: []string{orders, billing},
		},
		{ID: "phone", Public: true, Scopes: []string{"read"}, Grants: []Grant{AuthorizationCode, RefreshToken}, RedirectURIs: []string{"http://127.0.0.1/cb", "com.example.phone:/cb"}, Audiences: []string{orders}},
		{ID: "api", SecretIs: is("api-secret"), Audiences: []string{orders}, Introspects: true},
		{ID: "other", SecretIs: is("other-secret"), Scopes: []string{"read"}, Grants: []Grant{AuthorizationCode, RefreshToken}, RedirectURIs: []string{shop}, Audiences: []string{billing}},
	} {
		all[c.ID] = c
	}
	return all
}

// provider is the upstream of the tests: whoever comes signs in.
type provider struct {
	server *httptest.Server
	key    *key
	clock  *clock
	mu     sync.Mutex
	asked  url.Values
	// claims change the ID token.
	claims func(map[string]any)
}

func newProvider(t testing.TB, c *clock) *provider {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{clock: c}
	if p.key, err = newKey(private, "ES256", time.Time{}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/auth", "token_endpoint": p.server.URL + "/token",
			"jwks_uri": p.server.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]any{"keys": []jwk{p.key.public}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if id, pass, _ := r.BasicAuth(); id != "farrier" || pass != "upstream-secret" || !verifierIs(r.FormValue("code_verifier"), p.asked.Get("code_challenge")) {
			writeJSON(w, 400, map[string]string{"error": "invalid_grant", "error_description": "hunter2"})
			return
		}
		now := p.clock.Now().Unix()
		claims := map[string]any{
			"iss": p.server.URL, "aud": "farrier", "sub": "alice", "exp": now + 60, "iat": now, "nonce": p.asked.Get("nonce"),
			"auth_time": now - 5, "acr": "gold", "amr": []string{"pwd", "otp"},
		}
		if p.claims != nil {
			p.claims(claims)
		}
		s := &Server{o: Options{Now: p.clock.Now}}
		s.keys.all.Store(&[]*key{p.key})
		id, _ := s.sign("JWT", claims)
		writeJSON(w, 200, map[string]string{"access_token": "x", "token_type": "Bearer", "id_token": id})
	})
	return p
}

// house is a server with everything around it.
type house struct {
	t        testing.TB
	clock    *clock
	clients  known
	provider *provider
	server   *Server
	http     *httptest.Server
	log      *strings.Builder
	audit    *audit.Log
	// cookie is the browser's.
	cookie string

	mu sync.RWMutex // held while a request is served
}

// change changes what requests see.
func (h *house) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.provider.mu.Lock()
	defer h.provider.mu.Unlock()
	do()
}

func newHouse(t testing.TB, change func(*Options)) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}, clients: someClients(), log: &strings.Builder{}}
	h.provider = newProvider(t, h.clock)
	h.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.RLock()
		defer h.mu.RUnlock()
		h.server.ServeHTTP(w, r)
	}))
	h.http.URL = "http://" + h.http.Listener.Addr().String()
	db := storetest.Open(t)
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	if h.audit, err = audit.Open(t.Context(), db, h.clock.Now); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Issuer: h.http.URL, DB: db, Sealer: ring, Audit: h.audit, Now: h.clock.Now, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Clients: h.clients, Failures: sharedstate.NewMemory(h.clock.Now).Counter("t"), HTTP: &http.Client{Timeout: 5 * time.Second},
		Upstream:  &Upstream{Issuer: h.provider.server.URL, ClientID: "farrier", ClientSecret: "upstream-secret", Scopes: []string{"email"}},
		Algorithm: "ES256", AccessTokenLife: 15 * time.Minute, RefreshLife: 30 * 24 * time.Hour, KeyLife: 90 * 24 * time.Hour,
	}
	if change != nil {
		change(&o)
	}
	if h.server, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	h.http.URL = "" // or it can't be started
	h.http.Start()
	t.Cleanup(h.http.Close)
	return h
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(name string) string { s, _ := a.json[name].(string); return s }

func (h *house) do(req *http.Request) answer {
	h.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

func (h *house) get(path string) answer {
	h.t.Helper()
	to := path
	if strings.HasPrefix(path, "/") {
		to = h.http.URL + path
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, to, http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.cookie != "" {
		req.Header.Set("Cookie", cookie+"="+h.cookie)
	}
	a := h.do(req)
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name != cookie || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			h.t.Errorf("cookie %q: %v", line, err)
			continue
		}
		h.cookie = c.Value
	}
	return a
}

// post sends a form; as is "id:secret" for the Authorization header, or empty.
func (h *house) post(path, as string, form url.Values) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id, pass, ok := strings.Cut(as, ":"); ok {
		req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(pass))
	}
	if h.cookie != "" && path == "/consent" {
		req.Header.Set("Cookie", cookie+"="+h.cookie)
	}
	return h.do(req)
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// asks are the parameters of a good authorization request, changed; an empty
// value takes one away.
func asks(change map[string]string) url.Values {
	v := url.Values{
		"client_id": {"shop"}, "redirect_uri": {shop}, "response_type": {"code"}, "state": {"s&1"}, "nonce": {"n1"},
		"scope": {"openid read"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}, "resource": {orders},
	}
	return changed(v, change)
}

func changed(v url.Values, change map[string]string) url.Values {
	for name, value := range change {
		if value == "" {
			v.Del(name)
		} else {
			v.Set(name, value)
		}
	}
	return v
}

// signIn goes to the upstream and comes back, as far as the answer after the
// callback.
func (h *house) signIn(v url.Values) answer {
	h.t.Helper()
	a := h.get("/authorize?" + v.Encode())
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), h.provider.server.URL) {
		h.t.Fatalf("authorize: %d, to %s: %s", a.status, to, a.body)
	}
	h.provider.mu.Lock()
	h.provider.asked = to.Query()
	h.provider.mu.Unlock()
	return h.get("/callback?" + url.Values{"code": {"upstream-code"}, "state": {to.Query().Get("state")}}.Encode())
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

// consent answers a consent page.
func (h *house) consent(page answer, say string) answer {
	h.t.Helper()
	found := hidden.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || found == nil {
		h.t.Fatalf("no consent page: %d, to %s: %s", page.status, page.header.Get("Location"), page.body)
	}
	return h.post("/consent", "", url.Values{"request": {found[1]}, "answer": {say}})
}

// back are the parameters that the client gets.
func (h *house) back(a answer) url.Values {
	h.t.Helper()
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther {
		h.t.Fatalf("no redirect: %d %s", a.status, a.body)
	}
	return to.Query()
}

// code is a code of a good request, changed.
func (h *house) code(change map[string]string) string {
	h.t.Helper()
	a := h.signIn(asks(change))
	if a.status == http.StatusOK {
		a = h.consent(a, "allow")
	}
	code := h.back(a).Get("code")
	if code == "" {
		h.t.Fatalf("no code: %s", a.header.Get("Location"))
	}
	return code
}

func redeeming(code string, change map[string]string) url.Values {
	return changed(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shop}, "code_verifier": {verifier}}, change)
}

func (h *house) wants(a answer, status int, code string) {
	h.t.Helper()
	if a.status != status || a.text("error") != code {
		h.t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
}

// active asks as the API whether a token is active.
func (h *house) active(as, token string) bool {
	h.t.Helper()
	a := h.post("/introspect", as, url.Values{"token": {token}})
	if a.status != http.StatusOK {
		h.t.Fatalf("introspection: %d %s", a.status, a.body)
	}
	on, _ := a.json["active"].(bool)
	if !on && len(a.json) != 1 {
		h.t.Errorf("an inactive token is described: %s", a.body)
	}
	return on
}

func (h *house) claims(token string) map[string]any {
	h.t.Helper()
	claims := map[string]any{}
	if parts := strings.Split(token, "."); len(parts) != 3 || decodePart(parts[1], &claims) != nil {
		h.t.Fatalf("no JWT: %q", token)
	}
	return claims
}

// count is the number of rows of a table.
func (h *house) count(table string) (n int) {
	h.t.Helper()
	if err := h.server.o.DB.Read().QueryRow(h.t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// dump is everything in the tables, to look for what must not be there.
func (h *house) dump() string {
	h.t.Helper()
	var all strings.Builder
	for _, table := range []string{"keys", "logins", "grants", "codes", "refresh", "revoked", "consents"} {
		rows, err := h.server.o.DB.Read().Query(h.t.Context(), "SELECT * FROM authserver_"+table)
		if err != nil {
			h.t.Fatal(err)
		}
		names, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(string)
			}
			if err := rows.Scan(values...); err != nil {
				h.t.Fatal(err)
			}
			for _, v := range values {
				all.WriteString(*v.(*string) + "\n")
			}
		}
		if err := rows.Err(); err != nil {
			h.t.Fatal(err)
		}
		_ = rows.Close()
	}
	return all.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var _ Auditor = (*audit.Log)(nil)
