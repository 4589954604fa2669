package authserver

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAuthorizeRefuses plays requests that are wrong in one way. Those whose
// client or address is wrong end on a page; the others go back to the client.
func TestAuthorizeRefuses(t *testing.T) {
	h := newHouse(t, nil)
	cases := map[string]struct {
		change map[string]string
		page   string // what the page says, or else:
		error  string
		says   string
	}{
		"no client":                {change: map[string]string{"client_id": ""}, page: "not known"},
		"unknown client":           {change: map[string]string{"client_id": "nobody"}, page: "not known"},
		"no address":               {change: map[string]string{"redirect_uri": ""}, page: "not registered"},
		"foreign address":          {change: map[string]string{"redirect_uri": "https://evil.example/cb"}, page: "not registered"},
		"longer address":           {change: map[string]string{"redirect_uri": shop + "/more"}, page: "not registered"},
		"other case":               {change: map[string]string{"redirect_uri": "https://shop.example.com/CB"}, page: "not registered"},
		"address with query":       {change: map[string]string{"redirect_uri": shop + "?x=1"}, page: "not registered"},
		"address of another":       {change: map[string]string{"client_id": "phone"}, page: "not registered"},
		"port of a named host":     {change: map[string]string{"client_id": "phone", "redirect_uri": "http://localhost:1/cb"}, page: "not registered"},
		"loopback, other path":     {change: map[string]string{"client_id": "phone", "redirect_uri": "http://127.0.0.1:1/other"}, page: "not registered"},
		"no PKCE":                  {change: map[string]string{"code_challenge": ""}, error: "invalid_request", says: "PKCE"},
		"plain":                    {change: map[string]string{"code_challenge_method": "plain"}, error: "invalid_request", says: "S256"},
		"no method":                {change: map[string]string{"code_challenge_method": ""}, error: "invalid_request", says: "S256"},
		"short challenge":          {change: map[string]string{"code_challenge": "abc"}, error: "invalid_request", says: "SHA-256"},
		"no response type":         {change: map[string]string{"response_type": ""}, error: "invalid_request", says: "response_type"},
		"implicit":                 {change: map[string]string{"response_type": "token"}, error: "unsupported_response_type"},
		"hybrid":                   {change: map[string]string{"response_type": "code id_token"}, error: "unsupported_response_type"},
		"fragment":                 {change: map[string]string{"response_mode": "fragment"}, error: "invalid_request", says: "response_mode"},
		"unknown scope":            {change: map[string]string{"scope": "read admin"}, error: "invalid_scope"},
		"malformed scope":          {change: map[string]string{"scope": "read  write"}, error: "invalid_scope"},
		"unknown resource":         {change: map[string]string{"resource": "https://elsewhere.example"}, error: "invalid_target"},
		"request object":           {change: map[string]string{"request": "x"}, error: "request_not_supported"},
		"request by reference":     {change: map[string]string{"request_uri": "https://x.example"}, error: "request_uri_not_supported"},
		"nobody may be asked":      {change: map[string]string{"prompt": "none"}, error: "login_required"},
		"unknown prompt":           {change: map[string]string{"prompt": "dance"}, error: "invalid_request", says: "prompt"},
		"max_age is not a number":  {change: map[string]string{"max_age": "x"}, error: "invalid_request", says: "max_age"},
		"max_age below nothing":    {change: map[string]string{"max_age": "-1"}, error: "invalid_request", says: "max_age"},
		"another client's loop":    {change: map[string]string{"client_id": "robot"}, page: "not registered"},
		"registered with a query":  {change: map[string]string{"redirect_uri": shop + "?tenant=1", "code_challenge": ""}, error: "invalid_request", says: "PKCE"},
		"credentials in the host":  {change: map[string]string{"redirect_uri": "https://shop.example.com@evil.example/cb"}, page: "not registered"},
		"loopback with user":       {change: map[string]string{"client_id": "phone", "redirect_uri": "http://x@127.0.0.1:1/cb"}, page: "not registered"},
		"backslash in the address": {change: map[string]string{"redirect_uri": `https://shop.example.com\@evil.example/cb`}, page: "not registered"},
	}
	for _, name := range sortedKeys(cases) {
		c := cases[name]
		a := h.get("/authorize?" + asks(c.change).Encode())
		if c.page != "" {
			if a.status != http.StatusBadRequest || !strings.Contains(a.body, c.page) || a.header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			continue
		}
		got := h.back(a)
		if got.Get("error") != c.error || !strings.Contains(got.Get("error_description"), c.says) || got.Get("state") != "s&1" || got.Get("iss") != h.http.URL {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, repeated := range []string{"client_id", "redirect_uri"} {
		if a := h.get("/authorize?" + asks(nil).Encode() + "&" + repeated + "=x"); a.status != 400 {
			t.Errorf("%s twice: %d", repeated, a.status)
		}
	}
	if got := h.back(h.get("/authorize?" + asks(nil).Encode() + "&scope=write")); got.Get("error") != "invalid_request" {
		t.Errorf("scope twice: %v", got)
	}
	if n := h.count("authserver_logins"); n != 0 {
		t.Errorf("%d sign-ins were begun", n)
	}
	t.Logf("%d requests played", len(cases)+3)
}

func TestNoUpstream(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Upstream = nil })
	got := h.back(h.get("/authorize?" + asks(nil).Encode()))
	if got.Get("error") != "unsupported_response_type" || !strings.Contains(got.Get("error_description"), "no upstream identity provider") {
		t.Error(got)
	}
	if a := h.get("/.well-known/oauth-authorization-server"); a.json["authorization_endpoint"] != nil || a.text("token_endpoint") != h.http.URL+"/token" {
		t.Error(a.body)
	}
	if a := h.get("/callback?code=x&state=y"); a.status != 400 {
		t.Error(a.status)
	}
}

