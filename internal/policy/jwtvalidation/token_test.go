package jwtvalidation

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 6) }

// TestClaimsAreReadStrictly holds what is refused of a payload that is signed
// well: each differs from good claims in one thing.
func TestClaimsAreReadStrictly(t *testing.T) {
	const header, claims = `{"alg":"HS256","typ":"JWT"}`, `{"sub":"alice"}`
	good := encode([]byte(header)) + "." + encode([]byte(claims)) + ".c2ln"
	if _, err := parseToken(good); err != nil {
		t.Fatalf("the good token is refused: %v", err)
	}
	with := func(header, claims string) string {
		return encode([]byte(header)) + "." + encode([]byte(claims)) + ".c2ln"
	}
	cases := []struct {
		name, token string
		want        error
	}{
		{"empty claims", encode([]byte(header)) + "..c2ln", errClaims},
		{"claims are text", with(header, `"alice"`), errClaims},
		{"claims are null", with(header, `null`), errClaims},
		{"claims with a name twice", with(header, `{"sub":"alice","sub":"root"}`), errClaims},
		{"claims with a number too large", with(header, `{"exp":1e400}`), errClaims},
		{"claims are not UTF-8", with(header, "{\"sub\":\"\xc3\x28\"}"), errClaims},
		{"claims are another token", with(header, good), errClaims},
		{"claims are too deep", with(header, strings.Repeat(`{"a":`, 400)+"1"+strings.Repeat("}", 400)), errClaims},
	}
	for _, c := range cases {
		if _, err := parseToken(c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	t.Logf("refused %d tokens", len(cases))
}
