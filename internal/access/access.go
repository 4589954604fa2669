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
	"net/netip"
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
	// ErrUnknown says that there is no such account, team, group or environment.
	ErrUnknown = errors.New("there is no such account, team, business group or environment")
	// ErrNoSession says that a session is unknown, ended or too old.
	ErrNoSession = errors.New("the session has ended; sign in again")
)

// Principal is who acts. The zero value may do nothing.
type Principal struct {
	// Operator is the account's name.
	Operator string
	// Roles hold in the whole organisation, Grants where they say. There are none of
	// either while the account is Unfinished.
	Roles  []Role
	Grants []Grant
	// Unfinished is what the account has yet to do before it may do anything else.
	Unfinished Unfinished
	// Via says how the account signed in: "password", "link", "passkey", "oidc:NAME",
	// "saml:NAME" or "token:NAME".
	Via string
	// Session is the public id of the session or API token, which audit entries name.
	Session string
	// Address is where the request came from; invalid when unknown.
	Address netip.Addr
	// Confirmed is when the account last proved who it is, by password and second
	// factor, passkey or its identity provider; zero for API tokens.
	Confirmed time.Time
	// Limits, when not nil, are all that may be done: the scopes of an API token.
	Limits []Permission
}

// Unfinished is what an account must do first.
type Unfinished string

// What may be unfinished.
const (
	Finished Unfinished = ""
	// MustSetPassword says that there is no password yet.
	MustSetPassword Unfinished = "password"
	// MustEnrol says that a second factor is asked for and none is there.
	MustEnrol Unfinished = "second-factor"
)

// Ready reports whether the account has nothing left to do first.
func (p Principal) Ready() bool { return p.Operator != "" && p.Unfinished == Finished }

// Has reports whether the principal has a role in the whole organisation.
func (p Principal) Has(role Role) bool {
	return p.Ready() && slices.Contains(p.Roles, role)
}

// May reports whether the principal may do something in a scope. Nobody may do
// what nothing grants.
func (p Principal) May(what Permission, at Scope) bool {
	if !p.Ready() || at.Group == "" {
		return false
	}
	if p.Limits != nil && !slices.Contains(p.Limits, what) {
		return false
	}
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return r.Allows(what) }) ||
		slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Allows(what, at) })
}

// Sees reports whether the principal may do anything at all in a scope: who does
// not, is not told that it exists.
func (p Principal) Sees(at Scope) bool {
	return slices.ContainsFunc(Permissions(), func(what Permission) bool { return p.May(what, at) })
}

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
