// Package oidc signs people in at an OpenID provider: the authorization code
// flow with PKCE, state and nonce, the judgement of ID tokens, and the three ways
// in which a provider ends what it began. It is a protocol and no more: who the
// person is here, and what they may do, is decided by its callers, and it keeps
// nothing but keys and metadata of the provider.
package oidc

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/jose"
)

// The bounds of what a provider may take and tell.
const (
	// answerLimit is the greatest answer of a provider, in bytes.
	answerLimit = 1 << 20
	// maxClaim is the longest text of a claim that is used, in bytes.
	maxClaim = 255
	// maxGroups is how many groups a person may have.
	maxGroups = 1000
	// skew is how far clocks may differ.
	skew = time.Minute
	// FlowLife is how long a sign-in may take.
	FlowLife = 10 * time.Minute
)

// Settings say where people sign in, and what of the answer counts.
type Settings struct {
	// Name stands in addresses: lower-case letters, digits and hyphens, at most 32.
	Name string
	// Title is what people read; empty stands for Name.
	Title string
	// Issuer is the provider's identifier, an https URL without trailing parts;
	// http is taken for the loopback only.
	Issuer string
	// ClientID and ClientSecret are what the provider knows us by. Without a secret
	// we are a public client, which PKCE protects.
	ClientID, ClientSecret string
	// Scopes are asked for beside openid.
	Scopes []string
	// UsernameClaim names the claim that an account is called by; empty stands for
	// preferred_username.
	UsernameClaim string
	// GroupsClaim names the claim that holds groups; empty: none are read.
	GroupsClaim string
	// ACR and AMR, where either is set, demand a strong sign-in: the answer's acr is
	// one of ACR, or its amr has one of AMR.
	ACR, AMR []string
	// Algorithms are the signatures that count, such as ES256; empty stands for all
	// that are asymmetric.
	Algorithms []string
	// MaxAge, unless 0, is how long ago a person may have signed in at the provider.
	MaxAge time.Duration
}

// namePattern is what Settings.Name may be.
var namePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)

// asymmetric are the algorithms that an ID token may be signed with.
func asymmetric(name string) bool {
	return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}, name)
}

// Check says what is wrong with the settings, by the name of the field.
func (s *Settings) Check() error {
	switch {
	case !namePattern.MatchString(s.Name):
		return fmt.Errorf("name %.40q must be lower-case letters, digits and hyphens, 32 at most", s.Name)
	case s.ClientID == "":
		return errors.New("clientId is missing; it is what the provider calls Farrier")
	case s.MaxAge < 0:
		return errors.New("maxAge must not be negative")
	}
	if err := checkIssuer(s.Issuer); err != nil {
		return err
	}
	for _, one := range s.Scopes {
		if one == "" || strings.ContainsAny(one, " \t\r\n\"\\") {
			return fmt.Errorf("scopes: %.40q is no scope; write each as an element of its own", one)
		}
	}
	for _, one := range s.Algorithms {
		if !asymmetric(one) {
			return fmt.Errorf("algorithms: %.20q is no asymmetric signature; RS256, PS256, ES256 and EdDSA are the usual ones", one)
		}
	}
	return nil
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return errors.New("issuer is missing; it is the URL before /.well-known/openid-configuration")
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("issuer %.100q is no plain URL", issuer)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("issuer %.100q must begin with https://", issuer)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// algorithms are those that count, as jose has them.
func (s *Settings) algorithms() jose.Algorithms {
	return jose.AlgorithmsWhere(func(name string) bool {
		return asymmetric(name) && (len(s.Algorithms) == 0 || slices.Contains(s.Algorithms, name))
	})
}

// strong reports whether a sign-in must be of a certain kind.
func (s *Settings) strong() bool { return len(s.ACR) > 0 || len(s.AMR) > 0 }