// TestCodeRefused plays codes that are redeemed in one wrong way.
func TestCodeRefused(t *testing.T) {
	cases := map[string]struct {
		as     string
		change map[string]string
		after  time.Duration
		status int
		error  string
	}{
		"another verifier":         {change: map[string]string{"code_verifier": strings.Repeat("a", 43)}, status: 400, error: "invalid_grant"},
		"verifier is the hash":     {change: map[string]string{"code_verifier": challenge(verifier)}, status: 400, error: "invalid_grant"},
		"short verifier":           {change: map[string]string{"code_verifier": "abc"}, status: 400, error: "invalid_grant"},
		"no verifier":              {change: map[string]string{"code_verifier": ""}, status: 400, error: "invalid_request"},
		"another registered place": {change: map[string]string{"redirect_uri": shop + "?tenant=1"}, status: 400, error: "invalid_grant"},
		"another client":           {as: "other:other-secret", status: 400, error: "invalid_grant"},
		"another code":             {change: map[string]string{"code": "invented"}, status: 400, error: "invalid_grant"},
		"no code":                  {change: map[string]string{"code": ""}, status: 400, error: "invalid_request"},
		"too late":                 {after: CodeLife, status: 400, error: "invalid_grant"},
		"scope not granted":        {change: map[string]string{"scope": "write"}, status: 400, error: "invalid_scope"},
		"resource not granted":     {change: map[string]string{"resource": billing}, status: 400, error: "invalid_target"},
		"wrong secret":             {as: "shop:wrong", status: 401, error: "invalid_client"},
		"no secret":                {as: "none", change: map[string]string{"client_id": "shop"}, status: 401, error: "invalid_client"},
		"client without the grant": {as: "robot:robot-secret", status: 400, error: "unauthorized_client"},
	}
	for _, name := range sortedKeys(cases) {
		c := cases[name]
		h := newHouse(t, nil)
		code := h.code(nil)
		h.clock.pass(c.after)
		if c.as == "" {
			c.as = "shop:shop-secret"
		}
		a := h.post("/token", c.as, redeeming(code, c.change))
		if a.status != c.status || a.text("error") != c.error || a.text("access_token") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if (c.status == 401 && strings.HasPrefix(c.as, "shop:")) != (a.header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: challenge %q", name, a.header.Get("WWW-Authenticate"))
		}
	}
	h := newHouse(t, nil)
	h.clock.pass(CodeLife - time.Second)
	code := h.code(nil)
	h.clock.pass(CodeLife - time.Second)
	first := h.post("/token", "shop:shop-secret", redeeming(code, nil))
	h.wants(first, http.StatusOK, "")
	h.wants(h.post("/token", "shop:shop-secret", redeeming(code, nil)), 400, "invalid_grant")
	if h.active("api:api-secret", first.text("access_token")) || h.active("shop:shop-secret", first.text("refresh_token")) {
		t.Error("what a code brought is active after its reuse")
	}
	t.Logf("%d codes played", len(cases)+2)
}

