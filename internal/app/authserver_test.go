package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
)

const tokenManifest = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://GATEWAY/orders
  services: {orders: {address: SERVICE}}
  policies:
  - policyRef: {name: jwt-validation-flex}
    config:
      signingMethod: es
      signingKeyLength: 256
      jwtKeyOrigin: jwks
      jwksUrl: ISSUER/jwks
      skipClientIdValidation: false
      validateAudClaim: true
      mandatoryAudClaim: true
      supportedAudiences: https://api.example.com/orders
      mandatoryExpClaim: true
      claimsToHeaders: [{claimName: client_id, headerName: x-client}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Contract
metadata: {name: robot}
spec:
  apiId: orders
  client: {id: robot, name: Robot, secret: $EXAMPLE_CLIENT_SECRET}
  state: STATE
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: asked}
spec:
  address: http://GATEWAY/asked
  services: {orders: {address: SERVICE}}
  policies:
  - policyRef: {name: oauth2-token-introspection-flex}
    config:
      introspectionURL: ISSUER/introspect
      authorizationValue: Basic b3JkZXJzLWFwaTpzM2NyZXQ=
      scopes: read
      skipClientIdValidation: true
      validatedTokenTTL: 0
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Contract
metadata: {name: orders-api}
spec:
  apiId: asked
  client: {id: orders-api, name: The orders API, secret: $EXAMPLE_CLIENT_SECRET}
`

const tokenSettings = `version: 1
console: "off"
debounce: 20ms
authorizationServer:
  listen: LISTEN
  issuer: http://LISTEN
  clients:
  - {id: robot, grants: [client_credentials], scopes: [read], audiences: ["https://api.example.com/orders", "https://api.example.com/billing"]}
  - {id: orders-api, audiences: ["https://api.example.com/orders"], introspects: true}
  - {id: stranger, grants: [client_credentials], scopes: [read], audiences: ["https://api.example.com/orders"]}
`

// TestAuthorizationServer gets tokens from the server of a running Farrier, lets
// its own gateway check them, and takes the contract away.
func TestAuthorizationServer(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Header.Get("x-client"))
	}))
	t.Cleanup(service.Close)
	listen, gateway, dir := freeAddress(t), freeAddress(t), t.TempDir()
	path := filepath.Join(dir, "api.yaml")
	write := func(state string) {
		t.Helper()
		text := strings.NewReplacer("GATEWAY", gateway, "SERVICE", service.URL, "ISSUER", "http://"+listen, "STATE", state).Replace(tokenManifest)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("APPROVED")
	log := newLogText()
	serveTokens(t, log, dir, strings.ReplaceAll(tokenSettings, "LISTEN", listen))

	post := func(path, id, password string, form url.Values) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listen+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(id, password)
		return sent(t, req)
	}
	ask := func(id, password, resource string) (int, map[string]any) {
		t.Helper()
		return post("/token", id, password, url.Values{"grant_type": {"client_credentials"}, "resource": {"https://api.example.com/" + resource}})
	}
	call := func(token, api string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+gateway+"/"+api+"/1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		status, _ := sent(t, req)
		return status
	}
	status, body := ask("robot", "s3cret", "orders")
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || call(token, "orders") != http.StatusOK {
		t.Fatalf("%d %v, called: %d", status, body, call(token, "orders"))
	}
	_, elsewhere := ask("robot", "s3cret", "billing")
	if other, _ := elsewhere["access_token"].(string); other == "" || call(other, "orders") != http.StatusUnauthorized || call(other, "asked") != http.StatusUnauthorized {
		t.Error("a token for another API was taken")
	}
	if got := call(token, "asked"); got != http.StatusOK {
		t.Errorf("asked by the gateway: %d", got)
	}
	if status, _ := post("/revoke", "robot", "s3cret", url.Values{"token": {token}}); status != http.StatusOK || call(token, "asked") != http.StatusUnauthorized {
		t.Errorf("revoking: %d, and the gateway that asks goes on", status)
	}
	if status, _ := ask("robot", "wrong", "orders"); status != http.StatusUnauthorized {
		t.Errorf("wrong secret: %d", status)
	}
	if status, _ := ask("stranger", "s3cret", "orders"); status != http.StatusUnauthorized {
		t.Errorf("no contract: %d", status)
	}
	write("REVOKED")
	if _, ok := log.waitFor("revision=2", 0); !ok {
		t.Fatal("the revoked contract is not in service")
	}
	if status, body := ask("robot", "s3cret", "orders"); status != http.StatusUnauthorized || body["error"] != "invalid_client" {
		t.Errorf("revoked contract: %d %v", status, body)
	}
	for _, never := range []string{token, "s3cret"} {
		if strings.Contains(log.String(), never) {
			t.Error("the log holds a token or secret")
		}
	}
}

// serveTokens runs a Farrier by the text of a settings file until the test ends.
func serveTokens(t *testing.T, log *logText, manifests, settings string) {
	t.Helper()
	cfg := app.DefaultConfig()
	file := filepath.Join(t.TempDir(), "farrier.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cfg.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	cfg.Manifests, cfg.Data, cfg.Limits.DrainSeconds = []string{manifests}, t.TempDir(), 5
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan app.Ready, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, cfg, slog.New(slog.NewTextHandler(log, nil)), io.Discard, func(now app.Ready) { ready <- now })
	}()
	select {
	case err := <-ended:
		cancel()
		t.Fatal(err)
	case now := <-ready:
		if now.Tokens == "" {
			t.Errorf("no authorization server:\n%s", log.String())
		}
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func sent(t *testing.T, req *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{}
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &body); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, body
}

// TestAuthorizationServerSettings plays sections that are wrong in one way.
func TestAuthorizationServerSettings(t *testing.T) {
	good := `version: 1
