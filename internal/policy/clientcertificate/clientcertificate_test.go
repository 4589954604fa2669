package clientcertificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 1) }

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := url.Parse("spiffe://example.org/shop")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop", Organization: []string{"Example"}},
		DNSNames: []string{"shop.example.org"}, URIs: []*url.URL{id}, NotBefore: began, NotAfter: began.Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// TestCertificates holds who passes by which certificate; each refusal differs
// from a pass in one thing.
func TestCertificates(t *testing.T) {
	leaf, other := certificate(t), certificate(t)
	sum := sha256.Sum256(leaf.Raw)
	digest, cnf := hex.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(sum[:])
	clients, err := policy.NewClients([]*policy.Client{policy.NewClient("shop", "Shop", "", "gold", nil)})
	if err != nil {
		t.Fatal(err)
	}
	good := func() *traffic.Exchange {
		x := &traffic.Exchange{}
		x.Request.TLS = &traffic.TLS{Peer: []*x509.Certificate{leaf}, Verified: true}
		return x
	}
	cases := []struct {
		name, settings, reason string
		change                 func(x *traffic.Exchange)
		later                  time.Duration
	}{
		{name: "any trusted", settings: `{}`},
		{name: "by digest", settings: `{"clients":[{"client":"shop","sha256":"` + digest + `"}]}`},
		{name: "by subject", settings: `{"clients":[{"client":"shop","subject":"CN=shop,O=Example"}]}`},
		{name: "by name", settings: `{"clients":[{"client":"shop","dnsName":"SHOP.example.org"}]}`},
		{name: "by URI", settings: `{"clients":[{"client":"shop","uri":"spiffe://example.org/shop"}],"requireContract":true}`},
		{name: "bound token", settings: `{"tokenBinding":true}`, change: func(x *traffic.Exchange) {
			x.Auth.SetProperty("claims", map[string]any{"cnf": map[string]any{"x5t#S256": cnf}})
		}},
		{name: "no TLS", settings: `{}`, reason: "showed no certificate", change: func(x *traffic.Exchange) { x.Request.TLS = nil }},
		{name: "not verified", settings: `{}`, reason: "showed no certificate", change: func(x *traffic.Exchange) { x.Request.TLS.Verified = false }},
		{name: "no certificate", settings: `{}`, reason: "showed no certificate", change: func(x *traffic.Exchange) { x.Request.TLS.Peer = nil }},
		{name: "expired", settings: `{}`, reason: "not valid at this time", later: 2 * time.Hour},
		{name: "not yet", settings: `{}`, reason: "not valid at this time", later: -2 * time.Hour},
		{
			name: "another's", settings: `{"clients":[{"client":"shop","sha256":"` + digest + `"}]}`, reason: "belongs to no client",
			change: func(x *traffic.Exchange) { x.Request.TLS.Peer[0] = other },
		},
		{name: "another subject", settings: `{"clients":[{"client":"shop","subject":"CN=shop"}]}`, reason: "belongs to no client"},
		{name: "another URI", settings: `{"clients":[{"client":"shop","uri":"spiffe://example.org/shop2"}]}`, reason: "belongs to no client"},
		{name: "no contract", settings: `{"clients":[{"client":"kiosk","dnsName":"shop.example.org"}],"requireContract":true}`, reason: "no contract"},
		{
			name: "another client", settings: `{"clients":[{"client":"shop","sha256":"` + digest + `"}]}`, reason: "another client than the one identified",
			change: func(x *traffic.Exchange) { x.Auth.ClientID = "kiosk" },
		},
		{name: "token without binding", settings: `{"tokenBinding":true}`, reason: "cnf claim", change: func(x *traffic.Exchange) {
			x.Auth.SetProperty("claims", map[string]any{"sub": "shop"})
		}},
		{name: "token of another", settings: `{"tokenBinding":true}`, reason: "cnf claim", change: func(x *traffic.Exchange) {
			x.Auth.SetProperty("claims", map[string]any{"cnf": map[string]any{"x5t#S256": cnf[:42] + "_"}})
		}},
	}
	for _, c := range cases {
		compiled, err := compile(json.RawMessage(c.settings))
		if err != nil {
			t.Fatal(err)
		}
		step, err := compiled.Bind(policy.Env{Clients: clients, Now: func() time.Time { return began.Add(time.Minute + c.later) }})
		if err != nil {
			t.Fatal(err)
		}
		x := good()
		if c.change != nil {
			c.change(x)
		}
		v := step.Request(t.Context(), x)
		if (c.reason == "") == v.Stops() || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %v %q, want %q", c.name, v.Action, v.Reason, c.reason)
		}
		if got := fmt.Sprint(x.Auth.ClientID); c.reason == "" && strings.Contains(c.settings, "clients") && got != "shop" {
			t.Errorf("%s: client %q", c.name, got)
		}
	}
	t.Logf("played %d certificates", len(cases))
}
