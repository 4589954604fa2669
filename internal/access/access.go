// Package access knows the accounts: who they are, how they sign in, which session
// is whose, and what is granted to whom in which business group or environment. It
// decides who somebody is and what is granted to them; whether that is enough is
// decided where something is done. Protocols of sign-in lie in the folders below.
package access

import (
	"cmp"
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

// Admin is the name and the id of the first account.
const Admin = "admin"

// The lifetimes.
const (
	// LinkLife is how long a one-time link can be redeemed.
	LinkLife = 15 * time.Minute
	// InvitationLife is how long an invitation can be redeemed.
	InvitationLife = 72 * time.Hour
	// HalfLife is how long the second factor is waited for.
	HalfLife = 5 * time.Minute
	// ConfirmedLife is how long a confirmation is good for dangerous acts.
	ConfirmedLife = 10 * time.Minute
	// DeviceLife is how long a browser is known that does not sign in again.
	DeviceLife = 180 * 24 * time.Hour
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
	// ErrCode says that a code of the second factor is wrong, was used, or too old.
	ErrCode = errors.New("the code is wrong or was used before")
	// ErrStale says that the account must confirm who it is first.
	ErrStale = errors.New("confirm who you are, then repeat this")
	// ErrDisabled says that the account may not sign in.
	ErrDisabled = errors.New("the account is disabled; ask an administrator")
	// ErrNoAccount says that nobody here belongs to who signed in elsewhere.
	ErrNoAccount = errors.New("there is no account for you here; ask an administrator for one")
	// ErrTaken says that there is one of that name.
	ErrTaken = errors.New("there is one of that name already")
	// ErrVersion says that it was changed since it was read.
	ErrVersion = errors.New("it was changed by somebody else meanwhile")
	// ErrInvalid says that what was asked for makes no sense; its text says why.
	ErrInvalid = errors.New("this can not be accepted")
	// ErrLastAdmin says that nobody would be left who may do everything.
	ErrLastAdmin = errors.New("nobody would be left who may do everything; make somebody else an administrator first")
	// ErrNotEmpty says that something lies in it still.
	ErrNotEmpty = errors.New("it is not empty; move or delete what lies in it first")
)

// Principal is who acts. The zero value may do nothing.
type Principal struct {
	// Operator is the account's name, Account its id.
	Operator, Account string
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
	// Half, when not empty, says that the second factor is still asked for: there is
	// no Token yet, and Half is good for nothing but the second step, for HalfLife.
	Half string
	// Device is what the browser should keep, for DeviceLife, to be known again; empty
	// when it is known.
	Device string
}

// From is where a sign-in comes from.
type From struct {
	// Address is that of the peer; invalid when unknown.
	Address netip.Addr
	// Agent is what the browser says it is; shown in the list of sessions.
	Agent string
	// Device is what Session.Device was when this browser signed in before.
	Device string
}

// By is who changes something, as audit entries say it.
type By struct {
	Operator, Via, Session string
	Address                netip.Addr
}

// By is the principal as audit entries say it.
func (p Principal) By() By {
	return By{Operator: p.Operator, Via: p.Via, Session: p.Session, Address: p.Address}
}

// String keeps the token out of logs.
func (s Session) String() string { return "session of " + s.Operator }

// GoString keeps the token out of logs.
func (s Session) GoString() string { return s.String() }

// Hasher hashes passwords; *secret.Hasher is the one to use.
type Hasher interface {
	// Hash returns what may be stored of a password.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether password is the one that encoded was made from.
	Verify(ctx context.Context, password, encoded string) (bool, error)
	// VerifyNobody takes the time of Verify.
	VerifyNobody(ctx context.Context, password string) error
}

// Sealer seals what the database may not show; *secret.Keyring is the one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Breached knows passwords that were stolen elsewhere; *breached.List is the one to use.
type Breached interface {
	// Holds reports whether a password is one of them. An error says that it could not be
	// told; then the password is not taken.
	Holds(password string) (bool, error)
}

// Option changes how access works.
type Option func(*Service)

// WithEnvironment makes sure that an environment exists, right below the top: the one
// that the process itself serves. It can be neither moved nor deleted.
func WithEnvironment(id string) Option { return func(s *Service) { s.own = id } }

// WithSealer makes codes of an authenticator possible, whose secrets must be sealed.
func WithSealer(sealer Sealer) Option { return func(s *Service) { s.sealer = sealer } }

// InUse tells what of other rooms lies in an environment or, when that is empty, in a
// business group, as "3 contracts"; nothing when it is empty. It reads with the
// transaction that is to delete it.
type InUse func(ctx context.Context, r store.Reader, environment, group string) (what string, err error)

// WithInUse lets other rooms keep environments and business groups from being deleted.
func WithInUse(hook InUse) Option { return func(s *Service) { s.inUse = hook } }

// WithBreached refuses new passwords that were stolen elsewhere.
func WithBreached(list Breached) Option { return func(s *Service) { s.breached = list } }

// WithSecondFactor says that who signs in by password must have a second factor.
func WithSecondFactor(required bool) Option {
	return func(s *Service) { s.secondFactor = required }
}

// WithLifetimes sets after which time without use, and at the latest, a session ends.
// Zero leaves the default, SessionIdle and SessionLife.
func WithLifetimes(idle, life time.Duration) Option {
	return func(s *Service) {
		s.idle, s.life = cmp.Or(idle, SessionIdle), cmp.Or(life, SessionLife)
	}
}

// Service signs operators in and out and knows what is granted to them. It is safe for
// use by many goroutines, and several processes may use one database.
type Service struct {
	db           *store.DB
	now          func() time.Time
	audit        Auditor
	hasher       Hasher
	sealer       Sealer
	throttle     *throttle
	own          string
	inUse        InUse
	breached     Breached
	secondFactor bool
	idle, life   time.Duration
	memory       memory
}

// Open brings the tables up to date in db, which is the control database. The
// hasher should be the only one of the process.
func Open(ctx context.Context, db *store.DB, hasher Hasher, audit Auditor, now func() time.Time, options ...Option) (*Service, error) {
	if db == nil || hasher == nil || audit == nil || now == nil {
		return nil, errors.New("opening access: it needs a database, a hasher, an auditor and a clock")
	}
	if err := db.Migrate(ctx, "access", migrations); err != nil {
		return nil, fmt.Errorf("opening access: %w", err)
	}
	s := &Service{db: db, now: now, audit: audit, hasher: hasher, inUse: nothing, throttle: newThrottle(), idle: SessionIdle, life: SessionLife}
	for _, set := range options {
		set(s)
	}
	if err := s.ensureOwn(ctx); err != nil {
		return nil, fmt.Errorf("opening access: %w", err)
	}
	return s, nil
}

// nothing lies anywhere.
func nothing(context.Context, store.Reader, string, string) (string, error) { return "", nil }

// empty refuses to delete what other rooms use.
func (s *Service) empty(ctx context.Context, tx *store.Tx, environment, group string) error {
	what, err := s.inUse(ctx, tx.Reader, environment, group)
	if err == nil && what != "" {
		err = fmt.Errorf("%w: it holds %s", ErrNotEmpty, what)
	}
	return err
}

// ensureOwn makes the environment of the process, unless it is there.
func (s *Service) ensureOwn(ctx context.Context) error {
	if s.own == "" {
		return nil
	}
	return s.change(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO access_environments (id, name, kind, grp, review, created_at, version) VALUES (?, ?, ?, ?, ?, ?, 1) "+
			"ON CONFLICT (id) DO NOTHING", s.own, s.own, string(Production), Root, false, s.now().UnixMilli())
		return err
	})
}

// HasPassword reports whether anybody can sign in other than by a one-time link.
func (s *Service) HasPassword(ctx context.Context) (bool, error) {
	var n int
	err := s.db.Read().QueryRow(ctx, "SELECT (SELECT count(*) FROM access_accounts WHERE password_hash <> '') + (SELECT count(*) FROM access_identities)").Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for a password: %w", err)
	}
	return n > 0, nil
}
