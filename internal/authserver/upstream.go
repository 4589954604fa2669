package authserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"farrier.dev/farrier/internal/secret"
)

// Upstream is the OpenID provider at which people sign in.
type Upstream struct {
	Issuer, ClientID, ClientSecret string
	// Secret gives the secret in the place of ClientSecret, as it is now; nil for one
	// that stays.
	Secret func() (string, error)
	// Scopes are asked for beside openid.
	Scopes []string
}

// upstream speaks to the provider, whose metadata is read when it is first
// needed.
type upstream struct {
	settings *Upstream
	callback string
	client   *http.Client
	now      func() time.Time

	mu sync.Mutex
	discovery
	// failure is why the provider could not be read, and holds until retry.
	failure error
	retry   time.Time
}

// What the provider may cost.
const (
	// answerLimit is the greatest answer, in bytes.
	answerLimit = 1 << 20
	// holdOff is how long a provider that could not be read is not asked again:
	// who comes meanwhile waits for nobody.
	holdOff = 5 * time.Second
)

// discovery is what the provider says of itself.
type discovery struct {
	provider *oidc.Provider
	style    oauth2.AuthStyle
	// claims says that single claims can be asked for.
	claims bool
}

// signInClaims are how somebody signed in: many providers tell only who asks
// (OpenID Connect Core §5.5).
const signInClaims = `{"id_token":{"auth_time":null,"acr":null,"amr":null}}`

func (u *upstream) init(o Options) {
	u.settings, u.callback, u.now = o.Upstream, o.Issuer+"/callback", o.Now
	client := *o.HTTP
	client.Transport = bounded{client.Transport}
	u.client = &client
}

// bounded cuts answers off that are longer than any we need.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.RoundTripper
	if next == nil {
		next = http.DefaultTransport //nolint:forbidigo // the client that was handed in says so by having none
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, answerLimit)
	}
	return resp, err
}

// errSignIn says that the provider's answer proves nobody.
var errSignIn = errors.New("the answer of the identity provider is not valid")

// discovered is the provider; one that could not be reached is tried again.
func (u *upstream) discovered(ctx context.Context) (discovery, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.provider != nil {
		return u.discovery, nil
	}
	if u.failure != nil && u.now().Before(u.retry) {
		return discovery{}, u.failure
	}
	u.discovery, u.failure = u.discover(ctx)
	u.retry = u.now().Add(holdOff)
	return u.discovery, u.failure
}

