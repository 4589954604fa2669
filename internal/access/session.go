package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// How a session began, where that is not by a provider.
const (
	viaLink       = "link"
	viaInvitation = "invitation"
	viaPassword   = "password"
	viaPasskey    = "passkey"
)

// touchEvery bounds how often the use of a session is written down.
const touchEvery = time.Minute

// maxAgent bounds what is kept of what a browser says it is.
const maxAgent = 200

// kept is a session as it is stored, with what its account is.
type kept struct {
	id, account, operator, via, passwordHash string
	created, seen, confirmed, ends           time.Time
	disabled, factor                         bool
	version                                  int64
}

func hashText(token string) string { return hex.EncodeToString(secret.HashToken(token)) }

// beginning is what a new session is made of.
type beginning struct {
	account, operator, via string
	from                   From
	// subject and index name the session for a provider, which may end it at notAfter.
	subject, index string
	notAfter       time.Time
	// confirmed is when the account last proved who it is; zero stands for now.
	confirmed time.Time
}

// newSession makes a session with a fresh token, and removes those that ended.
func (s *Service) newSession(ctx context.Context, tx *store.Tx, b beginning) (Session, error) {
	now := s.now()
	if err := s.sweep(ctx, tx); err != nil {
		return Session{}, err
	}
	ends, confirmed := now.Add(s.life), b.confirmed
	if !b.notAfter.IsZero() && b.notAfter.Before(ends) {
		ends = b.notAfter
	}
	if confirmed.IsZero() {
		confirmed = now
	}
	token, _ := secret.NewToken()
	_, err := tx.Exec(ctx, "INSERT INTO access_sessions (token_hash, id, account, via, address, agent, subject, idx, created_at, seen_at, confirmed_at, ends_at) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", hashText(token), secret.NewID(), b.account, b.via, addressText(b.from.Address), agentText(b.from.Agent),
		b.subject, b.index, now.UnixMilli(), now.UnixMilli(), confirmed.UnixMilli(), ends.UnixMilli())
	if err != nil {
		return Session{}, err
	}
	if _, err := tx.Exec(ctx, "UPDATE access_accounts SET seen_at = ? WHERE id = ?", now.UnixMilli(), b.account); err != nil {
		return Session{}, err
	}
	device, err := s.know(ctx, tx, b.account, b.from)
	if err != nil {
		return Session{}, err
	}
	return Session{Token: token, Operator: b.operator, Expires: ends, Device: device}, nil
}

// sweep removes what is over.
func (s *Service) sweep(ctx context.Context, tx *store.Tx) error {
	now := s.now()
	if _, err := tx.Exec(ctx, "DELETE FROM access_sessions WHERE ends_at <= ? OR seen_at <= ?", now.UnixMilli(), now.Add(-s.idle).UnixMilli()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM access_halves WHERE expires_at <= ?", now.UnixMilli()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM access_devices WHERE seen_at <= ?", now.Add(-DeviceLife).UnixMilli())
	return err
}

func agentText(agent string) string {
	agent = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, agent), "")
	for len(agent) > maxAgent {
		_, size := utf8.DecodeLastRuneInString(agent)
		agent = agent[:len(agent)-size]
	}
	return agent
}

// find returns the running session of a token, or ErrNoSession.
func (s *Service) find(ctx context.Context, r store.Reader, token string) (kept, error) {
	var (
		k                              kept
		created, seen, confirmed, ends int64
	)
	err := r.QueryRow(ctx, "SELECT s.id, s.account, s.via, s.created_at, s.seen_at, s.confirmed_at, s.ends_at, a.name, a.password_hash, a.disabled, "+
		"EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind IN ('totp', 'passkey')), "+
		"(SELECT value FROM access_state WHERE name = 'version') "+
		"FROM access_sessions s JOIN access_accounts a ON a.id = s.account WHERE s.token_hash = ?", hashText(token)).
		Scan(&k.id, &k.account, &k.via, &created, &seen, &confirmed, &ends, &k.operator, &k.passwordHash, &k.disabled, &k.factor, &k.version)
	if errors.Is(err, store.ErrNoRows) {
		return kept{}, ErrNoSession
	}
	if err != nil {
		return kept{}, err
	}
	k.created, k.seen, k.confirmed, k.ends = moment(created), moment(seen), moment(confirmed), moment(ends)
	if now := s.now(); k.disabled || !now.Before(k.ends) || now.Sub(k.seen) >= s.idle {
		return kept{}, ErrNoSession
	}
	return k, nil
}

