package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// TokenPrefix is what every API token begins with, so that scanners find those that
// were lost.
const TokenPrefix = "frr_"

// The bounds of API tokens.
const (
	// TokenLife is how long a token is good at the most.
	TokenLife = 366 * 24 * time.Hour
	maxTokens = 100
)

// APIToken is a token of an account, without the token.
type APIToken struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Name    string `json:"name"`
	// Limits are all that it may be used for, as far as its account may do that itself.
	Limits    []Permission `json:"permissions"`
	Created   time.Time    `json:"created"`
	CreatedBy string       `json:"createdBy"`
	Expires   time.Time    `json:"expires"`
	Used      time.Time    `json:"used,omitzero"`
}

// APITokens lists those of an account.
func (s *Service) APITokens(ctx context.Context, account string) ([]APIToken, error) {
	list, err := collect(ctx, s.db.Read(), scanToken, tokenColumns+" WHERE account = ? ORDER BY created_at, id", account)
	return list, wrap("listing tokens", err)
}

const tokenColumns = "SELECT id, account, name, limits, created_at, created_by, expires_at, used_at FROM access_tokens" //nolint:gosec // names of columns, no credential

func scanToken(scan func(...any) error) (t APIToken, err error) {
	var limits string
	var created, expires, used int64
	err = scan(&t.ID, &t.Account, &t.Name, &limits, &created, &t.CreatedBy, &expires, &used)
	t.Limits = []Permission{} // never nil: that would be no limit at all
	for p := range strings.FieldsSeq(limits) {
		t.Limits = append(t.Limits, Permission(p))
	}
	t.Created, t.Expires, t.Used = moment(created), moment(expires), moment(used)
	return t, err
}

// CreateAPIToken makes a token for an account; what is returned beside it is shown once.
func (s *Service) CreateAPIToken(ctx context.Context, by By, t APIToken) (APIToken, string, error) {
	now := s.now()
	name, err := text("the name", t.Name, 1, 64)
	switch {
	case err != nil:
		return APIToken{}, "", err
	case len(t.Limits) == 0:
		return APIToken{}, "", fmt.Errorf("%w: a token must be good for one permission at least", ErrInvalid)
	case !t.Expires.After(now) || t.Expires.After(now.Add(TokenLife)):
		return APIToken{}, "", fmt.Errorf("%w: a token must expire within a year", ErrInvalid)
	}
	var limits []string
	for _, p := range t.Limits {
		if !slices.Contains(Permissions(), p) {
			return APIToken{}, "", fmt.Errorf("%w: there is no permission %.40q", ErrInvalid, string(p))
		}
		limits = append(limits, string(p))
	}
	random, _ := secret.NewToken()
	token := TokenPrefix + random
	t.ID, t.Name, t.Created, t.CreatedBy, t.Used = secret.NewID(), name, now, by.Operator, time.Time{}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", t.Account)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM access_tokens WHERE account = ?", t.Account).Scan(&n); err != nil {
			return err
		}
		if n >= maxTokens {
			return fmt.Errorf("%w: the account has %d tokens already; revoke some", ErrInvalid, n)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO access_tokens (id, account, name, token_hash, limits, created_at, created_by, expires_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
			t.ID, t.Account, t.Name, hashText(token), strings.Join(limits, " "), now.UnixMilli(), t.CreatedBy, t.Expires.UnixMilli()); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionTokenCreated, "account "+a.Name, nil, t)
	})
	if err != nil {
		return APIToken{}, "", fmt.Errorf("making a token: %w", err)
	}
	return t, token, nil
}

// RevokeAPIToken ends a token of an account at once.
func (s *Service) RevokeAPIToken(ctx context.Context, by By, account, id string) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		t, err := scanToken(tx.QueryRow(ctx, tokenColumns+" WHERE id = ? AND account = ?", id, account).Scan)
		if err != nil {
			return missing(err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_tokens WHERE id = ?", id); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionTokenRevoked, "account "+a.Name, t, nil)
	})
	return wrap("revoking a token", err)
}

// bearerOf is who a token acts for: what the account may do now, and no more than the
// token was made for.
func (s *Service) bearerOf(ctx context.Context, token string) (Principal, error) {
	var name string
	var version int64
	var disabled bool
	t, err := scanToken(func(to ...any) error {
		return s.db.Read().QueryRow(ctx, "SELECT t.id, t.account, t.name, t.limits, t.created_at, t.created_by, t.expires_at, t.used_at, a.name, a.disabled, "+
			"(SELECT value FROM access_state WHERE name = 'version') FROM access_tokens t JOIN access_accounts a ON a.id = t.account WHERE t.token_hash = ?",
			hashText(token)).Scan(append(to, &name, &disabled, &version)...)
	})
	if errors.Is(err, store.ErrNoRows) {
		return Principal{}, ErrNoSession
	}
	if err != nil {
		return Principal{}, fmt.Errorf("looking for a token: %w", err)
	}
	now := s.now()
	if disabled || !now.Before(t.Expires) {
		return Principal{}, ErrNoSession
	}
	if now.Sub(t.Used) >= touchEvery {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE access_tokens SET used_at = ? WHERE id = ?", now.UnixMilli(), t.ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE access_accounts SET seen_at = ? WHERE id = ?", now.UnixMilli(), t.Account)
			return err
		})
		if err != nil {
			return Principal{}, fmt.Errorf("noting the use of a token: %w", err)
		}
	}
	p, err := s.principal(ctx, t.Account, name, version)
	if err != nil {
		return Principal{}, fmt.Errorf("reading what an account may do: %w", err)
	}
	p.Via, p.Session, p.Limits = "token:"+t.Name, t.ID, t.Limits
	return p, nil
}
