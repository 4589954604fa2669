package access

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// accountName is what an account may be called.
var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,127}$`)

// Kind says whose account it is.
type Kind string

// The kinds of accounts.
const (
	// Person signs in.
	Person Kind = "person"
	// ServiceAccount is a program's: it has tokens, and no password.
	ServiceAccount Kind = "service"
)

// Account is somebody, or some program, that may be granted something.
type Account struct {
	ID string `json:"id"`
	// Name is what people type and audit entries say, in lower case; it is kept.
	Name    string `json:"name"`
	Display string `json:"display"`
	Email   string `json:"email"`
	Kind    Kind   `json:"kind"`
	// Disabled says that it may not sign in, and its tokens may do nothing.
	Disabled bool `json:"disabled"`
	// External is the provider that made it and keeps it; empty when made here.
	External  string    `json:"external,omitempty"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"createdBy"`
	// Seen is when it was used last; zero for never.
	Seen time.Time `json:"seen,omitzero"`
	// Password and Factor say that it has a password, and a second factor.
	Password bool  `json:"direct"`
	Factor   bool  `json:"secondFactor"`
	Version  int64 `json:"version"`
}

const accountColumns = "a.id, a.name, a.display, a.email, a.kind, a.disabled, a.external, a.created_at, a.created_by, a.seen_at, a.password_hash <> '', " +
	"EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind IN ('totp', 'passkey')), a.version"

func scanAccount(scan func(...any) error) (a Account, err error) {
	var created, seen int64
	err = scan(&a.ID, &a.Name, &a.Display, &a.Email, &a.Kind, &a.Disabled, &a.External, &created, &a.CreatedBy, &seen, &a.Password, &a.Factor, &a.Version)
	a.Created, a.Seen = moment(created), moment(seen)
	return a, err
}

// moment is a stored time; 0 stands for the zero time.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// AccountQuery asks for accounts by name, a page at a time.
type AccountQuery struct {
	// Text must stand in name, display name or e-mail; empty asks for all.
	Text string
	// External asks for those of one provider; empty for all.
	External string
	// After is the name after which the page begins, Limit how many it holds; 0 means 100.
	After string
	Limit int
}

// Accounts lists accounts by their names.
func (s *Service) Accounts(ctx context.Context, q AccountQuery) ([]Account, error) {
	if q.Limit <= 0 || q.Limit > 1001 {
		q.Limit = 100
	}
	like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(q.Text)) + "%"
	list, err := collect(ctx, s.db.Read(), scanAccount, "SELECT "+accountColumns+" FROM access_accounts a WHERE a.name > ? "+
		`AND (a.name LIKE ? ESCAPE '\' OR lower(a.display) LIKE ? ESCAPE '\' OR lower(a.email) LIKE ? ESCAPE '\') AND (? = '' OR a.external = ?) `+
		"ORDER BY a.name LIMIT ?", q.After, like, like, like, q.External, q.External, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return list, nil
}

// Account is one account by its id; ErrUnknown when there is none.
func (s *Service) Account(ctx context.Context, id string) (Account, error) {
	a, err := readAccount(ctx, s.db.Read(), "id", id)
	return a, wrap("reading an account", err)
}

// AccountNamed is one account by its name; ErrUnknown when there is none.
func (s *Service) AccountNamed(ctx context.Context, name string) (Account, error) {
	a, err := readAccount(ctx, s.db.Read(), "name", strings.ToLower(name))
	return a, wrap("reading an account", err)
}

func readAccount(ctx context.Context, r store.Reader, column, value string) (Account, error) {
	a, err := scanAccount(r.QueryRow(ctx, "SELECT "+accountColumns+" FROM access_accounts a WHERE a."+column+" = ?", value).Scan)
	return a, missing(err)
}

