// Package access knows the operators: who they are, how they sign in and which
// session is whose. In this version that is one local operator, admin, who
// comes in by a one-time link and then by password. It decides who somebody is
// and which roles they have; what a role may do is decided where it is done.
package access

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Admin is the name of the local operator.
const Admin = "admin"

// The lifetimes.
const (
	// LinkLife is how long a one-time link can be redeemed.
	LinkLife = 15 * time.Minute
	// SessionIdle ends a session that was not used for so long.
	SessionIdle = 30 * time.Minute
	// SessionLife ends every session.
	SessionLife = 12 * time.Hour
)

// The refusals. What a person reads may be their text; it tells an attacker
// nothing.
var (
	// ErrCredentials says that operator and password do not belong together. It
	// does not say whether there is such an operator.
	ErrCredentials = errors.New("the operator or the password is wrong")
	// ErrLink says that a one-time link is unknown, used or too old.
	ErrLink = errors.New("this sign-in link is not valid any more; run farrier login-link for a new one")
	// ErrNoSession says that a session is unknown, ended or too old.
	ErrNoSession = errors.New("the session has ended; sign in again")
)

// Role is a set of things that an operator may do.
type Role string

// RoleAdmin may do everything.
const RoleAdmin Role = "admin"

// Principal is who acts.
type Principal struct {
	// Operator is the operator's name.
	Operator string
	// Roles are what the operator may do; there are none while MustSetPassword.
	Roles []Role
	// MustSetPassword says that the operator has no password yet, and may do
	// nothing else than set one.
	MustSetPassword bool
}

// Has reports whether the principal has a role.
func (p Principal) Has(role Role) bool { return slices.Contains(p.Roles, role) }

// Session is a signed-in browser or program, as it is handed out once.
type Session struct {
	// Token is what the bearer presents; only its hash is stored.
	Token string
	// Operator is whose session it is.
	Operator string
	// Expires is when it ends at the latest.
	Expires time.Time
}

// String keeps the token out of logs.
func (s Session) String() string { return "session of " + s.Operator }

// GoString keeps the token out of logs.
func (s Session) GoString() string { return s.String() }

// The actions that access reports to its Auditor.
const (
	ActionSignIn          = "sign-in"
	ActionSignInFailed    = "sign-in-failed"
	ActionSignOut         = "sign-out"
	ActionPasswordSet     = "password-set"
	ActionLoginLinkIssued = "login-link-issued"
)

const (
	outcomeDone    = "done"
	outcomeRefused = "refused"
)

// Event is what access tells the audit log.
type Event struct {
	// Action is one of the Action constants.
	Action string
	// Operator is who did it, "system" for the program itself, or empty when
	// nobody was recognised: a name that was only typed never stands here.
	Operator string
	// Object is what it was done to.
	Object string
	// Outcome is "done" or "refused".
	Outcome string
	// Detail says more and holds no secrets.
	Detail map[string]string
}

// Auditor keeps events. Record is called within the transaction of what it
// tells of; its error undoes and refuses that.
type Auditor interface {
	Record(ctx context.Context, tx *store.Tx, e Event) error
}

// Hasher hashes passwords; *secret.Hasher is the one to use.
type Hasher interface {
	// Hash returns what may be stored of a password.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether password is the one that encoded was made from.
	Verify(ctx context.Context, password, encoded string) (bool, error)
	// VerifyNobody takes the time of Verify.
	VerifyNobody(ctx context.Context, password string) error
}

// Service signs operators in and out. It is safe for use by many goroutines.
type Service struct {
	db       *store.DB
	now      func() time.Time
	audit    Auditor
	hasher   Hasher
	throttle *throttle
}

// Open brings the tables up to date in db, which is the control database. The
// hasher should be the only one of the process.
func Open(ctx context.Context, db *store.DB, hasher Hasher, audit Auditor, now func() time.Time) (*Service, error) {
	if db == nil || hasher == nil || audit == nil || now == nil {
		return nil, errors.New("opening access: it needs a database, a hasher, an auditor and a clock")
	}
	if err := db.Migrate(ctx, "access", migrations); err != nil {
		return nil, fmt.Errorf("opening access: %w", err)
	}
	return &Service{db: db, now: now, audit: audit, hasher: hasher, throttle: newThrottle()}, nil
}

// HasPassword reports whether the local operator has set a password; while not,
// a one-time link is the only way in.
func (s *Service) HasPassword(ctx context.Context) (bool, error) {
	hash, err := passwordHash(ctx, s.db.Read(), Admin)
	if err != nil {
		return false, fmt.Errorf("looking for a password: %w", err)
	}
	return hash != "", nil
}

// passwordHash is the operator's PHC string, or empty when there is none or no
// such operator.
func passwordHash(ctx context.Context, r store.Reader, operator string) (string, error) {
	var hash string
	err := r.QueryRow(ctx, "SELECT password_hash FROM access_operators WHERE name = ?", operator).Scan(&hash)
	if errors.Is(err, store.ErrNoRows) {
		return "", nil
	}
	return hash, err
}
