package jwtvalidation

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/dataweave"
)

const (
	maxToken  = 64 << 10 // bytes of a token
	maxHeader = 8 << 10  // bytes of its decoded header
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
	errClaims    = errors.New("the claims are not a JSON object with names that occur once")
)

// token is a JWS in compact serialisation (RFC 7515 §3.1), read but not
// verified.
type token struct {
	alg, kid  string
	signed    string // what the signature covers
	signature []byte
	claims    dataweave.Object
	value     dataweave.Value // the claims as a value
}

// parseToken reads a token whose payload is claims.
func parseToken(text string) (*token, error) {
	t, claims, err := parseJWS(text)
	if err != nil {
		return nil, err
	}
	var ok bool
	if t.value, t.claims, ok = readObject(claims); !ok {
		return nil, errClaims
	}
	return t, nil
}

// parseJWS reads a JWS and its payload more strictly than the RFCs ask: two
// readers that would disagree about a token must not exist. jku, x5u, x5c and jwk
// are ignored, for a token must not choose the key that verifies it.
func parseJWS(text string) (*token, []byte, error) {
	if len(text) > maxToken {
		return nil, nil, errLong
	}
	first := strings.IndexByte(text, '.')
	last := strings.LastIndexByte(text, '.')
	if first < 0 || first == last || strings.Count(text, ".") != 2 {
		return nil, nil, errSegments
	}
	if base64.RawURLEncoding.DecodedLen(first) > maxHeader {
		return nil, nil, errHeaderLen
	}
	header, err := decodeSegment(text[:first])
	if err != nil {
		return nil, nil, err
	}
	t := &token{signed: text[:last]}
	if err := t.readHeader(header); err != nil {
		return nil, nil, err
	}
	payload, err := decodeSegment(text[first+1 : last])
	if err != nil {
		return nil, nil, err
	}
	if t.signature, err = decodeSegment(text[last+1:]); err != nil {
		return nil, nil, err
	}
	return t, payload, nil
}

func (t *token) readHeader(text []byte) error {
	_, header, ok := readObject(text)
	if !ok {
		return errHeader
	}
	if _, critical := header.Get("crit"); critical {
		return errCrit
	}
	alg, _ := header.Get("alg")
	if t.alg, ok = alg.AsString(); !ok || t.alg == "" {
		return errAlg
	}
	if kid, present := header.Get("kid"); present {
		if t.kid, ok = kid.AsString(); !ok {
			return errKid
		}
	}
	return nil
}

// decodeSegment reads base64url as RFC 7515 §2 defines it: no padding, no line
// breaks (which Go's decoder skips), no bits set that carry nothing.
func decodeSegment(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errBase64
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errBase64
	}
	return decoded, nil
}

// readObject reads a JSON object; the reader refuses names that repeat and
// numbers beyond a float64.
func readObject(text []byte) (dataweave.Value, dataweave.Object, bool) {
	if !utf8.Valid(text) {
		return dataweave.Value{}, nil, false
	}
	value, err := dataweave.FromJSON(text)
	if err != nil {
		return dataweave.Value{}, nil, false
	}
	object, ok := value.AsObject()
	return value, object, ok
}
