// Package authserver is a small OAuth 2.1 authorization server: it issues
// access tokens (JWT, RFC 9068) to client applications by client credentials,
// and to the people who use them by authorization code with PKCE and refresh
// tokens. It knows no passwords of people: they sign in at an upstream OpenID
// provider, and are not Farrier's operators. Which clients there are is handed
// in; it registers none.
package authserver

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The lifetimes that are not settings.
const (
	// CodeLife is how long an authorization code can be redeemed.
	CodeLife = time.Minute
	// LoginLife is how long signing in and agreeing may take each.
	LoginLife = 10 * time.Minute
)

// Sealer keeps signing keys unreadable in the database; *secret.Keyring is the
// one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Auditor keeps what was done to signing keys; *audit.Log is the one to use.
type Auditor interface {
	Record(ctx context.Context, tx *store.Tx, e audit.Entry) error
}

// Options are what a server works with; all but Upstream and Address must be
// given.
type Options struct {
	// Issuer is the server's name and the beginning of all its addresses: an
	// https URL without query, fragment and slash at its end; http only on this
	// machine.
	Issuer string
	// DB is the control database.
	DB *store.DB
	// Sealer, Audit, Now and Log are the house's own.
	Sealer Sealer
	Audit  Auditor
	Now    func() time.Time
	Log    *slog.Logger
	// Clients are the client applications.
	Clients Clients
	// Failures counts failed attempts.
	Failures sharedstate.Counter
	// HTTP calls the upstream provider; it must have a timeout.
	HTTP *http.Client
	// Upstream is where people sign in; nil means that nobody can.
	Upstream *Upstream
	// Address is the address of whoever sent a request; nil takes the peer's.
	Address func(*http.Request) string
	// Algorithm signs tokens: ES256 or RS256.
	Algorithm string
	// AccessTokenLife is how long access tokens are valid, 1 minute to 1 day.
	AccessTokenLife time.Duration
	// RefreshLife is how long after the consent tokens can be refreshed.
	RefreshLife time.Duration
	// KeyLife is how long a key signs, at least an hour.
	KeyLife time.Duration
}

// Server is an authorization server. It is safe for use by many goroutines.
type Server struct {
	o        Options
	base     string // the path of the issuer, empty for none
	keys     keys
	upstream upstream
	pages    *pages
	handler  http.Handler
}

// Open brings the tables up to date, and makes the first signing key when there
// is none.
func Open(ctx context.Context, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("opening the authorization server: %w", err)
	}
	if err := o.DB.Migrate(ctx, "authserver", migrations); err != nil {
		return nil, fmt.Errorf("opening the authorization server: %w", err)
	}
	issuer, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("opening the authorization server: %w", err)
	}
	s := &Server{o: o, base: issuer.EscapedPath()}
	if s.pages, err = newPages(); err != nil {
		return nil, fmt.Errorf("opening the authorization server: %w", err)
	}
	s.upstream.init(o)
	if err := s.tend(ctx); err != nil {
		return nil, fmt.Errorf("opening the authorization server: %w", err)
	}
	s.handler = s.routes()
	return s, nil
}

func (o *Options) check() error {
	if o.DB == nil || o.Sealer == nil || o.Audit == nil || o.Now == nil || o.Log == nil || o.Clients == nil || o.Failures == nil || o.HTTP == nil {
		return errors.New("it needs a database, a sealer, an audit log, a clock, a log, clients, a counter and an HTTP client")
	}
	if err := CheckIssuer(o.Issuer); err != nil {
		return err
	}
	switch {
	case o.Algorithm != "ES256" && o.Algorithm != "RS256":
		return fmt.Errorf("the signing algorithm is %q; it must be ES256 or RS256", o.Algorithm)
	case o.AccessTokenLife < time.Minute || o.AccessTokenLife > 24*time.Hour:
		return errors.New("access tokens must be valid for one minute to one day")
	case o.RefreshLife < time.Minute:
		return errors.New("tokens must be refreshable for one minute at least")
	case o.KeyLife < time.Hour:
		return errors.New("keys must sign for one hour at least")
	}
	if o.Address == nil {
		o.Address = peer
	}
	return nil
}

// CheckIssuer says what is wrong with the name of an issuer (RFC 8414 §2).
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return errors.New("the issuer is not a URL")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(issuer, "?#"):
		return errors.New("the issuer must be a URL with a host, and without user, query and fragment")
	case strings.HasSuffix(issuer, "/"):
		return errors.New("the issuer must not end with a slash: those who compare would miss or add it")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("the issuer must begin with https:// (http:// only on localhost): tokens are bearer tokens")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run rotates keys and removes what is over until ctx ends.
func (s *Server) Run(ctx context.Context) {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if err := s.tend(ctx); err != nil && ctx.Err() == nil {
				s.o.Log.Error("keys could not be rotated, or what is over not removed", "error", err)
			}
		}
	}
}

// tend does what time asks for.
func (s *Server) tend(ctx context.Context) error {
	if err := s.rotate(ctx); err != nil {
		return fmt.Errorf("rotating keys: %w", err)
	}
	if err := s.purge(ctx); err != nil {
		return fmt.Errorf("removing what is over: %w", err)
	}
	return nil
}

// purge removes what nobody can use any more. Codes that were used stay as long
// as their grant, so that their reuse is noticed.
func (s *Server) purge(ctx context.Context) error {
	now := s.o.Now()
	over := now.UnixMilli()
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for _, one := range []struct {
			statement string
			before    int64
		}{
			{"DELETE FROM authserver_logins WHERE expires_at <= ?", over},
			{"DELETE FROM authserver_refresh WHERE expires_at <= ?", over},
			{"DELETE FROM authserver_revoked WHERE expires_at <= ?", over},
			// An access token may outlive the time of refreshing.
			{"DELETE FROM authserver_grants WHERE expires_at <= ?", now.Add(-s.o.AccessTokenLife).UnixMilli()},
			{"DELETE FROM authserver_codes WHERE expires_at <= ? AND (used_at = 0 OR grant_id NOT IN (SELECT id FROM authserver_grants))", over},
		} {
			if _, err := tx.Exec(ctx, one.statement, one.before); err != nil {
				return err
			}
		}
		return nil
	})
}

// secretHash is the form in which codes, tokens and cookies are stored.
func secretHash(token string) string { return fmt.Sprintf("%x", secret.HashToken(token)) }