// check refuses what is no account, and tidies it.
func (a *Account) check() (err error) {
	a.Name = strings.ToLower(strings.TrimSpace(a.Name))
	if !accountName.MatchString(a.Name) || a.Name == system {
		return fmt.Errorf("%w: the name must begin with a letter or digit and hold only lower-case letters, digits and . _ @ + -, 128 at most", ErrInvalid)
	}
	if a.Display, err = text("the display name", a.Display, 0, 200); err != nil {
		return err
	}
	if a.Email, err = text("the e-mail address", a.Email, 0, 254); err != nil {
		return err
	}
	if a.Email != "" && (strings.Count(a.Email, "@") != 1 || strings.ContainsAny(a.Email, " <>,;")) {
		return fmt.Errorf("%w: %q is no e-mail address", ErrInvalid, a.Email)
	}
	if a.Kind == "" {
		a.Kind = Person
	}
	if a.Kind != Person && a.Kind != ServiceAccount {
		return fmt.Errorf("%w: the kind of an account must be person or service", ErrInvalid)
	}
	return nil
}

// CreateAccount makes an account that is granted nothing yet, and that nobody can sign
// in to yet. ErrTaken says that there is one of that name.
func (s *Service) CreateAccount(ctx context.Context, by By, a Account) (Account, error) {
	if err := a.check(); err != nil {
		return Account{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) error { return s.insertAccount(ctx, tx, by, &a) })
	if err != nil {
		return Account{}, fmt.Errorf("making an account: %w", err)
	}
	return a, nil
}

func (s *Service) insertAccount(ctx context.Context, tx *store.Tx, by By, a *Account) error {
	if err := s.putAccount(ctx, tx, by, a); err != nil {
		return err
	}
	return s.tell(ctx, tx, by, ActionAccountCreated, "account "+a.Name, nil, *a)
}

// putAccount keeps a new account and tells nobody. The name of the first account is kept
// for it: a sign-in link must always find it free.
func (s *Service) putAccount(ctx context.Context, tx *store.Tx, by By, a *Account) error {
	if a.Name == Admin {
		return ErrTaken
	}
	a.ID, a.Version, a.Created, a.CreatedBy = secret.NewID(), 1, s.now(), by.Operator
	n, err := tx.Exec(ctx, "INSERT INTO access_accounts (id, name, display, email, kind, password_hash, disabled, external, created_at, created_by, seen_at, version) "+
		"VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, 0, 1) ON CONFLICT (name) DO NOTHING",
		a.ID, a.Name, a.Display, a.Email, string(a.Kind), a.Disabled, a.External, a.Created.UnixMilli(), a.CreatedBy)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrTaken
	}
	return nil
}

// UpdateAccount changes display name, e-mail address and whether an account is
// disabled. A disabled account's sessions end. The last administrator can't be
// disabled.
func (s *Service) UpdateAccount(ctx context.Context, by By, a Account) (Account, error) {
	var after Account
	err := s.change(ctx, func(tx *store.Tx) error {
		before, err := readAccount(ctx, tx.Reader, "id", a.ID)
		if err != nil {
			return err
		}
		if before.Version != a.Version {
			return ErrVersion
		}
		after = before
		after.Display, after.Email, after.Disabled, after.Version = a.Display, a.Email, a.Disabled, before.Version+1
		if err := after.check(); err != nil {
			return err
		}
		return s.keepAdmin(ctx, tx, func() error {
			if _, err := tx.Exec(ctx, "UPDATE access_accounts SET display = ?, email = ?, disabled = ?, version = ?, changed_at = ? WHERE id = ?",
				after.Display, after.Email, after.Disabled, after.Version, s.now().UnixMilli(), a.ID); err != nil {
				return err
			}
			if after.Disabled {
				if err := endAll(ctx, tx, a.ID); err != nil {
					return err
				}
			}
			return s.tell(ctx, tx, by, ActionAccountChanged, "account "+after.Name, before, after)
		})
	})
	if err != nil {
		return Account{}, fmt.Errorf("changing an account: %w", err)
	}
	return after, nil
}

// endAll ends all sessions of an account, with its links, halves and known browsers.
func endAll(ctx context.Context, tx *store.Tx, account string) error {
	for _, table := range []string{"access_sessions", "access_links", "access_halves", "access_devices"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE account = ?", account); err != nil {
			return err
		}
	}
	return nil
}

