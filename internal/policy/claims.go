package policy

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/traffic"
)

// The claims of scopes (RFC 8693, section 4.2, and what others use instead).
var (
	scopeClaim = []string{"scope"}
	scpClaim   = []string{"scp"}
)

// ClaimsOf are the claims that an identifying policy left, null for none.
func ClaimsOf(x *traffic.Exchange) dataweave.Value {
	claims, err := dataweave.FromAny(x.Auth.Properties["claims"])
	if err != nil {
		return dataweave.Null()
	}
	return claims
}

// ClaimAt follows a path of names into claims; where it leads nowhere, null.
func ClaimAt(claims dataweave.Value, path []string) dataweave.Value {
	value := claims
	for _, name := range path {
		object, ok := value.AsObject()
		if !ok {
			return dataweave.Null()
		}
		if value, ok = object.Get(name); !ok {
			return dataweave.Null()
		}
	}
	return value
}

// ClaimWords are the texts of a list, or the words of one text.
func ClaimWords(value dataweave.Value) []string {
	if text, ok := value.AsString(); ok {
		return strings.Fields(text)
	}
	array, ok := value.AsArray()
	if !ok {
		return nil
	}
	var list []string
	for i := range array.Len() {
		if text, ok := array.At(i).AsString(); ok {
			list = append(list, text)
		}
	}
	return list
}

// ScopesOf are the scopes in claims: those at path, or without a path those of
// scope, else of scp.
func ScopesOf(claims dataweave.Value, path []string) []string {
	if path != nil {
		return ClaimWords(ClaimAt(claims, path))
	}
	if scope := ClaimAt(claims, scopeClaim); !scope.IsNull() {
		return ClaimWords(scope)
	}
	return ClaimWords(ClaimAt(claims, scpClaim))
}
