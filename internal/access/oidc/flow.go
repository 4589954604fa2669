package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"farrier.dev/farrier/internal/secret"
)

var coding = base64.RawURLEncoding

// The bounds of what comes back.
const (
	maxQuery  = 8 << 10
	maxCookie = 3 << 10
	maxNext   = 1 << 10
)

// signInClaims are how somebody signed in: many providers tell only who asks
// (OpenID Connect Core §5.5).
const signInClaims = `{"id_token":{"auth_time":null,"acr":null,"amr":null}}`

// Ask is what a sign-in is for.
type Ask struct {
	// Next is carried along: where the browser goes afterwards.
	Next string
	// Bound is carried along: for a confirmation, whose it is. The cookie that holds it
	// is signed, not sealed.
	Bound string
	// Confirm demands that the person signs in anew, even if the provider knows them.
	Confirm bool
	// Hint is the address or name that the person typed, for the provider's form.
	Hint string
}

// Begun is a sign-in under way.
type Begun struct {
	// URL is where the browser goes.
	URL string
	// Cookie is what the browser must bring back, for FlowLife.
	Cookie string
}

// flow is what the cookie says. Nonce, state and verifier are made of its id and
// the key, so that none of them is kept anywhere.
type flow struct {
	Provider string `json:"p"`
	ID       string `json:"i"`
	Next     string `json:"n,omitempty"`
	Bound    string `json:"b,omitempty"`
	Confirm  bool   `json:"c,omitempty"`
	// Began and Ends are Unix seconds.
	Began int64 `json:"t"`
	Ends  int64 `json:"x"`
}

// derived is a value for one use within a flow.
func (p *Provider) derived(use, id string) string {
	mac := hmac.New(sha256.New, p.o.Key)
	_, _ = mac.Write([]byte("sign-in at " + p.Name() + "\x00" + p.o.Settings.Issuer + "\x00" + use + "\x00" + id)) // a hash never fails
	return coding.EncodeToString(mac.Sum(nil))
}

// Begin starts a sign-in. The refusal is ErrUnreachable.
func (p *Provider) Begin(ctx context.Context, ask Ask) (Begun, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return Begun{}, err
	}
	now := p.o.Now()
	id, _ := secret.NewToken()
	if len(ask.Next) > maxNext {
		ask.Next = ""
	}
	f := flow{Provider: p.Name(), ID: id, Next: ask.Next, Bound: ask.Bound, Confirm: ask.Confirm, Began: now.Unix(), Ends: now.Add(FlowLife).Unix()}
	text, err := json.Marshal(f)
	if err != nil {
		return Begun{}, err
	}
	body := coding.EncodeToString(text)
	more := []oauth2.AuthCodeOption{
		oidc.Nonce(p.derived("nonce", id)),
		oauth2.S256ChallengeOption(p.derived("verifier", id)),
	}
	if ask.Confirm {
		more = append(more, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	} else if p.o.Settings.MaxAge > 0 {
		more = append(more, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(p.o.Settings.MaxAge/time.Second))))
	}
	if len(p.o.Settings.ACR) > 0 {
		more = append(more, oauth2.SetAuthURLParam("acr_values", strings.Join(p.o.Settings.ACR, " ")))
	}
	if ask.Hint != "" && len(ask.Hint) <= maxClaim {
		more = append(more, oauth2.SetAuthURLParam("login_hint", ask.Hint))
	}
	if m.claims && (ask.Confirm || p.o.Settings.strong() || p.o.Settings.MaxAge > 0) {
		more = append(more, oauth2.SetAuthURLParam("claims", signInClaims))
	}
	return Begun{
		URL:    p.config(m).AuthCodeURL(p.derived("state", id), more...),
		Cookie: body + "." + p.derived("cookie", body),
	}, nil
}

// read is the flow that a cookie of ours holds.
func (p *Provider) read(cookie string) (flow, error) {
	body, mac, found := strings.Cut(cookie, ".")
	if cookie == "" {
		return flow{}, refuse(ErrFlow, "the browser brought no cookie of it")
	}
	if len(cookie) > maxCookie || !found || !secret.Equal(mac, p.derived("cookie", body)) {
		return flow{}, refuse(ErrFlow, "the cookie is of another provider, or not ours")
	}
	var f flow
	text, err := coding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	switch {
	case err != nil || f.Provider != p.Name() || f.ID == "":
		return flow{}, refuse(ErrFlow, "the cookie can't be read")
	case p.o.Now().Unix() >= f.Ends:
		return flow{}, refuse(ErrFlow, "it began more than %d minutes ago", int(FlowLife/time.Minute))
	}
	return f, nil
}

