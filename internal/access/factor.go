package access

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// The kinds of factors.
const (
	kindTOTP     = "totp"
	kindPending  = "totp-pending"
	kindPasskey  = "passkey"
	kindRecovery = "recovery"
)

// recoveryCodes is how many there are.
const recoveryCodes = 10

// maxFactors bounds the factors of one account.
const maxFactors = 20

// SealPurpose is what the column access_factors.data is sealed for, where its value
// is sealed.
const SealPurpose = "access-totp"

// Factor is a second factor of an account, without its secret.
type Factor struct {
	ID string `json:"id"`
	// Kind is totp, passkey or recovery.
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"`
}

// Factors lists those of an account; each recovery code that is left is one.
func (s *Service) Factors(ctx context.Context, account string) ([]Factor, error) {
	list, err := collect(ctx, s.db.Read(), func(scan func(...any) error) (f Factor, err error) {
		var created, used int64
		err = scan(&f.ID, &f.Kind, &f.Name, &created, &used)
		f.Created, f.Used = moment(created), moment(used)
		return f, err
	}, "SELECT id, kind, name, created_at, used_at FROM access_factors WHERE account = ? AND kind <> ? ORDER BY kind, created_at, id", account, kindPending)
	return list, wrap("listing factors", err)
}

func hasFactor(ctx context.Context, r store.Reader, account, kind string) (has bool, err error) {
	err = r.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM access_factors WHERE account = ? AND kind = ?)", account, kind).Scan(&has)
	return has, err
}

func putFactor(ctx context.Context, tx *store.Tx, account, id, kind, name, handle, data string, step int64, now time.Time) error {
	_, err := tx.Exec(ctx, "INSERT INTO access_factors (id, account, kind, name, handle, data, step, created_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
		id, account, kind, name, handle, data, step, now.UnixMilli())
	return err
}

// Enrolment is the secret of an authenticator that is being set up.
type Enrolment struct {
	// Secret is to be typed, URI to be read from a picture.
	Secret, URI string
}

// BeginTOTP makes the secret of an authenticator for the account of a session, in the
// place of one that was begun before; ConfirmTOTP puts it into use. The refusals are
// ErrNoSession and ErrStale.
func (s *Service) BeginTOTP(ctx context.Context, token string) (Enrolment, error) {
	if s.sealer == nil {
		return Enrolment{}, fmt.Errorf("setting up an authenticator: %w", errNoSealer)
	}
	raw := newTOTPSecret()
	sealed, err := s.sealer.Seal(SealPurpose, raw)
	if err != nil {
		return Enrolment{}, fmt.Errorf("setting up an authenticator: %w", err)
	}
	var name string
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := s.find(ctx, tx.Reader, token)
		if err != nil {
			return err
		}
		if err := s.fresh(k); err != nil {
			return err
		}
		if s.unfinished(k) == MustSetPassword {
			return fmt.Errorf("%w: set a password first", ErrInvalid)
		}
		name = k.operator
		if _, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ? AND kind = ?", k.account, kindPending); err != nil {
			return err
		}
		id := secret.NewID()
		return putFactor(ctx, tx, k.account, id, kindPending, "", id, sealed, 0, s.now())
	})
	if err != nil {
		return Enrolment{}, told("setting up an authenticator", err)
	}
	return Enrolment{Secret: totpText(raw), URI: totpURI(raw, name)}, nil
}

// ConfirmTOTP puts an authenticator into use, in the place of the one of before, once
// it shows the right code. All sessions of the account end; a new one begins. With the
// first factor come recovery codes, which are shown once. The refusals are ErrCode,
// ErrNoSession, ErrStale and *ThrottledError.
func (s *Service) ConfirmTOTP(ctx context.Context, token, code string, from From) (session Session, recovery []string, err error) {
	k, err := s.find(ctx, s.db.Read(), token)
	if err != nil {
		return Session{}, nil, told("setting up an authenticator", err)
	}
	try, err := s.hear(ctx, factorOf(k.operator), k.account, from)
	if err != nil {
		return Session{}, nil, told("setting up an authenticator", err)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		session, recovery, err = s.confirmTOTP(ctx, tx, token, code, from)
		return err
	})
	if errors.Is(err, ErrCode) {
		return Session{}, nil, s.refused(ctx, ErrCode, Event{
			Action: ActionFactorAdded, Operator: k.operator, Via: k.via, Session: k.id, Address: addressText(from.Address),
			Object: "operator " + k.operator, Outcome: outcomeRefused, Detail: try.detail(k.via),
		})
	}
	if err != nil {
		return Session{}, nil, told("setting up an authenticator", err)
	}
	s.forgiven(ctx, try)
	return session, recovery, nil
}

func (s *Service) confirmTOTP(ctx context.Context, tx *store.Tx, token, code string, from From) (session Session, recovery []string, err error) {
	k, err := s.find(ctx, tx.Reader, token)
	if err != nil {
		return Session{}, nil, err
	}
	if err := s.fresh(k); err != nil {
		return Session{}, nil, err
	}
	step, err := s.matchTOTP(ctx, tx, k.account, kindPending, code)
	if err != nil {
		return Session{}, nil, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ? AND kind = ?", k.account, kindTOTP); err != nil {
		return Session{}, nil, err
	}
	if _, err := tx.Exec(ctx, "UPDATE access_factors SET kind = ?, name = ?, step = ?, used_at = ? WHERE account = ? AND kind = ?",
		kindTOTP, "Authenticator", step, s.now().UnixMilli(), k.account, kindPending); err != nil {
		return Session{}, nil, err
	}
	return s.factorAdded(ctx, tx, k, Factor{Kind: kindTOTP, Name: "Authenticator"}, from)
}

