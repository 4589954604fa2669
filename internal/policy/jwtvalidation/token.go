package jwtvalidation

import (
	"errors"
	"unicode/utf8"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/jose"
)

var errClaims = errors.New("the claims are not a JSON object with names that occur once")

// token is a token whose payload is claims, read but not verified.
type token struct {
	*jose.Token
	claims dataweave.Object
	value  dataweave.Value // the claims as a value
}

// parseToken reads a token and its claims; their reader refuses names that repeat
// and numbers beyond a float64.
func parseToken(text string) (*token, error) {
	read, err := jose.Parse(text)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(read.Payload) {
		return nil, errClaims
	}
	value, err := dataweave.FromJSON(read.Payload)
	if err != nil {
		return nil, errClaims
	}
	claims, ok := value.AsObject()
	if !ok {
		return nil, errClaims
	}
	return &token{read, claims, value}, nil
}
