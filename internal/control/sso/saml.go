package sso

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// MaxMessage is the greatest SAML message, in bytes; see saml.MaxMessage.
const MaxMessage = saml.MaxMessage

const (
	// messagePurpose is what the key of our own messages is sealed for, and messageRow
	// where it lies.
	messagePurpose = "sso-saml-key"
	messageRow     = 2
	// certificateLife is that of the certificate in our metadata: it only carries the
	// key, and providers stop taking our messages when it ends.
	certificateLife = 20 * 365 * 24 * time.Hour
)

// messageKey is the key that signs our SAML messages, and its certificate. All
// processes of this database share it; it is made when it is first needed, and again
// if it can't be opened any more.
func (s *Service) messageKey(ctx context.Context) (key *rsa.PrivateKey, certificate []byte, err error) {
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var sealed string
		err := tx.QueryRow(ctx, "SELECT sealed FROM sso_key WHERE id = ?", messageRow).Scan(&sealed)
		if err == nil {
			if key, certificate, err = s.openKey(sealed); err == nil {
				return nil
			}
			s.o.Log.WarnContext(ctx, "the key of SAML messages can't be opened and is made anew; give the providers our metadata again", "component", "sso", "error", err)
		} else if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		if key, certificate, sealed, err = s.newKey(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO sso_key (id, sealed) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed", messageRow, sealed)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("the key of SAML messages: %w", err)
	}
	return key, certificate, nil
}

// keptKey is how the key lies in the database, sealed.
type keptKey struct{ Key, Certificate []byte }

func (s *Service) openKey(sealed string) (*rsa.PrivateKey, []byte, error) {
	text, err := s.o.Sealer.Open(messagePurpose, sealed)
	if err != nil {
		return nil, nil, err
	}
	var kept keptKey
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(kept.Key)
	return key, kept.Certificate, err
}

func (s *Service) newKey() (key *rsa.PrivateKey, certificate []byte, sealed string, err error) {
	if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, nil, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, "", err
	}
	from := s.o.Now().Add(-time.Hour)
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Farrier SAML"}, NotBefore: from, NotAfter: from.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if certificate, err = x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key); err != nil {
		return nil, nil, "", err
	}
	text, err := json.Marshal(keptKey{x509.MarshalPKCS1PrivateKey(key), certificate})
	if err != nil {
		return nil, nil, "", err
	}
	sealed, err = s.o.Sealer.Seal(messagePurpose, text)
	return key, certificate, sealed, err
}

// refusal is one of SAML, of the kind that pages tell apart.
type refusal struct {
	error
	kind error
}

// Unwrap gives both.
func (r refusal) Unwrap() []error { return []error{r.error, r.kind} }

// refused makes a refusal of SAML one of this package.
func refused(err error) error {
	for from, to := range map[error]error{
		saml.ErrUnreachable: ErrUnreachable, saml.ErrFlow: ErrFlow, saml.ErrDenied: ErrDenied, saml.ErrAnswer: ErrAnswer, saml.ErrWeak: ErrWeak,
	} {
		if errors.Is(err, from) {
			return refusal{err, to}
		}
	}
	return err
}

// speaks finds a provider of a protocol: SAML, or OpenID Connect.
func (s *Service) speaks(name string, speaksSAML bool) (provider, error) {
	p, err := s.find(name)
	if err == nil && (p.saml != nil) != speaksSAML {
		err = control.ErrNotFound
	}
	return p, err
}

// SAML reports whether there is a provider of that name that speaks it.
func (s *Service) SAML(name string) bool {
	_, err := s.speaks(name, true)
	return err == nil
}

// Metadata is our description for a SAML provider.
func (s *Service) Metadata(name string) ([]byte, error) {
	p, err := s.speaks(name, true)
	if err != nil {
		return nil, err
	}
	return p.saml.Metadata()
}

// FinishPosted signs in whom the answer of a SAML provider names: its form, and the
// cookie of the sign-in. Next is where the browser was going, also when there is an
// error.
func (s *Service) FinishPosted(ctx context.Context, name, response, relay, cookie string, from access.From) (session access.Session, next string, err error) {
	p, err := s.speaks(name, true)
	if err != nil {
		return access.Session{}, "", err
	}
	a, err := p.saml.Finish(ctx, response, relay, cookie)
	if err != nil {
		return access.Session{}, a.Next, refused(err)
	}
	session, err = s.enter(ctx, p, came{
		subject: a.Subject, session: a.Session, username: a.Username, email: a.Email, display: a.Name, groups: a.Groups,
		strong: len(p.settings.SAML.Classes) > 0, notAfter: a.NotAfter, confirm: a.Confirm, bound: a.Bound,
	}, from)
	return session, a.Next, err
}

// LogOut ends the sessions that a SAML provider's message names, and says how many
// and where the browser goes with our answer. With a form the message was posted,
// else it is the query of an address.
func (s *Service) LogOut(ctx context.Context, name, rawQuery string, form url.Values) (next string, ended int, err error) {
	p, err := s.speaks(name, true)
	if err != nil {
		return "", 0, err
	}
	e, err := p.saml.LogOut(ctx, rawQuery, form)
	if err != nil || e.Ours {
		return "/login", 0, refused(err)
	}
	if len(e.Sessions) == 0 {
		e.Sessions = []string{""}
	}
	for _, one := range e.Sessions {
		n, err := s.o.People.SignOutExternal(ctx, via(p), e.Subject, one)
		if err != nil {
			return "", ended, fmt.Errorf("ending sessions: %w", err)
		}
		ended += n
	}
	return e.Answer, ended, nil
}

// signOut is where a session's owner can sign out of a provider.
func (p provider) signOut(ctx context.Context, after string, now access.ExternalSession) (string, error) {
	if p.saml != nil {
		at, err := p.saml.SignOut(ctx, now.Subject, now.Index)
		return at, refused(err)
	}
	return p.oidc.SignOut(ctx, after)
}
