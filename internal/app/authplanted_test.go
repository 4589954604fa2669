package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/console"
	"farrier.dev/farrier/internal/store/storetest"
)

// planted are secrets by what they are.
type planted map[string]string

// forms are a secret as it may stand somewhere: as it is, in hex, in Base64 at each of
// the three places of a group, escaped for URLs and JSON.
func forms(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	out := map[string]string{
		"plain": secret, "hex": hex.EncodeToString([]byte(secret)), "URL": url.QueryEscape(secret), "path": url.PathEscape(secret), "JSON": strings.Trim(string(quoted), `"`),
	}
	for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := range 3 {
			// The first and the last letters depend on what stands beside the secret.
			text := e.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			out[name+strings.Repeat("+", shift)] = text[(shift*8+5)/6 : len(text)-2]
		}
	}
	return out
}

// search tells which secrets stand in a text, in whatever form.
func (p planted) search(t testing.TB, where string, text []byte) {
	t.Helper()
	for what, secret := range p {
		for form, look := range forms(secret) {
			if bytes.Contains(text, []byte(look)) {
				t.Errorf("the %s stands in %s as %s", what, where, form)
			}
		}
	}
}

// TestFormsAreFound holds that the search finds what it is for, wherever it stands.
func TestFormsAreFound(t *testing.T) {
	secret, found := `Pl4nted/+"value" of a test`, 0
	for n := range 9 {
		text := []byte(strings.Repeat("y", n) + secret + "zzz")
		for _, hidden := range []string{
			string(text), hex.EncodeToString(text), base64.StdEncoding.EncodeToString(text), base64.RawURLEncoding.EncodeToString(text),
			url.QueryEscape(string(text)), url.PathEscape(string(text)), written(t, map[string]string{"a": string(text)}),
		} {
			hit := false
			for _, look := range forms(secret) {
				hit = hit || strings.Contains(hidden, look)
			}
			if found++; !hit {
				t.Errorf("not found in %s", hidden)
			}
		}
	}
	t.Logf("%d places played", found)
}

// TestPlantedSecrets makes one secret of every kind in a running Farrier, and searches
// what it keeps, writes and shows for them.
func TestPlantedSecrets(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { playPlanted(t, "") })
	t.Run("postgres", func(t *testing.T) {
		address, _ := storetest.Schema(t)
		playPlanted(t, address)
	})
}

