package jwtvalidation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that algorithms name
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"
)

// algorithm is one JWS algorithm (RFC 7518 §3.1, RFC 8037).
type algorithm struct {
	name   string
	family string // the signingMethod that permits it
	bits   int    // of the hash; 0 for EdDSA
	hash   crypto.Hash
}

var algorithms = [...]algorithm{
	{"RS256", "rsa", 256, crypto.SHA256},
	{"RS384", "rsa", 384, crypto.SHA384},
	{"RS512", "rsa", 512, crypto.SHA512},
	{"PS256", "ps", 256, crypto.SHA256},
	{"PS384", "ps", 384, crypto.SHA384},
	{"PS512", "ps", 512, crypto.SHA512},
	{"ES256", "es", 256, crypto.SHA256},
	{"ES384", "es", 384, crypto.SHA384},
	{"ES512", "es", 512, crypto.SHA512},
	{"HS256", "hmac", 256, crypto.SHA256},
	{"HS384", "hmac", 384, crypto.SHA384},
	{"HS512", "hmac", 512, crypto.SHA512},
	{"EdDSA", "eddsa", 0, 0},
}

// algorithmSet is a set of positions in algorithms, one bit each.
type algorithmSet uint16

func setOf(accept func(algorithm) bool) algorithmSet {
	var set algorithmSet
	for i, a := range algorithms {
		if accept(a) {
			set |= 1 << i
		}
	}
	return set
}

// find is the position of a name in the set, -1 when it is not in it.
func (s algorithmSet) find(name string) int {
	for i, a := range algorithms {
		if a.name == name && s&(1<<i) != 0 {
			return i
		}
	}
	return -1
}

// permitted are the algorithms that settings allow: by themselves, and for keys
// of a key set that name their algorithm. bits is 0 when the settings name no
// length.
type permitted struct{ always, named algorithmSet }

func permit(method string, bits int) permitted {
	fits := func(a algorithm) bool { return bits == 0 || a.bits == 0 || a.bits == bits }
	always := setOf(func(a algorithm) bool { return a.family == method && fits(a) })
	named := always
	switch method {
	case "rsa":
		named |= setOf(func(a algorithm) bool { return a.family == "ps" && fits(a) })
	case "es":
		named |= setOf(func(a algorithm) bool { return a.family == "eddsa" })
	}
	return permitted{always, named}
}

// key verifies signatures by the algorithms it is pinned to, and no other.
type key struct {
	id         string // kid, empty when it has none
	raw        string // how the key set wrote it
	algorithms algorithmSet
	material   any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

const (
	minRSA = 2048 // bits, as RFC 7518 §3.3 demands
	maxRSA = 8192 // beyond, a signature costs more than a request is worth
)

// newKey pins key material to the algorithms that suit it among those allowed.
func newKey(material any, allowed algorithmSet) (*key, error) {
	k := &key{material: material}
	switch m := material.(type) {
	case *rsa.PublicKey:
		if n := m.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, fmt.Errorf("the RSA key has %d bits; it must have %d to %d", n, minRSA, maxRSA)
		}
		if isROCA(m.N) {
			return nil, errors.New("the RSA key was made by a flawed chip (CVE-2017-15361), so that others can compute its private part; replace it")
		}
		k.algorithms = setOf(func(a algorithm) bool { return a.family == "rsa" || a.family == "ps" })
	case *ecdsa.PublicKey:
		if _, err := m.ECDH(); err != nil {
			return nil, errors.New("the EC key is not a point of P-256, P-384 or P-521")
		}
		k.algorithms = setOf(func(a algorithm) bool { return a.family == "es" && curveOf(a) == m.Curve })
	case ed25519.PublicKey:
		if len(m) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("the Ed25519 key has %d bytes; it must have %d", len(m), ed25519.PublicKeySize)
		}
		k.algorithms = setOf(func(a algorithm) bool { return a.family == "eddsa" })
	case []byte:
		k.algorithms = setOf(func(a algorithm) bool { return a.family == "hmac" && 8*len(m) >= a.bits })
	default:
		return nil, errors.New("the key is neither RSA, EC, Ed25519 nor symmetric")
	}
	if k.algorithms &= allowed; k.algorithms == 0 {
		return nil, errors.New("the key does not suit signingMethod and signingKeyLength")
	}
	return k, nil
}

func curveOf(a algorithm) elliptic.Curve {
	switch a.bits {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	}
	return elliptic.P521()
}

// verifies tells whether the key signed the token by the token's algorithm.
func (k *key) verifies(t *token) bool {
	i := k.algorithms.find(t.alg)
	if i < 0 {
		return false
	}
	a := algorithms[i]
	if m, ok := k.material.(ed25519.PublicKey); ok {
		return ed25519.Verify(m, []byte(t.signed), t.signature)
	}
	if m, ok := k.material.([]byte); ok {
		mac := hmac.New(a.hash.New, m)
		_, _ = mac.Write([]byte(t.signed)) // a hash never fails
		return hmac.Equal(mac.Sum(nil), t.signature)
	}
	h := a.hash.New()
	_, _ = h.Write([]byte(t.signed))
	digest := h.Sum(nil)
	switch m := k.material.(type) {
	case *rsa.PublicKey:
		if a.family == "rsa" {
			return rsa.VerifyPKCS1v15(m, a.hash, digest, t.signature) == nil
		}
		// RFC 7518 §3.5: the salt is as long as the hash.
		return rsa.VerifyPSS(m, a.hash, digest, t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case *ecdsa.PublicKey:
		// RFC 7518 §3.4: r and s, each as long as the order of the curve.
		size := (m.Curve.Params().BitSize + 7) / 8
		if len(t.signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(t.signature[:size]), new(big.Int).SetBytes(t.signature[size:])
		return ecdsa.Verify(m, digest, r, s)
	}
	return false
}
