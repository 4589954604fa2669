package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/authserver"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate"
)

// AuthorizationServer are the settings of the authorization server; without the
// section there is none.
type AuthorizationServer struct {
	// Listen is the address that it serves, in clear: TLS ends before it.
	Listen string `yaml:"listen"`
	// Issuer is its public URL, without a slash at its end.
	Issuer string `yaml:"issuer"`
	// AccessTokenSeconds is how long access tokens are valid, 60 to 86400; 900.
	AccessTokenSeconds int `yaml:"accessTokenSeconds"`
	// RefreshTokenDays is how long after the consent tokens can be refreshed, 1 to
	// 365; 30.
	RefreshTokenDays int `yaml:"refreshTokenDays"`
	// KeyRotationDays is how long a key signs, 1 to 365; 90.
	KeyRotationDays int `yaml:"keyRotationDays"`
	// SigningAlgorithm is ES256 (the default) or RS256.
	SigningAlgorithm string `yaml:"signingAlgorithm"`
	// Upstream is the OpenID provider where people sign in.
	Upstream *UpstreamProvider `yaml:"upstream"`
	// Clients may have tokens while one of their contracts is approved.
	Clients []TokenClient `yaml:"clients"`
}

// UpstreamProvider is where people sign in.
type UpstreamProvider struct {
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"clientId"`
	// ClientSecret may be $NAME or ${secret:GROUP/NAME}; empty for a public client.
	ClientSecret string `yaml:"clientSecret"`
	// Scopes are asked for beside openid.
	Scopes []string `yaml:"scopes"`
}

// TokenClient is what a client application may ask the authorization server for.
// Its name and secret are those of its contracts.
type TokenClient struct {
	ID           string             `yaml:"id"`
	RedirectURIs []string           `yaml:"redirectUris"`
	Scopes       []string           `yaml:"scopes"`
	Grants       []authserver.Grant `yaml:"grants"`
	// Public says that the client has no secret.
	Public    bool     `yaml:"public"`
	Audiences []string `yaml:"audiences"`
	// Introspects lets it ask about all tokens for its audiences.
	Introspects bool `yaml:"introspects"`
}

func (c TokenClient) client() authserver.Client {
	return authserver.Client{
		ID: c.ID, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes, Grants: c.Grants,
		Public: c.Public, Audiences: c.Audiences, Introspects: c.Introspects,
	}
}

// check fills the defaults and refuses what makes no sense.
func (a *AuthorizationServer) check() error {
	if a == nil {
		return nil
	}
	if a.SigningAlgorithm == "" {
		a.SigningAlgorithm = "ES256"
	}
	if a.SigningAlgorithm != "ES256" && a.SigningAlgorithm != "RS256" {
		return fmt.Errorf("authorizationServer.signingAlgorithm is %q; it must be ES256 or RS256", a.SigningAlgorithm)
	}
	for _, one := range []struct {
		name               string
		value              *int
		low, high, without int
	}{
		{"accessTokenSeconds", &a.AccessTokenSeconds, 60, 86400, 900},
		{"refreshTokenDays", &a.RefreshTokenDays, 1, 365, 30},
		{"keyRotationDays", &a.KeyRotationDays, 1, 365, 90},
	} {
		if *one.value == 0 {
			*one.value = one.without
		}
		if *one.value < one.low || *one.value > one.high {
			return fmt.Errorf("authorizationServer.%s is %d; it must be between %d and %d", one.name, *one.value, one.low, one.high)
		}
	}
	if _, _, err := net.SplitHostPort(a.Listen); err != nil {
		return fmt.Errorf("authorizationServer.listen is %q; it must be an address as 127.0.0.1:9090", a.Listen)
	}
	if err := authserver.CheckIssuer(a.Issuer); err != nil {
		return fmt.Errorf("authorizationServer.issuer: %w", err)
	}
	if up := a.Upstream; up != nil && (authserver.CheckIssuer(strings.TrimSuffix(up.Issuer, "/")) != nil || up.ClientID == "") {
		return errors.New("authorizationServer.upstream must have an issuer, which is an https URL (http only on this machine), and a clientId")
	}
	return a.checkClients()
}

func (a *AuthorizationServer) checkClients() error {
	seen := map[string]bool{}
	for i, one := range a.Clients {
		c := one.client()
		err := c.Check(a.Issuer)
		switch {
		case err != nil:
		case seen[c.ID]:
			err = errors.New("it stands there twice")
		case len(c.RedirectURIs) > 0 && a.Upstream == nil:
			err = errors.New("the grant authorization_code needs authorizationServer.upstream: people sign in there")
		}
		if err != nil {
			return fmt.Errorf("authorizationServer.clients[%d] (%s): %w", i, c.ID, err)
		}
		seen[c.ID] = true
	}
	return nil
}

// issueTokens opens the authorization server that the settings ask for, and
// serves it; nil without one. What tends it runs until ctx ends.
func (c *control) issueTokens(ctx context.Context, cfg Config, refs *references, status func() publish.Status, running *group) (*page, error) {
	a := cfg.AuthorizationServer
	if a == nil {
		return nil, nil //nolint:nilnil // a nil page does nothing
	}
	if c.audit == nil {
		return nil, errors.New("there is no store")
	}
	log, expand := c.log.With("component", "authserver"), refs.expander().Expand
	o := authserver.Options{
		Issuer: a.Issuer, DB: c.controlDB, Sealer: refs.keyring, Audit: c.audit, Now: c.now, Log: log,
		Clients: newContracts(a.Clients, status, expand), HTTP: router.PolicyClient(nil),
		Failures:  sharedstate.NewMemory(c.now).Counter("authserver"),
		Address:   func(r *http.Request) string { return clientAddress(r, cfg.TrustedProxies) },
		Algorithm: a.SigningAlgorithm, AccessTokenLife: time.Duration(a.AccessTokenSeconds) * time.Second,
		RefreshLife: time.Duration(a.RefreshTokenDays) * 24 * time.Hour, KeyLife: time.Duration(a.KeyRotationDays) * 24 * time.Hour,
	}
	if up := a.Upstream; up != nil {
		password, err := expand(up.ClientSecret)
		if err != nil {
			return nil, fmt.Errorf("authorizationServer.upstream.clientSecret: %w", err)
		}
		o.Upstream = &authserver.Upstream{Issuer: up.Issuer, ClientID: up.ClientID, ClientSecret: password, Scopes: up.Scopes}
		if secret.IsStored(up.ClientSecret) { // it may be rotated
			o.Upstream.Secret = func() (string, error) { return expand(up.ClientSecret) }
		}
	}
	server, err := authserver.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening its address: %w", err)
	}
	running.Go(func() error { server.Run(ctx); return nil })
	return servePage(ln, server, log), nil
}

// contracts are the clients of the settings that have an approved contract in
// the revision in service.
type contracts struct {
	settings map[string]authserver.Client
	status   func() publish.Status
	// expand resolves references to secrets.
	expand func(string) (string, error)

	mu       sync.Mutex
	of       *revision.Revision
	approved map[string]approved
}

// approved is what the contracts of one client say.
type approved struct {
	name    string
	secrets []string
	// hashed knows the secrets of which only the hash is known.
	hashed *policy.Client
}

func newContracts(clients []TokenClient, status func() publish.Status, expand func(string) (string, error)) *contracts {
	c := &contracts{settings: map[string]authserver.Client{}, status: status, expand: expand}
	for _, one := range clients {
		c.settings[one.ID] = one.client()
	}
	return c
}

// Client implements authserver.Clients.
func (c *contracts) Client(_ context.Context, id string) (authserver.Client, bool) {
	client, known := c.settings[id]
	contract, served := c.current()[id]
	if !known || !served {
		return authserver.Client{}, false
	}
	client.Name = contract.name
	client.SecretIs = func(shown string) bool {
		right := false
		for _, one := range contract.secrets {
			right = secret.Equal(one, shown) || right
		}
		right = contract.hashed != nil && contract.hashed.SecretIs(shown) || right
		return right
	}
	return client, true
}

// current are the approved contracts now, read once for each revision.
func (c *contracts) current() map[string]approved {
	serving := c.status().Serving
	c.mu.Lock()
	defer c.mu.Unlock()
	if serving == nil || serving == c.of {
		return c.approved
	}
	all := map[string]approved{}
	for _, api := range serving.APIs {
		for _, one := range api.Clients {
			if one.State != "" {
				continue
			}
			a := all[one.ID]
			if one.Name != "" {
				a.name = one.Name
			}
			if password, err := c.expand(one.Secret); err == nil && password != "" {
				a.secrets = append(a.secrets, password)
			}
			if a.hashed == nil {
				a.hashed = policy.NewClient(one.ID, one.Name, "", "", nil)
			}
			for _, hashed := range one.Secrets {
				_ = a.hashed.Accept(hashed.Hash, hashed.Until, time.Now) // what serves has passed this before
			}
			all[one.ID] = a
		}
	}
	c.of, c.approved = serving, all
	return all
}

// clientAddress is the address of a client: what the last trusted proxy says.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusts(trusted, at); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = next.Unmap()
	}
	return at.String()
}

func trusts(trusted []netip.Prefix, addr netip.Addr) bool {
	for _, one := range trusted {
		if one.Contains(addr) {
			return true
		}
	}
	return false
}
