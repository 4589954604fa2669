package access

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Passkey is a WebAuthn credential of an account. What the protocol keeps of it is
// opaque here, and no secret.
type Passkey struct {
	ID, Account string
	// Name is what its owner calls it.
	Name string
	// Credential is the id of the credential, Data what the protocol keeps.
	Credential, Data []byte
	Created, Used    time.Time
}

// The greatest sizes of a passkey, in bytes.
const (
	maxCredential  = 1023 // WebAuthn's own
	maxPasskeyData = 16 << 10
)

func credentialText(credential []byte) string {
	return "passkey " + base64.RawURLEncoding.EncodeToString(credential)
}

const passkeyColumns = "SELECT id, account, name, handle, data, created_at, used_at FROM access_factors WHERE kind = 'passkey'" //nolint:gosec // names of columns, no credential

func scanPasskey(scan func(...any) error) (p Passkey, err error) {
	var handle, data string
	var created, used int64
	if err = scan(&p.ID, &p.Account, &p.Name, &handle, &data, &created, &used); err != nil {
		return p, err
	}
	p.Credential, err = base64.RawURLEncoding.DecodeString(handle[len("passkey "):])
	p.Data, p.Created, p.Used = []byte(data), moment(created), moment(used)
	return p, err
}

// Passkeys lists those of an account.
func (s *Service) Passkeys(ctx context.Context, account string) ([]Passkey, error) {
	list, err := collect(ctx, s.db.Read(), scanPasskey, passkeyColumns+" AND account = ? ORDER BY created_at, id", account)
	return list, wrap("listing passkeys", err)
}

// PasskeyByCredential finds a passkey by the id of its credential; ErrUnknown when
// there is none.
func (s *Service) PasskeyByCredential(ctx context.Context, credential []byte) (Passkey, error) {
	p, err := scanPasskey(s.db.Read().QueryRow(ctx, passkeyColumns+" AND handle = ?", credentialText(credential)).Scan)
	return p, wrap("looking for a passkey", missing(err))
}

// AddPasskey gives the account of a session a passkey. All sessions end; a new one
// begins. With the first factor come recovery codes, which are shown once. The refusals
// are ErrNoSession, ErrStale, ErrTaken and ErrInvalid.
func (s *Service) AddPasskey(ctx context.Context, token string, p Passkey, from From) (session Session, recovery []string, err error) {
	name, err := text("the name", p.Name, 1, 64)
	if err != nil {
		return Session{}, nil, err
	}
	if len(p.Credential) == 0 || len(p.Credential) > maxCredential || len(p.Data) == 0 || len(p.Data) > maxPasskeyData {
		return Session{}, nil, fmt.Errorf("%w: the passkey says nothing, or too much", ErrInvalid)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := s.find(ctx, tx.Reader, token)
		if err != nil {
			return err
		}
		if err := s.fresh(k); err != nil {
			return err
		}
		var there, all int
		if err := tx.QueryRow(ctx, "SELECT count(CASE WHEN handle = ? THEN 1 END), count(CASE WHEN account = ? AND kind = 'passkey' THEN 1 END) FROM access_factors",
			credentialText(p.Credential), k.account).Scan(&there, &all); err != nil {
			return err
		}
		if there > 0 {
			return ErrTaken
		}
		if all >= maxFactors {
			return fmt.Errorf("%w: there are %d passkeys already", ErrInvalid, all)
		}
		if err := putFactor(ctx, tx, k.account, secret.NewID(), kindPasskey, name, credentialText(p.Credential), string(p.Data), 0, s.now()); err != nil {
			return err
		}
		session, recovery, err = s.factorAdded(ctx, tx, k, Factor{Kind: kindPasskey, Name: name}, from)
		return err
	})
	if err != nil {
		return Session{}, nil, told("adding a passkey", err)
	}
	return session, recovery, nil
}

// UsePasskey signs in with a passkey whose assertion the caller has verified; data is
// what the protocol keeps of it now. With a half sign-in it is the second factor; with
// none, the caller must have seen the authenticator verify its user. The refusals are
// ErrNoSession, ErrCode where the passkey is not of that account, and ErrUnknown.
func (s *Service) UsePasskey(ctx context.Context, half string, credential, data []byte, from From) (Session, error) {
	if half != "" {
		session, err := s.finish(ctx, half, from, kindPasskey, func(tx *store.Tx, h Half) (string, error) {
			return kindPasskey, s.touchPasskey(ctx, tx, h.Account, credential, data)
		})
		return session, told("signing in", err)
	}
	var session Session
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		p, err := scanPasskey(tx.QueryRow(ctx, passkeyColumns+" AND handle = ?", credentialText(credential)).Scan)
		if err != nil {
			return missing(err)
		}
		a, err := readAccount(ctx, tx.Reader, "id", p.Account)
		if err != nil {
			return err
		}
		if a.Disabled {
			return ErrUnknown
		}
		if err := s.touchPasskey(ctx, tx, a.ID, credential, data); err != nil {
			return err
		}
		if session, err = s.newSession(ctx, tx, beginning{account: a.ID, operator: a.Name, via: viaPasskey, from: from}); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, signedIn(a.Name, viaPasskey, from))
	})
	return session, told("signing in", err)
}

// touchPasskey keeps what the protocol says of a passkey now; ErrCode when it is not of
// that account.
func (s *Service) touchPasskey(ctx context.Context, tx *store.Tx, account string, credential, data []byte) error {
	if len(data) == 0 || len(data) > maxPasskeyData {
		return fmt.Errorf("%w: the passkey says nothing, or too much", ErrInvalid)
	}
	n, err := tx.Exec(ctx, "UPDATE access_factors SET data = ?, used_at = ? WHERE account = ? AND kind = 'passkey' AND handle = ?",
		string(data), s.now().UnixMilli(), account, credentialText(credential))
	if err == nil && n == 0 {
		err = ErrCode
	}
	return err
}

// ConfirmPasskey proves again who has a session, by a passkey whose assertion the
// caller has verified.
func (s *Service) ConfirmPasskey(ctx context.Context, token string, credential, data []byte, from From) error {
	return told("confirming", s.confirmSession(ctx, token, from, func(tx *store.Tx, k kept) error {
		return s.touchPasskey(ctx, tx, k.account, credential, data)
	}, func(kept) (bool, error) { return true, nil }))
}
