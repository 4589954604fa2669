package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/passkey"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
)

// Question is what a page's script asks the browser; see passkey.Question.
type Question = passkey.Question

// The refusals of passkeys; each carries its reason.
var (
	ErrHost     = passkey.ErrHost
	ErrCeremony = passkey.ErrCeremony
	ErrPasskey  = passkey.ErrAnswer
	ErrUnknown  = passkey.ErrUnknown
)

// Passkey is one of an account's own, as its page shows it.
type Passkey struct {
	ID, Name string
	// Host is the name of the console that it is for. Synced says that it can be copied
	// to other devices of its owner.
	Host          string
	Synced        bool
	Created, Used time.Time
}

// account is an account as the protocol wants it.
func (s *Service) account(ctx context.Context, id string) (passkey.Account, error) {
	a, err := s.o.People.Account(ctx, id)
	if errors.Is(err, access.ErrUnknown) {
		return passkey.Account{}, ErrUnknown
	}
	if err != nil {
		return passkey.Account{}, err
	}
	kept, err := s.o.People.Passkeys(ctx, id)
	if err != nil {
		return passkey.Account{}, err
	}
	it := passkey.Account{Handle: []byte(a.ID), Name: a.Name, Title: a.Display}
	for _, one := range kept {
		var k passkey.Key
		if err := json.Unmarshal(one.Data, &k); err != nil {
			return passkey.Account{}, fmt.Errorf("reading a passkey: %w", err)
		}
		it.Keys = append(it.Keys, k)
	}
	return it, nil
}

// Passkeys lists those of who asks.
func (s *Service) Passkeys(ctx context.Context, p control.Principal) ([]Passkey, error) {
	if p.Account == "" {
		return nil, control.ErrForbidden
	}
	kept, err := s.o.People.Passkeys(ctx, p.Account)
	if err != nil {
		return nil, err
	}
	list := make([]Passkey, len(kept))
	for i, one := range kept {
		var k passkey.Key
		if err := json.Unmarshal(one.Data, &k); err != nil {
			return nil, fmt.Errorf("reading a passkey: %w", err)
		}
		list[i] = Passkey{ID: one.ID, Name: one.Name, Host: k.Host, Synced: k.Synced, Created: one.Created, Used: one.Used}
	}
	return list, nil
}

// Register asks for a new passkey of who asks.
func (s *Service) Register(ctx context.Context, p control.Principal, host string) (Question, error) {
	if p.Account == "" {
		return Question{}, control.ErrForbidden
	}
	a, err := s.account(ctx, p.Account)
	if err != nil {
		return Question{}, err
	}
	return s.keys.Register(host, a, p.Session)
}

// Registered keeps the passkey that answers Register. Recovery codes come with the
// first factor, and are shown once.
func (s *Service) Registered(ctx context.Context, p control.Principal, token, host, name, ceremony string, answer []byte, from access.From) (access.Session, []string, error) {
	if p.Account == "" {
		return access.Session{}, nil, control.ErrForbidden
	}
	a, err := s.account(ctx, p.Account)
	if err != nil {
		return access.Session{}, nil, err
	}
	k, err := s.keys.Registered(ctx, host, a, p.Session, ceremony, answer)
	if err != nil {
		return access.Session{}, nil, err
	}
	data, err := json.Marshal(k)
	if err != nil {
		return access.Session{}, nil, err
	}
	return s.o.People.AddPasskey(ctx, token, access.Passkey{Name: name, Credential: k.ID, Data: data}, from)
}

// Remove takes a passkey from the account of a session.
func (s *Service) Remove(ctx context.Context, token, id string, from access.From) (access.Session, error) {
	session, err := s.o.People.RemoveFactor(ctx, token, id, from)
	if errors.Is(err, access.ErrUnknown) {
		err = control.ErrNotFound
	}
	return session, err
}

// Ask asks for any passkey that the browser knows, or, with a half sign-in, for one
// of its account.
func (s *Service) Ask(ctx context.Context, host, half string) (Question, error) {
	if half == "" {
		return s.keys.Ask(host, passkey.SigningIn, nil, "")
	}
	h, err := s.o.People.HalfOf(ctx, half)
	if err != nil {
		return Question{}, err
	}
	a, err := s.account(ctx, h.Account)
	if err != nil {
		return Question{}, err
	}
	return s.keys.Ask(host, passkey.SecondFactor, &a, half)
}

// SignIn signs in with the answer to Ask.
func (s *Service) SignIn(ctx context.Context, host, half, ceremony string, answer []byte, from access.From) (access.Session, error) {
	use := passkey.SigningIn
	if half != "" {
		use = passkey.SecondFactor
	}
	signed, err := s.keys.Answered(ctx, host, use, half, ceremony, answer, func(handle []byte) (passkey.Account, error) { return s.account(ctx, string(handle)) })
	if err != nil {
		if half != "" && errors.Is(err, ErrPasskey) {
			return access.Session{}, errors.Join(err, s.o.People.FactorFailed(ctx, half, "passkey", from))
		}
		return access.Session{}, err
	}
	data, err := s.noticed(ctx, signed, from)
	if err != nil {
		return access.Session{}, err
	}
	session, err := s.o.People.UsePasskey(ctx, half, signed.Key.ID, data, from)
	if errors.Is(err, access.ErrUnknown) {
		err = ErrUnknown
	}
	return session, err
}

// AskAgain asks for a passkey of who is signed in.
func (s *Service) AskAgain(ctx context.Context, p control.Principal, host string) (Question, error) {
	if p.Account == "" {
		return Question{}, control.ErrForbidden
	}
	a, err := s.account(ctx, p.Account)
	if err != nil {
		return Question{}, err
	}
	return s.keys.Ask(host, passkey.Confirming, &a, p.Session)
}

// Confirm notes that who is signed in proved it by the answer to AskAgain.
func (s *Service) Confirm(ctx context.Context, p control.Principal, token, host, ceremony string, answer []byte, from access.From) error {
	signed, err := s.keys.Answered(ctx, host, passkey.Confirming, p.Session, ceremony, answer,
		func(handle []byte) (passkey.Account, error) {
			if string(handle) != p.Account {
				return passkey.Account{}, ErrUnknown
			}
			return s.account(ctx, p.Account)
		})
	if err != nil {
		return err
	}
	data, err := s.noticed(ctx, signed, from)
	if err != nil {
		return err
	}
	return s.o.People.ConfirmPasskey(ctx, token, signed.Key.ID, data, from)
}

// noticed is what is kept of a key that signed. One that may have been copied is
// told of in the audit log: it still proves who holds it, but not that only one does.
func (s *Service) noticed(ctx context.Context, signed passkey.Signed, from access.From) ([]byte, error) {
	if signed.Cloned {
		e := control.Told(control.Principal{Operator: signed.Name, Via: "passkey", Address: from.Address}, "", audit.PasskeyCloned, "operator "+signed.Name)
		e.Detail = map[string]string{"host": signed.Key.Host, "why": "the passkey counts less than it did; there may be a copy of it"}
		if err := s.o.Audit.Record(ctx, nil, e); err != nil {
			return nil, err
		}
	}
	return json.Marshal(signed.Key)
}
