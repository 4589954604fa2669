package jwtvalidation

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// textKey reads a key from text: for hmac the text itself, else a public key or
// certificate in PEM, with or without the lines that begin and end it.
func textKey(text, method string, allowed algorithmSet) (*key, error) {
	if method == "hmac" {
		k, err := newKey([]byte(text), allowed)
		if err != nil {
			return nil, fmt.Errorf("the key has %d bytes; HS256 needs at least 32, HS384 48 and HS512 64", len(text))
		}
		return k, nil
	}
	der, err := pemBytes(text)
	if err != nil {
		return nil, err
	}
	material, err := publicKey(der)
	if err != nil {
		return nil, err
	}
	return newKey(material, allowed)
}

func pemBytes(text string) ([]byte, error) {
	// An environment variable often carries \n for its line breaks.
	text = strings.TrimSpace(strings.ReplaceAll(text, `\n`, "\n"))
	if strings.HasPrefix(text, "-----BEGIN") {
		block, rest := pem.Decode([]byte(text))
		switch {
		case block == nil:
			return nil, errors.New("the PEM text is damaged")
		case len(bytes.TrimSpace(rest)) > 0:
			return nil, errors.New("something follows the key; give one key only")
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, errors.New("this is a private key; give the public key, which is all that verification needs")
		}
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("the key is not PEM: neither lines that begin and end it nor base64")
	}
	return der, nil
}

func publicKey(der []byte) (any, error) {
	if k, err := x509.ParsePKIXPublicKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return k, nil
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return c.PublicKey, nil
	}
	return nil, errors.New("the key is no public key (SubjectPublicKeyInfo or PKCS #1) and no certificate")
}
