package jwtgeneration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"hash"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func settings(t testing.TB, method, key string, more map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{"signingMethod": method, "privateKey": key, "iat": true, "exp": 60, "nbf": 5, "customClaims": []any{}, "customHeaders": []any{}}
	maps.Copy(all, more)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func run(t testing.TB, raw json.RawMessage, x *traffic.Exchange) string {
	t.Helper()
	c, err := compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	step, err := c.Bind(policy.Env{Now: func() time.Time { return time.Unix(1000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	if v := step.Request(t.Context(), x); v.Stops() {
		t.Fatal(v.Reason)
	}
	return strings.TrimPrefix(x.Request.Header.Get("authorization"), "Bearer ")
}

// verify is go-oidc's for public keys; for shared ones, of which it knows
// nothing, the code is computed here.
func verify(t testing.TB, token, method string, key any) ([]byte, error) {
	t.Helper()
	secret, shared := key.([]byte)
	if !shared {
		return (&oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}).VerifySignature(t.Context(), token)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts")
	}
	mac := hmac.New(map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[method], secret)
	_, _ = mac.Write([]byte(parts[0] + "." + parts[1]))
	if got, err := base64.RawURLEncoding.DecodeString(parts[2]); err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return nil, errors.New("wrong signature")
	}
	return base64.RawURLEncoding.DecodeString(parts[1])
}

// TestMethods signs with every method, and verifies with the public key.
func TestMethods(t *testing.T) {
	big, one, two := newRSA(t, 2048), newEC(t, elliptic.P256()), newEC(t, elliptic.P384())
	text := strings.Repeat("k", 64)
	cases := []struct {
		method, key string
		public      any
	}{
		{"HS256", text, []byte(text)},
		{"HS384", text, []byte(text)},
		{"HS512", text, []byte(text)},
		{"RS256", asPEM("PRIVATE KEY", pkcs8(t, big)), big.Public()},
		{"RS384", base64.StdEncoding.EncodeToString(pkcs8(t, big)), big.Public()},
		{"RS512", asPEM("PRIVATE KEY", pkcs8(t, big)) + "\n", big.Public()},
		{"ES256", asPEM("PRIVATE KEY", pkcs8(t, one)), one.Public()},
		{"ES384", asPEM("PRIVATE KEY", pkcs8(t, two)), two.Public()},
	}
	for _, c := range cases {
		token := run(t, settings(t, c.method, c.key, nil), &traffic.Exchange{})
		payload, err := verify(t, token, c.method, c.public)
		if err != nil {
			t.Errorf("%s: %v", c.method, err)
			continue
		}
		if string(payload) != `{"exp":1060,"iat":1000,"nbf":1005}` {
			t.Errorf("%s: claims %s", c.method, payload)
		}
		head, _, _ := strings.Cut(token, ".")
		if raw, err := base64.RawURLEncoding.DecodeString(head); err != nil || string(raw) != `{"alg":"`+c.method+`","typ":"JWT"}` {
			t.Errorf("%s: header %s, %v", c.method, raw, err)
		}
	}
	t.Logf("verified tokens of %d methods", len(cases))
}

func TestBadKeys(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, small, one := newRSA(t, 2048), newRSA(t, 1024), newEC(t, elliptic.P256())
	pkcs1 := asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(big))
	public, err := x509.MarshalPKIXPublicKey(big.Public())
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ method, key, want string }{
		{"RS256", asPEM("PRIVATE KEY", pkcs8(t, small)), "1024 bits"},
		{"RS256", asPEM("PRIVATE KEY", pkcs8(t, one)), "needs an RSA key"},
		{"ES256", asPEM("PRIVATE KEY", pkcs8(t, big)), "not RSA"},
		{"ES384", asPEM("PRIVATE KEY", pkcs8(t, one)), "needs a key on P-384"},
		{"ES256", asPEM("PRIVATE KEY", pkcs8(t, crypto.Signer(edwards))), "of a kind that"},
		{"RS256", pkcs1, "openssl pkcs8"},
		{"RS256", asPEM("PUBLIC KEY", public), "openssl pkcs8"},
		{"RS256", asPEM("PRIVATE KEY", public), "not a private key in PKCS #8"},
		{"RS256", asPEM("PRIVATE KEY", pkcs8(t, big)) + "x", "something follows"},
	}
	for _, c := range cases {
		if _, err := compile(settings(t, c.method, c.key, nil)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.method, err, c.want)
		}
	}
	t.Logf("refused %d keys", len(cases))
}

// TestClaims holds that claims keep the types that their expressions give.
func TestClaims(t *testing.T) {
	x := &traffic.Exchange{}
	x.Auth.SetProperty("claims", map[string]any{"roles": []any{"a", "b"}, "age": 1.5, "n": 7, "ok": true, "none": nil, "deep": map[string]any{"x": nil}})
	text := strings.Repeat("k", 32)
	token := run(t, settings(t, "HS256", text, map[string]any{"iat": false, "exp": 0, "nbf": 0, "customClaims": []any{
		map[string]any{"name": "all", "value": "#[authentication.properties.claims]"},
		map[string]any{"name": "gone", "value": "#[authentication.properties.claims.none]"},
		map[string]any{"name": "text", "value": "7"},
	}}), x)
	payload, err := verify(t, token, "HS256", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"all":{"age":1.5,"deep":{"x":null},"n":7,"none":null,"ok":true,"roles":["a","b"]},"text":"7"}`; string(payload) != want {
		t.Errorf("claims %s, want %s", payload, want)
	}
}

func TestLongTokens(t *testing.T) {
	x := &traffic.Exchange{}
	x.Request.Header.Set("long", strings.Repeat("x", maxToken))
	c, err := compile(settings(t, "HS256", strings.Repeat("k", 32), map[string]any{"customClaims": []any{map[string]any{"name": "a", "value": "#[attributes.headers.long]"}}}))
	if err != nil {
		t.Fatal(err)
	}
	step, err := c.Bind(policy.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if v := step.Request(t.Context(), x); v.Action != traffic.Failed || !strings.Contains(v.Reason, "longer than") {
		t.Errorf("%v: %s", v.Action, v.Reason)
	}
}

func FuzzReadKey(f *testing.F) {
	f.Add("RS256", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
	f.Add("ES256", "MIGH")
	f.Fuzz(func(t *testing.T, method, text string) {
		key, err := readKey(method, text)
		if err == nil && key == nil {
			t.Fatal("neither a key nor an error")
		}
		if err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Fatal("the error repeats the key")
		}
	})
}

func BenchmarkToken(b *testing.B) {
	keys := map[string]string{"HS256": strings.Repeat("k", 32), "RS256": asPEM("PRIVATE KEY", pkcs8(b, newRSA(b, 2048))), "ES256": asPEM("PRIVATE KEY", pkcs8(b, newEC(b, elliptic.P256())))}
	for method, key := range keys {
		b.Run(method, func(b *testing.B) {
			c, err := compile(settings(b, method, key, nil))
			if err != nil {
				b.Fatal(err)
			}
			g := c.(*generator)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.token(&policy.Scope{Exchange: &traffic.Exchange{}}, time.Unix(0, 0)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