func playPlanted(t *testing.T, database string) {
	t.Setenv("PLANTED_OIDC_SECRET", plantedOIDC)
	var settings Config
	w := startAuthWorld(t, func(c *Config) {
		c.Access.SecondFactor, c.Database, c.Access.URL = "optional", database, "http://localhost:9080"
		c.Access.Providers = []IdentityProvider{{Name: "planted", Kind: "oidc", Title: "Planted", Issuer: telltale(t), ClientID: "farrier", ClientSecret: "env:PLANTED_OIDC_SECRET"}}
		settings = *c
	})
	w.home = &tenant{mark: "homemark", group: access.Root, environment: "default", ids: map[string]string{"api": "orders", "binding": "none"}}
	w.furnish(w.home)
	p := w.plant(t)
	w.traffic(p)
	pages := w.crawl(t, p)

	var dump bytes.Buffer
	if err := Backup(context.Background(), settings, "-", &dump, io.Discard); err != nil {
		t.Fatal(err)
	}
	p.search(t, "a backup", dump.Bytes())
	if dump.Len() < 10_000 || !bytes.Contains(dump.Bytes(), []byte("homemark-group")) {
		t.Error("the backup is not one")
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	p.search(t, "the log", []byte(w.log.String()))
	files, size := 0, 0
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files, size = files+1, size+len(text)
		p.search(t, filepath.Base(path), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d secrets in %d forms each; %d files with %d bytes, a backup of %d, a log of %d, %d pages and answers", len(p), len(forms("secret")), files, size, dump.Len(), len(w.log.String()), pages); len(p) < 10 || pages < 80 {
		t.Error("too little was searched")
	}
}

// plant makes one secret of every kind through the API and the pages.
func (w *authWorld) plant(t *testing.T) planted {
	text := func(v any) string { s, _ := v.(string); return s }
	p := planted{
		"secret of a group": `Pl4nted-group/+"value"`, "secret of a channel": "Pl4ntedChannelSecretOf32Bytes!!x", "password": "pl4nted horse battery 47 staple",
		"client secret at an identity provider": plantedOIDC, "password of a policy": "Pl4nted-policy-word", "imported secret of a client": "Pl4nted-client-0123456789",
	}
	made := w.make("POST", "/groups/root/applications", map[string]any{"name": "planted"})
	p["secret of a client"] = text(made["secret"])
	reset := w.make("POST", "/groups/root/applications/"+text(made["application"].(map[string]any)["id"])+"/secret", map[string]any{"graceHours": 1}, "If-Match", "1", "Idempotency-Key", "planted")
	p["next secret of a client"] = text(reset["secret"])
	w.make("POST", "/groups/root/applications/import", map[string]any{"applications": []any{map[string]any{"name": "imported", "clientId": "imported-id", "secret": p["imported secret of a client"]}}})
	group := "/environments/default/secret-groups/homemark-group/secrets"
	w.make("POST", group, map[string]any{"name": "planted", "kind": "username-password", "fields": map[string]any{"username": "u", "password": p["secret of a group"]}})
	certificate, key := plantedKeystore(t)
	w.make("POST", group, map[string]any{"name": "server", "kind": "keystore", "file": base64.StdEncoding.EncodeToString([]byte(certificate))})
	p["TLS key"] = string(key)
	block, _ := pem.Decode([]byte(certificate[strings.LastIndex(certificate, "-----BEGIN"):]))
	p["TLS key as it was imported"] = strings.Split(string(pem.EncodeToMemory(block)), "\n")[1]
	w.make("POST", "/environments/default/alerts/channels", map[string]any{"name": "planted", "kind": "webhook", "settings": map[string]any{"url": "https://example.com/", "secret": p["secret of a channel"]}})
	p["token of a gateway"] = text(w.make("POST", "/environments/default/gateways", map[string]any{"name": "planted"})["token"])
	p["API token"] = text(w.make("POST", "/accounts/"+w.home.ids["robot"]+"/tokens", newToken(w.home))["token"])
	p["invitation"] = text(w.make("POST", "/accounts/"+w.home.ids["account"]+"/invitation", nil)["token"])
	w.make("POST", "/environments/default/apis", map[string]any{"name": "planted", "address": listening("planted"), "upstream": "http://127.0.0.1:9/"})
	w.make("POST", "/environments/default/apis/default/planted/policies", map[string]any{"policy": "http-basic-authentication-flex", "settings": map[string]any{"username": "u", "password": p["password of a policy"]}})
	w.person("planted", p["password"])
	p["session"] = w.admin
	// The secret of an authenticator is shown once, on the page that sets it up.
	page := w.send("GET", "/second-factor", "", "Cookie", "farrier="+w.signIn("authenticator"))
	if found := regexp.MustCompile(`secret=([A-Z2-7]{16,})`).FindStringSubmatch(page.body); found != nil {
		p["secret of an authenticator"] = found[1]
	} else {
		t.Errorf("no secret of an authenticator on the page: %d", page.status)
	}
	for what, secret := range p {
		if len(secret) < 12 {
			t.Fatalf("the %s is %q", what, secret)
		}
	}
	return p
}

// traffic uses secrets where they belong, and where they do not.
func (w *authWorld) traffic(p planted) {
	w.guess("planted", p["password"], "")
	w.guess(p["password"], "wrong", "") // in the wrong field
	w.ask(p["API token"], "GET", "/environments/default/resources", "")
	w.ask(p["secret of a client"], "GET", "/self", "")
	w.ask(w.admin, "POST", "/environments/default/secret-groups/homemark-group/secrets", `{"name":"planted","kind":"username-password","fields":{"password":`+written(w.t, p["secret of a group"])+`}}`)
	w.ask(w.admin, "POST", "/environments/default/alerts/channels", `{"name":"","kind":"webhook","settings":{"secret":`+written(w.t, p["secret of a channel"])+`}}`)
	w.send("GET", "/login?token="+url.QueryEscape(p["invitation"]), "")
	w.signInBadly()
}

// plantedOIDC is the client secret at an identity provider.
const plantedOIDC = "Pl4nted-oidc-client-secret"

// telltale is an identity provider that refuses every code, and tells in what it says of
// that which secret it was sent.
func telltale(t testing.TB) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, written(t, map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		}))
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) })
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, written(t, map[string]string{"error": "invalid_client", "error_description": "the secret " + secret + r.PostFormValue("client_secret") + " is wrong"}))
	})
	return issuer
}