// TestTokenRefuses plays requests of the token endpoint that are wrong in one way.
func TestTokenRefuses(t *testing.T) {
	h := newHouse(t, nil)
	good := url.Values{"grant_type": {"client_credentials"}}
	cases := map[string]struct {
		as     string
		form   url.Values
		status int
		error  string
	}{
		"no grant type":       {"robot:robot-secret", url.Values{}, 400, "invalid_request"},
		"unknown grant type":  {"robot:robot-secret", url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		"foreign grant type":  {"shop:shop-secret", good, 400, "unauthorized_client"},
		"unknown client":      {"nobody:robot-secret", good, 401, "invalid_client"},
		"nobody":              {"", good, 401, "invalid_client"},
		"empty secret":        {"robot:", good, 401, "invalid_client"},
		"public with secret":  {"phone:x", redeeming("x", nil), 401, "invalid_client"},
		"two ways":            {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "client_secret": {"robot-secret"}}, 400, "invalid_request"},
		"two clients":         {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "client_id": {"shop"}}, 400, "invalid_request"},
		"twice":               {"robot:robot-secret", url.Values{"grant_type": {"client_credentials", "client_credentials"}}, 400, "invalid_request"},
		"scope not allowed":   {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}, 400, "invalid_scope"},
		"openid of nobody":    {"shop2:s", url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}, 400, "invalid_scope"},
		"wrong audience":      {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "resource": {"https://elsewhere.example"}}, 400, "invalid_target"},
		"invented refresh":    {"shop:shop-secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, 400, "invalid_grant"},
		"no refresh":          {"shop:shop-secret", url.Values{"grant_type": {"refresh_token"}}, 400, "invalid_request"},
		"too long":            {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "x": {strings.Repeat("x", bodyLimit)}}, 400, "invalid_request"},
		"too many parameters": {"robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "resource": make([]string, 100)}, 400, "invalid_request"},
	}
	h.change(func() {
		h.clients["shop2"] = Client{ID: "shop2", SecretIs: func(s string) bool { return s == "s" }, Scopes: []string{openID}, Grants: []Grant{ClientCredentials}, Audiences: []string{orders}}
	})
	for _, name := range sortedKeys(cases) {
		c := cases[name]
		if a := h.post("/token", c.as, c.form); a.status != c.status || a.text("error") != c.error {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	h.wants(h.post("/token?grant_type=client_credentials", "robot:robot-secret", nil), 400, "invalid_request")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.http.URL+"/token", strings.NewReader(`{"grant_type":"client_credentials"}`))
	req.Header.Set("Content-Type", "application/json")
	h.wants(h.do(req), 400, "invalid_request")
	if a := h.get("/token"); a.status != http.StatusMethodNotAllowed {
		t.Error(a.status)
	}
	t.Logf("%d requests played", len(cases)+3)
}

// TestFailuresAreCounted locks an address out that guesses, and no other.
func TestFailuresAreCounted(t *testing.T) {
	address := "192.0.2.1"
	h := newHouse(t, func(o *Options) { o.Address = func(*http.Request) string { return address } })
	ask := func(as string) answer {
		return h.post("/token", as, url.Values{"grant_type": {"client_credentials"}})
	}
	for range failuresPerClient {
		h.wants(ask("robot:wrong"), 401, "invalid_client")
	}
	a := ask("robot:robot-secret")
	h.wants(a, http.StatusTooManyRequests, "temporarily_unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	h.wants(h.post("/introspect", "api:api-secret", url.Values{"token": {"x"}}), http.StatusOK, "")
	h.change(func() { address = "192.0.2.2" })
	h.wants(ask("robot:robot-secret"), http.StatusOK, "")
	h.change(func() { address = "192.0.2.1" })
	for i := range failuresPerAddress - failuresPerClient {
		h.wants(ask(strings.Repeat("x", i+1)+":wrong"), 401, "invalid_client")
	}
	h.wants(h.post("/introspect", "api:api-secret", url.Values{"token": {"x"}}), http.StatusTooManyRequests, "temporarily_unavailable")
	h.clock.pass(time.Minute)
	h.wants(ask("robot:robot-secret"), http.StatusOK, "")
}

// TestForgedTokens asks about tokens that are one of ours but for one thing.
func TestForgedTokens(t *testing.T) {
	h := newHouse(t, nil)
	good := h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}}).text("access_token")
	part := strings.Split(good, ".")
	k, err := h.server.keys.signing(h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	signed := func(header string) string {
		input := coding.EncodeToString([]byte(header)) + "." + part[1]
		signature, _ := k.sign(input)
		return input + "." + coding.EncodeToString(signature)
	}
	if !h.active("robot:robot-secret", signed(`{"alg":"ES256","typ":"at+jwt","kid":"`+k.id+`"}`)) {
		t.Fatal("one that is well made is not active")
	}
	forged := map[string]string{
		"none":              coding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+k.id+`"}`)) + "." + part[1] + ".",
		"other type":        signed(`{"alg":"ES256","typ":"JWT","kid":"` + k.id + `"}`),
		"other algorithm":   signed(`{"alg":"RS256","typ":"at+jwt","kid":"` + k.id + `"}`),
		"unknown key":       signed(`{"alg":"ES256","typ":"at+jwt","kid":"x"}`),
		"no signature":      part[0] + "." + part[1] + ".",
		"altered":           part[0] + "." + part[1][:10] + "A" + part[1][11:] + "." + part[2],
		"padded":            good + "=",
		"four parts":        good + ".x",
		"without its parts": part[0],
	}
	for _, name := range sortedKeys(forged) {
		if h.active("robot:robot-secret", forged[name]) {
			t.Errorf("%s: active", name)
		}
	}
	t.Logf("%d tokens played", len(forged))
}