authorizationServer:
  listen: 127.0.0.1:9090
  issuer: https://auth.example.com
  upstream: {issuer: "https://idp.example.com", clientId: farrier}
  clients:
  - {id: shop, grants: [authorization_code], redirectUris: ["https://shop.example.com/cb"], scopes: [read], audiences: ["https://api.example.com"]}
`
	cases := []struct{ old, with, says string }{
		{"", "", ""},
		{"  listen: 127.0.0.1:9090\n", "", "authorizationServer.listen"},
		{"https://auth.example.com", "http://auth.example.com", "must begin with https://"},
		{"https://auth.example.com", "https://auth.example.com/", "slash"},
		{"  upstream:", "  accessTokenSeconds: 59\n  upstream:", "accessTokenSeconds is 59; it must be between 60 and 86400"},
		{"  upstream:", "  refreshTokenDays: -1\n  upstream:", "refreshTokenDays"},
		{"  upstream:", "  keyRotationDays: 366\n  upstream:", "keyRotationDays"},
		{"  upstream:", "  signingAlgorithm: none\n  upstream:", "must be ES256 or RS256"},
		{"  upstream:", "  signingKey: x\n  upstream:", "unknown key signingKey"},
		{"  upstream: {issuer: \"https://idp.example.com\", clientId: farrier}\n", "", "needs authorizationServer.upstream"},
		{", clientId: farrier", "", "a clientId"},
		{"https://idp.example.com", "http://idp.example.com", "must have an issuer"},
		{"https://shop.example.com/cb", "http://shop.example.com/cb", "clients[0] (shop): redirect URI"},
		{"[authorization_code]", "[authorization_code, password]", `grant "password"`},
		{`, audiences: ["https://api.example.com"]`, "", "audiences must name at least one API"},
		{"  clients:\n", "  clients:\n  - {id: shop, audiences: [\"https://api.example.com\"]}\n", "stands there twice"},
		{"scopes: [read]", "secret: x", "unknown key secret"},
	}
	for _, c := range cases {
		file := filepath.Join(t.TempDir(), "farrier.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(good, c.old, c.with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := app.DefaultConfig()
		err := cfg.ReadFile(file)
		if c.says == "" {
			if err != nil || cfg.AuthorizationServer.AccessTokenSeconds != 900 {
				t.Fatal(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.with, err, c.says)
		}
	}
	t.Logf("%d settings played", len(cases))
}
