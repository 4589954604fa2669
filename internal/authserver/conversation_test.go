package authserver

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestClientCredentials(t *testing.T) {
	h := newHouse(t, nil)
	a := h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	h.wants(a, http.StatusOK, "")
	if a.header.Get("Cache-Control") != "no-store" || a.text("token_type") != "Bearer" || a.text("scope") != "read" || a.json["expires_in"] != 900.0 {
		t.Errorf("%v %s", a.header, a.body)
	}
	claims := h.claims(a.text("access_token"))
	want := map[string]any{"iss": h.http.URL, "sub": "robot", "client_id": "robot", "aud": orders, "scope": "read"}
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("%s is %v, want %v", name, claims[name], value)
		}
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 900 || claims["jti"] == "" || claims["auth_time"] != nil {
		t.Errorf("%v", claims)
	}
	// An implementation that is not ours reads the token by our key set.
	keys := oidc.NewRemoteKeySet(t.Context(), h.http.URL+"/jwks")
	if _, err := keys.VerifySignature(t.Context(), a.text("access_token")); err != nil {
		t.Error(err)
	}
	if !h.active("robot:robot-secret", a.text("access_token")) || !h.active("api:api-secret", a.text("access_token")) {
		t.Error("not active for its client or its audience")
	}
	both := h.post("/token", "", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {"robot-secret"}, "resource": {billing, orders},
	})
	if aud, _ := h.claims(both.text("access_token"))["aud"].([]any); len(aud) != 2 || both.text("scope") != "read write" {
		t.Errorf("%s", both.body)
	}
	h.change(func() { delete(h.clients, "robot") })
	h.wants(h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}}), http.StatusUnauthorized, "invalid_client")
	if h.active("api:api-secret", a.text("access_token")) {
		t.Error("active without a contract")
	}
}

