package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control/sso"
	"farrier.dev/farrier/internal/secret"
)

// IdentityProvider is a place where people sign in, as the settings name it.
type IdentityProvider struct {
	// Name stands in addresses and audit entries, Title on the page to sign in.
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Kind is oidc or saml. Some keys are for one of them only.
	Kind string `yaml:"kind"`
	// Issuer is the URL before /.well-known/openid-configuration, or the entity id of a
	// SAML provider.
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"clientId"`
	// ClientSecret is a reference, as env:NAME or file:/path; empty for a public client.
	ClientSecret string `yaml:"clientSecret"`
	// Scopes are asked for beside openid; profile and email when there are none.
	Scopes []string `yaml:"scopes"`
	// UsernameClaim and GroupsClaim name claims of the ID token or of UserInfo.
	UsernameClaim string `yaml:"usernameClaim"`
	GroupsClaim   string `yaml:"groupsClaim"`
	// Domains are those of the e-mail addresses of its people.
	Domains []string `yaml:"domains"`
	// CreateAccounts makes an account for whoever comes the first time.
	CreateAccounts bool `yaml:"createAccounts"`
	// RequireStrongFactor takes a sign-in only if it was of one of these kinds.
	RequireStrongFactor struct {
		ACR []string `yaml:"acr"`
		AMR []string `yaml:"amr"`
	} `yaml:"requireStrongFactor"`
	// Algorithms are the signatures that count; all asymmetric ones when there are none.
	Algorithms []string `yaml:"algorithms"`
	// MaxAge is how long ago people may have signed in there; 0 for no bound.
	MaxAge time.Duration `yaml:"maxAge"`
	// Metadata is the https URL, or the path of a file, of a SAML provider's metadata.
	Metadata string `yaml:"metadata"`
	// EntityID is what a SAML provider calls us; our metadata's address when empty.
	EntityID string `yaml:"entityId"`
	// NameIDFormat is how a SAML provider names people: persistent, email or unspecified.
	NameIDFormat string `yaml:"nameIdFormat"`
	// Attributes name those of a SAML assertion.
	Attributes struct {
		Name    string `yaml:"name"`
		Email   string `yaml:"email"`
		Display string `yaml:"display"`
		Groups  string `yaml:"groups"`
	} `yaml:"attributes"`
	// AllowUnsolicited takes SAML answers that nobody asked for (IdP-initiated).
	AllowUnsolicited bool `yaml:"allowUnsolicited"`
}

// misplaced names a key that a provider's kind does not have, empty for none.
func (p *IdentityProvider) misplaced() string {
	ofOIDC := []struct {
		key string
		set bool
	}{
		{"clientId", p.ClientID != ""},
		{"clientSecret", p.ClientSecret != ""},
		{"scopes", p.Scopes != nil},
		{"usernameClaim", p.UsernameClaim != ""},
		{"groupsClaim", p.GroupsClaim != ""},
		{"requireStrongFactor.amr", p.RequireStrongFactor.AMR != nil},
		{"algorithms", p.Algorithms != nil},
	}
	ofSAML := []struct {
		key string
		set bool
	}{
		{"metadata", p.Metadata != ""},
		{"entityId", p.EntityID != ""},
		{"nameIdFormat", p.NameIDFormat != ""},
		{"attributes", p.Attributes.Name+p.Attributes.Email+p.Attributes.Display+p.Attributes.Groups != ""},
		{"allowUnsolicited", p.AllowUnsolicited},
	}
	list := ofOIDC
	if p.Kind == "oidc" {
		list = ofSAML
	}
	for _, one := range list {
		if one.set {
			return one.key
		}
	}
	return ""
}

// check says what is wrong with what the settings say.
func (p *IdentityProvider) check() error {
	if p.Kind != "oidc" && p.Kind != "saml" {
		return fmt.Errorf("kind is %q; it must be oidc or saml", p.Kind)
	}
	if key := p.misplaced(); key != "" {
		return fmt.Errorf("%s is no key of kind %s", key, p.Kind)
	}
	made := p.provider()
	if made.SAML != nil {
		return made.SAML.Check()
	}
	return made.Check()
}

// provider is what the settings say, without the secret.
func (p *IdentityProvider) provider() sso.Provider {
	scopes := p.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile", "email"}
	}
	it := sso.Provider{
		Settings: oidc.Settings{
			Name: p.Name, Title: p.Title, Issuer: p.Issuer, ClientID: p.ClientID, Scopes: scopes, UsernameClaim: p.UsernameClaim, GroupsClaim: p.GroupsClaim,
			ACR: p.RequireStrongFactor.ACR, AMR: p.RequireStrongFactor.AMR, Algorithms: p.Algorithms, MaxAge: p.MaxAge,
		},
		CreateAccounts: p.CreateAccounts,
	}
	for _, domain := range p.Domains {
		it.Domains = append(it.Domains, strings.ToLower(strings.TrimPrefix(domain, "@")))
	}
	if p.Kind == "saml" {
		it.SAML = &saml.Settings{
			Name: p.Name, Title: p.Title, Metadata: p.Metadata, Issuer: p.Issuer, EntityID: p.EntityID, NameIDFormat: p.NameIDFormat,
			Attributes: saml.Attributes(p.Attributes), Classes: p.RequireStrongFactor.ACR, MaxAge: p.MaxAge, Unasked: p.AllowUnsolicited,
		}
	}
	return it
}

// checkProviders refuses what makes no sense.
func checkProviders(at string, providers []IdentityProvider) error {
	if len(providers) == 0 {
		return nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("access.url is %q; identity providers need the address of the console as browsers see it, as https://farrier.example.com (or http://localhost:9080 to try it)", at)
	}
	for i := range providers {
		p := &providers[i]
		where := fmt.Sprintf("access.providers[%d] (%s)", i, p.Name)
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if slices.ContainsFunc(providers[:i], func(other IdentityProvider) bool { return other.Name == p.Name }) {
			return fmt.Errorf("%s: the name stands there twice", where)
		}
		if _, err := referenced(p.ClientSecret); err != nil {
			return fmt.Errorf("%s: clientSecret: %w", where, err)
		}
		if p.CreateAccounts && len(p.Domains) == 0 && slices.ContainsFunc([]string{"https://accounts.google.com"}, func(public string) bool { return p.Issuer == public }) {
			return fmt.Errorf("%s: anybody has an account there: with createAccounts name the domains of your people", where)
		}
	}
	return nil
}

// referenced is the value that a reference stands for.
func referenced(reference string) (string, error) {
	if reference == "" {
		return "", nil
	}
	return secret.Environ().Resolve(reference)
}

// signOn opens sign-in by identity providers and passkeys.
func (c *control) signOn(ctx context.Context, cfg Config, sealer sso.Sealer) (*sso.Service, error) {
	o := sso.Options{
		DB: c.controlDB, People: c.access, Audit: c.audit, Sealer: sealer, URL: cfg.Access.URL,
		HTTP: &http.Client{Timeout: 10 * time.Second}, Now: c.now, Log: c.log,
	}
	for i := range cfg.Access.Providers {
		p := cfg.Access.Providers[i].provider()
		value, err := referenced(cfg.Access.Providers[i].ClientSecret)
		if err != nil {
			return nil, fmt.Errorf("access.providers[%d] (%s): clientSecret: %w", i, p.Name, err)
		}
		p.ClientSecret = value
		o.Providers = append(o.Providers, p)
	}
	return sso.Open(ctx, o)
}
