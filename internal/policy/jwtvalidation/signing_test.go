package jwtvalidation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// pairs are private keys of all kinds, made once: RSA takes its time.
var pairs = sync.OnceValue(func() map[string]any {
	must := func(k any, err error) any {
		if err != nil {
			panic(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	return map[string]any{
		"rsa":     must(rsa.GenerateKey(rand.Reader, 2048)),
		"rsa too": must(rsa.GenerateKey(rand.Reader, 2048)),
		"P-256":   must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"P-384":   must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"P-521":   must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"Ed25519": must(ed, err),
		"hmac":    []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
	}
})

func publicOf(private any) any {
	if p, ok := private.(crypto.Signer); ok {
		return p.Public()
	}
	return private
}

// sign makes a token of raw header and claims, signed as alg says.
func sign(t testing.TB, alg string, private any, header, claims string) string {
	t.Helper()
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	signature, err := signature(alg, private, signed)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

func signature(alg string, private any, signed string) ([]byte, error) {
	a := algorithms[setOf(func(algorithm) bool { return true }).find(alg)]
	if p, ok := private.(ed25519.PrivateKey); ok {
		return ed25519.Sign(p, []byte(signed)), nil
	}
	if p, ok := private.([]byte); ok {
		mac := hmac.New(a.hash.New, p)
		mac.Write([]byte(signed))
		return mac.Sum(nil), nil
	}
	h := a.hash.New()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if a.family == "rsa" {
			return rsa.SignPKCS1v15(rand.Reader, p, a.hash, digest)
		}
		return rsa.SignPSS(rand.Reader, p, a.hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, p, digest)
		size := (p.Curve.Params().BitSize + 7) / 8
		out := make([]byte, 2*size)
		if err == nil {
			r.FillBytes(out[:size])
			s.FillBytes(out[size:])
		}
		return out, err
	}
	panic("no such key")
}

// jwkOf writes a public key as JWK, with further members.
func jwkOf(t testing.TB, public any, more string) string {
	t.Helper()
	members := map[string]any{}
	switch p := public.(type) {
	case *rsa.PublicKey:
		members["kty"], members["n"], members["e"] = "RSA", encode(p.N.Bytes()), encode(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		raw, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(raw) / 2
		members["kty"], members["crv"] = "EC", p.Curve.Params().Name
		members["x"], members["y"] = encode(raw[1:1+half]), encode(raw[1+half:])
	case ed25519.PublicKey:
		members["kty"], members["crv"], members["x"] = "OKP", "Ed25519", encode(p)
	case []byte:
		members["kty"], members["k"] = "oct", encode(p)
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	if more == "" {
		return string(text)
	}
	return strings.TrimSuffix(string(text), "}") + "," + more + "}"
}

func pemOf(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// bound is a step with its surroundings.
type bound struct {
	policy.Step
	states map[string]any
}

func bind(t testing.TB, settings string, client http.RoundTripper, clients ...*policy.Client) *bound {
	t.Helper()
	compiled, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	contracts, err := policy.NewClients(clients)
	if err != nil {
		t.Fatal(err)
	}
	b := &bound{states: map[string]any{}}
	b.Step, err = compiled.Bind(policy.Env{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Clients: contracts, HTTP: &http.Client{Transport: client},
		State: func(key string, make func() any) any {
			if b.states[key] == nil {
				b.states[key] = make()
			}
			return b.states[key]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send runs the request hook with a bearer token: the status, 0 when it passes,
// and the reason.
func (b *bound) send(t testing.TB, token string) (int, string) {
	t.Helper()
	x := &traffic.Exchange{}
	x.Request.Header.Set("authorization", "Bearer "+token)
	v := b.Request(t.Context(), x)
	return v.Answer.Status, v.Reason
}

// settingsOf writes settings as JSON.
func settingsOf(t testing.TB, settings map[string]any) string {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
