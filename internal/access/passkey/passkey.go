// Package passkey registers passkeys and security keys, and judges what they sign
// (Web Authentication Level 3): always with user verification, always for one host
// of the console. It is a protocol and no more: whose a key is, and what a
// signature lets them do, is decided by its callers, who keep the keys.
package passkey

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"farrier.dev/farrier/internal/secret"
)

// The bounds.
const (
	// CeremonyLife is how long a browser may take to answer.
	CeremonyLife = 5 * time.Minute
	// MaxAnswer is the greatest answer of a browser, in bytes.
	MaxAnswer = 32 << 10
	// MaxKeys is how many keys one account may have.
	MaxKeys     = 20
	maxCeremony = 8 << 10
)

// The refusals. Each is wrapped with its reason.
var (
	// ErrHost says that browsers have no passkeys for the host of the address.
	ErrHost = errors.New("passkeys need a host name")
	// ErrCeremony says that what is answered was not asked here, is over, or was
	// answered before.
	ErrCeremony = errors.New("this took too long or was used before; begin again")
	// ErrAnswer says that the browser's answer proves nothing.
	ErrAnswer = errors.New("the passkey's answer is not valid")
	// ErrUnknown says that nobody has this key.
	ErrUnknown = errors.New("this passkey is not known here")
)

func refuse(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %w", kind, fmt.Errorf(format, args...))
}

// Key is a passkey as it is kept.
type Key struct {
	// ID is what the authenticator calls the key; it is unique.
	ID []byte `json:"id"`
	// PublicKey is the key itself (COSE).
	PublicKey []byte `json:"publicKey"`
	// Count is how often the key was used, as it says; 0 with keys that do not count.
	Count uint32 `json:"count"`
	// Synced says that the key can be copied to other devices of its owner; it never
	// changes. BackedUp says that it was.
	Synced   bool `json:"synced"`
	BackedUp bool `json:"backedUp"`
	// Transports are how browsers reach the key.
	Transports []string `json:"transports,omitempty"`
	// Model is the AAGUID in hex: the kind of authenticator, as it says.
	Model string `json:"model,omitempty"`
	// Host is the host that the key is for.
	Host string `json:"host"`
}

// Account is whose keys they are.
type Account struct {
	// Handle is what keys know the account by: random, 64 bytes at most, and no name.
	Handle []byte
	// Name and Title are what the browser shows: the name to sign in with, and that of
	// the person.
	Name, Title string
	Keys        []Key
}

// Options are what the service is made of. All are required.
type Options struct {
	// Key signs what the browser keeps while it is asked; 32 bytes.
	Key []byte
	// Once reports whether it sees an id for the first time, and remembers it until
	// then: it makes each challenge count once.
	Once func(ctx context.Context, id string, until time.Time) (bool, error)
	Now  func() time.Time
}

// Service asks browsers and judges their answers. It keeps nothing and is safe for
// use by many goroutines.
type Service struct{ o Options }

// New makes the service.
func New(o Options) (*Service, error) {
	if len(o.Key) < 32 || o.Once == nil || o.Now == nil {
		return nil, errors.New("passkey: Key, Once and Now are required")
	}
	return &Service{o}, nil
}

// Question is what a page's script hands to the browser.
type Question struct {
	// Ceremony comes back with the answer.
	Ceremony string `json:"ceremony"`
	// Options are those of navigator.credentials.create or get.
	Options json.RawMessage `json:"options"`
}

// Use is what a ceremony is for: an answer to one is none to another.
type Use string

// The uses.
const (
	// Registering adds a key.
	Registering Use = "register"
	// SigningIn finds out who somebody is.
	SigningIn Use = "sign-in"
	// SecondFactor follows a password.
	SecondFactor Use = "second-factor"
	// Confirming is for who has signed in already.
	Confirming Use = "confirm"
)

