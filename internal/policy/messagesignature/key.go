package messagesignature

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/jose"
)

// algorithms are those of RFC 9421 section 6.2, and others named in its style,
// with their names in JWS.
var algorithms = map[string]string{
	"rsa-pss-sha512":    "PS512",
	"rsa-pss-sha256":    "PS256",
	"rsa-v1_5-sha256":   "RS256",
	"rsa-v1_5-sha512":   "RS512",
	"ecdsa-p256-sha256": "ES256",
	"ecdsa-p384-sha384": "ES384",
	"ed25519":           "EdDSA",
	"hmac-sha256":       "HS256",
	"hmac-sha512":       "HS512",
}

// key verifies by one algorithm, whose names are name and jose. RFC 9421 section
// 3.3 signs as JWS does.
type key struct {
	id, name, jose string
	algorithm      jose.Algorithm
	material       any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

const (
	minSecret = 16 // bytes: services that others run choose short ones
	maxKeys   = 1000
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
	k := &key{id: one.ID, name: one.Algorithm, jose: algorithms[one.Algorithm]}
	k.algorithm, _ = jose.AlgorithmOf(k.jose) // the schema names no others
	if strings.HasPrefix(k.name, "hmac-") {
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
	if p, ok := public.(*rsa.PublicKey); ok {
		if n := p.N.BitLen(); n < jose.MinRSA || n > jose.MaxRSA {
			return fmt.Errorf("the RSA key has %d bits; it must have %d to %d", n, jose.MinRSA, jose.MaxRSA)
		}
	}
	if !k.algorithm.Suits(public) {
		return fmt.Errorf("the key does not suit the algorithm %s", k.name)
	}
	return nil
}

// publicKey reads a public key or certificate in PEM.
func publicKey(text string) (any, error) {
	begin := strings.Index(text, "-----BEGIN")
	if begin < 0 {
		return nil, errors.New("it is not PEM: -----BEGIN PUBLIC KEY----- and so on")
	}
	public, err := jose.ParsePublicKey(text[begin:])
	if errors.Is(err, jose.ErrNoPublicKey) {
		if k := pssKey(text[begin:]); k != nil {
			return k, nil
		}
	}
	return public, err
}

// pssKey reads an RSA key that is marked as one for RSASSA-PSS (RFC 4055), which
// crypto/x509 does not; nil when it is none.
func pssKey(text string) *rsa.PublicKey {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(block.Bytes, &info)
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
	return k.algorithm.Verify(k.material, text, signature)
}

func (k *key) isSecret() bool {
	_, ok := k.material.([]byte)
	return ok
}

func byID(keys []*key) map[string]*key {
	found := make(map[string]*key, len(keys))
	for _, k := range keys {
		found[k.id] = k
	}
	return found
}
