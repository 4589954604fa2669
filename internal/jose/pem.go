package jose

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrNoPublicKey tells that a text is well written but what it holds is no public
// key that is known here.
var ErrNoPublicKey = errors.New("the key is no public key (SubjectPublicKeyInfo or PKCS #1) and no certificate")

// ParsePublicKey reads the public key of a text: SubjectPublicKeyInfo, PKCS #1 or
// a certificate in PEM, with or without the lines that begin and end it, "\n" in
// two characters standing for a line break. Whether the key is large enough is not
// looked at; NewKey does. Errors quote nothing of the text.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	der, err := pemBytes(text)
	if err != nil {
		return nil, err
	}
	if k, err := x509.ParsePKIXPublicKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return k, nil
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return c.PublicKey, nil
	}
	return nil, ErrNoPublicKey
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

// ParsePrivateKey reads a private key in PKCS #8, as PEM or as its Base64 alone.
// Errors quote nothing of it but the type of its block.
func ParsePrivateKey(text string) (crypto.PrivateKey, error) {
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