// signInBadly begins to sign in at the provider and comes back with a code that it
// refuses.
func (w *authWorld) signInBadly() {
	w.t.Helper()
	get := func(path, cookies string) answered {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.base+path, http.NoBody)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Host = "localhost:9080" // as the settings have it, where the cookies are
		r.Header.Set("Cookie", cookies)
		resp, err := authClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		return answered{resp.StatusCode, string(text), resp.Header}
	}
	begun := get("/sso/planted/start", "")
	to, err := url.Parse(begun.header.Get("Location"))
	if err != nil || to.Query().Get("state") == "" {
		w.t.Fatalf("the sign-in at the provider did not begin: %d %s %.300s", begun.status, begun.header.Get("Location"), begun.body)
	}
	var cookies []string
	for _, line := range begun.header.Values("Set-Cookie") {
		cookies = append(cookies, strings.SplitN(line, ";", 2)[0])
	}
	a := get("/sso/planted/callback?code=wrong&state="+url.QueryEscape(to.Query().Get("state")), strings.Join(cookies, "; "))
	if strings.Contains(a.body, plantedOIDC) || a.status != http.StatusBadGateway || !strings.Contains(w.log.String(), "planted") {
		w.t.Errorf("the refused sign-in shows %d %.500s", a.status, a.body)
	}
}

// crawl reads every page as an administrator, metrics, exports and lists of the API.
func (w *authWorld) crawl(t *testing.T, p planted) (n int) {
	look := func(path string, headers ...string) {
		n++
		a := w.send("GET", path, "", headers...)
		if a.status >= 500 {
			t.Errorf("%s: %d", path, a.status)
		}
		p.search(t, path, []byte(a.body))
	}
	for _, pattern := range console.Patterns() {
		if method, path := pageOf(pattern, w.home); method == http.MethodGet && !strings.HasPrefix(path, "/assets") && path != "/second-factor" {
			look(path, "Cookie", "farrier="+w.admin)
		}
	}
	for _, path := range []string{"/secrets/homemark-group/planted", "/secrets/homemark-group/server", "/manage/default/apis/default/planted", "/alerts/channels", "/access/accounts/admin"} {
		look(path, "Cookie", "farrier="+w.admin)
	}
	look("/metrics")
	for _, path := range []string{
		"/audit", "/audit?limit=500", "/audit/exports/json", "/audit/exports/csv", "/audit/exports/ocsf", "/openapi.json", "/accounts", "/environments/default/credentials",
		"/environments/default/resources", "/environments/default/draft", "/environments/default/draft/diff", "/environments/default/alerts/channels", "/environments/default/gateways",
		"/environments/default/secret-groups/homemark-group/secrets/planted", "/environments/default/secret-groups/homemark-group/secrets/server", "/groups/root/applications",
	} {
		look("/api/v1"+path, "Authorization", "Bearer "+w.admin)
	}
	return n
}

// plantedKeystore is a fresh key with a certificate, as PEM, and the key's bytes.
func plantedKeystore(t testing.TB) (text string, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	scalar, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), scalar
}