// TestAtOnce redeems a code, and then a refresh token, many times at the same
// moment: one attempt may succeed, and the others end what it brought.
func TestAtOnce(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Address = func(r *http.Request) string { return r.RemoteAddr } })
	many := func(form url.Values) (good []answer) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				a := h.post("/token", "shop:shop-secret", form)
				mu.Lock()
				defer mu.Unlock()
				if a.status == http.StatusOK {
					good = append(good, a)
				}
			})
		}
		all.Wait()
		return good
	}
	good := many(redeeming(h.code(nil), nil))
	if len(good) != 1 || h.active("api:api-secret", good[0].text("access_token")) {
		t.Fatalf("%d got tokens, or they are active", len(good))
	}
	first := h.post("/token", "shop:shop-secret", redeeming(h.code(nil), nil))
	good = many(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}})
	if len(good) != 1 || h.active("api:api-secret", good[0].text("access_token")) {
		t.Fatalf("%d got tokens, or they are active", len(good))
	}
}

// TestSignInsAreCounted bounds what strangers can make us keep.
func TestSignInsAreCounted(t *testing.T) {
	address := "2001:db8::1"
	h := newHouse(t, func(o *Options) { o.Address = func(*http.Request) string { return address } })
	begin := func() string {
		to, _ := url.Parse(h.get("/authorize?" + asks(nil).Encode()).header.Get("Location"))
		return to.Query().Get("error")
	}
	for i := range loginsPerAddress - 1 {
		if got := begin(); got != "" {
			t.Fatalf("the %d. sign-in: %s", i+1, got)
		}
	}
	h.change(func() { address = "2001:db8::2" })
	begin()
	if got := begin(); got != "temporarily_unavailable" {
		t.Errorf("the same network: %q", got)
	}
	h.change(func() { address = "2001:db8:0:1::1" })
	if got := begin(); got != "" {
		t.Errorf("another network: %s", got)
	}
	if a := h.get("/authorize?" + asks(map[string]string{"state": strings.Repeat("x", queryLimit)}).Encode()); a.status != http.StatusBadRequest {
		t.Errorf("a long one: %d", a.status)
	}
}

// TestUpstreamIsGone asks a provider that does not answer once, not always.
func TestUpstreamIsGone(t *testing.T) {
	var asked atomic.Int64
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, strings.Repeat("x", 10_000), http.StatusBadGateway)
	}))
	t.Cleanup(gone.Close)
	h := newHouse(t, func(o *Options) { o.Upstream = &Upstream{Issuer: gone.URL, ClientID: "farrier"} })
	for range 3 {
		if got := h.back(h.get("/authorize?" + asks(nil).Encode())); got.Get("error") != "temporarily_unavailable" || got.Get("state") != "s&1" {
			t.Error(got)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	h.clock.pass(holdOff)
	h.get("/authorize?" + asks(nil).Encode())
	if asked.Load() != 2 || strings.Contains(h.log.String(), strings.Repeat("x", 1000)) {
		t.Errorf("asked %d times, log of %d bytes", asked.Load(), h.log.Len())
	}
}
