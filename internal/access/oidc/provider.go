package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"farrier.dev/farrier/internal/jose"
)

// How long what a provider says of itself is believed.
const (
	metadataLife = time.Hour
	// holdOff is how long a provider that could not be read is not asked again:
	// who comes meanwhile waits for nobody.
	holdOff = 5 * time.Second
)

// Options are what a provider is made of. All are required.
type Options struct {
	Settings Settings
	// Redirect is our own address that people come back to.
	Redirect string
	// Key signs what the browser keeps while a sign-in is under way; 32 bytes. All
	// processes of one control plane have the same.
	Key []byte
	// Once reports whether it sees an id for the first time, and remembers it until
	// then: it makes sign-ins and logout tokens count once.
	Once func(ctx context.Context, id string, until time.Time) (bool, error)
	// HTTP asks the provider. It must have a time limit.
	HTTP *http.Client
	Now  func() time.Time
}

// Provider is one place where people sign in. It is safe for use by many goroutines.
type Provider struct {
	o      Options
	client *http.Client

	mu    sync.Mutex
	known metadata
	// failure is why the provider could not be read, and holds until retry.
	failure error
	retry   time.Time

	keys keyset
}

// metadata is what the provider says of itself.
type metadata struct {
	endpoint oauth2.Endpoint
	keys     string
	userInfo string
	// endSession is where people sign out, empty when there is no such place.
	endSession string
	// issued says that its answers name it (RFC 9207).
	issued bool
	// claims says that single claims can be asked for.
	claims bool
	read   time.Time
}

// New makes a provider and asks it nothing yet.
func New(o Options) (*Provider, error) {
	if err := o.Settings.Check(); err != nil {
		return nil, err
	}
	if o.Redirect == "" || len(o.Key) < 32 || o.Once == nil || o.HTTP == nil || o.Now == nil {
		return nil, errors.New("oidc: Redirect, Key, Once, HTTP and Now are required")
	}
	client := *o.HTTP
	client.Transport = bounded{client.Transport}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &Provider{o: o, client: &client}
	p.keys = keyset{fetch: p.fetchKeys, now: o.Now, permitted: jose.Permitted{Always: o.Settings.algorithms(), Named: o.Settings.algorithms()}}
	return p, nil
}

// Name is what the provider is called in addresses.
func (p *Provider) Name() string { return p.o.Settings.Name }

// Title is what people call the provider.
func (p *Provider) Title() string {
	if p.o.Settings.Title != "" {
		return p.o.Settings.Title
	}
	return p.o.Settings.Name
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

// metadata reads what the provider says of itself, at most once an hour; while it
// can't be read, what was known before holds.
func (p *Provider) metadata(ctx context.Context) (metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	if !p.known.read.IsZero() && now.Sub(p.known.read) < metadataLife {
		return p.known, nil
	}
	if p.failure == nil || !now.Before(p.retry) {
		found, err := p.discover(ctx)
		if p.failure = err; err == nil {
			found.read = now
			p.known = found
			return p.known, nil
		}
		p.retry = now.Add(holdOff)
	}
	if !p.known.read.IsZero() {
		return p.known, nil
	}
	return metadata{}, p.failure
}

func (p *Provider) discover(ctx context.Context) (metadata, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.o.Settings.Issuer)
	if err != nil {
		return metadata{}, refuse(ErrUnreachable, "its metadata can't be read: %.300s", err.Error())
	}
	var more struct {
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		Claims     bool     `json:"claims_parameter_supported"`
		Issued     bool     `json:"authorization_response_iss_parameter_supported"`
		Keys       string   `json:"jwks_uri"`
		UserInfo   string   `json:"userinfo_endpoint"`
		EndSession string   `json:"end_session_endpoint"`
		Challenges []string `json:"code_challenge_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return metadata{}, refuse(ErrUnreachable, "its metadata can't be read: %.200s", err.Error())
	}
	m := metadata{
		endpoint: found.Endpoint(), keys: more.Keys, userInfo: more.UserInfo, endSession: more.EndSession,
		issued: more.Issued, claims: more.Claims,
	}
	for name, at := range map[string]string{
		"authorization_endpoint": m.endpoint.AuthURL, "token_endpoint": m.endpoint.TokenURL, "jwks_uri": m.keys,
		"userinfo_endpoint": m.userInfo, "end_session_endpoint": m.endSession,
	} {
		if at == "" && (name == "userinfo_endpoint" || name == "end_session_endpoint") {
			continue
		}
		u, err := url.Parse(at)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return metadata{}, refuse(ErrUnreachable, "its metadata has no %s that begins with https://", name)
		}
	}
	m.endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.o.Settings.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		m.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return m, nil
}

func (p *Provider) config(m metadata) *oauth2.Config {
	scopes := []string{oidc.ScopeOpenID}
	for _, one := range p.o.Settings.Scopes {
		if !slices.Contains(scopes, one) {
			scopes = append(scopes, one)
		}
	}
	return &oauth2.Config{
		ClientID: p.o.Settings.ClientID, ClientSecret: p.o.Settings.ClientSecret,
		Endpoint: m.endpoint, RedirectURL: p.o.Redirect, Scopes: scopes,
	}
}

// The kinds of refusals. Each is wrapped with its reason, which quotes no token.
var (
	// ErrUnreachable says that the provider can't be asked.
	ErrUnreachable = errors.New("the identity provider can't be used now")
	// ErrFlow says that a sign-in was not begun here, is over, or was answered before.
	ErrFlow = errors.New("this sign-in was not begun in this browser, took too long or is over")
	// ErrDenied says that the provider let nobody sign in.
	ErrDenied = errors.New("the identity provider signed nobody in")
	// ErrAnswer says that the provider's answer proves nobody.
	ErrAnswer = errors.New("the answer of the identity provider is not valid")
	// ErrWeak says that the person signed in, but not as strongly or recently as asked.
	ErrWeak = errors.New("the sign-in at the identity provider is not strong enough")
)

func refuse(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %w", kind, fmt.Errorf(format, args...))
}
