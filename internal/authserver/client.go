package authserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Grant is a way to get tokens (RFC 6749 §1.3).
type Grant string

// The grants.
const (
	ClientCredentials Grant = "client_credentials"
	AuthorizationCode Grant = "authorization_code"
	RefreshToken      Grant = "refresh_token"
)

// Clients finds client applications.
type Clients interface {
	// Client is the client of this id that may have tokens now, and whether there
	// is one. It is asked with every request.
	Client(ctx context.Context, id string) (Client, bool)
}

// Client is one client application.
type Client struct {
	ID string
	// Name is what people read who are asked for their consent.
	Name string
	// SecretIs compares in constant time; nil means that no secret is right.
	SecretIs func(secret string) bool
	// RedirectURIs are where codes may be sent, compared as texts.
	RedirectURIs []string
	// Scopes are what the client may ask for at all.
	Scopes []string
	// Grants are the ways by which it may get tokens.
	Grants []Grant
	// Public says that it has no secret, as a program on people's devices.
	Public bool
	// Audiences are the APIs that its tokens may be for; the first is the default.
	Audiences []string
	// Introspects says that it may ask about tokens for its audiences, also when
	// others got them.
	Introspects bool
}

// Check says what is wrong with a client.
func (c *Client) Check(issuer string) error {
	if c.ID == "" || len(c.ID) > 256 || !visible(c.ID) || c.ID == issuer {
		return errors.New("the id must be 1 to 256 visible ASCII characters")
	}
	if len(c.Audiences) == 0 {
		return errors.New("audiences must name at least one API: a token for nobody in particular would be good for everybody")
	}
	for _, one := range c.Audiences {
		if u, err := url.Parse(one); err != nil || !u.IsAbs() || u.Fragment != "" || strings.ContainsAny(one, "# ") {
			return fmt.Errorf("audience %q must be an absolute URI without fragment", one)
		}
	}
	for _, one := range c.Scopes {
		if list, ok := parseScope(one); !ok || len(list) != 1 {
			return fmt.Errorf("scope %q must be one word of visible ASCII characters without quotation mark and backslash", one)
		}
	}
	for _, one := range c.Grants {
		if !slices.Contains([]Grant{ClientCredentials, AuthorizationCode, RefreshToken}, one) {
			return fmt.Errorf("grant %q must be client_credentials, authorization_code or refresh_token", one)
		}
	}
	code := slices.Contains(c.Grants, AuthorizationCode)
	switch {
	case c.Public && slices.Contains(c.Grants, ClientCredentials):
		return errors.New("a public client has no secret, so the grant client_credentials can't be its own")
	case c.Public && c.Introspects:
		return errors.New("a public client has no secret, so it can't ask about tokens")
	case slices.Contains(c.Grants, RefreshToken) && !code:
		return errors.New("the grant refresh_token needs authorization_code: client credentials are never refreshed")
	case code && len(c.RedirectURIs) == 0:
		return errors.New("the grant authorization_code needs redirectUris")
	case !code && len(c.RedirectURIs) > 0:
		return errors.New("redirectUris have no meaning without the grant authorization_code")
	}
	for _, one := range c.RedirectURIs {
		if err := checkRedirect(one); err != nil {
			return fmt.Errorf("redirect URI %q %w", one, err)
		}
	}
	return nil
}

// checkRedirect allows https, http on this machine, and the private schemes of
// applications (RFC 8252 §7.1), which have a dot.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs() || !visible(uri):
		return errors.New("must be an absolute URI")
	case u.Fragment != "" || strings.Contains(uri, "#") || u.User != nil:
		return errors.New("must have no fragment and no user")
	case u.Scheme == "https" && u.Hostname() != "", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme != "https" && u.Scheme != "http" && strings.Contains(u.Scheme, "."):
		return nil
	}
	return errors.New("must be https, http on this machine, or a private scheme as com.example.app")
}

// redirects tells whether codes may be sent to uri. The texts must be equal; only
// a URI of a loopback address that was registered without a port takes any
// (RFC 8252 §7.3).
func (c *Client) redirects(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	asked, err := url.Parse(uri)
	if err != nil || asked.Scheme != "http" || asked.Port() == "" || net.ParseIP(asked.Hostname()) == nil || !loopback(asked.Hostname()) {
		return false
	}
	scheme, rest, _ := strings.Cut(uri, "://")
	authority, path, _ := strings.Cut(rest, "/")
	return slices.Contains(c.RedirectURIs, scheme+"://"+strings.TrimSuffix(authority, ":"+asked.Port())+"/"+path)
}

func (c *Client) may(g Grant) bool { return slices.Contains(c.Grants, g) }

// scope are the scopes asked for, all of them allowed; without any, all that the
// client may have.
func (c *Client) scope(text string) ([]string, error) {
	if text == "" {
		return c.Scopes, nil
	}
	list, ok := parseScope(text)
	if !ok {
		return nil, refusal("invalid_scope", "scope is not a list of words")
	}
	for _, one := range list {
		if !slices.Contains(c.Scopes, one) {
			return nil, refusal("invalid_scope", "a scope is not allowed to this client")
		}
	}
	return list, nil
}

// audience are the resources asked for (RFC 8707), all of them allowed; without
// any, the default.
func (c *Client) audience(resources []string) ([]string, error) {
	if len(resources) == 0 {
		return c.Audiences[:min(1, len(c.Audiences))], nil
	}
	for _, one := range resources {
		if !slices.Contains(c.Audiences, one) {
			return nil, refusal("invalid_target", "a resource is not allowed to this client")
		}
	}
	return resources, nil
}

// claimed are the credentials that a request shows.
type claimed struct {
	id, secret string
	header     bool // in the Authorization header
	withSecret bool
}

// credentials reads client_secret_basic, client_secret_post or none
// (RFC 6749 §2.3.1); two ways at once are refused.
func credentials(r *http.Request, p parameters) (claimed, error) {
	c := claimed{id: p.get("client_id"), secret: p.get("client_secret"), withSecret: p.get("client_secret") != ""}
	if len(r.Header.Values("Authorization")) == 0 {
		if c.id == "" {
			return c, invalidClient(false)
		}
		return c, nil
	}
	inBody := c.id
	if c.withSecret {
		return c, refusal("invalid_request", "the client authenticates in two ways")
	}
	id, secret, ok := r.BasicAuth()
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	c = claimed{id: id, secret: secret, header: true, withSecret: true}
	if !ok || idErr != nil || secretErr != nil || len(r.Header.Values("Authorization")) > 1 {
		c.id = ""
		return c, invalidClient(true)
	}
	if inBody != "" && inBody != c.id {
		return c, refusal("invalid_request", "client_id is not the client that authenticates")
	}
	return c, nil
}

// authenticate is the client that sent a request.
func (s *Server) authenticate(ctx context.Context, c claimed) (Client, error) {
	client, known := s.o.Clients.Client(ctx, c.id)
	switch {
	case !known, client.Public == c.withSecret:
		return Client{}, invalidClient(c.header)
	case client.Public:
		return client, nil
	case client.SecretIs == nil || !client.SecretIs(c.secret):
		return Client{}, invalidClient(c.header)
	}
	return client, nil
}
