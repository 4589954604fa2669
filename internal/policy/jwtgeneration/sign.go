package jwtgeneration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384 and SHA512
	"encoding/base64"
	"errors"
	"math/big"
)

// hashes are those of the signing methods by their last three digits.
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

var errSign = errors.New("it can't be signed")

// sign makes the compact form of a token (RFC 7515 §7.1).
func (g *generator) sign(header, claims []byte) (string, error) {
	coding := base64.RawURLEncoding
	input := coding.EncodeToString(header) + "." + coding.EncodeToString(claims)
	signature, err := signature(g.key, g.hash, []byte(input))
	if err != nil {
		return "", errSign
	}
	return input + "." + coding.EncodeToString(signature), nil
}

// signature signs as RFC 7518 §3.2 to §3.4 say for the kind of key.
func signature(key any, hash crypto.Hash, input []byte) ([]byte, error) {
	if secret, ok := key.([]byte); ok {
		mac := hmac.New(hash.New, secret)
		_, _ = mac.Write(input) // a hash never fails
		return mac.Sum(nil), nil
	}
	h := hash.New()
	_, _ = h.Write(input)
	digest := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest) //nolint:wrapcheck // told in one place by the caller
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err //nolint:wrapcheck // told in one place by the caller
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return append(fixed(r, size), fixed(s, size)...), nil
	}
	return nil, errSign
}

func fixed(n *big.Int, size int) []byte { return n.FillBytes(make([]byte, size)) }
