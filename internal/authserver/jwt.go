package authserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// accessType is the typ of our access tokens (RFC 9068 §2.1).
const accessType = "at+jwt"

var errToken = errors.New("the token is not one of ours that is valid now")

// jwtHeader is the header of our tokens.
type jwtHeader struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Kid string `json:"kid"`
}

// audience is one text, or a list of several (RFC 7519 §4.1.3).
type audience []string

// MarshalJSON implements json.Marshaler.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// person is who signed in at the upstream provider; the zero one is a client on
// its own account.
type person struct {
	Subject string `json:"sub,omitempty"`
	// AuthTime is when, in Unix seconds; 0 when the provider did not say.
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
}

// accessClaims are those of RFC 9068 §2.2.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
}

// idClaims are those of an ID token (OpenID Connect Core §2).
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Nonce    string   `json:"nonce,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	AtHash   string   `json:"at_hash"`
}

// sign makes the compact form of a token (RFC 7515 §7.1).
func (s *Server) sign(typ string, claims any) (string, error) {
	k, err := s.keys.signing(s.o.Now())
	if err != nil {
		return "", err
	}
	header, err := json.Marshal(jwtHeader{k.algorithm, typ, k.id})
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	input := coding.EncodeToString(header) + "." + coding.EncodeToString(payload)
	signature, err := k.sign(input)
	if err != nil {
		return "", errors.New("a token can't be signed")
	}
	return input + "." + coding.EncodeToString(signature), nil
}

// sign is the signature of RFC 7518 §3.3 or §3.4.
func (k *key) sign(input string) ([]byte, error) {
	digest := sha256.Sum256([]byte(input))
	private, ok := k.private.(*ecdsa.PrivateKey)
	if !ok {
		return k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	r, t, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	t.FillBytes(out[32:])
	return out, nil
}

func (k *key) verifies(input string, signature []byte) bool {
	digest := sha256.Sum256([]byte(input))
	switch public := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		return len(signature) == 64 && ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}

// readAccess are the claims of an access token that we issued and that has not
// expired. Whether it was revoked is not looked at.
func (s *Server) readAccess(token string) (accessClaims, error) {
	var header jwtHeader
	var claims accessClaims
	parts := strings.Split(token, ".")
	if len(parts) != 3 || decodePart(parts[0], &header) != nil {
		return claims, errToken
	}
	k := s.keys.find(header.Kid)
	signature, err := coding.Strict().DecodeString(parts[2])
	if k == nil || err != nil || header.Alg != k.algorithm || header.Typ != accessType || !k.verifies(parts[0]+"."+parts[1], signature) {
		return claims, errToken
	}
	if decodePart(parts[1], &claims) != nil || claims.Issuer != s.o.Issuer || s.o.Now().Unix() >= claims.Expires {
		return accessClaims{}, errToken
	}
	return claims, nil
}

func decodePart(text string, into any) error {
	raw, err := coding.Strict().DecodeString(text)
	if err != nil {
		return errToken
	}
	return json.Unmarshal(raw, into)
}

// grantOf is the grant by which an access token was issued, empty for a client on
// its own account. Their ids say so: <grant>.<random>.
func grantOf(tokenID string) string {
	grant, _, found := strings.Cut(tokenID, ".")
	if !found {
		return ""
	}
	return grant
}

// accessTokenHash is the claim at_hash (OpenID Connect Core §3.1.3.6).
func accessTokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return coding.EncodeToString(sum[:16])
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
