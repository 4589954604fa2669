package authserver

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/secret"
)

// BenchmarkToken is a client credentials token, without the network.
func BenchmarkToken(b *testing.B) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		b.Run(algorithm, func(b *testing.B) {
			h := newHouse(b, func(o *Options) { o.Algorithm = algorithm })
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}.Encode()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/token", strings.NewReader(form))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.SetBasicAuth("robot", "robot-secret")
				w := httptest.NewRecorder()
				h.server.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}

// BenchmarkIntrospection is a question about an access token of a person.
func BenchmarkIntrospection(b *testing.B) {
	h := newHouse(b, nil)
	q := request{ClientID: "shop", RedirectURI: shop, Challenge: challenge(verifier), Scopes: []string{"read"}, Audience: []string{orders}}
	code, err := h.server.addGrant(b.Context(), q, person{Subject: "alice"})
	if err != nil {
		b.Fatal(err)
	}
	token := h.post("/token", "shop:shop-secret", redeeming(code, nil)).text("access_token")
	form := url.Values{"token": {token}}.Encode()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/introspect", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("api", "api-secret")
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), `"active":true`) {
			b.Fatal(w.Body.String())
		}
	}
}

var _ Sealer = (*secret.Keyring)(nil)
