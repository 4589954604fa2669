package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/store"
)

// rememberedAccounts bounds the accounts whose grants are remembered.
const rememberedAccounts = 1000

// memory is what was read of who may do what, good as long as the version in the
// database is the one it was read under. The version is read first: what is
// remembered is never older than its number.
type memory struct {
	mu      sync.Mutex
	version int64
	tree    *tree
	granted map[string][]Grant
}

// get finds what is remembered under a version; another version empties it.
func (m *memory) get(version int64, account string) (t *tree, granted []Grant, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != version {
		return nil, nil, false
	}
	granted, known = m.granted[account]
	return m.tree, granted, known
}

func (m *memory) put(version int64, t *tree, account string, granted []Grant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version < m.version {
		return
	}
	if version > m.version || len(m.granted) >= rememberedAccounts {
		m.version, m.granted = version, map[string][]Grant{}
	}
	m.tree = t
	if account != "" {
		m.granted[account] = granted
	}
}

// change runs a write that changes who may do what, so that every process forgets.
func (s *Service) change(ctx context.Context, fn func(tx *store.Tx) error) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if err := forget(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// forget makes every process forget who may do what.
func forget(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, "UPDATE access_state SET value = value + 1 WHERE name = 'version'")
	return err
}

func readVersion(ctx context.Context, r store.Reader) (version int64, err error) {
	err = r.QueryRow(ctx, "SELECT value FROM access_state WHERE name = 'version'").Scan(&version)
	return version, err
}

// currentTree is the tree of groups and environments as it stands.
func (s *Service) currentTree(ctx context.Context) (*tree, error) {
	version, err := readVersion(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	if t, _, _ := s.memory.get(version, ""); t != nil {
		return t, nil
	}
	t, err := readTree(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	s.memory.put(version, t, "", nil)
	return t, nil
}

// grantsOf are the grants that hold for an account: its own, and those of its teams
// and of the teams above them.
func (s *Service) grantsOf(ctx context.Context, account string, version int64) ([]Grant, error) {
	t, granted, known := s.memory.get(version, account)
	if known {
		return granted, nil
	}
	r := s.db.Read()
	var err error
	if t == nil {
		if t, err = readTree(ctx, r); err != nil {
			return nil, err
		}
	}
	kept, err := readGrants(ctx, r)
	if err != nil {
		return nil, err
	}
	teams, err := readParents(ctx, r)
	if err != nil {
		return nil, err
	}
	joined, err := readMemberships(ctx, r, account)
	if err != nil {
		return nil, err
	}
	granted = effective(t, kept, teams, account, joined)
	s.memory.put(version, t, account, granted)
	return granted, nil
}

// effective picks the grants of an account. What lies in a group or environment that
// is no more grants nothing.
func effective(t *tree, kept []KeptGrant, parents map[string]string, account string, joined []string) []Grant {
	above := map[string]bool{}
	for _, team := range joined {
		for range maxTeamDepth {
			if team == "" || above[team] {
				break
			}
			above[team] = true
			team = parents[team]
		}
	}
	var granted []Grant
	for _, g := range kept {
		if g.Account != account && (g.Team == "" || !above[g.Team]) {
			continue
		}
		at, ok := t.scope(g.Group, g.Environment)
		if !ok {
			continue
		}
		one := Grant{Role: g.Role, Permission: g.Permission, Scope: at}
		if !slices.Contains(granted, one) {
			granted = append(granted, one)
		}
	}
	return granted
}

// principal is what an account may do.
func (s *Service) principal(ctx context.Context, account, name string, version int64) (Principal, error) {
	granted, err := s.grantsOf(ctx, account, version)
	if err != nil {
		return Principal{}, err
	}
	p := Principal{Operator: name, Account: account}
	for _, g := range granted {
		if g.Role != "" && g.Scope == (Scope{Group: Root}) {
			p.Roles = append(p.Roles, g.Role)
		} else {
			p.Grants = append(p.Grants, g)
		}
	}
	return p, nil
}

// PrincipalOf is what an account may do, as if it had just signed in; ErrUnknown when
// there is none. Whether it is disabled makes no difference.
func (s *Service) PrincipalOf(ctx context.Context, account string) (Principal, error) {
	version, err := readVersion(ctx, s.db.Read())
	if err != nil {
		return Principal{}, fmt.Errorf("reading an account: %w", err)
	}
	a, err := s.Account(ctx, account)
	if err != nil {
		return Principal{}, err
	}
	p, err := s.principal(ctx, a.ID, a.Name, version)
	if err != nil {
		return Principal{}, fmt.Errorf("reading what an account may do: %w", err)
	}
	return p, nil
}

// TeamGrants are the grants that membership of a team brings: its own, and those of the
// teams above it.
func (s *Service) TeamGrants(ctx context.Context, team string) ([]Grant, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the grants of a team: %w", err)
	}
	kept, err := readGrants(ctx, s.db.Read())
	if err != nil {
		return nil, fmt.Errorf("reading the grants of a team: %w", err)
	}
	parents, err := readParents(ctx, s.db.Read())
	if err != nil {
		return nil, fmt.Errorf("reading the grants of a team: %w", err)
	}
	return effective(t, kept, parents, "\x00", []string{team}), nil
}

// missing turns "no row" into ErrUnknown.
func missing(err error) error {
	if errors.Is(err, store.ErrNoRows) {
		return ErrUnknown
	}
	return err
}

// collect reads the rows of a query.
func collect[T any](ctx context.Context, r store.Reader, scan func(scan func(...any) error) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// text bounds a text that people wrote, and trims it.
func text(what, value string, least, most int) (string, error) {
	value = strings.TrimSpace(value)
	if len(value) < least {
		return "", fmt.Errorf("%w: %s is missing", ErrInvalid, what)
	}
	if len(value) > most {
		return "", fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalid, what, most)
	}
	for _, r := range value {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return "", fmt.Errorf("%w: %s holds characters that can not be shown", ErrInvalid, what)
		}
	}
	return value, nil
}