// ceremony is what the browser brings back beside its answer.
type ceremony struct {
	Use     Use                  `json:"use"`
	Bound   string               `json:"bound,omitempty"`
	Ends    int64                `json:"ends"` // Unix seconds
	Session webauthn.SessionData `json:"session"`
}

// user is an account as the library wants it.
type user struct{ Account }

// WebAuthnID implements webauthn.User.
func (u user) WebAuthnID() []byte { return u.Handle }

// WebAuthnName implements webauthn.User.
func (u user) WebAuthnName() string { return u.Name }

// WebAuthnDisplayName implements webauthn.User.
func (u user) WebAuthnDisplayName() string {
	if u.Title == "" {
		return u.Name
	}
	return u.Title
}

// WebAuthnCredentials implements webauthn.User.
func (u user) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(u.Keys))
	for i, k := range u.Keys {
		all[i] = webauthn.Credential{
			ID: k.ID, PublicKey: k.PublicKey,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.Synced, BackupState: k.BackedUp},
			Authenticator: webauthn.Authenticator{SignCount: k.Count},
		}
		for _, t := range k.Transports {
			all[i].Transport = append(all[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return all
}

// sign makes the text of a ceremony.
func (s *Service) sign(use Use, bound string, session *webauthn.SessionData, options any) (Question, error) {
	body, err := json.Marshal(ceremony{Use: use, Bound: bound, Ends: s.o.Now().Add(CeremonyLife).Unix(), Session: *session})
	if err != nil {
		return Question{}, err
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	q := Question{Ceremony: text + "." + s.mac(text)}
	q.Options, err = json.Marshal(options)
	return q, err
}

func (s *Service) mac(text string) string {
	mac := hmac.New(sha256.New, s.o.Key)
	_, _ = mac.Write([]byte("passkey ceremony\x00" + text)) // a hash never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// take reads a ceremony of ours and uses it up.
func (s *Service) take(ctx context.Context, use Use, bound, text string) (webauthn.SessionData, error) {
	body, mac, _ := strings.Cut(text, ".")
	if len(text) > maxCeremony || !secret.Equal(mac, s.mac(body)) {
		return webauthn.SessionData{}, refuse(ErrCeremony, "it was not asked here")
	}
	var c ceremony
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	switch {
	case err != nil:
		return webauthn.SessionData{}, refuse(ErrCeremony, "it can't be read")
	case c.Use != use:
		return webauthn.SessionData{}, refuse(ErrCeremony, "it was asked for something else")
	case !secret.Equal(c.Bound, bound):
		return webauthn.SessionData{}, refuse(ErrCeremony, "it was asked of somebody else")
	case s.o.Now().Unix() >= c.Ends:
		return webauthn.SessionData{}, refuse(ErrCeremony, "it was asked more than %d minutes ago", int(CeremonyLife/time.Minute))
	}
	first, err := s.o.Once(ctx, "passkey "+c.Session.Challenge, time.Unix(c.Ends, 0))
	if err != nil {
		return webauthn.SessionData{}, err
	}
	if !first {
		return webauthn.SessionData{}, refuse(ErrCeremony, "it was answered before")
	}
	return c.Session, nil
}

// Register asks for a new key of an account. bound is what the answer must be given
// with again, as the id of the session.
func (s *Service) Register(host string, a Account, bound string) (Question, error) {
	w, _, err := s.party(host)
	if err != nil {
		return Question{}, err
	}
	if len(a.Keys) >= MaxKeys {
		return Question{}, refuse(ErrAnswer, "the account has %d keys already; remove one first", len(a.Keys))
	}
	options, session, err := w.BeginRegistration(user{a},
		webauthn.WithExclusions(webauthn.Credentials(user{a}.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return Question{}, fmt.Errorf("asking for a passkey: %w", err)
	}
	return s.sign(Registering, bound, session, options.Response)
}

// Registered judges the answer to Register and gives the new key.
func (s *Service) Registered(ctx context.Context, host string, a Account, bound, text string, answer []byte) (Key, error) {
	w, name, err := s.party(host)
	if err != nil {
		return Key{}, err
	}
	session, err := s.take(ctx, Registering, bound, text)
	if err != nil {
		return Key{}, err
	}
	if len(answer) > MaxAnswer {
		return Key{}, refuse(ErrAnswer, "it is longer than %d bytes", MaxAnswer)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Key{}, refuse(ErrAnswer, "%s", told(err))
	}
	c, err := w.CreateCredential(user{a}, session, parsed)
	if err != nil {
		return Key{}, refuse(ErrAnswer, "%s", told(err))
	}
	k := Key{
		ID: c.ID, PublicKey: c.PublicKey, Count: c.Authenticator.SignCount, Synced: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
		Model: hex.EncodeToString(c.Authenticator.AAGUID), Host: name,
	}
	for _, t := range c.Transport {
		if len(k.Transports) < 8 && len(t) <= 32 {
			k.Transports = append(k.Transports, string(t))
		}
	}
	return k, nil
}

// Ask asks for a signature: of any key that the browser knows for SigningIn, else of
// one of the account's.
func (s *Service) Ask(host string, use Use, a *Account, bound string) (Question, error) {
	w, _, err := s.party(host)
	if err != nil {
		return Question{}, err
	}
	var (
		options *protocol.CredentialAssertion
		session *webauthn.SessionData
	)
	if a == nil {
		options, session, err = w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	} else {
		if len(a.Keys) == 0 {
			return Question{}, refuse(ErrUnknown, "the account has none")
		}
		options, session, err = w.BeginLogin(user{*a}, webauthn.WithUserVerification(protocol.VerificationRequired))
	}
	if err != nil {
		return Question{}, fmt.Errorf("asking a passkey: %w", err)
	}
	return s.sign(use, bound, session, options.Response)
}

// Signed is a signature that counts.
type Signed struct {
	Account
	// Key is the one that signed, with its new count.
	Key Key
	// Cloned says that the key counts less than it did: there may be two of it.
	Cloned bool
}

// Answered judges the answer to Ask. find gives the account that has a handle, with
// its keys, ErrUnknown for none.
func (s *Service) Answered(ctx context.Context, host string, use Use, bound, text string, answer []byte, find func(handle []byte) (Account, error)) (Signed, error) {
	w, name, err := s.party(host)
	if err != nil {
		return Signed{}, err
	}
	session, err := s.take(ctx, use, bound, text)
	if err != nil {
		return Signed{}, err
	}
	if len(answer) > MaxAnswer {
		return Signed{}, refuse(ErrAnswer, "it is longer than %d bytes", MaxAnswer)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Signed{}, refuse(ErrAnswer, "%s", told(err))
	}
	handle := parsed.Response.UserHandle
	if len(session.UserID) > 0 {
		handle = session.UserID
	}
	if len(handle) == 0 || len(handle) > 64 {
		return Signed{}, refuse(ErrAnswer, "it names no account")
	}
	a, err := find(handle)
	if err != nil {
		return Signed{}, err
	}
	var c *webauthn.Credential
	if len(session.UserID) > 0 {
		c, err = w.ValidateLogin(user{a}, session, parsed)
	} else {
		_, c, err = w.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return user{a}, nil }, session, parsed)
	}
	if err != nil {
		return Signed{}, refuse(ErrAnswer, "%s", told(err))
	}
	for _, k := range a.Keys {
		if string(k.ID) == string(c.ID) && k.Host == name {
			k.BackedUp = c.Flags.BackupState
			if !c.Authenticator.CloneWarning {
				k.Count = c.Authenticator.SignCount
			}
			return Signed{Account: a, Key: k, Cloned: c.Authenticator.CloneWarning}, nil
		}
	}
	return Signed{}, refuse(ErrUnknown, "it is for another host")
}