func (u *upstream) discover(ctx context.Context) (discovery, error) {
	// What is learned outlives this request: its key set is read again later.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), u.client), u.settings.Issuer)
	if err != nil {
		return discovery{}, fmt.Errorf("reading its metadata: %.300s", err.Error()) // it may hold what the provider wrote
	}
	var more struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Claims  bool     `json:"claims_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return discovery{}, fmt.Errorf("reading its metadata: %w", err)
	}
	found := discovery{provider, oauth2.AuthStyleInHeader, more.Claims}
	if u.settings.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		found.style = oauth2.AuthStyleInParams
	}
	return found, nil
}

func (u *upstream) config(ctx context.Context) (*oauth2.Config, discovery, error) {
	found, err := u.discovered(ctx)
	if err != nil {
		return nil, found, err
	}
	endpoint := found.provider.Endpoint()
	endpoint.AuthStyle = found.style
	scopes := []string{oidc.ScopeOpenID}
	for _, one := range u.settings.Scopes {
		if !slices.Contains(scopes, one) {
			scopes = append(scopes, one)
		}
	}
	password := u.settings.ClientSecret
	if u.settings.Secret != nil {
		if password, err = u.settings.Secret(); err != nil {
			return nil, found, fmt.Errorf("its client secret: %w", err)
		}
	}
	return &oauth2.Config{
		ClientID: u.settings.ClientID, ClientSecret: password,
		Endpoint: endpoint, RedirectURL: u.callback, Scopes: scopes,
	}, found, nil
}

// derived makes what only the browser that began can bring along: it is not
// stored anywhere.
func derived(browser, state, what string) string {
	mac := hmac.New(sha256.New, []byte(browser))
	_, _ = mac.Write([]byte(what + " " + state)) // a hash never fails
	return coding.EncodeToString(mac.Sum(nil))
}

// signInURL is where the browser goes to sign in.
func (u *upstream) signInURL(ctx context.Context, q request, state, browser string) (string, error) {
	config, found, err := u.config(ctx)
	if err != nil {
		return "", err
	}
	more := []oauth2.AuthCodeOption{
		oidc.Nonce(derived(browser, state, "nonce")),
		oauth2.S256ChallengeOption(derived(browser, state, "verifier")),
	}
	if prompt := slices.DeleteFunc(slices.Clone(q.Prompt), func(one string) bool { return one == "consent" }); len(prompt) > 0 {
		more = append(more, oauth2.SetAuthURLParam("prompt", strings.Join(prompt, " ")))
	}
	if found.claims {
		more = append(more, oauth2.SetAuthURLParam("claims", signInClaims))
	}
	if q.MaxAge >= 0 {
		more = append(more, oauth2.SetAuthURLParam("max_age", strconv.FormatInt(q.MaxAge, 10)))
	}
	return config.AuthCodeURL(state, more...), nil
}

// signedIn is the person of whom the provider's answer speaks.
func (u *upstream) signedIn(ctx context.Context, code, state, browser string) (person, error) {
	config, found, err := u.config(ctx)
	if err != nil {
		return person{}, err
	}
	ctx = oidc.ClientContext(ctx, u.client)
	answer, err := config.Exchange(ctx, code, oauth2.VerifierOption(derived(browser, state, "verifier")))
	if err != nil {
		return person{}, fmt.Errorf("%w: redeeming the code: %w", errSignIn, withoutBody(err))
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return person{}, fmt.Errorf("%w: it has no ID token", errSignIn)
	}
	token, err := found.provider.VerifierContext(ctx, &oidc.Config{ClientID: u.settings.ClientID, Now: u.now}).Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", errSignIn, err)
	}
	if !secret.Equal(token.Nonce, derived(browser, state, "nonce")) {
		return person{}, fmt.Errorf("%w: its nonce is another", errSignIn)
	}
	who := person{}
	if err := token.Claims(&who); err != nil {
		return person{}, fmt.Errorf("%w: %w", errSignIn, err)
	}
	if who.Subject == "" || len(who.Subject) > 255 {
		return person{}, fmt.Errorf("%w: its subject is empty or too long", errSignIn)
	}
	return who, nil
}

// withoutBody keeps what a provider wrote out of the log, but for its error code.
func withoutBody(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response != nil {
		return fmt.Errorf("status %d, error %.40q", answered.Response.StatusCode, answered.ErrorCode)
	}
	return err
}

// serveCallback is where people come back from signing in.
func (s *Server) serveCallback(w http.ResponseWriter, r *http.Request) {
	p, err := parseParameters(r.URL.RawQuery)
	if err != nil || len(p.repeated) > 0 || s.o.Upstream == nil {
		s.errorPage(w, r, refusal("invalid_request", "The address of this page can't be read."))
		return
	}
	state, browser := p.get("state"), browserOf(r)
	q, _, ok, err := s.takeLogin(r.Context(), state, browser, false)
	if err != nil || !ok {
		s.errorPage(w, r, notBegun(err))
		return
	}
	if iss := p.get("iss"); iss != "" && iss != s.o.Upstream.Issuer {
		s.redirectError(w, r, q, refusal("server_error", "another identity provider answered"))
		return
	}
	if p.get("error") != "" || p.get("code") == "" {
		s.redirectError(w, r, q, refusal("access_denied", "nobody signed in"))
		return
	}
	who, err := s.upstream.signedIn(r.Context(), p.get("code"), state, browser)
	if err != nil {
		s.o.Log.Warn("a sign-in at the upstream identity provider failed", "issuer", s.o.Upstream.Issuer, "error", err)
		s.redirectError(w, r, q, refusal("server_error", "the identity provider's answer is not valid"))
		return
	}
	s.arrived(w, r, q, who, browser)
}

// notBegun is what people read whose sign-in is not known.
func notBegun(err error) error {
	if err != nil {
		return err
	}
	return refusal("invalid_request", "This sign-in was not begun in this browser, took too long or is over. Go back to the application and begin again.")
}

// arrived asks for consent where it must, and else grants.
func (s *Server) arrived(w http.ResponseWriter, r *http.Request, q request, who person, browser string) {
	c, known := s.o.Clients.Client(r.Context(), q.ClientID)
	if !known || !c.redirects(q.RedirectURI) {
		s.errorPage(w, r, refusal("invalid_client", "The application may not have access any more."))
		return
	}
	// A person must not be taken for a client that acts on its own account
	// (RFC 9068 §5).
	if _, taken := s.o.Clients.Client(r.Context(), who.Subject); taken {
		s.redirectError(w, r, q, refusal("access_denied", "the person has the name of a client"))
		return
	}
	if q.old(who, s.o.Now()) {
		s.redirectError(w, r, q, refusal("login_required", "the person signed in too long ago"))
		return
	}
	agreed, err := s.agreed(r.Context(), c, q, who)
	if err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	if agreed {
		s.grantTo(w, r, q, who)
		return
	}
	s.askConsent(w, r, c, q, who, browser)
}
