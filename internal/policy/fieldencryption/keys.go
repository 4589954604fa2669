package fieldencryption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// fieldKey is a Key, checked.
type fieldKey struct {
	id   string
	aead cipher.AEAD // for aes-gcm
	// For jwe: the only algorithm of the key, and what it encrypts and decrypts
	// with; private is nil where only the public key is known.
	algorithm       jwa.KeyEncryptionAlgorithm
	public, private any
	// wrapped is the length in bytes of an encrypted key, curve that of ECDH-ES.
	wrapped int
	curve   string
}

const keyBytes = 32

func parseKey(id, text, form string) (*fieldKey, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "-----BEGIN") && form == "jwe":
		key, err := parsePEM(text)
		if err != nil {
			return nil, err
		}
		return asymmetric(id, key)
	case strings.HasPrefix(text, "{") && form == "jwe":
		return parseJWK(id, text)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != keyBytes {
		if form == "jwe" {
			return nil, errors.New("must be 32 bytes in base64, or a key in PEM or as a JWK")
		}
		return nil, errors.New("must be 32 bytes in base64, as of openssl rand -base64 32")
	}
	return symmetric(id, raw)
}

func symmetric(id string, raw []byte) (*fieldKey, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return &fieldKey{id: id, aead: aead, algorithm: jwa.DIRECT(), public: raw, private: raw}, nil
}

// parsePEM reads a public key, a certificate or a private key.
func parsePEM(text string) (any, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("must be one PEM block")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("the PEM block is neither a key nor a certificate")
	}
	if err != nil {
		return nil, errors.New("the PEM block can not be read; is it the whole key, and not encrypted?")
	}
	return key, nil
}

// parseJWK reads a JWK (RFC 7517). Its use and alg must allow what it is for.
func parseJWK(id, text string) (*fieldKey, error) {
	var said struct {
		Alg, Use string
		Kty      string
		Ops      []string `json:"key_ops"`
	}
	key, err := jwk.ParseKey([]byte(text))
	if err != nil || json.Unmarshal([]byte(text), &said) != nil {
		return nil, errors.New("the JWK can not be read")
	}
	if said.Use != "" && said.Use != "enc" {
		return nil, errors.New("the JWK is not for encryption: its use is another than enc")
	}
	var made *fieldKey
	switch said.Kty {
	case "oct":
		var raw []byte
		if err := jwk.Export(key, &raw); err != nil || len(raw) != keyBytes {
			return nil, errors.New("a JWK of kty oct must have 32 bytes")
		}
		made, err = symmetric(id, raw)
	case "RSA", "EC":
		var raw any
		if err := jwk.Export(key, &raw); err != nil {
			return nil, errors.New("the JWK can not be read")
		}
		made, err = asymmetric(id, raw)
	default:
		return nil, errors.New("the JWK must be of kty oct, RSA or EC")
	}
	if err != nil {
		return nil, err
	}
	if said.Alg != "" && said.Alg != made.algorithm.String() {
		return nil, fmt.Errorf("the JWK is for another algorithm than %s", made.algorithm)
	}
	return made, nil
}

func asymmetric(id string, key any) (*fieldKey, error) {
	made := &fieldKey{id: id}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if err := k.Validate(); err != nil {
			return nil, errors.New("the RSA key is not valid")
		}
		made.public, made.private = &k.PublicKey, k
	case *ecdsa.PrivateKey:
		made.public, made.private = &k.PublicKey, k
	case *rsa.PublicKey, *ecdsa.PublicKey:
		made.public = k
	default:
		return nil, errors.New("must be an RSA or EC key")
	}
	switch k := made.public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return nil, errors.New("the RSA key has fewer than 2048 bits")
		}
		made.algorithm, made.wrapped = jwa.RSA_OAEP_256(), k.Size()
	case *ecdsa.PublicKey:
		if _, err := k.ECDH(); err != nil {
			return nil, errors.New("the EC key must be on P-256, P-384 or P-521")
		}
		made.algorithm, made.curve = jwa.ECDH_ES(), k.Params().Name
	}
	return made, nil
}