// factorAdded ends all sessions of an account that has a new factor, but the one that
// takes their place, and makes recovery codes where there are none.
func (s *Service) factorAdded(ctx context.Context, tx *store.Tx, k kept, f Factor, from From) (session Session, recovery []string, err error) {
	has, err := hasFactor(ctx, tx.Reader, k.account, kindRecovery)
	if err != nil {
		return Session{}, nil, err
	}
	if !has {
		if recovery, err = s.putRecovery(ctx, tx, k.account); err != nil {
			return Session{}, nil, err
		}
	}
	if session, err = s.renew(ctx, tx, k, k.via, from); err != nil {
		return Session{}, nil, err
	}
	return session, recovery, s.tell(ctx, tx, byAccount(k, from.Address), ActionFactorAdded, "operator "+k.operator, nil, map[string]string{"kind": f.Kind, "name": f.Name})
}

// matchTOTP finds the time step of a code among the account's authenticators.
func (s *Service) matchTOTP(ctx context.Context, tx *store.Tx, account, kind, code string) (int64, error) {
	if s.sealer == nil {
		return 0, errNoSealer
	}
	var sealed string
	var last int64
	err := tx.QueryRow(ctx, "SELECT data, step FROM access_factors WHERE account = ? AND kind = ?", account, kind).Scan(&sealed, &last)
	if errors.Is(err, store.ErrNoRows) {
		return 0, ErrCode
	}
	if err != nil {
		return 0, err
	}
	raw, err := s.sealer.Open(SealPurpose, sealed)
	if err != nil {
		return 0, err
	}
	step, ok := checkTOTP(raw, code, s.now(), last)
	if !ok {
		return 0, ErrCode
	}
	return step, nil
}

// useCode uses a code of the authenticator, or a recovery code, up.
func (s *Service) useCode(ctx context.Context, tx *store.Tx, account, code string) (with string, err error) {
	if hash := recoveryHash(code); hash != "" {
		n, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ? AND kind = ? AND handle = ?", account, kindRecovery, account+" "+hash)
		if err != nil {
			return "", err
		}
		if n == 1 {
			return kindRecovery, nil
		}
		return "", ErrCode
	}
	step, err := s.matchTOTP(ctx, tx, account, kindTOTP, code)
	if err != nil {
		return "", err
	}
	// Two at once with one code: the second changes nothing, and is refused.
	n, err := tx.Exec(ctx, "UPDATE access_factors SET step = ?, used_at = ? WHERE account = ? AND kind = ? AND step < ?",
		step, s.now().UnixMilli(), account, kindTOTP, step)
	if err == nil && n == 0 {
		err = ErrCode
	}
	return kindTOTP, err
}

// putRecovery makes new recovery codes in the place of those of before.
func (s *Service) putRecovery(ctx context.Context, tx *store.Tx, account string) (codes []string, err error) {
	if _, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ? AND kind = ?", account, kindRecovery); err != nil {
		return nil, err
	}
	for range recoveryCodes {
		raw := make([]byte, 10)
		rand.Read(raw) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
		text := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		code := text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		codes = append(codes, code)
		if err := putFactor(ctx, tx, account, secret.NewID(), kindRecovery, "", account+" "+recoveryHash(code), "", 0, s.now()); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// recoveryHash is what is stored of a recovery code; empty for what can be none. With
// 80 random bits a plain hash is enough.
func recoveryHash(code string) string {
	code = strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	if len(code) != 16 {
		return ""
	}
	return hashText(code)
}

// RenewRecovery makes new recovery codes for the account of a session, which are shown
// once. The refusals are ErrNoSession, ErrStale, and ErrInvalid where there is no
// second factor.
func (s *Service) RenewRecovery(ctx context.Context, token string, from From) (codes []string, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := s.find(ctx, tx.Reader, token)
		if err != nil {
			return err
		}
		if err := s.fresh(k); err != nil {
			return err
		}
		if !k.factor {
			return fmt.Errorf("%w: set up a second factor first", ErrInvalid)
		}
		if codes, err = s.putRecovery(ctx, tx, k.account); err != nil {
			return err
		}
		return s.tell(ctx, tx, byAccount(k, from.Address), ActionFactorAdded, "operator "+k.operator, nil, map[string]string{"kind": kindRecovery})
	})
	if err != nil {
		return nil, told("making recovery codes", err)
	}
	return codes, nil
}

// RemoveFactor takes a factor from the account of a session; with the last one go the
// recovery codes, and where a second factor is required, a new one must be set up next.
// All sessions end; a new one begins. The refusals are ErrNoSession, ErrStale and
// ErrUnknown.
func (s *Service) RemoveFactor(ctx context.Context, token, id string, from From) (session Session, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := s.find(ctx, tx.Reader, token)
		if err != nil {
			return err
		}
		if err := s.fresh(k); err != nil {
			return err
		}
		var f Factor
		err = tx.QueryRow(ctx, "DELETE FROM access_factors WHERE id = ? AND account = ? AND kind IN ('totp', 'passkey') RETURNING id, kind, name", id, k.account).
			Scan(&f.ID, &f.Kind, &f.Name)
		if err != nil {
			return missing(err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ? AND kind = 'recovery' AND "+
			"NOT EXISTS (SELECT 1 FROM access_factors f WHERE f.account = ? AND f.kind IN ('totp', 'passkey'))", k.account, k.account); err != nil {
			return err
		}
		if session, err = s.renew(ctx, tx, k, k.via, from); err != nil {
			return err
		}
		return s.tell(ctx, tx, byAccount(k, from.Address), ActionFactorRemoved, "operator "+k.operator, map[string]string{"kind": f.Kind, "name": f.Name}, nil)
	})
	return session, told("removing a factor", err)
}
