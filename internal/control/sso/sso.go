// Package sso is sign-in by identity providers and passkeys as pages see it. The
// protocols lie in the folders of access, which also decides whose an identity or
// a key is; here they are brought together, and what may count only once is
// remembered.
package sso

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/access/passkey"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// SealPurpose is what the column sso_key.sealed is sealed for.
const SealPurpose = "sso-signing-key"

// People knows the accounts; *access.Service is the one to use.
type People interface {
	Account(ctx context.Context, id string) (access.Account, error)
	SignInExternal(ctx context.Context, e access.External, from access.From) (access.Session, error)
	SignOutExternal(ctx context.Context, provider, subject, index string) (ended int, err error)
	RevokeSessions(ctx context.Context, by access.By, account, id, except string) (ended int, err error)
	ExternalSession(ctx context.Context, token string) (access.ExternalSession, error)
	HalfOf(ctx context.Context, half string) (access.Half, error)
	Passkeys(ctx context.Context, account string) ([]access.Passkey, error)
	AddPasskey(ctx context.Context, token string, p access.Passkey, from access.From) (access.Session, []string, error)
	UsePasskey(ctx context.Context, half string, credential, data []byte, from access.From) (access.Session, error)
	ConfirmPasskey(ctx context.Context, token string, credential, data []byte, from access.From) error
	FactorFailed(ctx context.Context, half, with string, from access.From) error
	RemoveFactor(ctx context.Context, token, id string, from access.From) (access.Session, error)
}

// Sealer seals the signing key; *secret.Keyring is the one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Provider is one identity provider with what its people may do.
type Provider struct {
	// Settings are those of OpenID Connect; with SAML only Name and Title are used.
	oidc.Settings
	// SAML, unless nil, says that the provider speaks SAML 2.0. Its Name and Title are
	// those of Settings.
	SAML *saml.Settings
	// Domains are those of the e-mail addresses of its people, lower case. Whoever types
	// such an address is led there; only such people get accounts made.
	Domains []string
	// CreateAccounts makes an account for whoever comes the first time.
	CreateAccounts bool
}

// Options are what the service is made of. All are required but Providers and URL.
type Options struct {
	DB     *store.DB
	People People
	Audit  control.Auditor
	Sealer Sealer
	// Providers are asked in the order of the sign-in page.
	Providers []Provider
	// URL is where browsers reach the console, as https://console.example.com, required
	// with providers.
	URL string
	// HTTP asks the providers. It must have a time limit.
	HTTP *http.Client
	Now  func() time.Time
	Log  *slog.Logger
}

// Service signs people in. It is safe for use by many goroutines.
type Service struct {
	o         Options
	host      string
	keys      *passkey.Service
	providers []provider
}

// provider is one with its protocol: one of oidc and saml is there.
type provider struct {
	settings Provider
	oidc     *oidc.Provider
	saml     *saml.Provider
}

func (p provider) way() Way {
	if p.settings.Title != "" {
		return Way{p.settings.Name, p.settings.Title}
	}
	return Way{p.settings.Name, p.settings.Name}
}

// Way is one place to sign in.
type Way struct{ Name, Title string }

// Open brings the tables up to date and makes the service; it asks no provider yet.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.People == nil || o.Audit == nil || o.Sealer == nil || o.HTTP == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("sso: DB, People, Audit, Sealer, HTTP, Now and Log are required")
	}
	if err := o.DB.Migrate(ctx, "sso", migrations); err != nil {
		return nil, fmt.Errorf("opening single sign-on: %w", err)
	}
	s := &Service{o: o}
	key, err := s.signingKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening single sign-on: %w", err)
	}
	if s.keys, err = passkey.New(passkey.Options{Key: key, Once: s.once, Now: o.Now}); err != nil {
		return nil, err
	}
	if len(o.Providers) == 0 {
		return s, nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("opening single sign-on: %.100q is no address of the console, as https://console.example.com", o.URL)
	}
	s.host, s.o.URL = u.Host, strings.TrimSuffix(o.URL, "/")
	for i, settings := range o.Providers {
		if slices.ContainsFunc(s.providers, func(p provider) bool { return p.settings.Name == settings.Name }) {
			return nil, fmt.Errorf("opening single sign-on: providers[%d]: the name %q stands there twice", i, settings.Name)
		}
		made, err := s.make(ctx, settings, key)
		if err != nil {
			return nil, fmt.Errorf("opening single sign-on: providers[%d]: %w", i, err)
		}
		s.providers = append(s.providers, made)
	}
	return s, nil
}