// DeleteAccount deletes an account with all that belongs to it. The last
// administrator can't be deleted.
func (s *Service) DeleteAccount(ctx context.Context, by By, id string, version int64) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		before, err := readAccount(ctx, tx.Reader, "id", id)
		if err != nil {
			return err
		}
		if before.Version != version {
			return ErrVersion
		}
		return s.keepAdmin(ctx, tx, func() error {
			if _, err := tx.Exec(ctx, "DELETE FROM access_accounts WHERE id = ?", id); err != nil {
				return err
			}
			return s.tell(ctx, tx, by, ActionAccountDeleted, "account "+before.Name, before, nil)
		})
	})
	return wrap("deleting an account", err)
}

// keepAdmin refuses, with ErrLastAdmin, what takes the last administrator away.
func (s *Service) keepAdmin(ctx context.Context, tx *store.Tx, fn func() error) error {
	before, err := admins(ctx, tx.Reader)
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	after, err := admins(ctx, tx.Reader)
	if err != nil {
		return err
	}
	if before > 0 && after == 0 {
		return ErrLastAdmin
	}
	return nil
}

// admins counts the people that may do everything.
func admins(ctx context.Context, r store.Reader) (n int, err error) {
	err = r.QueryRow(ctx, "WITH RECURSIVE t (id, depth) AS ("+
		"SELECT team, 0 FROM access_grants WHERE team IS NOT NULL AND role = 'admin' AND grp = 'root' AND environment = '' "+
		"UNION SELECT c.id, t.depth + 1 FROM access_teams c JOIN t ON c.parent = t.id WHERE t.depth < 10) "+
		"SELECT count(*) FROM access_accounts a WHERE a.kind = 'person' AND a.disabled = FALSE AND ("+
		"EXISTS (SELECT 1 FROM access_grants g WHERE g.account = a.id AND g.role = 'admin' AND g.grp = 'root' AND g.environment = '') OR "+
		"EXISTS (SELECT 1 FROM access_members m JOIN t ON t.id = m.team WHERE m.account = a.id))").Scan(&n)
	return n, err
}

// Invite makes a one-time link, good for InvitationLife, by which a person sets a
// password; those made before are withdrawn. It is shown once.
func (s *Service) Invite(ctx context.Context, by By, account string) (token string, expires time.Time, err error) {
	token, _ = secret.NewToken()
	expires = s.now().Add(InvitationLife)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		switch {
		case a.Kind != Person:
			return fmt.Errorf("%w: a service account does not sign in; make a token for it", ErrInvalid)
		case a.Disabled:
			return fmt.Errorf("%w: the account is disabled", ErrInvalid)
		case a.Password:
			return fmt.Errorf("%w: there is a password already; reset the account first", ErrInvalid)
		}
		if err := putLink(ctx, tx, a.ID, viaInvitation, token, expires); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionAccountInvited, "account "+a.Name, nil, nil)
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("inviting: %w", err)
	}
	return token, expires, nil
}

// Reset takes password and second factors from an account and ends its sessions, for
// a person who lost them; Invite lets them in again.
func (s *Service) Reset(ctx context.Context, by By, account string) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE access_accounts SET password_hash = '', version = version + 1 WHERE id = ?", account); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_factors WHERE account = ?", account); err != nil {
			return err
		}
		if err := endAll(ctx, tx, account); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionAccountReset, "account "+a.Name, nil, nil)
	})
	return wrap("resetting an account", err)
}

// putLink keeps a one-time link and withdraws those of before.
func putLink(ctx context.Context, tx *store.Tx, account, via, token string, expires time.Time) error {
	if _, err := tx.Exec(ctx, "DELETE FROM access_links WHERE account = ?", account); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO access_links (token_hash, account, via, expires_at) VALUES (?, ?, ?, ?)",
		hashText(token), account, via, expires.UnixMilli())
	return err
}
