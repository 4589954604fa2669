package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that algorithms name
	_ "crypto/sha512"
	"math/big"
)

// Algorithm is one JWS algorithm (RFC 7518 §3.1, RFC 8037). The zero one verifies
// nothing.
type Algorithm struct {
	name   string
	family family
	bits   int // of the hash; 0 for EdDSA
	hash   crypto.Hash
}

// family is what algorithms have in common that differ in their hash.
type family uint8

const (
	noFamily   family = iota
	rsaPKCS1          // RS…
	rsaPSS            // PS…
	ecDSA             // ES…
	hmacSHA           // HS…
	edwardsDSA        // EdDSA
)

var algorithms = [...]Algorithm{
	{"RS256", rsaPKCS1, 256, crypto.SHA256},
	{"RS384", rsaPKCS1, 384, crypto.SHA384},
	{"RS512", rsaPKCS1, 512, crypto.SHA512},
	{"PS256", rsaPSS, 256, crypto.SHA256},
	{"PS384", rsaPSS, 384, crypto.SHA384},
	{"PS512", rsaPSS, 512, crypto.SHA512},
	{"ES256", ecDSA, 256, crypto.SHA256},
	{"ES384", ecDSA, 384, crypto.SHA384},
	{"ES512", ecDSA, 512, crypto.SHA512},
	{"HS256", hmacSHA, 256, crypto.SHA256},
	{"HS384", hmacSHA, 384, crypto.SHA384},
	{"HS512", hmacSHA, 512, crypto.SHA512},
	{"EdDSA", edwardsDSA, 0, 0},
}

// Algorithms is a set of JWS algorithms. "none" can be in no set.
type Algorithms uint16

// AlgorithmsWhere is the set of those whose names, such as RS256, are accepted.
func AlgorithmsWhere(accept func(name string) bool) Algorithms {
	return setOf(func(a *Algorithm) bool { return accept(a.name) })
}

func setOf(accept func(*Algorithm) bool) Algorithms {
	var set Algorithms
	for i := range algorithms {
		if accept(&algorithms[i]) {
			set |= 1 << i
		}
	}
	return set
}

// Has tells whether the algorithm of this exact name is in the set.
func (s Algorithms) Has(name string) bool { return s.find(name) != nil }

// find is the algorithm of a name in the set, nil when it is not in it.
func (s Algorithms) find(name string) *Algorithm {
	for i := range algorithms {
		if algorithms[i].name == name && s&(1<<i) != 0 {
			return &algorithms[i]
		}
	}
	return nil
}

// AlgorithmOf is the algorithm of this exact name; false when there is none.
func AlgorithmOf(name string) (Algorithm, bool) {
	for _, a := range algorithms {
		if a.name == name {
			return a, true
		}
	}
	return Algorithm{}, false
}

// Suits tells whether a key is of the kind, and on the curve, that the algorithm
// uses: an *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or, for HMAC,
// []byte. Whether it is large enough is not looked at; NewKey does.
func (a Algorithm) Suits(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return a.family == rsaPKCS1 || a.family == rsaPSS
	case *ecdsa.PublicKey:
		return a.family == ecDSA && k.Curve == a.curve()
	case ed25519.PublicKey:
		return a.family == edwardsDSA
	case []byte:
		return a.family == hmacSHA
	}
	return false
}

// curve is that of an ES algorithm (RFC 7518 §3.4).
func (a Algorithm) curve() elliptic.Curve {
	switch a.bits {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	}
	return elliptic.P521()
}

// Verify tells whether the signature over the text was made with the key by this
// algorithm. It is false for a key that does not suit. It asks nothing about the
// size of the key; tokens are verified by Key, which does.
func (a Algorithm) Verify(key any, signed, signature []byte) bool {
	if !a.Suits(key) {
		return false
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, signed, signature)
	case []byte:
		return hmac.Equal(a.mac(k, signed), signature)
	case *rsa.PublicKey:
		if a.family == rsaPKCS1 {
			return rsa.VerifyPKCS1v15(k, a.hash, a.digest(signed), signature) == nil
		}
		// RFC 7518 §3.5: the salt is as long as the hash.
		return rsa.VerifyPSS(k, a.hash, a.digest(signed), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case *ecdsa.PublicKey:
		// RFC 7518 §3.4: r and s, each as long as the order of the curve.
		size := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(k, a.digest(signed), r, s)
	}
	return false
}

func (a Algorithm) digest(text []byte) []byte {
	h := a.hash.New()
	_, _ = h.Write(text) // a hash never fails
	return h.Sum(nil)
}

func (a Algorithm) mac(secret, text []byte) []byte {
	h := hmac.New(a.hash.New, secret)
	_, _ = h.Write(text) // a hash never fails
	return h.Sum(nil)
}
