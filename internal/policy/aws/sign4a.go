package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
)

const algorithm4A = "AWS4-ECDSA-P256-SHA256"

// keys remembers the key that was derived last: a binding has one at a time.
type keys struct {
	last atomic.Pointer[derived]
}

type derived struct {
	id, secret string
	key        *ecdsa.PrivateKey
}

func (k *keys) of(c *credentials) (*ecdsa.PrivateKey, error) {
	if d := k.last.Load(); d != nil && d.id == c.id && d.secret == c.secret {
		return d.key, nil
	}
	key, err := deriveKey(c)
	if err != nil {
		return nil, err
	}
	k.last.Store(&derived{c.id, c.secret, key})
	return key, nil
}

// deriveKey makes the key of Version 4A of an access key: the counter mode of
// NIST SP 800-108 over HMAC, and of it the first candidate below the order of
// the curve (FIPS 186-4, B.4.2).
func deriveKey(c *credentials) (*ecdsa.PrivateKey, error) {
	curve := elliptic.P256()
	bound := new(big.Int).Sub(curve.Params().N, big.NewInt(2))
	for counter := byte(1); counter < 255; counter++ {
		fixed := binary.BigEndian.AppendUint32(nil, 1)
		fixed = append(fixed, algorithm4A...)
		fixed = append(fixed, 0)
		fixed = append(fixed, c.id...)
		fixed = append(fixed, counter)
		fixed = binary.BigEndian.AppendUint32(fixed, 256)
		candidate := new(big.Int).SetBytes(mac([]byte("AWS4A"+c.secret), string(fixed)))
		if candidate.Cmp(bound) > 0 {
			continue
		}
		candidate.Add(candidate, big.NewInt(1))
		key, err := ecdsa.ParseRawPrivateKey(curve, candidate.FillBytes(make([]byte, 32)))
		if err != nil {
			return nil, fmt.Errorf("deriving the key of AWS_SIGV4A: %w", err)
		}
		return key, nil
	}
	return nil, errors.New("deriving the key of AWS_SIGV4A: no candidate is below the order of the curve")
}

// authorize4A is the Authorization header of Signature Version 4A. The regions
// stand in x-amz-region-set, which must be among the signed headers.
func authorize4A(m *message, c *credentials, key *ecdsa.PrivateKey, s scope) (string, error) {
	text, signed, err := canonical(m, s.service)
	if err != nil {
		return "", err
	}
	where := s.at.Format("20060102") + "/" + s.service + "/aws4_request"
	digest := sha256.Sum256([]byte(toSign(algorithm4A, text, where, s.at)))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return algorithm4A + " Credential=" + c.id + "/" + where + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature), nil
}
