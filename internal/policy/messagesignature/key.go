package messagesignature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that algorithms name
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// algorithm is a signature algorithm under its name of RFC 9421 section 6.2, or
// in its style, and of RFC 7518.
type algorithm struct {
	name, jose string
	kind       string
	hash       crypto.Hash
}

var algorithms = [...]algorithm{
	{"rsa-pss-sha512", "PS512", "pss", crypto.SHA512},
	{"rsa-pss-sha256", "PS256", "pss", crypto.SHA256},
	{"rsa-v1_5-sha256", "RS256", "rsa", crypto.SHA256},
	{"rsa-v1_5-sha512", "RS512", "rsa", crypto.SHA512},
	{"ecdsa-p256-sha256", "ES256", "ec", crypto.SHA256},
	{"ecdsa-p384-sha384", "ES384", "ec", crypto.SHA384},
	{"ed25519", "EdDSA", "ed", 0},
	{"hmac-sha256", "HS256", "hmac", crypto.SHA256},
	{"hmac-sha512", "HS512", "hmac", crypto.SHA512},
}

// key verifies by one algorithm.
type key struct {
	id string
	algorithm
	material any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

const (
	minSecret      = 16 // bytes
	minRSA, maxRSA = 2048, 8192
	maxKeys        = 1000
)

func readKeys(list []Key) ([]*key, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("keys: %d; at most %d can be held", len(list), maxKeys)
	}
	keys := make([]*key, 0, len(list))
	seen := map[string]bool{}
	for i, one := range list {
		if seen[one.ID] {
			return nil, fmt.Errorf("keys[%d].id: an earlier key has the same", i)
		}
		seen[one.ID] = true
		k, err := readKey(one)
		if err != nil {
			return nil, fmt.Errorf("keys[%d].key: %w", i, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func readKey(one Key) (*key, error) {
	k := &key{id: one.ID}
	for _, a := range algorithms {
		if a.name == one.Algorithm {
			k.algorithm = a
		}
	}
	if k.kind == "hmac" {
		secret := []byte(one.Key)
		if coded, ok := strings.CutPrefix(one.Key, "base64:"); ok {
			var err error
			if secret, err = base64.StdEncoding.DecodeString(coded); err != nil {
				return nil, errors.New("what follows base64: is not base64")
			}
		}
		if len(secret) < minSecret {
			return nil, fmt.Errorf("the secret has %d bytes; it must have at least %d", len(secret), minSecret)
		}
		k.material = secret
		return k, nil
	}
	public, err := publicKey(one.Key)
	if err != nil {
		return nil, err
	}
	k.material = public
	return k, k.checkKind(public)
}

// checkKind says whether a public key suits the key's algorithm.
func (k *key) checkKind(public any) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("the RSA key has %d bits; it must have %d to %d", n, minRSA, maxRSA)
		}
		if k.kind == "rsa" || k.kind == "pss" {
			return nil
		}
	case *ecdsa.PublicKey:
		if k.kind == "ec" && (p.Curve == elliptic.P256()) == (k.hash == crypto.SHA256) &&
			(p.Curve == elliptic.P256() || p.Curve == elliptic.P384()) {
			return nil
		}
	case ed25519.PublicKey:
		if k.kind == "ed" {
			return nil
		}
	}
	return fmt.Errorf("the key does not suit the algorithm %s", k.name)
}

// publicKey reads a public key or certificate in PEM.
func publicKey(text string) (any, error) {
	// An environment variable often carries \n for its line breaks.
	block, rest := pem.Decode([]byte(strings.TrimSpace(strings.ReplaceAll(text, `\n`, "\n"))))
	switch {
	case block == nil:
		return nil, errors.New("it is not PEM: -----BEGIN PUBLIC KEY----- and so on")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("something follows the key; give one key only")
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return nil, errors.New("this is a private key; give the public key, which is all that verification needs")
	}
	if k, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return k, nil
	}
	if c, err := x509.ParseCertificate(block.Bytes); err == nil {
		return c.PublicKey, nil
	}
	if k := pssKey(block.Bytes); k != nil {
		return k, nil
	}
	return nil, errors.New("it is no public key (SubjectPublicKeyInfo or PKCS #1) and no certificate")
}

// pssKey reads an RSA key that is marked as one for RSASSA-PSS (RFC 4055), which
// crypto/x509 does not; nil when it is none.
func pssKey(der []byte) *rsa.PublicKey {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}) {
		return nil
	}
	k, err := x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	if err != nil {
		return nil
	}
	return k
}

// verifies tells whether the signature over the text is the key's.
func (k *key) verifies(text, signature []byte) bool {
	switch m := k.material.(type) {
	case []byte:
		return hmac.Equal(k.mac(m, text), signature)
	case ed25519.PublicKey:
		return ed25519.Verify(m, text, signature)
	}
	h := k.hash.New()
	_, _ = h.Write(text) // a hash never fails
	digest := h.Sum(nil)
	switch m := k.material.(type) {
	case *rsa.PublicKey:
		if k.kind == "pss" {
			return rsa.VerifyPSS(m, k.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(m, k.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		// RFC 9421 section 3.3.4, RFC 7518 section 3.4: r and s, each as long as the
		// order of the curve.
		size := (m.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(m, digest, r, s)
	}
	return false
}

func (k *key) mac(secret, text []byte) []byte {
	h := hmac.New(k.hash.New, secret)
	_, _ = h.Write(text) // a hash never fails
	return h.Sum(nil)
}

func byID(keys []*key) map[string]*key {
	found := make(map[string]*key, len(keys))
	for _, k := range keys {
		found[k.id] = k
	}
	return found
}
