package acme

import (
	"context"
	"regexp"
	"slices"

	"golang.org/x/crypto/acme"
)

// http01 is the challenge that is answered at /.well-known/acme-challenge/ (RFC 8555
// §8.3).
const http01 = "http-01"

// tokens are those that an authority may give: 128 bits at least, in base64url.
var tokens = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// IsToken reports whether a text could be the token of a challenge.
func IsToken(text string) bool { return tokens.MatchString(text) }

// pending is an authorisation that is not given yet.
type pending struct {
	url, domain string
	challenge   *acme.Challenge
}

// authorise proves that the domains are ours.
func (w *work) authorise(ctx context.Context, order *acme.Order) error {
	var open []pending
	answers := map[string]string{}
	if len(order.AuthzURLs) > len(w.domains) {
		return w.drop(ctx, &ProblemError{Text: "the authority wants more to be proven than was asked for"})
	}
	for _, url := range order.AuthzURLs {
		one, err := w.client.GetAuthorization(ctx, url)
		if err != nil {
			return err
		}
		if one.Status == acme.StatusValid {
			continue
		}
		if one.Status != acme.StatusPending {
			return w.drop(ctx, refusedDomain(one))
		}
		p, err := w.challenge(url, one)
		if err != nil {
			return w.drop(ctx, err)
		}
		if answers[p.challenge.Token], err = w.client.HTTP01ChallengeResponse(p.challenge.Token); err != nil {
			return err
		}
		open = append(open, p)
	}
	if len(open) == 0 {
		return nil
	}
	if err := w.steps.Present(ctx, answers); err != nil {
		return err
	}
	for _, p := range open {
		if p.challenge.Status != acme.StatusPending {
			continue // an interrupted attempt has said so already
		}
		if _, err := w.client.Accept(ctx, p.challenge); err != nil {
			return err
		}
	}
	for _, p := range open {
		if err := poll(ctx, func() (bool, error) { return w.given(ctx, p.url) }); err != nil {
			return err
		}
	}
	return nil
}

// challenge is the http-01 challenge of an authorisation.
func (w *work) challenge(url string, one *acme.Authorization) (pending, error) {
	domain := one.Identifier.Value
	if one.Identifier.Type != "dns" || !slices.Contains(w.domains, domain) {
		return pending{}, &ProblemError{Text: "the authority wants something to be proven that was not asked for"}
	}
	at := slices.IndexFunc(one.Challenges, func(c *acme.Challenge) bool { return c.Type == http01 })
	if at < 0 {
		return pending{}, &ProblemError{Text: "the authority offers no http-01 challenge for " + domain}
	}
	if !IsToken(one.Challenges[at].Token) {
		return pending{}, &ProblemError{Text: "the authority gives a token that is none"}
	}
	return pending{url, domain, one.Challenges[at]}, nil
}

// given says whether an authorisation is given.
func (w *work) given(ctx context.Context, url string) (bool, error) {
	one, err := w.client.GetAuthorization(ctx, url)
	if err != nil {
		return false, err
	}
	switch one.Status {
	case acme.StatusValid:
		return true, nil
	case acme.StatusPending, acme.StatusProcessing:
		return false, nil
	}
	return false, w.drop(ctx, refusedDomain(one))
}