// make makes a provider of its settings.
func (s *Service) make(ctx context.Context, settings Provider, key []byte) (provider, error) {
	base := s.o.URL + "/sso/" + settings.Name
	if settings.SAML == nil {
		made, err := oidc.New(oidc.Options{Settings: settings.Settings, Redirect: base + "/callback", Key: key, Once: s.once, HTTP: s.o.HTTP, Now: s.o.Now})
		return provider{settings: settings, oidc: made}, err
	}
	it := *settings.SAML
	it.Name, it.Title = settings.Name, settings.Title
	signer, certificate, err := s.messageKey(ctx)
	if err != nil {
		return provider{}, err
	}
	made, err := saml.New(saml.Options{
		Settings: it, Base: base, Key: key, Signer: signer, Certificate: certificate, Once: s.once, HTTP: s.o.HTTP, Now: s.o.Now,
	})
	return provider{settings: settings, saml: made}, err
}

// signingKey is the key that all processes of this database share. One that can't
// be opened any more is replaced: it is of no worth after minutes.
func (s *Service) signingKey(ctx context.Context) (key []byte, err error) {
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var sealed string
		err := tx.QueryRow(ctx, "SELECT sealed FROM sso_key WHERE id = 1").Scan(&sealed)
		if err == nil {
			if key, err = s.o.Sealer.Open(SealPurpose, sealed); err == nil && len(key) == sha256.Size {
				return nil
			}
		} else if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		key = make([]byte, sha256.Size)
		_, _ = rand.Read(key) // it never fails
		if sealed, err = s.o.Sealer.Seal(SealPurpose, key); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO sso_key (id, sealed) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed", sealed)
		return err
	})
	return key, err
}

// once reports whether an id is seen for the first time, and remembers it.
func (s *Service) once(ctx context.Context, id string, until time.Time) (first bool, err error) {
	sum := sha256.Sum256([]byte(id))
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sso_seen WHERE until <= ?", s.o.Now().UnixMilli()); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "INSERT INTO sso_seen (id, until) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", hex.EncodeToString(sum[:]), until.UnixMilli())
		first = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remembering what was seen: %w", err)
	}
	return first, nil
}

// Ways lists the identity providers, in their order.
func (s *Service) Ways() []Way {
	ways := make([]Way, len(s.providers))
	for i, p := range s.providers {
		ways[i] = p.way()
	}
	return ways
}

// ByEmail is the provider of an e-mail address's domain; false for none.
func (s *Service) ByEmail(email string) (Way, bool) {
	for _, p := range s.providers {
		if slices.Contains(p.settings.Domains, domain(email)) {
			return p.way(), true
		}
	}
	return Way{}, false
}

// domain is the part of an address after the at sign, empty for none.
func domain(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at < 1 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(email[at+1:]), "."))
}

// At is where a host must go first, empty when it is the right one: the cookie of a
// sign-in must lie at the host that the provider leads back to.
func (s *Service) At(host string) string {
	if strings.EqualFold(host, s.host) {
		return ""
	}
	return s.o.URL
}

func (s *Service) find(name string) (provider, error) {
	for _, p := range s.providers {
		if p.settings.Name == name {
			return p, nil
		}
	}
	return provider{}, control.ErrNotFound
}

// Has reports whether there is a provider of that name.
func (s *Service) Has(name string) bool {
	_, err := s.find(name)
	return err == nil
}

// Domains reports whether any provider is found by an e-mail address.
func (s *Service) Domains() bool {
	return slices.ContainsFunc(s.providers, func(p provider) bool { return len(p.settings.Domains) > 0 })
}

// Passkeyed reports whether browsers have passkeys for a host.
func (s *Service) Passkeyed(host string) bool { return s.keys.Host(host) }