// Answered is a sign-in that ended: with a person, or with an error beside what the
// sign-in was for, as far as that is known.
type Answered struct {
	Identity
	Next, Bound string
	Confirm     bool
}

// Finish judges what the browser came back with: the raw query of the address and
// the cookie. The refusals are ErrFlow, ErrDenied, ErrAnswer, ErrWeak and
// ErrUnreachable.
func (p *Provider) Finish(ctx context.Context, rawQuery, cookie string) (Answered, error) {
	f, err := p.read(cookie)
	if err != nil {
		return Answered{}, err
	}
	a := Answered{Next: f.Next, Bound: f.Bound, Confirm: f.Confirm}
	code, err := p.code(ctx, f, rawQuery)
	if err != nil {
		return a, err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return a, err
	}
	a.Identity, err = p.redeem(ctx, m, f, code)
	return a, err
}

// code is what the provider gave the browser, if it is an answer to this flow.
func (p *Provider) code(ctx context.Context, f flow, rawQuery string) (string, error) {
	if len(rawQuery) > maxQuery {
		return "", refuse(ErrAnswer, "its address is too long")
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", refuse(ErrAnswer, "its address can't be read")
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return "", refuse(ErrAnswer, "its address has more than one %s", name)
		}
	}
	if !secret.Equal(query.Get("state"), p.derived("state", f.ID)) {
		return "", refuse(ErrFlow, "its state is that of another sign-in")
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	// Another provider must not be able to pass its answers off as this one's (RFC 9207).
	switch iss := query.Get("iss"); {
	case iss != "" && iss != p.o.Settings.Issuer:
		return "", refuse(ErrAnswer, "another issuer answered")
	case iss == "" && m.issued:
		return "", refuse(ErrAnswer, "it does not name its issuer, although this provider always does")
	}
	first, err := p.o.Once(ctx, "oidc flow "+p.Name()+" "+f.ID, time.Unix(f.Ends, 0))
	switch {
	case err != nil:
		return "", err
	case !first:
		return "", refuse(ErrFlow, "it was answered before")
	case query.Get("error") != "":
		return "", refuse(ErrDenied, "its error is %s", known(query.Get("error")))
	case query.Get("code") == "":
		return "", refuse(ErrAnswer, "it has no code")
	}
	return query.Get("code"), nil
}

// known is an error code of the standards; any other text is the sender's own.
func known(code string) string {
	if slices.Contains([]string{
		"access_denied", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "interaction_required", "login_required", "account_selection_required", "consent_required",
		"unmet_authentication_requirements", "invalid_client", "invalid_grant", "unsupported_grant_type",
	}, code) {
		return code
	}
	return "none of the standard ones"
}

// redeem trades the code for tokens and judges them.
func (p *Provider) redeem(ctx context.Context, m metadata, f flow, code string) (Identity, error) {
	answer, err := p.config(m).Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(p.derived("verifier", f.ID)))
	if err != nil {
		var told *oauth2.RetrieveError
		if errors.As(err, &told) && told.Response != nil { // its text is the provider's own
			return Identity{}, refuse(ErrAnswer, "the code was not redeemed: status %d, its error is %s", told.Response.StatusCode, known(told.ErrorCode))
		}
		var gone *url.Error
		if errors.As(err, &gone) {
			return Identity{}, refuse(ErrUnreachable, "the code could not be redeemed: %.200s", gone.Err.Error())
		}
		return Identity{}, refuse(ErrAnswer, "the code was not redeemed: the answer is no token")
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok || raw == "" {
		return Identity{}, refuse(ErrAnswer, "it has no ID token; is openid among the scopes that the client may have?")
	}
	c, err := p.judge(ctx, raw, f, answer.AccessToken)
	if err != nil {
		return Identity{}, err
	}
	if m.userInfo != "" && answer.AccessToken != "" && p.lacks(c) {
		if err := p.addUserInfo(ctx, m, answer.AccessToken, c); err != nil {
			return Identity{}, err
		}
	}
	return p.identity(c)
}
