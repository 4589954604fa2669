package jwtgeneration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// leastRSA is the length in bits below which RFC 7518 §3.3 forbids RSA keys.
const leastRSA = 2048

// readKey reads the key of a signing method. Errors repeat nothing of it.
func readKey(method, text string) (any, error) {
	if strings.HasPrefix(method, "HS") {
		least := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[method]
		if len(text) < least {
			return nil, fmt.Errorf("%s needs at least %d bytes (RFC 7518 §3.2)", method, least)
		}
		return []byte(text), nil
	}
	parsed, err := parsePrivate(text)
	if err != nil {
		return nil, err
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if !strings.HasPrefix(method, "RS") {
			return nil, errors.New(method + " needs a key on an elliptic curve, not RSA")
		}
		if key.N.BitLen() < leastRSA {
			return nil, fmt.Errorf("the RSA key has %d bits, at least %d are needed", key.N.BitLen(), leastRSA)
		}
		return key, nil
	case *ecdsa.PrivateKey:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()}[method]
		switch curve {
		case nil:
			return nil, errors.New(method + " needs an RSA key")
		case key.Curve:
			return key, nil
		}
		return nil, fmt.Errorf("%s needs a key on %s", method, curve.Params().Name)
	}
	return nil, errors.New("it is a key of a kind that signs no such token")
}

// parsePrivate reads PKCS #8 as PEM, or as its Base64 alone.
func parsePrivate(text string) (any, error) {
	var der []byte
	if block, rest := pem.Decode([]byte(text)); block != nil {
		if block.Type != "PRIVATE KEY" {
			return nil, fmt.Errorf("it is a PEM block of type %q; convert it with openssl pkcs8 -topk8 -nocrypt", block.Type)
		}
		if strings.TrimSpace(string(rest)) != "" {
			return nil, errors.New("something follows the PEM block")
		}
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, errors.New("it is neither PEM nor Base64")
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("it is not a private key in PKCS #8")
	}
	return key, nil
}