func TestCode(t *testing.T) {
	h := newHouse(t, nil)
	page := h.signIn(asks(nil))
	for _, want := range []string{"The &lt;shop&gt;", "<code>read</code>", orders, "signed in as alice", "https://shop.example.com"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the consent page does not say %q", want)
		}
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' https://shop.example.com") || page.header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("policy %q", policy)
	}
	style := page.body[strings.Index(page.body, "<style>")+7 : strings.Index(page.body, "</style>")]
	if raw, _ := templates.ReadFile("templates/style.css"); style != string(raw) {
		t.Error("the style is not the one that the policy allows")
	}
	back := h.back(h.consent(page, "allow"))
	if back.Get("state") != "s&1" || back.Get("iss") != h.http.URL || back.Get("code") == "" {
		t.Errorf("%v", back)
	}
	first := h.post("/token", "shop:shop-secret", redeeming(back.Get("code"), nil))
	h.wants(first, http.StatusOK, "")
	claims := h.claims(first.text("access_token"))
	if claims["sub"] != "alice" || claims["acr"] != "gold" || claims["auth_time"] != float64(h.clock.Now().Unix()-5) || len(claims["amr"].([]any)) != 2 || claims["scope"] != "openid read" {
		t.Errorf("%v", claims)
	}
	verifyID(t, h, first.text("id_token"), first.text("access_token"))
	if strings.Contains(h.dump(), back.Get("code")) || strings.Contains(h.dump(), first.text("refresh_token")) {
		t.Error("a code or token can be read from the store")
	}
	t.Run("consent is remembered", func(t *testing.T) {
		if a := h.signIn(asks(nil)); h.back(a).Get("code") == "" {
			t.Error("asked again")
		}
		for _, more := range []map[string]string{{"scope": "openid read write"}, {"prompt": "consent"}, {"resource": billing}} {
			if a := h.signIn(asks(more)); a.status != http.StatusOK {
				t.Errorf("not asked for %v", more)
			}
		}
	})
	t.Run("refresh", func(t *testing.T) {
		h.clock.pass(20 * time.Minute)
		if h.active("shop:shop-secret", first.text("access_token")) || !h.active("shop:shop-secret", first.text("refresh_token")) {
			t.Error("what is active?")
		}
		second := h.post("/token", "shop:shop-secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}, "scope": {"read"}})
		h.wants(second, http.StatusOK, "")
		if second.text("refresh_token") == first.text("refresh_token") || second.text("scope") != "read" || second.text("id_token") != "" {
			t.Errorf("%s", second.body)
		}
		if !h.active("api:api-secret", second.text("access_token")) || h.active("shop:shop-secret", first.text("refresh_token")) {
			t.Error("what is active?")
		}
		// The old one again: somebody stole it, so all end.
		h.wants(h.post("/token", "shop:shop-secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}}), 400, "invalid_grant")
		if h.active("api:api-secret", second.text("access_token")) || h.active("shop:shop-secret", second.text("refresh_token")) {
			t.Error("active after a reuse")
		}
		h.wants(h.post("/token", "shop:shop-secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.text("refresh_token")}}), 400, "invalid_grant")
	})
	if strings.Contains(h.log.String(), "eyJ") {
		t.Error("a token stands in the log")
	}
}

func verifyID(t *testing.T, h *house, id, access string) {
	t.Helper()
	found, err := oidc.NewProvider(t.Context(), h.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := found.VerifierContext(t.Context(), &oidc.Config{ClientID: "shop", Now: h.clock.Now}).Verify(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if token.Nonce != "n1" || token.Subject != "alice" || token.VerifyAccessToken(access) != nil {
		t.Errorf("%+v", token)
	}
}

func TestPublicClient(t *testing.T) {
	h := newHouse(t, nil)
	phone := map[string]string{"client_id": "phone", "redirect_uri": "http://127.0.0.1:54321/cb", "scope": "read", "nonce": ""}
	code := h.code(phone)
	as := map[string]string{"client_id": "phone", "redirect_uri": "http://127.0.0.1:54321/cb"}
	a := h.post("/token", "", redeeming(code, as))
	h.wants(a, http.StatusOK, "")
	if a := h.signIn(asks(phone)); a.status != http.StatusOK {
		t.Error("a program on a device was not asked for again")
	}
	b := h.post("/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {"phone"}, "refresh_token": {a.text("refresh_token")}})
	h.wants(b, http.StatusOK, "")
	h.wants(h.post("/introspect", "", url.Values{"client_id": {"phone"}, "token": {b.text("access_token")}}), http.StatusUnauthorized, "invalid_client")
	h.wants(h.post("/revoke", "", url.Values{"client_id": {"phone"}, "token": {b.text("refresh_token")}}), http.StatusOK, "")
	if h.active("api:api-secret", b.text("access_token")) {
		t.Error("active after its grant ended")
	}
	app := map[string]string{"client_id": "phone", "redirect_uri": "com.example.phone:/cb", "scope": "read"}
	if page := h.signIn(asks(app)); !strings.Contains(page.header.Get("Content-Security-Policy"), "form-action 'self' com.example.phone:") {
		t.Error(page.header.Get("Content-Security-Policy"))
	}
}

func TestRevocation(t *testing.T) {
	h := newHouse(t, nil)
	token := func() string {
		return h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}}).text("access_token")
	}
	one, two := token(), token()
	h.wants(h.post("/revoke", "other:other-secret", url.Values{"token": {one}}), 400, "invalid_grant")
	if !h.active("robot:robot-secret", one) {
		t.Error("another client revoked it")
	}
	for range 2 {
		h.wants(h.post("/revoke", "robot:robot-secret", url.Values{"token": {one}}), http.StatusOK, "")
	}
	if h.active("robot:robot-secret", one) || !h.active("robot:robot-secret", two) {
		t.Error("what is active?")
	}
	h.wants(h.post("/revoke", "robot:robot-secret", url.Values{"token": {"invented"}}), http.StatusOK, "")
	h.wants(h.post("/revoke", "robot:robot-secret", nil), 400, "invalid_request")
	if h.active("other:other-secret", two) {
		t.Error("another client may ask about it")
	}
	h.clock.pass(16 * time.Minute)
	if err := h.server.tend(t.Context()); err != nil || h.count("authserver_revoked") != 0 {
		t.Error("what is over is kept", err)
	}
}

// TestUpstreamAnswers plays answers of the provider that prove nobody.
func TestUpstreamAnswers(t *testing.T) {
	cases := map[string]struct {
		change map[string]string
		claims func(map[string]any)
		error  string
	}{
		"another nonce":         {nil, func(c map[string]any) { c["nonce"] = "other" }, "server_error"},
		"another audience":      {nil, func(c map[string]any) { c["aud"] = "somebody" }, "server_error"},
		"another issuer":        {nil, func(c map[string]any) { c["iss"] = "https://elsewhere.example" }, "server_error"},
		"expired":               {nil, func(c map[string]any) { c["exp"] = 1 }, "server_error"},
		"no subject":            {nil, func(c map[string]any) { delete(c, "sub") }, "server_error"},
		"the name of a client":  {nil, func(c map[string]any) { c["sub"] = "robot" }, "access_denied"},
		"too long ago":          {map[string]string{"max_age": "10"}, func(c map[string]any) { c["auth_time"] = c["iat"].(int64) - 100 }, "login_required"},
		"nobody knows how long": {map[string]string{"max_age": "10"}, func(c map[string]any) { delete(c, "auth_time") }, "login_required"},
	}
	h := newHouse(t, nil)
	for _, name := range sortedKeys(cases) {
		c := cases[name]
		h.change(func() { h.provider.claims = c.claims })
		if got := h.back(h.signIn(asks(c.change))); got.Get("error") != c.error || got.Get("code") != "" || got.Get("state") != "s&1" || got.Get("iss") != h.http.URL {
			t.Errorf("%s: %v", name, got)
		}
	}
	h.change(func() { h.provider.claims = nil })
	if a := h.signIn(asks(map[string]string{"max_age": "10"})); a.status != http.StatusOK {
		t.Errorf("a good one: %d %s", a.status, a.header.Get("Location"))
	}
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error("what the provider wrote stands in the log")
	}
	t.Logf("%d answers played", len(cases))
}

// TestCallback plays people who come back in another way than they went.
func TestCallback(t *testing.T) {
	h := newHouse(t, nil)
	begin := func() string {
		a := h.get("/authorize?" + asks(nil).Encode())
		to, _ := url.Parse(a.header.Get("Location"))
		h.change(func() { h.provider.asked = to.Query() })
		return to.Query().Get("state")
	}
	come := func(change map[string]string) answer {
		return h.get("/callback?" + changed(url.Values{"code": {"c"}, "state": {begin()}}, change).Encode())
	}
	if q := h.provider.asked; come(nil).status != http.StatusOK || h.provider.asked.Get("scope") != "openid email" || q.Get("code_challenge_method") == "plain" {
		t.Error(h.provider.asked)
	}
	if a := come(map[string]string{"state": "invented"}); a.status != 400 || !strings.Contains(a.body, "not begun in this browser") {
		t.Error(a.status, a.body)
	}
	if got := h.back(come(map[string]string{"code": "", "error": "access_denied"})); got.Get("error") != "access_denied" {
		t.Error(got)
	}
	if got := h.back(come(map[string]string{"iss": "https://elsewhere.example"})); got.Get("error") != "server_error" {
		t.Error(got)
	}
	state := begin()
	mine := h.cookie
	h.cookie = strings.Repeat("x", 43)
	if a := h.get("/callback?code=c&state=" + state); a.status != 400 {
		t.Error("another browser came back", a.status)
	}
	h.cookie = mine
	page := h.get("/callback?code=c&state=" + state)
	if again := h.get("/callback?code=c&state=" + state); again.status != 400 {
		t.Error("came back twice", again.status)
	}
	h.cookie = strings.Repeat("x", 43)
	if a := h.consent(page, "allow"); a.status != 400 {
		t.Error("another browser agreed", a.status)
	}
	h.cookie = mine
	if got := h.back(h.consent(page, "deny")); got.Get("error") != "access_denied" || got.Get("code") != "" {
		t.Error(got)
	}
	state = begin()
	h.clock.pass(LoginLife)
	if a := h.get("/callback?code=c&state=" + state); a.status != 400 {
		t.Error("came back too late", a.status)
	}
	if err := h.server.tend(t.Context()); err != nil || h.count("authserver_logins") != 0 {
		t.Error("what is over is kept", err)
	}
}
