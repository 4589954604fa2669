package tokenenforcement

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer         = 64 << 10 // bytes of an answer of the server
	discoveryLifetime = time.Hour
	discoveryPause    = 10 * time.Second // after a discovery that failed
)

// style is how a server is asked.
type style uint8

const (
	// introspection is POST with the token in a form (RFC 7662).
	introspection style = iota
	// validateGrant is the same with the grant type validate_bearer of
	// PingFederate, which wants the answer 200 for a valid token.
	validateGrant
	// bearerGet is GET with the token in the Authorization header.
	bearerGet
	// queryGet is GET with the token as access_token in the query.
	queryGet
)

// server is whom to ask and how.
type server struct {
	style style
	// endpoint is asked; when it is empty, issuer leads to it.
	endpoint, issuer string
	// authorization is the value of the header; id and secret are the same in
	// parts, for servers that want them in the form.
	authorization, clientID, clientSecret string
	timeout                               time.Duration
	roots                                 *x509.CertPool // nil for those of the machine
}

// asking is a server with what it takes to ask it.
type asking struct {
	*server
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex // guards what follows, also while discovering
	found    discovered
	foundAt  time.Time
	failed   error
	failedAt time.Time
}

// discovered is what the provider's own metadata tell (RFC 8414 §2).
type discovered struct {
	Issuer   string   `json:"issuer"`
	Endpoint string   `json:"introspection_endpoint"`
	Methods  []string `json:"introspection_endpoint_auth_methods_supported"`
}

// connect makes the server ready to be asked. Redirects are never followed: they
// would lead tokens and credentials elsewhere.
func (s *server) connect(client *http.Client, now func() time.Time) (*asking, error) {
	own := *client
	if s.roots != nil {
		shared, ok := client.Transport.(*http.Transport)
		if !ok {
			return nil, errors.New("trustedCA: the client at hand knows no certificates")
		}
		transport := shared.Clone()
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport.TLSClientConfig.RootCAs = s.roots
		own.Transport = transport
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &asking{server: s, client: &own, now: now}, nil
}

// ask gives what the server says of a token, or one of the errors of answer.go;
// any other error means that the server could not be reached.
func (a *asking) ask(ctx context.Context, token string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	req, err := a.inquiry(ctx, token)
	if err != nil {
		return nil, err
	}
	status, text, err := a.send(req)
	if err != nil {
		return nil, err
	}
	return a.read(status, text)
}

// inquiry is the request that asks for a token.
func (a *asking) inquiry(ctx context.Context, token string) (*http.Request, error) {
	if a.style == bearerGet || a.style == queryGet {
		endpoint, header := a.endpoint, "Bearer "+token
		if a.style == queryGet {
			endpoint, header = withQuery(endpoint, "access_token", token), ""
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, http.NoBody)
		if err != nil {
			return nil, errors.New("the address of the authorization server is not valid")
		}
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		return req, nil
	}
	endpoint, form, basic := a.endpoint, url.Values{"token": {token}}, true
	if endpoint == "" {
		found, err := a.discover(ctx)
		if err != nil {
			return nil, err
		}
		endpoint = found.Endpoint
		if a.clientID != "" && len(found.Methods) > 0 && !slices.Contains(found.Methods, "client_secret_basic") {
			basic = false
			form.Set("client_id", a.clientID)
			form.Set("client_secret", a.clientSecret)
		}
	}
	if a.style == validateGrant {
		form.Set("grant_type", "urn:pingidentity.com:oauth2:grant_type:validate_bearer")
	} else {
		form.Set("token_type_hint", "access_token")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the address of the authorization server is not valid")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.Header.Set("Authorization", a.authorization)
	}
	return req, nil
}

func withQuery(address, name, value string) string {
	joint := "?"
	if strings.Contains(address, "?") {
		joint = "&"
	}
	return address + joint + name + "=" + url.QueryEscape(value)
}

// send makes a call and reads its answer whole.
func (a *asking) send(req *http.Request) (status int, text []byte, err error) {
	req.Header.Set("Accept", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, whose query may hold the token
		}
		return 0, nil, fmt.Errorf("the authorization server could not be reached: %w", err)
	}
	text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // all that is wanted has been read
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("the authorization server broke off: %w", err)
	case len(text) > maxAnswer:
		return 0, nil, fmt.Errorf("%w: it is longer than 64 KiB", errAnswer)
	}
	return resp.StatusCode, text, nil
}

// discover finds the introspection endpoint of the issuer. One found before
// serves on while the provider can't be asked again.
func (a *asking) discover(ctx context.Context) (discovered, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.found.Endpoint != "" && now.Sub(a.foundAt) < discoveryLifetime {
		return a.found, nil
	}
	if a.failed == nil || now.Sub(a.failedAt) >= discoveryPause {
		var found discovered
		if found, a.failed = a.look(ctx); a.failed == nil {
			a.found, a.foundAt = found, now
			return found, nil
		}
		a.failedAt = a.now()
	}
	if a.found.Endpoint != "" {
		return a.found, nil
	}
	return discovered{}, a.failed
}

// look asks at the two places where metadata may lie: that of OpenID Connect
// Discovery §4, and that of RFC 8414 §3.
func (a *asking) look(ctx context.Context) (discovered, error) {
	issuer, err := url.Parse(a.issuer)
	if err != nil {
		return discovered{}, errors.New("the issuer is no URL")
	}
	path := strings.TrimSuffix(issuer.Path, "/")
	origin := issuer.Scheme + "://" + issuer.Host
	var last error
	for _, address := range []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return discovered{}, errors.New("the issuer is no URL")
		}
		status, text, err := a.send(req)
		switch {
		case err != nil:
			last = err
			continue
		case status != http.StatusOK:
			last = fmt.Errorf("%w: discovery is answered with the status %d", errAnswer, status)
			continue
		}
		found, err := a.readDiscovered(text, issuer.Scheme)
		if err == nil {
			return found, nil
		}
		last = err
	}
	return discovered{}, last
}

func (a *asking) readDiscovered(text []byte, scheme string) (discovered, error) {
	var found discovered
	if err := json.Unmarshal(text, &found); err != nil {
		return found, fmt.Errorf("%w: the provider's metadata are no JSON object", errAnswer)
	}
	u, err := url.Parse(found.Endpoint)
	switch {
	case found.Issuer != a.issuer:
		// RFC 8414 §3.3: else one provider could speak for another.
		return found, fmt.Errorf("%w: the provider's metadata are those of another issuer", errAnswer)
	case found.Endpoint == "":
		return found, fmt.Errorf("%w: the provider's metadata name no introspection endpoint", errAnswer)
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != scheme:
		return found, fmt.Errorf("%w: the provider's metadata lead to an introspection endpoint that is not https", errAnswer)
	}
	return found, nil
}
