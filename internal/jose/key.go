package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
)

// The lengths in bits that an RSA key may have.
const (
	// MinRSA is what RFC 7518 §3.3 demands.
	MinRSA = 2048
	// MaxRSA is where a signature begins to cost more than a request is worth.
	MaxRSA = 8192
)

// ErrUnsuited tells that a key is sound, but none of the algorithms that are
// allowed uses such a key, or a symmetric key so short.
var ErrUnsuited = errors.New("the key does not suit the algorithms that are allowed")

// Key verifies tokens by the algorithms it is pinned to, and no other. It is
// immutable.
type Key struct {
	id         string // kid, empty when it has none
	raw        string // how the key set wrote it
	algorithms Algorithms
	material   any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

// NewKey pins an *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or symmetric
// []byte to the algorithms that suit it among those allowed. It refuses RSA
// outside of 2048 to 8192 bits or with a factorable modulus (CVE-2017-15361), and
// symmetric keys that are shorter than the hash (RFC 7518 §3.2).
func NewKey(material any, allowed Algorithms) (*Key, error) {
	switch m := material.(type) {
	case *rsa.PublicKey:
		if n := m.N.BitLen(); n < MinRSA || n > MaxRSA {
			return nil, fmt.Errorf("the RSA key has %d bits; it must have %d to %d", n, MinRSA, MaxRSA)
		}
		if isROCA(m.N) {
			return nil, errors.New("the RSA key was made by a flawed chip (CVE-2017-15361), so that others can compute its private part; replace it")
		}
	case *ecdsa.PublicKey:
		if _, err := m.ECDH(); err != nil {
			return nil, errors.New("the EC key is not a point of P-256, P-384 or P-521")
		}
	case ed25519.PublicKey:
		if len(m) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("the Ed25519 key has %d bytes; it must have %d", len(m), ed25519.PublicKeySize)
		}
	case []byte:
	default:
		return nil, errors.New("the key is neither RSA, EC, Ed25519 nor symmetric")
	}
	k := &Key{material: material, algorithms: allowed & setOf(func(a *Algorithm) bool {
		secret, symmetric := material.([]byte)
		return a.Suits(material) && (!symmetric || 8*len(secret) >= a.bits)
	})}
	if k.algorithms == 0 {
		return nil, ErrUnsuited
	}
	return k, nil
}

// ID is the kid of the key, empty when it has none.
func (k *Key) ID() string { return k.id }

// Suits tells whether the key is pinned to the algorithm of this name, among
// others.
func (k *Key) Suits(algorithm string) bool { return k.algorithms.Has(algorithm) }

// Verifies tells whether the key signed the token by the token's algorithm, and
// may be used with it.
func (k *Key) Verifies(t *Token) bool {
	a := k.algorithms.find(t.Algorithm)
	return a != nil && a.Verify(k.material, []byte(t.signed), t.signature)
}
