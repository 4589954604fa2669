package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
)

var errSign = errors.New("it can't be signed")

// Signer makes tokens with one key by one algorithm. It is immutable.
type Signer struct {
	algorithm Algorithm
	key       any // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or []byte
}

// NewSigner pins an *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or
// symmetric []byte to the algorithm of this name. It refuses keys that do not
// suit it, RSA below 2048 bits and symmetric keys that are shorter than the hash
// (RFC 7518 §3.2, §3.3). Errors repeat nothing of the key.
func NewSigner(algorithm string, key any) (*Signer, error) {
	a, ok := AlgorithmOf(algorithm)
	if !ok {
		return nil, errors.New("the algorithm is unknown")
	}
	s := &Signer{a, key}
	switch k := key.(type) {
	case []byte:
		if a.family != hmacSHA {
			return nil, errors.New(a.name + " needs a private key")
		}
		if 8*len(k) < a.bits {
			return nil, fmt.Errorf("%s needs at least %d bytes (RFC 7518 §3.2)", a.name, a.bits/8)
		}
		return s, nil
	case *rsa.PrivateKey:
		if !a.Suits(k.Public()) {
			return nil, errors.New(a.name + " needs a key on an elliptic curve, not RSA")
		}
		if n := k.N.BitLen(); n < MinRSA {
			return nil, fmt.Errorf("the RSA key has %d bits, at least %d are needed", n, MinRSA)
		}
		return s, nil
	case *ecdsa.PrivateKey:
		switch {
		case a.Suits(k.Public()):
			return s, nil
		case a.family == ecDSA:
			return nil, fmt.Errorf("%s needs a key on %s", a.name, a.curve().Params().Name)
		}
		return nil, errors.New(a.name + " needs an RSA key")
	case ed25519.PrivateKey:
		if a.family == edwardsDSA && len(k) == ed25519.PrivateKeySize {
			return s, nil
		}
	}
	return nil, errors.New("it is a key of a kind that signs no such token")
}

// Sign makes the compact form of a token (RFC 7515 §7.1) of a header and a
// payload as they are; alg of the header must be the signer's algorithm.
func (s *Signer) Sign(header, payload []byte) (string, error) {
	coding := base64.RawURLEncoding
	input := coding.EncodeToString(header) + "." + coding.EncodeToString(payload)
	signature, err := s.signature([]byte(input))
	if err != nil {
		return "", errSign
	}
	return input + "." + coding.EncodeToString(signature), nil
}

// signature signs as RFC 7518 §3.2 to §3.5 and RFC 8037 say for the kind of key.
func (s *Signer) signature(input []byte) ([]byte, error) {
	a := s.algorithm
	switch key := s.key.(type) {
	case []byte:
		return a.mac(key, input), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	case *rsa.PrivateKey:
		if a.family == rsaPSS {
			return rsa.SignPSS(rand.Reader, key, a.hash, a.digest(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, key, a.hash, a.digest(input))
	case *ecdsa.PrivateKey:
		r, n, err := ecdsa.Sign(rand.Reader, key, a.digest(input))
		if err != nil {
			return nil, err
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		out := make([]byte, 2*size)
		r.FillBytes(out[:size])
		n.FillBytes(out[size:])
		return out, nil
	}
	return nil, errSign
}
