// Package josetest makes keys and tokens for tests, good ones and forgeries. It
// signs with the standard library alone, so that what it makes is no echo of the
// package under test.
package josetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that algorithms name
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// Encode writes base64url without padding.
func Encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// NewPairs makes private keys of all kinds: "rsa" and "rsa too" of 2048 bits,
// "P-256", "P-384", "P-521", "Ed25519", and "hmac", 64 bytes that are always the
// same. It panics when the machine has no randomness.
func NewPairs() map[string]any {
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
}

// PublicOf is the public part of a private key, or the symmetric key itself.
func PublicOf(private any) any {
	if p, ok := private.(crypto.Signer); ok {
		return p.Public()
	}
	return private
}

// Sign makes a token of a raw header and raw claims, signed as alg says, whatever
// the header says.
func Sign(t testing.TB, alg string, private any, header, claims string) string {
	t.Helper()
	signed := Encode([]byte(header)) + "." + Encode([]byte(claims))
	signature, err := signature(alg, private, []byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + Encode(signature)
}

func signature(alg string, private any, signed []byte) ([]byte, error) {
	if p, ok := private.(ed25519.PrivateKey); ok {
		return ed25519.Sign(p, signed), nil
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	if p, ok := private.([]byte); ok {
		mac := hmac.New(hash.New, p)
		_, _ = mac.Write(signed) // a hash never fails
		return mac.Sum(nil), nil
	}
	h := hash.New()
	_, _ = h.Write(signed)
	digest := h.Sum(nil)
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			return rsa.SignPSS(rand.Reader, p, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, p, hash, digest)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, p, digest)
		if err != nil {
			return nil, err
		}
		size := (p.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("a %T does not sign", private)
}

// JWK writes a public or symmetric key as JWK, with further members: JSON without
// its braces, or nothing.
func JWK(t testing.TB, public any, more string) string {
	t.Helper()
	members := map[string]any{}
	switch p := public.(type) {
	case *rsa.PublicKey:
		members["kty"], members["n"], members["e"] = "RSA", Encode(p.N.Bytes()), Encode(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		raw, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(raw) / 2
		members["kty"], members["crv"] = "EC", p.Curve.Params().Name
		members["x"], members["y"] = Encode(raw[1:1+half]), Encode(raw[1+half:])
	case ed25519.PublicKey:
		members["kty"], members["crv"], members["x"] = "OKP", "Ed25519", Encode(p)
	case []byte:
		members["kty"], members["k"] = "oct", Encode(p)
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

// PEM writes a public key as SubjectPublicKeyInfo in PEM.
func PEM(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
