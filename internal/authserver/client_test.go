package authserver

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestClientCheck(t *testing.T) {
	code := func(uri string) Client {
		return Client{ID: "c", Grants: []Grant{AuthorizationCode}, RedirectURIs: []string{uri}, Audiences: []string{orders}}
	}
	cases := map[string]struct {
		client Client
		says   string
	}{
		"no id":               {Client{Audiences: []string{orders}}, "visible ASCII"},
		"blank in id":         {Client{ID: "a b", Audiences: []string{orders}}, "visible ASCII"},
		"no audience":         {Client{ID: "c"}, "at least one API"},
		"relative audience":   {Client{ID: "c", Audiences: []string{"orders"}}, "absolute URI"},
		"audience fragment":   {Client{ID: "c", Audiences: []string{orders + "#x"}}, "without fragment"},
		"two scopes in one":   {Client{ID: "c", Audiences: []string{orders}, Scopes: []string{"a b"}}, "one word"},
		"unknown grant":       {Client{ID: "c", Audiences: []string{orders}, Grants: []Grant{"password"}}, "must be client_credentials"},
		"public on its own":   {Client{ID: "c", Audiences: []string{orders}, Grants: []Grant{ClientCredentials}, Public: true}, "has no secret"},
		"public asks":         {Client{ID: "c", Audiences: []string{orders}, Introspects: true, Public: true}, "can't ask"},
		"refresh of nothing":  {Client{ID: "c", Audiences: []string{orders}, Grants: []Grant{RefreshToken}}, "needs authorization_code"},
		"no redirect URI":     {Client{ID: "c", Audiences: []string{orders}, Grants: []Grant{AuthorizationCode}}, "needs redirectUris"},
		"needless redirect":   {Client{ID: "c", Audiences: []string{orders}, RedirectURIs: []string{shop}}, "have no meaning"},
		"plain redirect":      {code("http://shop.example.com/cb"), "must be https"},
		"redirect fragment":   {code(shop + "#x"), "no fragment"},
		"empty fragment":      {code(shop + "#"), "no fragment"},
		"redirect user":       {code("https://u@shop.example.com/"), "no user"},
		"relative redirect":   {code("/cb"), "absolute"},
		"javascript":          {code("javascript:alert(1)"), "must be https"},
		"data":                {code("data:text/html,x"), "must be https"},
		"scheme without dot":  {code("myapp:/cb"), "must be https"},
		"blank in a redirect": {code("https://shop.example.com/a b"), "absolute"},
	}
	for _, name := range sortedKeys(cases) {
		c := cases[name].client
		if err := c.Check("https://auth.example.com"); err == nil || !strings.Contains(err.Error(), cases[name].says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for id, one := range someClients() {
		if err := one.Check("https://auth.example.com"); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	t.Logf("%d clients played", len(cases)+5)
}

func TestParseScope(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "a b a": "a b", "a:b/c": "a:b/c"} {
		if got, ok := parseScope(text); !ok || strings.Join(got, " ") != want {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", " ", "a  b", " a", "a ", `a"b`, `a\b`, "a\tb", "ä", strings.Repeat("x", 10) + "\x00"} {
		if got, ok := parseScope(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("a=b&a=c&resource=x&resource=x")
	f.Add("scope=a%20b&client_id=%ff")
	f.Add(strings.Repeat("&", 100))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseParameters(text)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal("read what is no query")
		}
		for name, list := range want {
			repeated := len(list) > 1 && name != "resource"
			if found := within([]string{name}, p.repeated); found != repeated {
				t.Fatalf("%q: repeated %v, found %v", name, repeated, found)
			}
		}
		seen := map[string]bool{}
		for _, one := range p.resources() {
			if one == "" || seen[one] {
				t.Fatalf("resources %q", p.resources())
			}
			seen[one] = true
		}
		if list, ok := parseScope(p.get("scope")); ok && !within(fields(p.get("scope")), list) {
			t.Fatalf("scope %q was read as %q", p.get("scope"), list)
		}
	})
}

// FuzzRedirect holds that codes go only where a registered address leads.
func FuzzRedirect(f *testing.F) {
	c := someClients()["phone"]
	for _, one := range []string{"http://127.0.0.1:1/cb", "http://127.0.0.1:1@evil.example/cb", "http://[::1]:1/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:1/cb?x"} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.redirects(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || uri != "com.example.phone:/cb" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Path != "/cb" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
			t.Fatalf("a code would go to %q", uri)
		}
	})
}

// FuzzCredentials holds that no header makes a client of nobody.
func FuzzCredentials(f *testing.F) {
	f.Add("Basic cm9ib3Q6eA==", "client_id=robot")
	f.Add("Basic JTI1OiU=", "")
	f.Add("Bearer x", "client_secret=x")
	f.Fuzz(func(t *testing.T, header, body string) {
		p, err := parseParameters(body)
		if err != nil {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", http.NoBody)
		r.Header["Authorization"] = []string{header}
		c, err := credentials(r, p)
		if err == nil && (!c.header || p.get("client_secret") != "" || p.get("client_id") != "" && p.get("client_id") != c.id) {
			t.Fatalf("%+v", c)
		}
	})
}

// FuzzAccess holds that no text is taken for a token of ours.
func FuzzAccess(f *testing.F) {
	s := &Server{}
	s.keys.all.Store(&[]*key{})
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := s.readAccess(token); err == nil {
			t.Fatal("a token without a key")
		}
	})
}
