// Package jose reads and writes signed tokens strictly: JWS (RFC 7515) in its
// compact and detached forms, keys and sets of keys (JWK, RFC 7517), the
// algorithms of RFC 7518 and RFC 8037, as RFC 8725 advises for JWT. It is the one
// reader of what others signed, so that no two policies can take the same token
// differently. It judges no claims, fetches no keys and decrypts nothing.
package jose

import (
	"encoding/base64"
	"errors"
	"strings"
)

const (
	maxToken    = 64 << 10 // bytes of a compact token
	maxHeader   = 8 << 10  // bytes of its decoded header
	maxDetached = 16 << 10 // bytes of a detached signature with its header
)

// Reasons for which a token is refused before any key is asked.
var (
	errLong      = errors.New("the token is longer than 64 KiB")
	errSegments  = errors.New("the token does not consist of three segments")
	errBase64    = errors.New("a segment is not canonical base64url without padding")
	errHeaderLen = errors.New("the header is longer than 8 KiB")
	errHeader    = errors.New("the header is not a JSON object with names that occur once")
	errAlg       = errors.New("the header has no alg")
	errKid       = errors.New("the kid of the header is not text")
	errCrit      = errors.New("the header has crit, which marks extensions that are not understood here")
)

// Token is a JWS in compact serialisation (RFC 7515 §3.1), read but not verified.
type Token struct {
	// Algorithm is the alg of the header, never empty. It is what the sender
	// claims; the key decides whether it is used.
	Algorithm string
	// KeyID is the kid of the header, empty when there is none.
	KeyID string
	// Payload is what was signed, decoded.
	Payload []byte

	signed    string // what the signature covers
	signature []byte
}

// Parse reads a token of at most 64 KiB more strictly than the RFCs ask: two
// readers that would disagree about a token must not exist. Any crit is refused;
// jku, x5u, x5c and jwk are ignored, for a token must not choose the key that
// verifies it. Errors quote nothing of the token.
func Parse(text string) (*Token, error) {
	if len(text) > maxToken {
		return nil, errLong
	}
	first := strings.IndexByte(text, '.')
	last := strings.LastIndexByte(text, '.')
	if first < 0 || first == last || strings.Count(text, ".") != 2 {
		return nil, errSegments
	}
	if base64.RawURLEncoding.DecodedLen(first) > maxHeader {
		return nil, errHeaderLen
	}
	header, err := readHeader(text[:first])
	if err != nil {
		return nil, err
	}
	t := &Token{signed: text[:last]}
	if header.Has("crit") {
		return nil, errCrit
	}
	if t.Algorithm, t.KeyID, err = header.names(); err != nil {
		return nil, err
	}
	if t.Payload, err = Decode(text[first+1 : last]); err != nil {
		return nil, err
	}
	if t.signature, err = Decode(text[last+1:]); err != nil {
		return nil, err
	}
	return t, nil
}

// Decode reads base64url as RFC 7515 §2 defines it, in its one canonical form: no
// padding, no line breaks (which Go's decoder skips), no bits set that carry
// nothing.
func Decode(segment string) ([]byte, error) {
	if strings.ContainsAny(segment, "\r\n") {
		return nil, errBase64
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return nil, errBase64
	}
	return decoded, nil
}