// unfinished is what the account of a session has to do first.
func (s *Service) unfinished(k kept) Unfinished {
	direct := k.via == viaLink || k.via == viaInvitation || k.via == viaPassword
	switch {
	case direct && k.passwordHash == "":
		return MustSetPassword
	case direct && s.secondFactor && !k.factor:
		return MustEnrol
	}
	return Finished
}

// Session tells whose session or API token a token is, and counts as its use.
// ErrNoSession says that there is none, or that it ended; any other error must refuse
// too.
func (s *Service) Session(ctx context.Context, token string) (Principal, error) {
	if strings.HasPrefix(token, TokenPrefix) {
		return s.bearerOf(ctx, token)
	}
	k, err := s.find(ctx, s.db.Read(), token)
	if errors.Is(err, ErrNoSession) {
		return Principal{}, err
	}
	if err != nil {
		return Principal{}, fmt.Errorf("looking for a session: %w", err)
	}
	if now := s.now(); now.Sub(k.seen) >= touchEvery {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE access_sessions SET seen_at = ? WHERE token_hash = ? AND seen_at < ?",
				now.UnixMilli(), hashText(token), now.UnixMilli())
			return err
		})
		if err != nil {
			return Principal{}, fmt.Errorf("noting the use of a session: %w", err)
		}
	}
	p := Principal{Operator: k.operator, Account: k.account}
	todo := s.unfinished(k)
	if todo == Finished {
		if p, err = s.principal(ctx, k.account, k.operator, k.version); err != nil {
			return Principal{}, fmt.Errorf("reading what an account may do: %w", err)
		}
	}
	p.Unfinished, p.Via, p.Session, p.Confirmed = todo, k.via, k.id, k.confirmed
	return p, nil
}

// SignOut ends a session. A session that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var account, via, id string
		err := tx.QueryRow(ctx, "DELETE FROM access_sessions WHERE token_hash = ? RETURNING account, via, id", hashText(token)).Scan(&account, &via, &id)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Event{
			Action: ActionSignOut, Operator: a.Name, Via: via, Session: id, Object: "operator " + a.Name, Outcome: outcomeDone,
		})
	})
	return wrap("signing out", err)
}

// Running is a session as its list shows it.
type Running struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Via       string    `json:"via"`
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	Created   time.Time `json:"created"`
	Seen      time.Time `json:"seen"`
	Confirmed time.Time `json:"confirmed"`
	Ends      time.Time `json:"ends"`
}

// Sessions lists the running sessions of an account, the newest first.
func (s *Service) Sessions(ctx context.Context, account string) ([]Running, error) {
	now := s.now()
	list, err := collect(ctx, s.db.Read(), func(scan func(...any) error) (r Running, err error) {
		var created, seen, confirmed, ends int64
		err = scan(&r.ID, &r.Account, &r.Via, &r.Address, &r.Agent, &created, &seen, &confirmed, &ends)
		r.Created, r.Seen, r.Confirmed, r.Ends = moment(created), moment(seen), moment(confirmed), moment(ends)
		return r, err
	}, "SELECT id, account, via, address, agent, created_at, seen_at, confirmed_at, ends_at FROM access_sessions "+
		"WHERE account = ? AND ends_at > ? AND seen_at > ? ORDER BY created_at DESC, id", account, now.UnixMilli(), now.Add(-s.idle).UnixMilli())
	return list, wrap("listing sessions", err)
}

// RevokeSessions ends sessions of an account: the one of an id, or, with an empty one,
// all but the session except. It says how many.
func (s *Service) RevokeSessions(ctx context.Context, by By, account, id, except string) (ended int, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "DELETE FROM access_sessions WHERE account = ? AND (? = '' OR id = ?) AND id <> ?", account, id, id, except)
		if err != nil {
			return err
		}
		if ended = int(n); ended == 0 && id != "" {
			return ErrUnknown
		}
		if id == "" {
			if _, err := tx.Exec(ctx, "DELETE FROM access_halves WHERE account = ?", account); err != nil {
				return err
			}
		}
		return s.tell(ctx, tx, by, ActionSessionRevoked, "account "+a.Name, map[string]any{"session": id, "sessions": ended}, nil)
	})
	return ended, wrap("ending sessions", err)
}

// renew puts a new session in the place of one, and of all others of its account.
func (s *Service) renew(ctx context.Context, tx *store.Tx, k kept, via string, from From) (Session, error) {
	for _, table := range []string{"access_sessions", "access_links", "access_halves"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE account = ?", k.account); err != nil {
			return Session{}, err
		}
	}
	return s.newSession(ctx, tx, beginning{account: k.account, operator: k.operator, via: via, from: from})
}
